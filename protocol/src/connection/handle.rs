//! Sending from other tasks: commands to the task that owns the connection.

use core::num::NonZeroU32;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::waiting::{Answer, Waiting};
use crate::code::Code;
use crate::endpoint::Endpoint;
use crate::error::{ConnectionError, Reply};
use crate::misuse::Misuse;
use crate::payload::{Content, OwnedContent};

/// How many commands may wait for the connection.
pub(super) const COMMANDS: usize = 256;

/// Sends through a [`Connection`](super::Connection) that another task is polling. Cheap to clone.
///
/// Calls make progress only while the connection is polled. Every call waits while 256 others wait, and while 64 KiB
/// wait to be written. A call that is cancelled may or may not have been carried out.
///
/// A call lasts until the task that owns the connection carries it out, and no longer than the session. Only
/// [`request`](Handle::request) has a timeout.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

pub(super) enum Command {
    Message(OwnedContent, Done),
    Post(u32, OwnedContent, Done),
    Reply(NonZeroU32, OwnedContent, Done),
    Request(OwnedContent, oneshot::Sender<Result<oneshot::Receiver<Answer>, Misuse>>),
    Refuse(NonZeroU32, Code, String, Done),
    Barrier(oneshot::Sender<Result<(), ConnectionError>>),
    Close(Code, String),
}

type Done = oneshot::Sender<Result<(), Misuse>>;

impl Handle {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Handle {
        Handle { commands }
    }

    /// Sends a MESSAGE; the connection has queued it when this returns.
    ///
    /// # Errors
    /// As [`Connection::send`](super::Connection::send); [`Misuse::NotOpen`] once the connection is gone.
    pub async fn send(&self, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        let content = OwnedContent::from(content.into());
        self.call(|done| Command::Message(content, done)).await
    }

    /// Sends a POST to the member `to` of a hub's room, or to everyone if that is 0.
    ///
    /// # Errors
    /// As [`send`](Handle::send), and [`Misuse::UnknownKind`] if the peer is not a hub.
    pub async fn post(&self, to: u32, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        let content = OwnedContent::from(content.into());
        self.call(|done| Command::Post(to, content, done)).await
    }

    /// Answers a request.
    ///
    /// # Errors
    /// As [`send`](Handle::send), and [`Misuse::NoSuchRequest`].
    pub async fn reply(&self, id: NonZeroU32, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        let content = OwnedContent::from(content.into());
        self.call(|done| Command::Reply(id, content, done)).await
    }

    /// Sends a REQUEST and waits for its answer; answers may arrive in any order. `timeout` includes the wait to send.
    ///
    /// # Errors
    /// As [`send`](Handle::send), [`Misuse::TooManyRequests`], [`ConnectionError::Timeout`], and
    /// [`ConnectionError::Refused`] if the answer is an ERROR.
    pub async fn request(&self, content: impl Into<Content<'_>>, timeout: Duration) -> Result<Reply, ConnectionError> {
        let content = OwnedContent::from(content.into());
        let waited = tokio::time::timeout(timeout, async {
            let answer = self.call(|done| Command::Request(content, done)).await?;
            answer.await.unwrap_or(Err(Misuse::NotOpen.into()))
        });
        // The connection cancels a request whose receiver has been dropped.
        waited.await.unwrap_or(Err(ConnectionError::Timeout))
    }

    /// Answers a request with an ERROR.
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`], and [`Misuse::NotOpen`] once the connection is gone.
    pub async fn refuse(&self, id: NonZeroU32, code: Code, detail: &str) -> Result<(), ConnectionError> {
        self.call(|done| Command::Refuse(id, code, detail.into(), done)).await
    }

    /// Waits until the peer has acted on everything that was sent before (R3.10), without a timeout.
    ///
    /// # Errors
    /// The reason why the session ended.
    pub async fn barrier(&self) -> Result<(), ConnectionError> {
        let (sender, receiver) = oneshot::channel();
        self.commands.send(Command::Barrier(sender)).await.map_err(|_| Misuse::NotOpen)?;
        receiver.await.unwrap_or(Err(Misuse::NotOpen.into()))
    }

    /// Sends CLOSE after everything sent before, and returns without waiting for that: the connection's
    /// [`next`](super::Connection::next) reports the end. The reason is the code's name and `detail`, which may be
    /// empty.
    pub async fn close(&self, code: Code, detail: &str) {
        let _ = self.commands.send(Command::Close(code, detail.into())).await; // the connection may be gone
    }

    async fn call<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Misuse>>) -> Command,
    ) -> Result<T, ConnectionError> {
        let (sender, receiver) = oneshot::channel();
        self.commands.send(command(sender)).await.map_err(|_| Misuse::NotOpen)?;
        Ok(receiver.await.map_err(|_| Misuse::NotOpen)??)
    }
}

impl Command {
    /// Queues what the command sends and answers the task that sent the command, which may be gone.
    pub(super) fn carry_out(self, endpoint: &mut Endpoint, waiting: &mut Waiting) {
        match self {
            Command::Message(content, done) => {
                let _ = done.send(endpoint.queue(|session, out| session.message(content.as_content(), out)));
            }
            Command::Post(to, content, done) => {
                let _ = done.send(endpoint.queue(|session, out| session.post(to, content.as_content(), out)));
            }
            Command::Reply(id, content, done) => {
                let _ = done.send(endpoint.queue(|session, out| session.reply(id, content.as_content(), out)));
            }
            Command::Request(content, done) => {
                for id in waiting.abandoned() {
                    endpoint.cancel(id);
                    waiting.cancelled(id);
                }
                let asked = endpoint.queue(|session, out| session.request(content.as_content(), out));
                let _ = done.send(asked.map(|id| waiting.expect(id)));
            }
            Command::Refuse(id, code, detail, done) => {
                let _ = done.send(endpoint.session.refuse_request(id, code, &detail));
            }
            Command::Barrier(done) => match endpoint.barrier() {
                Ok(ordinal) => waiting.barrier(ordinal, done),
                Err(misuse) => {
                    let _ = done.send(Err(misuse.into()));
                }
            },
            Command::Close(code, detail) => endpoint.close_after(code, detail),
        }
    }
}
