//! Why a connection fails: a fault of the peer, a misuse by the application, or an I/O error.

use std::fmt;
use std::io;
use std::num::NonZeroU32;

use crate::code::Code;
use crate::diagnosis::Diagnosis;
use crate::fault::Fault;
use crate::misuse::Misuse;
use crate::session::{Outcome, Session};
use crate::shown::{self, Bytes, Excerpt};

/// Why a connection, or one call on it, failed.
#[non_exhaustive]
pub enum ConnectionError {
    /// The stream failed.
    Io(io::Error),
    /// The peer broke a rule, and the session is over. [`Fault::NoClose`] if the stream ended without a CLOSE.
    Fault {
        /// The rule.
        fault: Fault,
        /// The likely cause.
        diagnosis: Option<Box<Diagnosis>>,
    },
    /// The call is forbidden. Nothing was sent; the session lives, except after [`Misuse::NotOpen`].
    Misuse(Misuse),
    /// The peer closed the session early: with a code other than 1000, or before the session was open.
    Closed {
        /// Why, as a number.
        code: Code,
        /// Why, in words.
        reason: String,
    },
    /// The peer answered the request with an ERROR.
    Refused {
        /// Why, as a number.
        code: Code,
        /// Why, in words.
        reason: String,
    },
    /// The answer to a request arrived and is not legal text; the session lives.
    Unreadable(Fault),
    /// No answer arrived in time.
    Timeout,
    /// 64 KiB wait to be written, and the call does not wait. Nothing was sent.
    Full,
    /// More than 1 MiB of other messages arrived before the answer. Take them: the answer to a request follows them, as
    /// a [`Message::Reply`](crate::Message::Reply) or [`Message::Error`](crate::Message::Error) with its id. A barrier
    /// can be waited for again.
    Backlog {
        /// The request that is still unanswered; `None` for a barrier.
        request: Option<NonZeroU32>,
    },
}

