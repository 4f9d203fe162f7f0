//! The width of text in columns of a terminal, and line breaks.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The width of a text in columns: the sum over its clusters, since each has its own cell. A terminal does not join
/// clusters either: Arabic lam and alef take two columns, although they are one ligature in print.
pub(super) fn columns(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// A text of at most `most` columns, with an ellipsis if it was shortened.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    for grapheme in text.graphemes(true) {
        if columns(&short) + columns(grapheme) + 1 > most {
            break;
        }
        short.push_str(grapheme);
    }
    if most > 0 {
        short.push('…');
    }
    short
}

/// Breaks a text into lines: at most `first` columns in the first one, and `others` in the rest. It breaks between
/// words, or inside words that are too long. There is at least one line. A grapheme wider than a line gets its own line.
pub(super) fn wrap(text: &str, first: usize, others: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_word_bounds() {
        let most = |lines: &Vec<String>| if lines.len() == 1 { first } else { others }.max(1);
        let width = columns(word);
        if used + width <= most(&lines) {
            lines.last_mut().expect("there is one").push_str(word);
            used += width;
            continue;
        }
        if word.chars().all(char::is_whitespace) {
            // The line breaks here, and the space is dropped.
            lines.push(String::new());
            used = 0;
            continue;
        }
        if used > 0 && width <= others {
            let line = lines.last_mut().expect("there is one");
            line.truncate(line.trim_end_matches(' ').len());
            lines.push(String::new());
            used = 0;
        }
        for grapheme in word.graphemes(true) {
            let width = columns(grapheme);
            if used > 0 && used + width > most(&lines) {
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("there is one").push_str(grapheme);
            used += width;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("to be or not", 5, 6), ["to be", "or not"]);
        assert_eq!(wrap("", 5, 5), [""]);
        assert_eq!(wrap("abcdefg", 3, 2), ["abc", "de", "fg"]);
    }

    #[test]
    fn graphemes_are_not_split() {
        assert_eq!(wrap("漢字漢", 4, 4), ["漢字", "漢"]);
        assert_eq!(wrap("漢字", 3, 3), ["漢", "字"]);
        assert_eq!(wrap("e\u{301}e\u{301}", 1, 1), ["e\u{301}", "e\u{301}"]);
        assert_eq!(wrap("漢", 1, 1), ["漢"]);
    }

    #[test]
    fn only_spaces_are_lost_at_a_break() {
        let text = "The quick  brown fox — „jumps“ over 漢字漢字 and so on, and so on";
        for width in 1..40 {
            let lines = wrap(text, width, width);
            let kept = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(kept(&lines.concat()), kept(text));
            assert!(lines.iter().all(|line| columns(line.trim_end()) <= width.max(2)), "{width}: {lines:?}");
        }
    }

    #[test]
    fn lam_and_alef_take_two_columns() {
        assert_eq!(columns("\u{644}\u{627}"), 2);
        assert_eq!(wrap("\u{633}\u{644}\u{627}\u{645}", 3, 3), ["\u{633}\u{644}\u{627}", "\u{645}"]);
    }

    #[test]
    fn shortened_text_fits() {
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("漢字漢字", 4), "漢…");
        assert_eq!(shortened("ab", 2), "ab");
        assert_eq!(shortened("ab", 0), "");
    }
}
