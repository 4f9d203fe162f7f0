//! What a connection sends.

use core::num::NonZeroU32;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::Connection;
use crate::code::Code;
use crate::endpoint::Front;
use crate::error::ConnectionError;
use crate::kind::PrivateKind;
use crate::misuse::Misuse;
use crate::payload::Content;
use crate::session::{Session, State};

/// Room for one message of any length, from [`Connection::reserve`].
#[derive(Debug)]
pub struct Reserved<'a, S> {
    connection: &'a mut Connection<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reserved<'_, S> {
    /// Queues a MESSAGE without waiting; the connection's next call writes it.
    ///
    /// # Errors
    /// As [`Connection::queue`]; nothing was queued.
    pub fn send<'c>(self, content: impl Into<Content<'c>>) -> Result<u64, Misuse> {
        self.connection.queue(content)
    }

    /// Queues a POST likewise.
    ///
    /// # Errors
    /// As [`Connection::queue_post`]; nothing was queued.
    pub fn post<'c>(self, to: u32, content: impl Into<Content<'c>>) -> Result<u64, Misuse> {
        self.connection.queue_post(to, content)
    }
}

/// Sending. Each call but the `queue` family returns once the stream has taken what it sends.
///
/// No call waits for ever. The stream must take a byte within [`Limits::write_timeout`](crate::Limits::write_timeout),
/// 10 s unless you change it, and everything within that plus a second for each
/// [`body_rate`](crate::Limits::body_rate) bytes that wait. Otherwise the session ends with
/// [`Fault::SlowConsumer`](crate::Fault::SlowConsumer), which takes three times
/// [`close_timeout`](crate::Limits::close_timeout) at most, 6 s. A peer from which nothing arrives for twice its
/// keepalive ends the session during any call. What arrives meanwhile is read and kept: the longest body that the peer
/// may send, and 1 MiB of other frames.
impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Sends a MESSAGE; the stream has taken it when this returns. Lasts as long as [`flush`](Connection::flush), and
    /// as long again if [`is_full`](Connection::is_full).
    ///
    /// If it is cancelled while [`is_full`](Connection::is_full), nothing was sent; later, the message is queued and will
    /// be sent. [`reserve`](Connection::reserve) keeps the two apart.
    ///
    /// ```
    /// # use bookend::{Connection, ConnectionError, Content, Encoding, Hello};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let (connection, _peer) =
    /// #     tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    /// # let mut connection = connection?;
    /// connection.send("text, in the encoding that the peer prefers").await?;
    /// connection.send(Content::TextIn(Encoding::Utf16Be, "text, in this encoding")).await?;
    /// connection.send(&[0xCA, 0xFE]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConnectionError::Misuse`] with [`Misuse::TooLong`], [`Misuse::UnmappableText`], [`Misuse::EncodingRefused`]
    /// or [`Misuse::NotOpen`]: nothing was sent. Otherwise the reason why the session ended.
    pub async fn send(&mut self, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        self.make_room().await?;
        self.queue(content)?;
        self.flush().await
    }

    /// Queues a MESSAGE without waiting: the next [`flush`](Connection::flush), [`next`](Connection::next) or other
    /// call writes it. This is the fastest way to send many messages. Flush while [`is_full`](Connection::is_full).
    ///
    /// Returns the ordinal of the frame: how many frames were queued on this connection before it.
    /// [`written`](Connection::written) and [`ordinal`](Connection::ordinal) report what became of it.
    ///
    /// # Errors
    /// [`Misuse::TooLong`], [`Misuse::UnmappableText`], [`Misuse::EncodingRefused`], [`Misuse::NotOpen`]: nothing was
    /// queued.
    #[inline]
    pub fn queue<'c>(&mut self, content: impl Into<Content<'c>>) -> Result<u64, Misuse> {
        self.endpoint.queue_content(0, content.into(), Session::message)?;
        Ok(self.endpoint.tally().queued - 1)
    }

    /// Queues a POST as [`queue`](Connection::queue) does a MESSAGE, and returns its ordinal.
    ///
    /// # Errors
    /// As [`queue`](Connection::queue), and [`Misuse::UnknownKind`] if the peer is not a hub.
    pub fn queue_post<'c>(&mut self, to: u32, content: impl Into<Content<'c>>) -> Result<u64, Misuse> {
        self.endpoint.queue_content(4, content.into(), |session, content, out| session.post(to, content, out))?;
        Ok(self.endpoint.tally().queued - 1)
    }

    /// Queues a barrier: [`Event::Barrier`](super::Event::Barrier) reports that the peer has acted on every frame
    /// queued before (R3.10). Returns the ordinal that the event will carry; frames with a smaller one are covered.
    /// Barriers with no frame between them share a PING.
    ///
    /// # Errors
    /// [`Misuse::NotOpen`].
    pub fn queue_barrier(&mut self) -> Result<u64, Misuse> {
        let ordinal = self.endpoint.barrier()?;
        self.waiting.barrier_event(ordinal);
        Ok(ordinal)
    }

    /// Queues a PING whose PONG is not reported. An application that does not poll the connection for a while, and so
    /// reads nothing, keeps its keepalive with it (R7.1); [`flush`](Self::flush) writes it.
    ///
    /// # Errors
    /// [`Misuse::NotOpen`].
    pub fn queue_ping(&mut self) -> Result<(), Misuse> {
        self.endpoint.ping()
    }

    /// How many of the queued frames the stream has taken whole: those with a smaller ordinal.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.endpoint.tally().written
    }

    /// The ordinal of the queued frame that was written under `number`, which is what
    /// [`Refusal::frame`](crate::Refusal::frame) holds. `None` for a frame that the session sent by itself, and for one
    /// that is older than the last 1,024 such interruptions.
    #[must_use]
    pub fn ordinal(&self, number: u32) -> Option<u64> {
        self.endpoint.tally().ordinal(number)
    }

    /// Do 64 KiB or more wait to be written?
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.endpoint.may_queue()
    }

    /// Waits until fewer than 64 KiB wait to be written. Nothing is sent if this call is cancelled, and sending with the
    /// [`Reserved`] waits for nothing, so the caller always knows what was sent. The next call, for example
    /// [`flush`](Connection::flush), writes it. Lasts as long as `flush`.
    ///
    /// ```
    /// # use bookend::{Connection, ConnectionError, Hello};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let (connection, _peer) =
    /// #     tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    /// # let mut connection = connection?;
    /// let pause = std::time::Duration::from_millis(100);
    /// if let Ok(reserved) = tokio::time::timeout(pause, connection.reserve()).await {
    ///     reserved?.send("queued")?;
    ///     connection.flush().await?;
    /// } // else nothing was sent
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The reason why the session ended.
    pub async fn reserve(&mut self) -> Result<Reserved<'_, S>, ConnectionError> {
        self.make_room().await?;
        Ok(Reserved { connection: self })
    }

    /// Answers a request of the peer. Lasts as long as [`send`](Connection::send).
    ///
    /// ```
    /// # use bookend::{Connection, ConnectionError, Hello, Message};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let peer = tokio::spawn(async move {
    /// #     let mut peer = Connection::connect(far, Hello::new()).await?;
    /// #     let reply = peer.request("6 * 7", std::time::Duration::from_secs(5)).await?;
    /// #     peer.close(bookend::Code::NORMAL, "").await.map(|()| reply)
    /// # });
    /// # let mut connection = Connection::accept(near, Hello::new()).await?;
    /// while let Some(message) = connection.next().await? {
    ///     if let Message::Request { id, .. } = message {
    ///         connection.reply(id, "42").await?;
    ///     }
    /// }
    /// # assert_eq!(peer.await.unwrap()?.text(), Some("42")); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`send`](Connection::send), and [`Misuse::NoSuchRequest`].
    pub async fn reply(&mut self, id: NonZeroU32, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        self.make_room().await?;
        self.waiting.outbox.frame_of(id)?;
        self.endpoint.queue_content(4, content.into(), |session, content, out| session.reply(id, content, out))?;
        self.waiting.outbox.answered(id);
        self.flush().await
    }

    /// Sends a POST to the member `to` of a hub's room, or to everyone if that is 0. Lasts as long as
    /// [`send`](Connection::send).
    ///
    /// # Errors
    /// As [`send`](Connection::send), and [`Misuse::UnknownKind`] if the peer is not a hub.
    pub async fn post(&mut self, to: u32, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        self.make_room().await?;
        self.queue_post(to, content)?;
        self.flush().await
    }

    /// Sends a message of a private kind. A peer whose application has not agreed on it ignores it (R3.28). Lasts as
    /// long as [`send`](Connection::send).
    ///
    /// # Errors
    /// As [`send`](Connection::send).
    pub async fn send_private(
        &mut self,
        kind: PrivateKind,
        content: impl Into<Content<'_>>,
    ) -> Result<(), ConnectionError> {
        self.make_room().await?;
        self.endpoint.queue_content(0, content.into(), |session, content, out| session.private(kind, content, out))?;
        self.flush().await
    }

    /// Answers a request, or the message that was received last, with an ERROR; the connection lives (R3.19).
    /// Lasts as long as [`flush`](Connection::flush).
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`]; otherwise the reason why the session ended.
    pub async fn refuse(&mut self, id: Option<NonZeroU32>, code: Code, detail: &str) -> Result<(), ConnectionError> {
        if let Some(id) = id {
            self.waiting.outbox.frame_of(id)?;
        }
        self.endpoint.refuse(id, code, detail)?;
        if let Some(id) = id {
            self.waiting.outbox.answered(id);
        }
        self.flush().await
    }

    /// Waits until the peer has acted on everything that was sent or queued before (R3.10), for `timeout` at most.
    /// Other messages that arrive meanwhile are kept for [`next`](Connection::next), up to 1 MiB of them; the peer's
    /// own barriers wait until those have been taken.
    ///
    /// If both sides wait in this call, and each has sent a message that the other has not taken, neither can say that it
    /// has acted on it: both calls end with [`ConnectionError::Timeout`]. Where both sides use barriers, call
    /// [`queue_barrier`](Connection::queue_barrier) and take messages until the event arrives, or wait in
    /// [`Handle::barrier`](crate::Handle::barrier) while another task takes messages.
    ///
    /// # Errors
    /// [`ConnectionError::Timeout`], [`ConnectionError::Backlog`]; otherwise the reason why the session ended.
    pub async fn barrier(&mut self, timeout: Duration) -> Result<(), ConnectionError> {
        let (sender, mut answer) = oneshot::channel();
        let ordinal = self.endpoint.barrier()?;
        self.waiting.barrier(ordinal, sender);
        let reached = self.until(|_| answer.try_recv().map_or(Poll::Pending, Poll::Ready));
        tokio::time::timeout(timeout, reached).await.unwrap_or(Err(ConnectionError::Timeout))?
    }

    /// Writes everything that is queued. Ends within [`write_timeout`](crate::Limits::write_timeout) plus a second for
    /// each [`body_rate`](crate::Limits::body_rate) bytes that wait, and if the session ends then, within three times
    /// [`close_timeout`](crate::Limits::close_timeout) more.
    ///
    /// # Errors
    /// The reason why the session ended.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        self.write_out().await;
        if self.failure.is_none() && self.endpoint.session.state() == State::Open {
            return Ok(());
        }
        Err(self.reason().await)
    }

    /// Why the session ended. What can still be read may hold the reason, if it arrives soon.
    async fn reason(&mut self) -> ConnectionError {
        let timeout = self.endpoint.session.limits().close_timeout;
        let ended = tokio::time::timeout(timeout, self.until::<()>(|_| Poll::Pending)).await;
        match ended {
            Ok(Ok(())) | Ok(Err(ConnectionError::Backlog { .. })) | Err(_) => {
                self.finish().err().unwrap_or_else(|| self.why())
            }
            Ok(Err(why)) => why,
        }
    }

    /// Writes what is queued, sends CLOSE, and waits until the peer has closed too. Each of the three ends
    /// after [`Limits::close_timeout`](crate::Limits::close_timeout), 2 s by default. Messages that arrive are
    /// discarded.
    ///
    /// The reason that is sent is the code's name and `detail`, which may be empty.
    ///
    /// ```
    /// # use bookend::{Code, Connection, ConnectionError, Hello};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let peer = tokio::spawn(async move {
    /// #     let mut peer = Connection::accept(far, Hello::new()).await?;
    /// #     while peer.next().await?.is_some() {}
    /// #     Ok::<(), ConnectionError>(())
    /// # });
    /// # let mut connection = Connection::connect(near, Hello::new()).await?;
    /// connection.close(Code::NORMAL, "").await?;
    /// # peer.await.unwrap() }
    /// ```
    ///
    /// # Errors
    /// Why the session had ended before, unless it was closed in good order.
    pub async fn close(&mut self, code: Code, detail: &str) -> Result<(), ConnectionError> {
        let timeout = self.endpoint.session.limits().close_timeout;
        if self.endpoint.session.state() == State::Open
            && let Ok(Err(error)) = tokio::time::timeout(timeout, self.flush()).await
        {
            // The peer may have closed in good order at the same time.
            self.finish().map_err(|_| error)?;
        }
        self.endpoint.discard();
        self.endpoint.session.close(code, detail, self.start.elapsed());
        while self.turn().await? {
            self.endpoint.discard();
        }
        Ok(())
    }

    /// Polls the connection, and keeps the messages that arrive, until something is `ready`.
    pub(super) async fn until<T>(
        &mut self,
        mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, ConnectionError> {
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(value) = ready(cx) {
                    return Poll::Ready(Ok(value));
                }
                match self.endpoint.advance_in_buffer(&mut self.waiting) {
                    Some(Front::Event) => continue,
                    Some(front) => {
                        self.endpoint.keep(front);
                        match ready(cx) {
                            Poll::Ready(value) => return Poll::Ready(Ok(value)),
                            Poll::Pending if self.endpoint.is_backlog_full() => {
                                return Poll::Ready(Err(ConnectionError::Backlog { request: None }));
                            }
                            Poll::Pending => continue,
                        }
                    }
                    None => {}
                }
                if let Poll::Ready(value) = ready(cx) {
                    return Poll::Ready(Ok(value));
                }
                if !ready!(self.poll_turn(cx))? {
                    return Poll::Ready(Err(self.why()));
                }
            }
        })
        .await
    }

    pub(super) async fn make_room(&mut self) -> Result<(), ConnectionError> {
        if self.endpoint.session.state() != State::Open {
            return Err(self.reason().await);
        }
        if self.endpoint.may_queue() { Ok(()) } else { self.flush().await }
    }
}