impl ConnectionError {
    /// How a session ended: in good order if this side closed it, or the peer with code 1000.
    pub(crate) fn of(session: &Session) -> Result<(), ConnectionError> {
        match session.outcome() {
            Some(Outcome::Fault(fault)) => {
                let diagnosis = session.diagnosis().cloned().map(Box::new);
                Err(ConnectionError::Fault { fault: *fault, diagnosis })
            }
            Some(Outcome::PeerClosed { code, reason }) if *code != Code::NORMAL => {
                Err(ConnectionError::Closed { code: *code, reason: reason.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Why nothing more can be sent in a session that ended in good order, or before it was open.
    pub(crate) fn of_closed(session: &Session) -> ConnectionError {
        match session.outcome() {
            Some(Outcome::PeerClosed { code, reason }) => {
                ConnectionError::Closed { code: *code, reason: reason.clone() }
            }
            _ => Misuse::NotOpen.into(),
        }
    }

    /// How a session ended, on a stream that may have failed.
    pub(crate) fn of_both(session: &Session, failure: Option<&io::Error>) -> Result<(), ConnectionError> {
        let Some(failure) = failure else { return ConnectionError::of(session) };
        let failed = || Err(ConnectionError::Io(copy(failure)));
        match session.outcome() {
            // What the peer sent before explains more than how the stream failed.
            Some(Outcome::Fault(_)) if session.diagnosis().is_some_and(|known| known.first().is_some()) => {
                ConnectionError::of(session)
            }
            None | Some(Outcome::Fault(Fault::NoClose | Fault::Truncated { .. })) => failed(),
            Some(_) => ConnectionError::of(session),
        }
    }
}

impl Clone for ConnectionError {
    /// Of an [`io::Error`] without a number of the system, the clone has the kind and the text.
    fn clone(&self) -> ConnectionError {
        match self {
            ConnectionError::Io(error) => ConnectionError::Io(copy(error)),
            ConnectionError::Fault { fault, diagnosis } => {
                ConnectionError::Fault { fault: *fault, diagnosis: diagnosis.clone() }
            }
            ConnectionError::Misuse(misuse) => ConnectionError::Misuse(*misuse),
            ConnectionError::Unreadable(fault) => ConnectionError::Unreadable(*fault),
            ConnectionError::Closed { code, reason } => ConnectionError::Closed { code: *code, reason: reason.clone() },
            ConnectionError::Refused { code, reason } => {
                ConnectionError::Refused { code: *code, reason: reason.clone() }
            }
            ConnectionError::Timeout => ConnectionError::Timeout,
            ConnectionError::Full => ConnectionError::Full,
            ConnectionError::Backlog { request } => ConnectionError::Backlog { request: *request },
        }
    }
}

/// The same error, for another who wants to know.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl fmt::Debug for ConnectionError {
    /// A long reason is shortened.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut with_code = |name, code: &Code, reason: &str| {
            f.debug_struct(name).field("code", code).field("reason", &Excerpt(reason)).finish()
        };
        match self {
            ConnectionError::Closed { code, reason } => with_code("Closed", code, reason),
            ConnectionError::Refused { code, reason } => with_code("Refused", code, reason),
            ConnectionError::Io(error) => f.debug_tuple("Io").field(error).finish(),
            ConnectionError::Fault { fault, diagnosis } => {
                f.debug_struct("Fault").field("fault", fault).field("diagnosis", diagnosis).finish()
            }
            ConnectionError::Misuse(misuse) => f.debug_tuple("Misuse").field(misuse).finish(),
            ConnectionError::Unreadable(fault) => f.debug_tuple("Unreadable").field(fault).finish(),
            ConnectionError::Timeout => f.write_str("Timeout"),
            ConnectionError::Full => f.write_str("Full"),
            ConnectionError::Backlog { request } => f.debug_struct("Backlog").field("request", request).finish(),
        }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write_code = |f: &mut fmt::Formatter<'_>, code: &Code, reason: &str| {
            let reason = shown::beginning(reason);
            write!(f, "{code}")?;
            match code.name().and_then(|name| reason.strip_prefix(name)) {
                Some(detail) => write!(f, "{}", crate::escaped(detail)),
                None if reason.is_empty() => Ok(()),
                None => write!(f, ", {}", crate::escaped(reason)),
            }
        };
        match self {
            ConnectionError::Io(error) => write!(f, "{error}"),
            ConnectionError::Fault { diagnosis: Some(diagnosis), .. } => write!(f, "{diagnosis}"),
            ConnectionError::Fault { fault, .. } | ConnectionError::Unreadable(fault) => write!(f, "{fault}"),
            ConnectionError::Misuse(misuse) => write!(f, "{misuse}"),
            ConnectionError::Closed { code, reason } => {
                f.write_str("the peer closed: ")?;
                write_code(f, code, reason)
            }
            ConnectionError::Refused { code, reason } => {
                f.write_str("the peer refused: ")?;
                write_code(f, code, reason)
            }
            ConnectionError::Timeout => f.write_str("no answer arrived in time"),
            ConnectionError::Full => f.write_str("64 KiB wait to be written: try again later, or wait for room"),
            ConnectionError::Backlog { .. } => f.write_str(
                "more than 1 MiB of other messages arrived before the answer: receive them, and the answer after them",
            ),
        }
    }
}

impl std::error::Error for ConnectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConnectionError::Io(error) => Some(error),
            ConnectionError::Fault { fault, .. } | ConnectionError::Unreadable(fault) => Some(fault),
            ConnectionError::Misuse(misuse) => Some(misuse),
            _ => None,
        }
    }
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> ConnectionError {
        ConnectionError::Io(error)
    }
}

impl From<Fault> for ConnectionError {
    fn from(fault: Fault) -> ConnectionError {
        ConnectionError::Fault { fault, diagnosis: None }
    }
}

impl From<Misuse> for ConnectionError {
    fn from(misuse: Misuse) -> ConnectionError {
        ConnectionError::Misuse(misuse)
    }
}

/// The answer to a request, owned.
#[derive(Clone, PartialEq, Eq)]
pub enum Reply {
    /// Bytes.
    Binary(Vec<u8>),
    /// Text.
    Text(String),
}

impl fmt::Debug for Reply {
    /// The number of bytes, or the text, shortened if it is long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Binary(bytes) => f.debug_tuple("Binary").field(&Bytes(bytes.len())).finish(),
            Reply::Text(text) => f.debug_tuple("Text").field(&Excerpt(text)).finish(),
        }
    }
}

impl Reply {
    pub(crate) fn of(payload: crate::Payload<'_>) -> Reply {
        match payload {
            crate::Payload::Binary(bytes) => Reply::Binary(bytes.to_vec()),
            crate::Payload::Text(text) => Reply::Text(text.to_str().into_owned()),
        }
    }

    /// The text, unless the reply is binary.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Reply::Binary(_) => None,
            Reply::Text(text) => Some(text),
        }
    }
}
