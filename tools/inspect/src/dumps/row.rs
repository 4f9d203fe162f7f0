//! A row of a dump: its offset, its values, and the column of characters beside them.

use super::notation::{Notation, Shape, character};

/// The offset at the beginning of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset<'a> {
    pub(super) digits: &'a str,
    /// It begins with `0x`.
    pub(super) prefixed: bool,
    /// A colon follows.
    pub(super) colon: bool,
    /// The number of words before it.
    pub(super) word: usize,
    /// The column at which it begins; a tab counts as four.
    pub(super) column: usize,
    /// What follows in the line.
    pub(super) rest: &'a str,
}

/// The most words of a line that may precede an offset, such as a time and the name of a program.
const MAX_BEFORE: usize = 6;

/// The places of `line` that may be an offset.
pub(super) fn offsets(line: &str) -> impl Iterator<Item = Offset<'_>> {
    let (mut at, mut column) = (0, 0);
    let starts = std::iter::from_fn(move || {
        let word = line[at..].find(|c: char| !is_blank(c))?;
        column += line[at..at + word].chars().map(|c| if c == '\t' { 4 } else { 1 }).sum::<usize>();
        at += word;
        let found = (at, column);
        let length = line[at..].find(is_blank).unwrap_or(line.len() - at);
        column += line[at..at + length].chars().count();
        at += length;
        Some(found)
    });
    let words = starts.take(MAX_BEFORE + 1).enumerate();
    words.filter_map(move |(word, (at, column))| Some(Offset { word, column, ..offset(&line[at..])? }))
}

fn offset(text: &str) -> Option<Offset<'_>> {
    let (prefixed, number) = match text.strip_prefix("0x") {
        Some(number) => (true, number),
        None => (false, text),
    };
    let length = number.find(|c: char| !c.is_ascii_hexdigit() && c != '`').unwrap_or(number.len());
    let (digits, rest) = number.split_at(length);
    // A segment before the offset, as the debugger of DOS has.
    if let Some(within) = rest.strip_prefix(':')
        && digits.len() == 4
        && within.len() > 4
        && within.is_char_boundary(4)
        && within.as_bytes()[..4].iter().all(u8::is_ascii_hexdigit)
        && within[4..].starts_with("  ")
    {
        return Some(Offset { digits: &within[..4], prefixed, colon: false, word: 0, column: 0, rest: &within[4..] });
    }
    if digits.is_empty() || digits.len() > 17 {
        return None;
    }
    // gdb names the symbol between the address and the colon.
    let symbol = rest.strip_prefix(" <").and_then(|after| after.split_once(">:")).filter(|_| prefixed);
    let (colon, rest) = match (symbol, rest.strip_prefix(':')) {
        (Some((_, after)), _) => (true, after),
        (_, Some(after)) => (true, after),
        _ => (false, rest),
    };
    if digits.len() < 4 && !(prefixed && colon) {
        return None;
    }
    let bounded = rest.is_empty() || rest.starts_with(is_blank);
    bounded.then_some(Offset { digits, prefixed, colon, word: 0, column: 0, rest })
}

/// Blanks, and the lines that some programs draw between the columns.
pub(super) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{A0}' | '│' | '┊' | '|' | '║' | '┆')
}

/// The values of a row.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    /// All that the notation can read, which may include words of the column of characters.
    pub(super) bytes: Vec<u8>,
    /// The number of bytes that the column of characters has, if it agrees with them.
    pub(super) by_text: Option<usize>,
    /// Something follows the values that does not agree with them.
    pub(super) disagrees: bool,
    /// The characters would agree with no other order of the bytes.
    pub(super) decides: bool,
    /// The number of bytes before the first wide gap.
    pub(super) before_gap: usize,
}

/// The most bytes of a row.
const MAX_ROW: usize = 1 << 10;

/// Reads the values of a row. `None` if it has none.
pub(super) fn values(rest: &str, notation: Notation) -> Option<Values> {
    if notation.shape == Shape::Characters {
        return characters(rest);
    }
    let mut found = Values::default();
    let mut ends: Vec<(usize, usize)> = Vec::new(); // the number of bytes, and where the text after them begins
    let (mut at, mut is_short) = (0, false);
    while found.bytes.len() < MAX_ROW {
        let gap = rest[at..].find(|c: char| !is_blank(c)).unwrap_or(rest.len() - at);
        let is_wide = gap >= 2 && !rest[at..at + gap].contains('\t');
        let start = at + gap;
        if is_wide && found.before_gap == 0 && !found.bytes.is_empty() && !continues(&rest[start..], notation) {
            found.before_gap = found.bytes.len();
        }
        let length = rest[start..].find(is_blank).unwrap_or(rest.len() - start);
        let token = &rest[start..start + length];
        if token.is_empty() {
            break;
        }
        // Only the last value of a row may be shorter.
        if is_short {
            break;
        }
        is_short = matches!(notation.shape, Shape::Hex(Some(digits)) if token.len() < digits);
        let Some(used) = read(token, &rest[start..], notation, &mut found.bytes) else { break };
        at = start + used;
        ends.push((found.bytes.len(), at));
    }
    if found.bytes.is_empty() {
        return None;
    }
    found.agree(rest, &ends, notation);
    Some(found)
}

