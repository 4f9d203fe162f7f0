//! The commands from the halves of a client to its task.

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
}

/// How many commands may wait.
pub(crate) const COMMANDS: usize = 256;

impl Outgoing {
    /// What became of a message that is not sent any more.
    pub(crate) fn given_up(&self) -> SendError {
        if self.is_written { SendError::Unconfirmed } else { SendError::NotSent }
    }
}
