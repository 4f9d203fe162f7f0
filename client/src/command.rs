//! The commands from the halves of a client to its task.

use std::time::Duration;

use bookend::{Content, Encoding, Payload, Reply};
use tokio::sync::oneshot;

use crate::error::SendError;

#[derive(Debug)]
pub(crate) enum Command {
    Send(Outgoing),
    Request { content: Owned, done: oneshot::Sender<Result<Reply, SendError>> },
    Ping { done: oneshot::Sender<Result<Duration, SendError>> },
}

#[derive(Debug)]
pub(crate) struct Outgoing {
    /// A member, and the session in which that is its number; `None` for everyone.
    pub(crate) to: Option<(u32, u64)>,
    pub(crate) content: Owned,
    pub(crate) done: oneshot::Sender<Result<(), SendError>>,
    /// It was written in a session that has ended.
    pub(crate) is_written: bool,
}

/// [`Content`] that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) enum Owned {
    Binary(Vec<u8>),
    Text(Option<Encoding>, String),
}

/// How many commands may wait.
pub(crate) const COMMANDS: usize = 256;

impl Outgoing {
    /// What became of a message that is not sent any more.
    pub(crate) fn given_up(&self) -> SendError {
        if self.is_written { SendError::Unconfirmed } else { SendError::NotSent }
    }
}

impl From<Content<'_>> for Owned {
    fn from(content: Content<'_>) -> Owned {
        match content {
            Content::Binary(bytes) | Content::Payload(Payload::Binary(bytes)) => Owned::Binary(bytes.to_vec()),
            Content::Text(text) => Owned::Text(None, text.into()),
            Content::TextIn(encoding, text) => Owned::Text(Some(encoding), text.into()),
            Content::Payload(Payload::Text(text)) => Owned::Text(Some(text.encoding()), text.to_str().into_owned()),
        }
    }
}

impl Owned {
    pub(crate) fn content(&self) -> Content<'_> {
        match self {
            Owned::Binary(bytes) => Content::Binary(bytes),
            Owned::Text(None, text) => Content::Text(text),
            Owned::Text(Some(encoding), text) => Content::TextIn(*encoding, text),
        }
    }
}
