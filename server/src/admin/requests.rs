//! The bodies of requests.

use bookend::is_disturbing;
use serde::Deserialize;

use crate::hub::Target;

/// The longest text, in bytes. However it is converted and escaped, it fits into the smallest `max body`.
const MAX_TEXT: usize = 280;
/// The longest reason, in bytes. CLOSE has room for it after the name of the code.
const MAX_REASON: usize = 100;

/// Close a connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kick {
    connection: Option<u64>,
    member: Option<u32>,
    reason: Option<String>,
}

/// Send a message from the hub itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Say {
    /// `None` for all rooms.
    pub(super) room: Option<String>,
    text: String,
}

/// A request without arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoArguments {}

impl Kick {
    /// Which connection, and why.
    pub(super) fn validate(&self) -> Result<(Target, &str), String> {
        let target = match (self.connection, self.member) {
            (Some(connection), None) => Target::Connection(connection),
            (None, Some(member)) => Target::Member(member),
            _ => return Err("exactly one of connection and member is needed".into()),
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

/// Checks that a text is a line.
fn line<'a>(what: &str, text: &'a str, max: usize) -> Result<&'a str, String> {
    match (1..=max).contains(&text.len()) && !text.chars().any(is_disturbing) {
        true => Ok(text),
        false => Err(format!("{what} must be 1 to {max} bytes without control characters")),
    }
}
