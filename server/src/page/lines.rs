//! A page for a terminal.
//!
//! Each line begins with `* `, as those of the hub do: what was said before cannot be taken for what is said now, and no
//! name can look like a time in front of another one (R9.31).

use super::time::TimeOfDay;
use crate::rendition::Rendered;

/// Appends the start of the line of a message.
pub(super) fn push_time(time: u64, now: u64, out: &mut Rendered) {
    out.bytes.extend_from_slice(format!("* {} ", TimeOfDay { time, now }).as_bytes());
}

/// The room began anew, for example because its file was restored: nobody knows what was said in between.
pub(super) const JUMP: &str = "* messages may be missing here: the room began anew";

/// That many messages are missing between others.
pub(super) fn gap(missed: u64) -> String {
    match missed {
        1 => "* 1 message is not kept".into(),
        missed => format!("* {missed} messages are not kept"),
    }
}

/// Nothing older is kept, because that many messages are not kept any more.
pub(super) fn start(lost: u64, is_empty: bool) -> String {
    match (lost, is_empty) {
        (0, true) => "* nothing is kept".into(),
        (0, false) => "* nothing older is kept".into(),
        (1, false) => "* 1 older message is not kept".into(),
        (lost, false) => format!("* {lost} older messages are not kept"),
        (lost, true) => gap(lost),
    }
}

/// There are more, but no more than these were shown.
pub(super) fn limited(shown: usize) -> String {
    format!("* (the last {shown}; the hub shows no more at once)")
}

/// The start of the answer to a search.
pub(super) fn search_start(is_empty: bool) -> &'static str {
    if is_empty { "* no message that is kept contains that" } else { "* no older message that is kept contains that" }
}
