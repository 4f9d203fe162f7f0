//! Why a command failed, and the exit code for it.

use std::fmt;
use std::io;
use std::time::Duration;

use bookend_client::{ConnectError, HistoryError};

use crate::console::Console;
use crate::exit::Exit;
use crate::pointer::pointers;
use crate::shutdown::Signal;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No hub could be joined.
    Connect(ConnectError),
    /// The command line or the environment names something unusable: what, and why.
    Unusable(String),
    /// The last session ended with a permanent fault.
    Ended(ConnectError),
    /// There was no session for longer than the timeout: why, and the timeout.
    Gone(Box<ConnectError>, Duration),
    /// The hub confirmed nothing for this time.
    Stalled(Duration),
    /// The hub closed the session normally, but too early.
    Left,
    /// What the hub keeps could not be read.
    History(HistoryError),
    /// A signal ended it.
    Signalled(Signal),
    /// The operating system refused a resource.
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
        console.error(format_args!("{why}"));
        Failure::Reported(exit)
    }

    /// Lines with the command that finds out more, if the cause is not known.
    pub(crate) fn pointers(&self) -> Vec<String> {
        match self {
            Failure::Connect(error) => pointers(error, true),
            Failure::Ended(error) => pointers(error, false),
            Failure::Gone(error, _) => pointers(error, false),
            _ => Vec::new(),
        }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Signalled(signal) => Exit::Signalled(*signal),
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

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Failure {
        Failure::History(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Connect(error) | Failure::Ended(error) => write!(f, "{error}"),
            Failure::Unusable(what) => f.write_str(what),
            Failure::Gone(error, timeout) => write!(f, "{error}; gave up after {timeout:?}"),
            Failure::Stalled(timeout) => write!(f, "timed-out: no confirmation from the hub for {timeout:?}"),
            Failure::Left => f.write_str("normal: the hub closed the session"),
            Failure::History(error) => write!(f, "{error}"),
            Failure::Signalled(signal) => write!(f, "{signal}"),
            Failure::System(error) => write!(f, "system error: {error}"),
            Failure::Reported(exit) => write!(f, "exit code {}", exit.code()),
        }
    }
}
