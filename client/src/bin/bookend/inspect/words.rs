//! Words that the output for people and the JSON share.

use bookend::Fault;

use super::event::Why;
use super::expectations::Sender;

/// In the place of a token.
pub(super) const SECRET: &str = "(not shown)";

/// What is quoted of the bytes of a fault, which are a peer's (SPEC 8).
const QUOTED: usize = 32;

pub(super) fn sender(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "client",
        Sender::Server => "server",
        Sender::Unknown => "unknown",
    }
}

pub(super) fn why(why: Why) -> &'static str {
    match why {
        Why::Fault => "fault",
        Why::Hole => "hole",
        Why::Begun => "begun",
    }
}

/// What is wrong, without the name of the fault.
pub(super) fn detail(error: &Fault) -> String {
    let text = error.to_string();
    text.strip_prefix(error.name()).and_then(|rest| rest.strip_prefix(": ")).map_or(text.clone(), str::to_owned)
}

pub(super) fn quoted(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(QUOTED)]
}
