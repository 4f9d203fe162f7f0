//! Sending from other tasks.

use core::num::NonZeroU32;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{SemaphorePermit, oneshot};

use super::outbox::{Answer, Outbox, Waiter};
use crate::code::Code;
use crate::counters::Counters;
use crate::error::{ConnectionError, Reply};
use crate::kind::{self, PrivateKind};
use crate::misuse::Misuse;
use crate::payload::Content;

/// Sends through a [`Connection`](super::Connection) that another task is polling. Cheap to clone.
///
/// A message is encoded and queued by the call itself, so what is wrong with it is known at once. While 64 KiB wait, calls
/// wait for room, in the order in which they were made; the `try_` calls fail with [`ConnectionError::Full`] instead.
/// What is queued is sent, in order, as long as the connection is polled and the session lasts:
/// [`barrier`](Handle::barrier) reports what has arrived.
///
/// A call lasts no longer than the session, and while the connection is polled, a session whose peer takes nothing, or
/// less than [`body_rate`](crate::Limits::body_rate), ends: see [`write_timeout`](crate::Limits::write_timeout). Once the
/// session has ended, each call fails with the reason.
///
/// # Copies
///
/// Content is copied into the queue, [`Content::Bytes`] too: once if nothing else waits there, and three times at most.
/// Only [`Connection::send`](super::Connection::send) and the calls beside it write long `Bytes` from where they are.
///
/// # Cancellation
///
/// A call that sends and is cancelled has sent nothing: it was waiting for room. A cancelled [`request`](Handle::request)
/// is cancelled at the peer too.
pub struct Handle {
    pub(super) outbox: Arc<Outbox>,
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        Handle::new(Arc::clone(&self.outbox))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.outbox.leave();
    }
}

impl fmt::Debug for Handle {
    /// Lengths, no bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.outbox).finish()
    }
}

impl Handle {
    pub(super) fn new(outbox: Arc<Outbox>) -> Handle {
        outbox.enter();
        Handle { outbox }
    }

    /// Queues a MESSAGE, once there is room.
    ///
    /// # Errors
    /// [`ConnectionError::Misuse`] with [`Misuse::TooLong`], [`Misuse::UnmappableText`] or
    /// [`Misuse::EncodingRefused`]: nothing was sent. Otherwise the reason why the session ended;
    /// [`Misuse::NotOpen`] if this side closed it or dropped the connection.
    pub async fn send(&self, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        let content = content.into();
        let room = self.outbox.room(content.length()).await?;
        self.outbox.frame(kind::MESSAGE, &[], content, room)
    }

