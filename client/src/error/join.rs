//! Why a session was not opened on a stream, or how it ended.

use std::fmt;
use std::sync::Arc;

use bookend::ConnectionError;
use bookend::diagnosis::{Confidence, Diagnosis, Hypothesis};

use super::{NOT_BOOKEND, Stage, refusal};
use crate::cause::io_name;

/// Why [`Joined::join`](crate::Joined::join) failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// The handshake failed.
    Hello(Arc<ConnectionError>),
    /// The session was open, and ended before the hub's WELCOME.
    Session(Arc<ConnectionError>),
    /// The hub closed with code 1000 instead of sending WELCOME.
    Left,
    /// Another message arrived instead of the hub's WELCOME, or none did (R9.5).
    NoWelcome {
        /// The kind of that message.
        found: Option<u8>,
    },
}

impl JoinError {
    /// What the other side seems to be, or to do wrong; it has at least one hypothesis.
    #[must_use]
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        match self {
            JoinError::Hello(error) | JoinError::Session(error) => match &**error {
                ConnectionError::Fault { diagnosis, .. } => {
                    diagnosis.as_deref().filter(|known| known.first().is_some())
                }
                _ => None,
            },
            JoinError::Left | JoinError::NoWelcome { .. } => None,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        self.diagnosis().and_then(Diagnosis::first).is_some_and(|first| first.name() == "foreign-tls")
    }

    /// The stage that failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            JoinError::Hello(_) => Stage::Hello,
            JoinError::Session(_) | JoinError::Left | JoinError::NoWelcome { .. } => Stage::Session,
        }
    }

    /// The fault's name: SPEC 6's if it has one.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            JoinError::Hello(error) | JoinError::Session(error) => connection_name(error),
            JoinError::Left => "normal",
            JoinError::NoWelcome { .. } => "no-welcome",
        }
    }

    /// What may fix it.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        let stated = |first: &&Hypothesis| first.confidence() > Confidence::Possible;
        if let Some(first) = self.diagnosis().and_then(Diagnosis::first).filter(stated) {
            return first.fix();
        }
        if let JoinError::Hello(error) | JoinError::Session(error) = self
            && let Some(fix) = refusal::fix(error)
        {
            return fix;
        }
        match (self.stage(), self.name()) {
            (_, "version") => "the two sides use different versions: update the older one",
            (_, "bad-canary") => "something on the path changes bytes: use a channel that carries all 8 bits unchanged",
            (Stage::Hello, "bad-start" | "no-close" | "truncated" | "hello-timeout" | "connection-reset") => {
                NOT_BOOKEND
            }
            (Stage::Hello, "normal" | "going-away") => {
                "the hub accepts no clients at the moment: try again later, as --wait TIME does"
            }
            (Stage::Hello, _) => "the sides do not agree on the protocol: see SPEC.md, section 4",
            (_, "no-welcome") => "the peer claims to be a hub but does not act as one: --plain talks to any peer",
            _ => "the hub's log may say more",
        }
    }
}

/// The name of a connection's fault: SPEC 6's if it has one.
fn connection_name(error: &ConnectionError) -> &'static str {
    match error {
        ConnectionError::Fault { fault, .. } | ConnectionError::Unreadable(fault) => fault.name(),
        ConnectionError::Misuse(misuse) => misuse.name(),
        ConnectionError::Closed { code, .. } | ConnectionError::Refused { code, .. } => code.name().unwrap_or("closed"),
        ConnectionError::Timeout => "timed-out",
        ConnectionError::Io(error) => io_name(error),
        _ => "failed",
    }
}

impl fmt::Display for JoinError {
    /// One line: stage, name and detail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stage, name) = (self.stage(), self.name());
        match self {
            JoinError::Hello(error) | JoinError::Session(error) => match (&**error, self.diagnosis()) {
                (_, Some(diagnosis)) => write!(f, "{stage}: {name}: {}", Hypotheses(diagnosis)),
                // Which begins with its name.
                (ConnectionError::Fault { .. } | ConnectionError::Misuse(_), None) => write!(f, "{stage}: {error}"),
                _ => write!(f, "{stage}: {name}: {error}"),
            },
            JoinError::Left => write!(f, "{stage}: {name}: the hub closed the session at once"),
            JoinError::NoWelcome { found: Some(kind) } => {
                write!(f, "{stage}: {name}: a hub sends WELCOME first, but kind {kind:02x} arrived")
            }
            JoinError::NoWelcome { found: None } => write!(f, "{stage}: {name}: the hub did not send WELCOME"),
        }
    }
}

/// The names of a mistake, and what was seen of it.
struct Hypotheses<'a>(&'a Diagnosis);

impl fmt::Display for Hypotheses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.0.hypotheses().split_first() else { return Ok(()) };
        f.write_str(first.name())?;
        for other in others.iter().filter(|other| other.confidence() == first.confidence()) {
            write!(f, " or {}", other.name())?;
        }
        write!(f, " ({}): {}", first.confidence(), first.seen())
    }
}

impl std::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            JoinError::Hello(error) | JoinError::Session(error) => Some(&**error),
            JoinError::Left | JoinError::NoWelcome { .. } => None,
        }
    }
}
