//! A plain line: the form of names, rooms and software (R4.11).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use core::fmt;

/// The longest plain line, in bytes of UTF-8.
pub const MAX_LINE: usize = 64;

/// 1 to 64 bytes of UTF-8 that cannot disturb a terminal, a log or another line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line(Box<str>);

impl Line {
    /// Checks `text`; `None` if it is empty, over 64 bytes, or holds a control character, a line or paragraph
    /// separator, or a bidirectional control.
    #[must_use]
    pub fn new(text: &str) -> Option<Line> {
        is_plain_line(text).then(|| Line(text.to_owned().into_boxed_str()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Line {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[inline]
pub(crate) fn is_plain_line(text: &str) -> bool {
    (1..=MAX_LINE).contains(&text.len()) && (is_printable_ascii(text) || !text.chars().any(is_disturbing))
}

/// Most lines are, and then no character needs to be decoded.
#[inline]
fn is_printable_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Is this a character that must not reach a terminal or a name as it is: a control character, a line or
/// paragraph separator, a bidirectional control (R4.11, R9.19)?
#[must_use]
pub const fn is_disturbing(character: char) -> bool {
    matches!(character,
        '\0'..='\x1F' | '\x7F'..='\u{9F}' | '\u{2028}' | '\u{2029}'
        | '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Is this a character that shows a blank: white space, or a letter or symbol that is empty (R9.34)?
#[must_use]
pub const fn is_blank(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{2800}' | '\u{3164}' | '\u{FFA0}' | '\u{1D159}')
}

/// Is this a character that shows nothing (R9.34)? These are the default-ignorable characters of Unicode, the controls of
/// hieroglyphs and annotations, the joiners of single scripts, and the noncharacters.
#[must_use]
pub const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
        | '\u{2D7F}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1107F}' | '\u{13430}'..='\u{13440}' | '\u{16FE4}'
        | '\u{FDD0}'..='\u{FDEF}')
        || (character as u32) & 0xFFFE == 0xFFFE
}

/// Shows `text` with `\u{hex}` for every character that [`is_disturbing`].
pub fn escaped(text: &str) -> impl fmt::Display + '_ {
    Escaped(text)
}

struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, character)) = rest.char_indices().find(|&(_, character)| is_disturbing(character)) {
            write!(f, "{}\\u{{{:x}}}", &rest[..at], u32::from(character))?;
            rest = &rest[at + character.len_utf8()..];
        }
        f.write_str(rest)
    }
}
