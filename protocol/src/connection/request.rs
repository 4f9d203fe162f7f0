//! A request of the peer that must be answered once.

use core::num::NonZeroU32;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::outbox::Outbox;
use super::payload::OwnedPayload;
use crate::code::Code;
use crate::error::ConnectionError;
use crate::payload::Content;

/// Answers a request of the peer, once, from any task (R3.12).
///
/// A guard that is dropped answers with an ERROR of [`Code::INTERNAL`], so a handler that panics or forgets leaves
/// nobody waiting. A guard whose request the peer has cancelled answers nothing.
#[must_use = "a guard that is dropped refuses the request"]
pub struct Guard {
    outbox: Arc<Outbox>,
    id: NonZeroU32,
    /// The number of the request's frame, which tells it from others with the same id.
    frame: u32,
}

/// A REQUEST of the peer: its payload, and the guard that answers it.
///
/// ```
/// # use bookend::{Code, Connection, ConnectionError, Hello, OwnedMessage};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
/// # let (near, far) = tokio::io::duplex(1 << 16);
/// # let peer = tokio::spawn(async move {
/// #     let mut peer = Connection::connect(far, Hello::new()).await?;
/// #     let reply = peer.request("6 * 7", std::time::Duration::from_secs(5)).await?;
/// #     peer.close(Code::NORMAL, "").await.map(|()| reply)
/// # });
/// # let connection = Connection::accept(near, Hello::new()).await?;
/// let (mut receiver, _handle, driver) = connection.split();
/// let driver = tokio::spawn(driver);
/// while let Some(message) = receiver.next().await? {
///     if let OwnedMessage::Request(request) = message {
///         tokio::spawn(async move { request.reply("42").await }); // others are answered meanwhile
///     }
/// }
/// # driver.await.unwrap()?;
/// # assert_eq!(peer.await.unwrap()?.text(), Some("42")); Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a request that is dropped is refused"]
pub struct Request {
    guard: Guard,
    payload: OwnedPayload,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Guard {
    pub(super) fn new(outbox: Arc<Outbox>, id: NonZeroU32, frame: u32) -> Guard {
        Guard { outbox, id, frame }
    }

    /// The request's id.
    #[must_use]
    pub fn id(&self) -> NonZeroU32 {
        self.id
    }

    /// Queues the answer, once there is room. If this call is cancelled, the request is refused with
    /// [`Code::INTERNAL`].
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`](crate::Misuse::NoSuchRequest) if the peer has cancelled the request. After any other
    /// [`ConnectionError::Misuse`] the request is refused with its [`code`](crate::Misuse::code). Otherwise the reason
    /// why the session ended.
    pub async fn reply(self, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        let content = content.into();
        let room = self.outbox.room(content.length()).await?;
        let replied = self.outbox.reply(self.id, Some(self.frame), content, room);
        if let Err(ConnectionError::Misuse(misuse)) = &replied {
            let _ = self.outbox.refuse(self.id, Some(self.frame), misuse.code(), &misuse.to_string());
        }
        replied
    }

    /// Answers with an ERROR.
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`](crate::Misuse::NoSuchRequest) if the peer has cancelled the request. Otherwise the
    /// reason why the session ended.
    pub fn refuse(self, code: Code, detail: &str) -> Result<(), ConnectionError> {
        self.outbox.refuse(self.id, Some(self.frame), code, detail)
    }

    /// Waits until the peer has cancelled the request, or the session has ended.
    pub async fn cancelled(&mut self) {
        poll_fn(|cx| self.poll_cancelled(cx)).await;
    }

    /// Has the peer cancelled the request, or the session ended?
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        !self.outbox.is_unanswered(self.id, self.frame)
    }

    pub(super) fn poll_cancelled(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.outbox.poll_cancelled(self.id, self.frame, cx)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Refused already, answered or cancelled: then there is no such request.
        let _ = self.outbox.refuse(self.id, Some(self.frame), Code::INTERNAL, "");
    }
}

impl Request {
    pub(super) fn new(guard: Guard, payload: OwnedPayload) -> Request {
        Request { guard, payload }
    }

    /// The request's id.
    #[must_use]
    pub fn id(&self) -> NonZeroU32 {
        self.guard.id()
    }

    /// The application's part.
    #[must_use]
    pub fn payload(&self) -> &OwnedPayload {
        &self.payload
    }

    /// As [`Guard::reply`].
    ///
    /// # Errors
    /// As [`Guard::reply`].
    pub async fn reply(self, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        self.guard.reply(content).await
    }

    /// As [`Guard::refuse`].
    ///
    /// # Errors
    /// As [`Guard::refuse`].
    pub fn refuse(self, code: Code, detail: &str) -> Result<(), ConnectionError> {
        self.guard.refuse(code, detail)
    }

    /// As [`Guard::cancelled`].
    pub async fn cancelled(&mut self) {
        self.guard.cancelled().await;
    }

    /// As [`Guard::is_cancelled`].
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.guard.is_cancelled()
    }

    /// The guard, without which nobody answers, and the payload.
    pub fn into_parts(self) -> (Guard, OwnedPayload) {
        (self.guard, self.payload)
    }
}