    /// Queues a MESSAGE, if there is room now.
    ///
    /// # Errors
    /// As [`send`](Handle::send), and [`ConnectionError::Full`].
    pub fn try_send<'c>(&self, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        let content = content.into();
        let room = self.outbox.try_room(content.length())?;
        self.outbox.frame(kind::MESSAGE, &[], content, room)
    }

    /// Queues a POST to the member `to` of a hub's room, or to everyone if that is 0, once there is room.
    ///
    /// # Errors
    /// As [`send`](Handle::send), and [`Misuse::UnknownKind`] if the peer is not a hub.
    pub async fn post(&self, to: u32, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        let content = content.into();
        let room = self.outbox.room(content.length()).await?;
        self.outbox.frame(kind::POST, &to.to_be_bytes(), content, room)
    }

    /// Queues a POST, if there is room now.
    ///
    /// # Errors
    /// As [`post`](Handle::post), and [`ConnectionError::Full`].
    pub fn try_post<'c>(&self, to: u32, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        let content = content.into();
        let room = self.outbox.try_room(content.length())?;
        self.outbox.frame(kind::POST, &to.to_be_bytes(), content, room)
    }

    /// Queues a message of a private kind, as [`Connection::send_private`](crate::Connection::send_private), once there
    /// is room.
    ///
    /// # Errors
    /// As [`send`](Handle::send).
    pub async fn send_private(
        &self,
        kind: PrivateKind,
        content: impl Into<Content<'_>>,
    ) -> Result<(), ConnectionError> {
        let content = content.into();
        let room = self.outbox.room(content.length()).await?;
        self.outbox.frame(kind.get(), &[], content, room)
    }

    /// Waits for room, and keeps it for one message. Nothing is sent if this call is cancelled, and sending with the
    /// [`Permit`] waits for nothing, so the caller always knows what was sent: use it in `select!`.
    ///
    /// ```
    /// # use bookend::{Connection, ConnectionError, Hello, Message};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    /// # let (mut connection, mut peer) = (near?, far?);
    /// # let handle = connection.handle();
    /// # let driver = tokio::spawn(async move { connection.next().await.map(|message| message.is_none()) });
    /// # let mut lines = vec!["one", "two"].into_iter();
    /// while let Some(line) = lines.next() {
    ///     tokio::select! {
    ///         permit = handle.reserve() => permit?.send(line)?,
    ///         why = handle.closed() => return Err(why), // `line` was not sent
    ///     }
    /// }
    /// # assert!(matches!(peer.next().await?, Some(Message::Message(_)))); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The reason why the session ended.
    pub async fn reserve(&self) -> Result<Permit<'_>, ConnectionError> {
        Ok(Permit { outbox: &self.outbox, room: self.outbox.room(0).await? })
    }

    /// Answers a request, once there is room.
    ///
    /// # Errors
    /// As [`send`](Handle::send), and [`Misuse::NoSuchRequest`] if it is not unanswered.
    pub async fn reply(&self, id: NonZeroU32, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        let content = content.into();
        let room = self.outbox.room(content.length()).await?;
        self.outbox.reply(id, None, content, room)
    }

    /// Answers a request with an ERROR. Waits for nothing.
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`]; otherwise the reason why the session ended.
    pub async fn refuse(&self, id: NonZeroU32, code: Code, detail: &str) -> Result<(), ConnectionError> {
        self.outbox.refuse(id, None, code, detail)
    }

    /// Sends a REQUEST and waits for its answer; answers may arrive in any order. `timeout` includes the waits for room
    /// and, while as many requests as the peer permits are unanswered, for the answer to one of them.
    ///
    /// After the timeout, or if this call is cancelled, the peer is told that no answer is needed.
    ///
    /// # Errors
    /// As [`send`](Handle::send), [`ConnectionError::Timeout`], [`ConnectionError::Refused`] if the answer is an ERROR,
    /// [`ConnectionError::Unreadable`], and [`Misuse::TooManyRequests`] if the peer permits none.
    pub async fn request(&self, content: impl Into<Content<'_>>, timeout: Duration) -> Result<Reply, ConnectionError> {
        let content = content.into();
        let answered = tokio::time::timeout(timeout, async {
            let slot = self.outbox.slot().await?;
            let room = self.outbox.room(content.length()).await?;
            self.ask(content, slot, room)?.answer().await
        });
        answered.await.unwrap_or(Err(ConnectionError::Timeout))
    }

    /// The same if the peer permits another request now and there is room.
    ///
    /// # Errors
    /// As [`request`](Handle::request), [`Misuse::TooManyRequests`], and [`ConnectionError::Full`].
    pub async fn try_request(
        &self,
        content: impl Into<Content<'_>>,
        timeout: Duration,
    ) -> Result<Reply, ConnectionError> {
        let content = content.into();
        let room = self.outbox.try_room(content.length())?;
        let slot = self.outbox.try_slot()?;
        let asked = self.ask(content, slot, room)?;
        tokio::time::timeout(timeout, asked.answer()).await.unwrap_or(Err(ConnectionError::Timeout))
    }

    fn ask(
        &self,
        content: Content<'_>,
        slot: SemaphorePermit<'_>,
        room: SemaphorePermit<'_>,
    ) -> Result<Pending, ConnectionError> {
        let (sender, answer) = oneshot::channel();
        let id = self.outbox.request(content, slot, room, Waiter::Task(sender))?;
        Ok(Pending { outbox: Arc::clone(&self.outbox), id, answer: Some(answer) })
    }

    #[cfg(feature = "tower")]
    pub(super) fn ask_ready(
        &self,
        content: Content<'_>,
        ready: super::outbox::Ready,
    ) -> Result<Pending, ConnectionError> {
        let (sender, answer) = oneshot::channel();
        let id = self.outbox.request_with(content, 1, Waiter::Task(sender))?;
        ready.use_up();
        Ok(Pending { outbox: Arc::clone(&self.outbox), id, answer: Some(answer) })
    }

    /// Waits until the peer has acted on everything that was sent before (R3.10), without a timeout: a peer that lives and
    /// takes no messages can make it wait as long as the session lasts.
    ///
    /// Another task should take the messages of this side meanwhile. If neither side does, and both wait for a barrier,
    /// neither barrier is reached.
    ///
    /// # Errors
    /// The reason why the session ended.
    pub async fn barrier(&self) -> Result<(), ConnectionError> {
        let room = self.outbox.room(0).await?;
        let (sender, receiver) = oneshot::channel();
        self.outbox.barrier(sender, room)?;
        receiver.await.unwrap_or_else(|_| Err(self.outbox.why()))
    }

    /// Sends CLOSE after everything sent before, and returns without waiting for that: [`closed`](Handle::closed) waits.
    /// The reason is the code's name and `detail`, which may be empty. Does nothing if the session has ended.
    pub async fn close(&self, code: Code, detail: &str) {
        let _ = self.outbox.close(code, detail);
    }

    /// Ends the session without breaking what is under way: from now on new requests of the peer are refused with
    /// [`Code::GOING_AWAY`]; once no request of either side is unanswered, or after `grace`, CLOSE is sent with the same
    /// code. Waits for the end of the session.
    ///
    /// The shutdown goes on if this call is cancelled.
    ///
    /// # Errors
    /// The reason why the session ended, unless this side closed it.
    pub async fn shut_down(&self, grace: Duration) -> Result<(), ConnectionError> {
        let _ = self.outbox.shut_down(grace); // unless it is closing already
        match self.outbox.closed().await {
            ConnectionError::Misuse(Misuse::NotOpen) => Ok(()),
            why => Err(why),
        }
    }

    /// Waits until the session has ended, and returns the reason: [`Misuse::NotOpen`] if this side closed it or dropped
    /// the connection, [`ConnectionError::Closed`] with any code if the peer did.
    pub async fn closed(&self) -> ConnectionError {
        self.outbox.closed().await
    }

    /// What this connection has sent and received, as of the last time that it was polled and had written.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.outbox.counters()
    }

    /// Has the session ended?
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.outbox.ended().is_some()
    }
}

/// Room for one message, from [`Handle::reserve`]. It is given back if this is dropped.
///
/// The message may have any length; the next ones wait until what exceeds 64 KiB has been written.
#[must_use = "the room is given back if the permit is dropped"]
pub struct Permit<'a> {
    outbox: &'a Outbox,
    room: SemaphorePermit<'a>,
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl Permit<'_> {
    /// Queues a MESSAGE without waiting.
    ///
    /// # Errors
    /// As [`Handle::send`]; nothing was sent.
    pub fn send<'c>(self, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        self.outbox.frame(kind::MESSAGE, &[], content.into(), self.room)
    }

    /// Queues a POST without waiting.
    ///
    /// # Errors
    /// As [`Handle::post`]; nothing was sent.
    pub fn post<'c>(self, to: u32, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        self.outbox.frame(kind::POST, &to.to_be_bytes(), content.into(), self.room)
    }
}

/// A request whose answer a task waits for. The request is cancelled if this is dropped before.
pub(super) struct Pending {
    pub(super) outbox: Arc<Outbox>,
    pub(super) id: NonZeroU32,
    /// Taken once the answer has arrived.
    pub(super) answer: Option<oneshot::Receiver<Answer>>,
}

impl Pending {
    pub(super) async fn answer(mut self) -> Answer {
        let Some(answer) = &mut self.answer else { return Err(self.outbox.why()) };
        let answered = answer.await.unwrap_or_else(|_| Err(self.outbox.why()));
        self.answer = None;
        answered
    }

    /// The answer, if it has arrived.
    pub(super) fn try_answer(&mut self) -> Option<Answer> {
        let answered = match self.answer.as_mut()?.try_recv() {
            Ok(answered) => answered,
            Err(oneshot::error::TryRecvError::Empty) => return None,
            Err(oneshot::error::TryRecvError::Closed) => Err(self.outbox.why()),
        };
        self.answer = None;
        Some(answered)
    }

    /// The answer becomes an event instead.
    pub(super) fn into_event(mut self) -> NonZeroU32 {
        self.answer = None;
        self.outbox.expect_event(self.id);
        self.id
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.answer.is_some() {
            self.outbox.abandon(self.id);
        }
    }
}
