//! Text that looks like a dump, although no form fits: it is refused, and not read as the bytes of a peer.

use super::piece::Sample;

/// Spellings of START and END, at the beginning of a word. A blank stands for whatever separates the bytes.
const MARKS: &[&str] = &[
    " f5f8",
    " f5 f8 ",
    " f8f5 ",
    " f8 f5 ",
    " 0xf5 0xf8 ",
    " 0xf8 0xf5 ",
    " 0xf5f8",
    " 0xf8f5",
    "\\xf5\\xf8",
    "\\xf8\\xf5",
    "\\365\\370",
    "\\245\\248",
    "\\u00f5\\u00f8",
    "%f5%f8",
    "=f5=f8",
    "&#245 &#248",
    " 245 248 ",
    " -11 -8 ",
    " 365 370 ",
    " 11110101 11111000 ",
    " f5h f8h ",
    " 0f5h 0f8h ",
    " 9fgb",
    " 9fgc",
];

/// What the text looks like. `None` if it does not look like a dump.
pub(super) fn of(sample: &Sample<'_>) -> Option<&'static str> {
    let mut text = String::from(" ");
    for line in &sample.lines {
        for character in line.text.chars().chain([' ']).flat_map(char::to_lowercase) {
            let separates = character.is_whitespace() || ",;:\"'(){}[]<>|".contains(character);
            match (separates, text.ends_with(' ')) {
                (true, true) => {}
                (true, false) => text.push(' '),
                (false, _) => text.push(character),
            }
        }
    }
    if text.contains("õø") {
        return Some("bytes that were decoded as Latin-1 text: print the bytes themselves");
    }
    if MARKS.iter().any(|mark| text.contains(mark)) {
        return Some("a START or END, written as text");
    }
    if [" nul ", " soh ", " stx "].iter().any(|name| text.contains(name)) && text.contains(" 0000") {
        return Some("od -a, which omits the highest bit of each byte: use od -t x1");
    }
    let (mut lines, mut rows, mut offsets) = (0, 0, 0);
    for line in sample.lines.iter().map(|line| line.text.trim()).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let digits = words.iter().filter(|word| is_number(word)).count();
        lines += 1;
        offsets +=
            usize::from(words.len() > 1 && words[0].len() >= 6 && words[0].starts_with('0') && is_number(words[0]));
        rows += usize::from(words.len() >= 4 && 4 * digits >= 3 * words.len());
    }
    if offsets > 0 && 2 * offsets >= lines {
        return Some("rows with offsets");
    }
    (rows > 0 && 2 * rows >= lines).then_some("rows of numbers")
}

fn is_number(word: &str) -> bool {
    let digits = word.trim_matches([',', ':', ';', '[', ']', '{', '}', '(', ')']);
    let digits = digits.strip_prefix("0x").unwrap_or(digits).trim_start_matches('-');
    (1..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}
