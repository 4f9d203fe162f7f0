//! Why a command failed, and the exit code for it.

use std::fmt;
use std::io;
use std::time::Duration;

use bookend_client::ConnectError;

use crate::console::Console;
use crate::exit::Exit;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No hub was joined.
    Connect(ConnectError),
    /// Something that the command line or the environment names cannot be used: which, and why.
    Unusable(String),
    /// The last session ended with a permanent fault.
    Ended(ConnectError),
    /// There was no session for longer than the timeout: why, and the timeout.
    Gone(Box<ConnectError>, Duration),
    /// The hub confirmed nothing for this time.
    Stalled(Duration),
    /// The hub closed the session normally, but too early.
    Left,
    /// The user interrupted it.
    Interrupted,
    /// The operating system refuses a resource.
    System(io::Error),
    /// The command has reported the failure; this is the exit code.
    Reported(Exit),
}

impl Failure {
    /// Reports what is wrong with the command line, in one line.
    pub(crate) fn wrong_argument(console: &Console, why: impl fmt::Display) -> Failure {
        Failure::reported(console, why, Exit::WrongArgument)
    }

    /// Reports why there is no peer, in one line.
    pub(crate) fn not_connected(console: &Console, why: impl fmt::Display) -> Failure {
        Failure::reported(console, why, Exit::NotConnected)
    }

    /// Reports a failure in one line.
    pub(crate) fn reported(console: &Console, why: impl fmt::Display, exit: Exit) -> Failure {
        console.complain(format_args!("{why}"));
        Failure::Reported(exit)
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Interrupted => Exit::Interrupted,
            Failure::Connect(_) => Exit::NotConnected,
            Failure::Unusable(_) => Exit::WrongArgument,
            Failure::Reported(exit) => *exit,
            _ => Exit::Fault,
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Failure {
        Failure::Connect(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Connect(error) | Failure::Ended(error) => write!(f, "{error}"),
            Failure::Unusable(what) => f.write_str(what),
            Failure::Gone(error, patience) => write!(f, "{error}; and nobody to connect to within {patience:?}"),
            Failure::Stalled(patience) => write!(f, "timed-out: the hub has confirmed nothing for {patience:?}"),
            Failure::Left => f.write_str("normal: the hub closed the session"),
            Failure::Interrupted => f.write_str("interrupted"),
            Failure::System(error) => write!(f, "no sockets are to be had: {error}"),
            Failure::Reported(exit) => write!(f, "exit code {}", *exit as u8),
        }
    }
}
