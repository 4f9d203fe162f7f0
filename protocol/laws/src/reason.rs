//! The law of errors: each can be sent to a peer.

use std::fmt::Display;

use bookend::session::MAX_REASON;

use crate::Verdict;

/// Law 4, for errors. Each can be sent to a peer: its name and a detail, in at most 200 bytes of US-ASCII.
///
/// # Errors
/// How the law is broken.
pub fn sendable(name: &str, error: impl Display) -> Verdict {
    let reason = error.to_string();
    let fits = reason.is_ascii() && reason.len() <= MAX_REASON && reason.starts_with(&format!("{name}: "));
    demand!(fits, "total: {name} cannot be sent as {reason:?}");
    Ok(())
}
