//! The commands from the halves of a client to its task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bookend::{OwnedContent, Reply};
use tokio::sync::oneshot;

use crate::error::SendError;

#[derive(Debug)]
pub(crate) enum Command {
    Send(Outgoing),
    Request { content: OwnedContent, done: oneshot::Sender<Result<Reply, SendError>> },
    Ping { done: oneshot::Sender<Result<Duration, SendError>> },
}

#[derive(Debug)]
pub(crate) struct Outgoing {
    /// A member, and the session in which that is its number; `None` for everyone.
    pub(crate) to: Option<(u32, u64)>,
    pub(crate) content: OwnedContent,
    pub(crate) done: oneshot::Sender<Result<(), SendError>>,
    /// It was written in a session that has ended.
    pub(crate) is_written: bool,
    pub(crate) hold: Arc<Hold>,
}

/// Whether a message can still be withdrawn: its receipt and the client's task decide, each at most once.
#[derive(Debug, Default)]
pub(crate) struct Hold(AtomicU8);

const WAITING: u8 = 0;
/// A session has it, or it is known what became of it.
const TAKEN: u8 = 1;
const WITHDRAWN: u8 = 2;

/// How many commands may wait.
pub(crate) const COMMANDS: usize = 256;

impl Hold {
    /// Takes the message for a session. False if it was withdrawn.
    pub(crate) fn take(&self) -> bool {
        self.exchange(WAITING, TAKEN) != WITHDRAWN
    }

    /// The session has not written the message: it waits again.
    pub(crate) fn put_back(&self) {
        self.exchange(TAKEN, WAITING);
    }

    /// Withdraws the message. False if it was taken.
    pub(crate) fn withdraw(&self) -> bool {
        self.exchange(WAITING, WITHDRAWN) != TAKEN
    }

    pub(crate) fn is_withdrawn(&self) -> bool {
        self.0.load(Ordering::Acquire) == WITHDRAWN
    }

    /// The state before.
    fn exchange(&self, old: u8, new: u8) -> u8 {
        self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).unwrap_or_else(|found| found)
    }
}

impl Outgoing {
    /// A session has not written it: it can be withdrawn, unless an earlier session has.
    pub(crate) fn release(&self) {
        if !self.is_written {
            self.hold.put_back();
        }
    }

    /// What became of a message that is not sent any more.
    pub(crate) fn given_up(&self) -> SendError {
        if self.is_written { SendError::Unconfirmed } else { SendError::NotSent }
    }
}
