//! Names in lines of text, where they must not look like something else (R9.31).

use core::fmt::{self, Write};

use crate::line::{is_blank, is_disturbing, is_invisible};

/// Shows a name in a line of text, with `\u{hex}` for every character with which the line could be taken for that of
/// another speaker or of the hub (R9.31):
///
/// - a colon at the end or before a blank, as in `ann: hi`;
/// - `*` or `!` at the start or before a blank, as the hub begins its own lines;
/// - the parenthesis of ` (to `, which marks a private message;
/// - a blank at either end, after another blank, or other than U+0020;
/// - a character that shows nothing, except inside of an emoji or a word that needs it;
/// - the characters that [`escaped`](crate::escaped) shows so too.
///
/// Characters that look like one of these count as well.
///
/// ```
/// assert_eq!(bookend::displayed("ann lee").to_string(), "ann lee");
/// assert_eq!(bookend::displayed("* ann: hi").to_string(), r"\u{2a} ann\u{3a} hi");
/// ```
pub fn displayed(name: &str) -> impl fmt::Display + '_ {
    Displayed(name)
}

struct Displayed<'a>(&'a str);

impl fmt::Display for Displayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return f.write_str(self.0);
        }
        let mut before = None;
        for (at, character) in self.0.char_indices() {
            let after = &self.0[at + character.len_utf8()..];
            match is_escaped(before, character, after) {
                true => write!(f, "\\u{{{:x}}}", u32::from(character))?,
                false => f.write_char(character)?,
            }
            before = Some(character);
        }
        Ok(())
    }
}

fn is_escaped(before: Option<char>, character: char, after: &str) -> bool {
    let next = after.chars().next();
    match looks_like(character) {
        ':' => next.is_none_or(is_blank),
        '*' | '!' => before.is_none() || next.is_some_and(is_blank),
        '(' => before.is_none_or(is_blank) && begins_with_to(after),
        ' ' => before.is_none_or(is_blank) || next.is_none(),
        '\u{200C}' | '\u{200D}' | '\u{FE0F}' => {
            let is_visible = |c: char| !c.is_ascii() && !is_blank(c) && !is_invisible(c);
            let is_joiner = character != '\u{FE0F}';
            // A variation selector belongs to the visible character before it.
            let follows = before.is_some_and(|c| is_visible(c) || is_joiner && c == '\u{FE0F}');
            !follows || is_joiner && !next.is_some_and(is_visible)
        }
        character => is_blank(character) || is_disturbing(character) || is_invisible(character),
    }
}

/// Does it begin with the word `to`, or one that looks like it?
fn begins_with_to(text: &str) -> bool {
    let mut characters = text.chars();
    matches!(
        characters.next(),
        Some('t' | 'T' | '\u{3A4}' | '\u{3C4}' | '\u{422}' | '\u{442}' | '\u{FF34}' | '\u{FF54}')
    ) && matches!(
        characters.next(),
        Some(
            'o' | 'O'
                | '0'
                | '\u{39F}'
                | '\u{3BF}'
                | '\u{41E}'
                | '\u{43E}'
                | '\u{555}'
                | '\u{585}'
                | '\u{FF2F}'
                | '\u{FF4F}'
        )
    ) && characters.next().is_some_and(is_blank)
}

/// The character of `:*!(` that another one looks like.
fn looks_like(character: char) -> char {
    match character {
        '\u{2D0}' | '\u{2F8}' | '\u{589}' | '\u{5C3}' | '\u{703}' | '\u{704}' | '\u{903}' | '\u{A83}' | '\u{16EC}'
        | '\u{1803}' | '\u{1809}' | '\u{205A}' | '\u{2236}' | '\u{2982}' | '\u{A4FD}' | '\u{A789}' | '\u{FE13}'
        | '\u{FE30}' | '\u{FE55}' | '\u{FF1A}' => ':',
        '\u{66D}' | '\u{204E}' | '\u{2055}' | '\u{2217}' | '\u{2731}' | '\u{FE61}' | '\u{FF0A}' | '\u{1031F}' => '*',
        '\u{1C3}' | '\u{2D51}' | '\u{FE15}' | '\u{FE57}' | '\u{FF01}' => '!',
        '\u{207D}' | '\u{208D}' | '\u{2768}' | '\u{2772}' | '\u{3014}' | '\u{FD3E}' | '\u{FE59}' | '\u{FF08}' => '(',
        character => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_name_never_looks_like_the_start_of_another_line() {
        // [R9.31]
        for (name, shown) in [
            ("ann", "ann"),
            ("Ann (work)", "Ann (work)"),
            ("ann:bob", "ann:bob"),
            ("what?! yes", "what?\\u{21} yes"),
            ("wow!", "wow!"),
            ("ann:", "ann\\u{3a}"),
            ("ann: I resign", "ann\\u{3a} I resign"),
            ("ann： x", "ann\\u{ff1a} x"),
            ("* the hub: closing", "\\u{2a} the hub\\u{3a} closing"),
            ("∗ the hub", "\\u{2217} the hub"),
            ("x* the hub", "x\\u{2a} the hub"),
            ("! policy", "\\u{21} policy"),
            ("ann (to you)", "ann \\u{28}to you)"),
            ("ann (TO 7)", "ann \\u{28}TO 7)"),
            ("ann （to you）", "ann \\u{ff08}to you）"),
            ("ann (tо you)", "ann \\u{28}tо you)"),
            ("ann (town)", "ann (town)"),
            (" ann ", "\\u{20}ann\\u{20}"),
            ("ann   lee", "ann \\u{20}\\u{20}lee"),
            ("ann\u{a0}lee", "ann\\u{a0}lee"),
            ("a\u{200b}nn\u{3164}", "a\\u{200b}nn\\u{3164}"),
            ("👩‍🚀 ❤️", "👩‍🚀 ❤️"),
            ("می‌خواهم", "می‌خواهم"),
            ("❤️‍🔥", "❤️‍🔥"),
            ("ann\u{200d}", "ann\\u{200d}"),
            ("👩\u{200d}\u{200d}🚀", "👩\\u{200d}\\u{200d}🚀"),
            ("é\u{200c}\u{200d}é", "é\\u{200c}\\u{200d}é"),
            ("é\u{200d}\u{fe0f}é", "é\\u{200d}\\u{fe0f}é"),
            ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}\\u{fe0f}"),
            ("a\nb\u{1b}", "a\\u{a}b\\u{1b}"),
            ("", ""),
        ] {
            assert_eq!(displayed(name).to_string(), shown, "{name:?}");
        }
    }
}