/// True if another value follows after a gap that divides the row.
fn continues(text: &str, notation: Notation) -> bool {
    let token = text.split(is_blank).next().unwrap_or("");
    !matches!(notation.shape, Shape::Hex(_)) || (token.len() == 2 && notation.read(token, &mut Vec::new()))
}

/// Reads a value, and returns the length of its text.
fn read(token: &str, text: &str, notation: Notation, bytes: &mut Vec<u8>) -> Option<usize> {
    if notation.shape == Shape::Quoted {
        // -11 '\365'
        if !notation.read(token, bytes) {
            return None;
        }
        let quoted = text[token.len()..].trim_start();
        let begun = text.len() - quoted.len();
        let escaped = usize::from(quoted.starts_with("'\\"));
        let end = quoted.get(2 + escaped..).filter(|_| quoted.starts_with('\''))?.find('\'')?;
        return Some(begun + 2 + escaped + end + 1);
    }
    if notation.read(token, bytes) {
        return Some(token.len());
    }
    // A debugger divides a row of 16 bytes with a hyphen.
    let (first, second) = token.split_once('-')?;
    let begun = bytes.len();
    let pair = [first, second].iter().all(|digits| digits.len() == 2 && notation.read(digits, bytes));
    if !pair {
        bytes.truncate(begun);
    }
    pair.then_some(token.len())
}

impl Values {
    /// Compares the bytes with what follows them.
    fn agree(&mut self, rest: &str, ends: &[(usize, usize)], notation: Notation) {
        // hexyl writes a NUL as 0.
        let has_zeros = rest.contains(['┊', '│', '•', '×']);
        for &(count, end) in ends.iter().rev() {
            let text = rest[end..].trim_matches(|c: char| c.is_whitespace() || c == '\u{A0}');
            if text.is_empty() {
                continue;
            }
            self.disagrees |= count == self.bytes.len();
            if text.len() > 5 * count + 8 {
                return; // more characters than bytes, and those of fewer bytes are more
            }
            let is_framed = text.starts_with(['>', '|']) && text.ends_with(['<', '|']);
            let may_have_text = is_framed || matches!(notation.shape, Shape::Hex(_) | Shape::Binary(_));
            if may_have_text && is_shown_by(&self.bytes[..count], text, has_zeros) {
                self.by_text = Some(count);
                self.disagrees = false;
                let other = swapped(&self.bytes[..count], notation);
                self.decides = other.is_some_and(|other| !is_shown_by(&other, text, has_zeros));
                return;
            }
        }
    }
}

/// The same bytes, if each value were read in the other order.
fn swapped(bytes: &[u8], notation: Notation) -> Option<Vec<u8>> {
    let widths = if notation.width > 1 { notation.width..=notation.width } else { 2..=8 };
    widths
        .filter(|width| width.is_power_of_two())
        .map(|width| bytes.chunks(width).flat_map(|value| value.iter().rev().copied()).collect::<Vec<u8>>())
        .find(|other| other != bytes)
}

/// True if `text` is the column of characters of `bytes`. Blanks are not compared, because programs that copy text omit
/// them, and a control character may be shown as anything.
/// `has_zeros`: a NUL may be shown as 0.
fn is_shown_by(bytes: &[u8], text: &str, has_zeros: bool) -> bool {
    let framed = text.strip_prefix(['|', '>', '│']).and_then(|text| text.strip_suffix(['|', '<', '│']));
    [Some(text), framed, text.strip_prefix('|'), text.strip_prefix('│')].into_iter().flatten().any(|text| {
        let mut shown = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '┊' | '│' | '┆'));
        let mut wanted = bytes.iter().filter(|&&byte| byte != b' ');
        loop {
            match (wanted.next(), shown.next()) {
                (None, None) => return true,
                (Some(byte @ b'!'..=b'~'), Some(c)) if c == char::from(*byte) => {}
                (Some(0..=0x1F | 0x7F..), Some(c)) if !c.is_ascii_alphanumeric() || (has_zeros && c == '0') => {}
                _ => return false,
            }
        }
    })
}

/// The bytes of a row of `od -c` or `hexdump -c`.
fn characters(rest: &str) -> Option<Values> {
    let mut bytes = Vec::new();
    let mut cells = rest.trim_end_matches(['\r', '\n']);
    while !cells.is_empty() && bytes.len() < MAX_ROW {
        let (cell, after) = cells.split_at_checked(4)?;
        bytes.push(character(cell)?);
        cells = after;
    }
    let before_gap = bytes.len();
    (!bytes.is_empty()).then_some(Values { bytes, before_gap, ..Values::default() })
}
