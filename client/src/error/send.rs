//! What became of a message that was not confirmed.

use std::fmt;

use bookend::{Code, Error};

/// What became of a message or a request that was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The other side has refused it, and done nothing with it.
    Refused {
        /// Why, as a number.
        code: Code,
        /// Why, in words.
        reason: String,
    },
    /// It cannot be sent: too long, not to be had in that encoding. Nothing was sent.
    Invalid(Error),
    /// Nothing was sent: the client has closed; or it was for one member, and the session that knew the member ended.
    NotSent,
    /// The session ended before the confirmation came: it may have arrived or not.
    Unconfirmed,
    /// No answer came in time. Only for requests, which may have arrived or not.
    TimedOut,
}

impl SendError {
    /// The fault's name: SPEC 6's where it has one.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            SendError::Refused { code, .. } => code.name().unwrap_or("refused"),
            SendError::Invalid(error) => error.name(),
            SendError::NotSent => "not-sent",
            SendError::Unconfirmed => "unconfirmed",
            SendError::TimedOut => "timed-out",
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::Refused { code, reason } => {
                let (code, reason) = (*code, reason.clone());
                bookend::ConnectionError::Refused { code, reason }.fmt(f)
            }
            SendError::Invalid(error) => error.fmt(f),
            SendError::NotSent => f.write_str("not-sent: the session ended before it was sent"),
            SendError::Unconfirmed => {
                f.write_str("unconfirmed: the session ended before the confirmation came; it may have arrived or not")
            }
            SendError::TimedOut => f.write_str("timed-out: no answer came in time"),
        }
    }
}

impl std::error::Error for SendError {}
