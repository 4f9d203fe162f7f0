//! What became of a message that was not confirmed.

use std::fmt;

use bookend::{Code, Misuse};

/// What became of a message or a request that was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The other side refused it and did nothing with it.
    Refused {
        /// The code.
        code: Code,
        /// The reason in words.
        reason: String,
    },
    /// It cannot be sent: it is too long, or the encoding cannot express it. Nothing was sent.
    Invalid(Misuse),
    /// Nothing was sent: the client has closed, or the message was to one member and the member's session has ended.
    NotSent,
    /// It was taken back before it was sent, by [`Receipt::withdraw`](crate::Receipt::withdraw).
    Withdrawn,
    /// The session ended before the confirmation arrived: the message may or may not have arrived.
    Unconfirmed,
    /// No answer arrived in time. Only for requests and PINGs, which may or may not have arrived.
    TimedOut,
}

impl SendError {
    /// The fault's name: SPEC 6's if it has one.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            SendError::Refused { code, .. } => code.name().unwrap_or("refused"),
            SendError::Invalid(misuse) => misuse.name(),
            SendError::NotSent => "not-sent",
            SendError::Withdrawn => "withdrawn",
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
            SendError::Invalid(misuse) => misuse.fmt(f),
            SendError::NotSent => f.write_str("not-sent: the session ended before it was sent"),
            SendError::Withdrawn => f.write_str("withdrawn: it was taken back before it was sent"),
            SendError::Unconfirmed => f.write_str(
                "unconfirmed: the session ended before the confirmation arrived; it may or may not have arrived",
            ),
            SendError::TimedOut => f.write_str("timed-out: no answer arrived in time"),
        }
    }
}

impl std::error::Error for SendError {}
