//! What an operator can order, as it is posted.

use bookend::is_disturbing;
use serde::Deserialize;

use crate::hub::Target;

/// The longest text, in bytes: however it is converted and escaped, it fits into the shortest `max body`.
const MAX_TEXT: usize = 280;
/// The longest reason, in bytes, so that a CLOSE can carry it behind its name.
const MAX_REASON: usize = 100;

/// Somebody is to go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kick {
    connection: Option<u64>,
    member: Option<u32>,
    reason: Option<String>,
}

/// Something is to be said by the hub itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Say {
    /// All rooms if there is none.
    pub(super) room: Option<String>,
    text: String,
}

/// An order that needs no words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plain {}

impl Kick {
    /// Whom, and why.
    pub(super) fn judged(&self) -> Result<(Target, &str), String> {
        let target = match (self.connection, self.member) {
            (Some(connection), None) => Target::Connection(connection),
            (None, Some(member)) => Target::Member(member),
            _ => return Err("either connection or member is needed".into()),
        };
        let reason = self.reason.as_deref().unwrap_or("closed by an operator");
        line("reason", reason, MAX_REASON).map(|reason| (target, reason))
    }
}

impl Say {
    pub(super) fn text(&self) -> Result<&str, String> {
        line("text", &self.text, MAX_TEXT)
    }
}

/// Text that is a line for everybody.
fn line<'a>(what: &str, text: &'a str, most: usize) -> Result<&'a str, String> {
    match (1..=most).contains(&text.len()) && !text.chars().any(is_disturbing) {
        true => Ok(text),
        false => Err(format!("{what} is 1 to {most} bytes without control characters")),
    }
}
