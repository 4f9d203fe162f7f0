//! Names in lines of text, where they must not look like something else.

use std::borrow::Cow;
use std::fmt::Write;

/// Follows the name of the sender of a private message.
pub(super) const PRIVATE: &str = " (to you)";

/// A name as it appears in a line. A name that would make the line look like another sender's or the hub's is escaped:
/// `name: text` could be forged by a colon before a blank, a colon at the end or ` (to you)` at the end; a line of the
/// hub by `*` or `!` at the start.
pub(crate) fn displayed(name: &str) -> Cow<'_, str> {
    let escape = |at: usize, character: char| {
        let after = &name[at + character.len_utf8()..];
        match character {
            ':' => after.is_empty() || after.starts_with(char::is_whitespace),
            '*' | '!' => at == 0,
            '(' => &name[at..] == PRIVATE.trim_start(),
            _ => false,
        }
    };
    if !name.char_indices().any(|(at, character)| escape(at, character)) {
        return Cow::Borrowed(name);
    }
    let mut out = String::new();
    for (at, character) in name.char_indices() {
        match escape(at, character) {
            true => write!(out, "\\u{{{:x}}}", u32::from(character)).expect("writing to a String cannot fail"),
            false => out.push(character),
        }
    }
    Cow::Owned(out)
}
