//! The asynchronous connection: a [`Session`](crate::Session) that owns a stream (feature `tokio`).

mod handle;
mod waiting;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::code::Code;
use crate::endpoint::{Batch, Endpoint};
use crate::error::{ConnectionError, Reply};
use crate::hello::Hello;
use crate::message::Message;
use crate::misuse::Misuse;
use crate::payload::Content;
use crate::session::{Limits, Outcome, Role, Session, State};
use core::num::NonZeroU32;
pub use handle::Handle;
use handle::{COMMANDS, Command};
use waiting::Waiting;

/// Later than anybody waits.
const NEVER: Duration = Duration::from_secs(1 << 30);

/// A session over any `AsyncRead + AsyncWrite`.
///
/// It spawns nothing: the protocol goes on while one of its futures is polled, so keep one of them running, usually
/// [`next`](Connection::next) in a loop. Other tasks send through a [`Handle`]. All of them are cancel-safe: no byte
/// that was read is lost, and a frame that was begun is finished by the next call.
///
/// ```
/// # use bookend::{Connection, ConnectionError, Hello, Message};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
/// # let (near, far) = tokio::io::duplex(1 << 16);
/// # let peer = tokio::spawn(async move {
/// #     let mut peer = Connection::accept(far, Hello::new()).await?;
/// #     while let Some(message) = peer.next().await? {
/// #         if let Message::Request { id, .. } = message { peer.reply(id, "noon").await? }
/// #     }
/// #     Ok::<(), ConnectionError>(())
/// # });
/// let mut connection = Connection::connect(near, Hello::new()).await?;
/// connection.send("hello").await?;
/// let reply = connection.request("time?", std::time::Duration::from_secs(5)).await?;
/// assert_eq!(reply.text(), Some("noon"));
/// connection.close(bookend::Code::NORMAL, "").await?;
/// # peer.await.unwrap() }
/// ```
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    endpoint: Endpoint,
    waiting: Waiting,
    commands: mpsc::Receiver<Command>,
    handle: Handle,
    /// The moment that the session's time counts from.
    start: Instant,
    timer: Pin<Box<Sleep>>,
    /// What was written has not been flushed.
    unflushed: bool,
    /// The sending direction has been closed.
    shut: bool,
    /// The stream failed; what can still be read may say why.
    failure: Option<io::Error>,
    /// When what is left to write of a session that is over is given up.
    linger: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Opens a session as the side that connected, once the server's HELLO has come.
    ///
    /// # Errors
    /// What went wrong during the handshake; the peer has been told.
    pub async fn connect(stream: S, hello: Hello) -> Result<Connection<S>, ConnectionError> {
        Connection::open(stream, Role::Client, hello, Limits::default()).await
    }

    /// Opens a session as the side that was connected to, once the client's HELLO has come.
    ///
    /// # Errors
    /// As [`connect`](Connection::connect).
    pub async fn accept(stream: S, hello: Hello) -> Result<Connection<S>, ConnectionError> {
        Connection::open(stream, Role::Server, hello, Limits::default()).await
    }

    /// Opens a session with limits of your own.
    ///
    /// # Errors
    /// As [`connect`](Connection::connect).
    pub async fn open(stream: S, role: Role, hello: Hello, limits: Limits) -> Result<Connection<S>, ConnectionError> {
        let start = Instant::now();
        let session = Session::new(role, hello, limits, Duration::ZERO);
        let (sender, commands) = mpsc::channel(COMMANDS);
        let first = session.deadline().unwrap_or_default();
        let mut connection = Connection {
            stream,
            endpoint: Endpoint::new(session, Duration::ZERO),
            waiting: Waiting::default(),
            commands,
            handle: Handle::new(sender),
            start,
            timer: Box::pin(sleep_until(start.checked_add(first).unwrap_or(start + NEVER))),
            unflushed: false,
            shut: false,
            failure: None,
            linger: None,
        };
        poll_fn(|cx| connection.poll_open(cx)).await?;
        Ok(connection)
    }

    /// What the peer said of itself.
    #[must_use]
    pub fn peer(&self) -> &Hello {
        self.endpoint.session.peer().expect("`open` returns once the peer's HELLO has come")
    }

    /// The session, to look at.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.endpoint.session
    }

    /// Why the session ended, once it has.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.endpoint.session.outcome()
    }

    /// How many frames of the peer were refused, as bad text or in an encoding that was not accepted.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.endpoint.refused
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// A way for other tasks to send while this one is in [`next`](Connection::next) or [`batch`](Connection::batch).
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    // ---- receiving

    /// The next message, borrowed until the next call; `None` once the session was closed in good order.
    /// By calling again you say that you have acted on it (R3.10).
    ///
    /// # Errors
    /// Why the session ended.
    #[expect(clippy::should_implement_trait, reason = "a message borrows from the connection; `Iterator` cannot")]
    #[inline]
    pub fn next(&mut self) -> Next<'_, S> {
        Next { connection: Some(self) }
    }

    /// The messages of what one read brought, borrowed until the next call; `None` once the session was closed in
    /// good order. The fastest way to receive.
    ///
    /// # Errors
    /// Why the session ended.
    pub async fn batch(&mut self) -> Result<Option<Batch<'_>>, ConnectionError> {
        while !self.endpoint.has_batch() {
            if !self.turn().await? {
                return Ok(None);
            }
        }
        Ok(Some(self.endpoint.batch(&mut self.waiting)))
    }

    // ---- sending

    /// Sends a MESSAGE: it has been given to the stream when this returns.
    ///
    /// # Errors
    /// [`Misuse::TooLong`], [`Misuse::UnmappableText`], [`Misuse::EncodingRefused`], [`Misuse::NotOpen`]: nothing was
    /// sent and the session lives. Else why the session ended.
    pub async fn send(&mut self, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        self.make_room().await?;
        self.queue(content)?;
        self.flush().await
    }

    /// Appends a MESSAGE to what the next [`flush`](Connection::flush), [`next`](Connection::next) or other call
    /// sends, without waiting: the fastest way to send many. Flush while [`is_full`](Connection::is_full).
    ///
    /// # Errors
    /// [`Misuse::TooLong`], [`Misuse::UnmappableText`], [`Misuse::EncodingRefused`], [`Misuse::NotOpen`]: nothing was
    /// queued and the session lives.
    #[inline]
    pub fn queue<'c>(&mut self, content: impl Into<Content<'c>>) -> Result<(), Misuse> {
        let (session, out) = self.endpoint.outgoing();
        session.message(content.into(), out)
    }

    /// Appends a POST as [`queue`](Connection::queue) does a MESSAGE.
    ///
    /// # Errors
    /// As [`queue`](Connection::queue), and [`Misuse::UnknownKind`] if the peer is not a hub.
    pub fn queue_post<'c>(&mut self, to: u32, content: impl Into<Content<'c>>) -> Result<(), Misuse> {
        let (session, out) = self.endpoint.outgoing();
        session.post(to, content.into(), out)
    }

    /// Do 64 KiB or more wait to be sent?
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.endpoint.may_queue()
    }

    /// Answers a request.
    ///
    /// # Errors
    /// As [`send`](Connection::send), and [`Misuse::NoSuchRequest`].
    pub async fn reply(&mut self, id: NonZeroU32, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        self.make_room().await?;
        let (session, out) = self.endpoint.outgoing();
        session.reply(id, content.into(), out)?;
        self.flush().await
    }

    /// Sends a POST to the member `to` of a hub's room, or to everyone if that is 0.
    ///
    /// # Errors
    /// As [`send`](Connection::send), and [`Misuse::UnknownKind`] if the peer is not a hub.
    pub async fn post(&mut self, to: u32, content: impl Into<Content<'_>>) -> Result<(), ConnectionError> {
        self.make_room().await?;
        self.queue_post(to, content)?;
        self.flush().await
    }

    /// Answers a request, or the message that was received last, by an ERROR; the connection lives (R3.19).
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`]; else why the session ended.
    pub async fn refuse(&mut self, id: Option<NonZeroU32>, code: Code, detail: &str) -> Result<(), ConnectionError> {
        let number = self.endpoint.number();
        match id {
            Some(id) => self.endpoint.session.refuse_request(id, code, detail)?,
            None => self.endpoint.session.refuse_frame(number, code, detail),
        }
        self.flush().await
    }

    /// Sends a REQUEST and waits for its answer. Other messages that come meanwhile are kept for
    /// [`next`](Connection::next), up to 1 MiB of them. For several requests at a time use [`Handle::request`].
    ///
    /// # Errors
    /// As [`send`](Connection::send), [`ConnectionError::Timeout`], [`ConnectionError::Backlog`], and
    /// [`ConnectionError::Refused`] if the answer is an ERROR.
    pub async fn request(
        &mut self,
        content: impl Into<Content<'_>>,
        timeout: Duration,
    ) -> Result<Reply, ConnectionError> {
        self.make_room().await?;
        for id in self.waiting.abandoned() {
            self.endpoint.session.forget(id);
        }
        let (session, out) = self.endpoint.outgoing();
        let id = session.request(content.into(), out)?;
        let answer = self.waiting.expect(id);
        match tokio::time::timeout(timeout, self.answered(answer)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.waiting.forget(id);
                self.endpoint.session.forget(id);
                Err(ConnectionError::Timeout)
            }
        }
    }

    /// Waits until the peer has acted on everything that was sent or queued before (R3.10). Other messages that come
    /// meanwhile are kept for [`next`](Connection::next), up to 1 MiB of them; the peer's own barriers wait until those
    /// have been taken.
    ///
    /// # Errors
    /// [`ConnectionError::Timeout`], [`ConnectionError::Backlog`]; else why the session ended.
    pub async fn barrier(&mut self, timeout: Duration) -> Result<(), ConnectionError> {
        let (sender, answer) = oneshot::channel();
        self.waiting.barrier(sender, &mut self.endpoint)?;
        tokio::time::timeout(timeout, self.answered(answer)).await.unwrap_or(Err(ConnectionError::Timeout))
    }

    /// Keeps the connection going until somebody has given the answer.
    async fn answered<T>(
        &mut self,
        mut answer: oneshot::Receiver<Result<T, ConnectionError>>,
    ) -> Result<T, ConnectionError> {
        loop {
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
            match self.endpoint.advance_in_buffer(&mut self.waiting) {
                Some(length) => {
                    self.endpoint.keep(length);
                    if self.endpoint.is_backlog_full() {
                        return Err(ConnectionError::Backlog);
                    }
                }
                None if !answer.is_empty() => {}
                None => {
                    if !self.turn().await? {
                        return Err(Misuse::NotOpen.into());
                    }
                }
            }
        }
    }

    /// Writes everything that waits to be sent.
    ///
    /// # Errors
    /// Why the session ended.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        poll_fn(|cx| self.poll_flush(cx)).await;
        if self.failure.is_none() && self.endpoint.session.state() != State::Closed {
            return Ok(());
        }
        // What can still be read may say why, if it comes soon.
        let (_sender, never) = oneshot::channel::<Result<(), ConnectionError>>();
        match tokio::time::timeout(self.endpoint.session.close_timeout(), self.answered(never)).await {
            Ok(Err(ConnectionError::Backlog)) | Err(_) => self.finish().and(Err(Misuse::NotOpen.into())),
            Ok(ended) => ended,
        }
    }

    /// Writes what waits to be sent, sends CLOSE, and waits until the peer has closed too, or for 2 s.
    /// The reason that is sent is the code's name and `detail`, which may be empty.
    ///
    /// # Errors
    /// The session had ended before, and not in good order.
    pub async fn close(&mut self, code: Code, detail: &str) -> Result<(), ConnectionError> {
        let patience = self.endpoint.session.close_timeout();
        if let Ok(written) = tokio::time::timeout(patience, self.flush()).await {
            written?;
        }
        self.endpoint.discard();
        self.endpoint.session.close(code, detail, self.start.elapsed());
        while self.turn().await? {
            self.endpoint.discard();
        }
        Ok(())
    }

    // ---- the turn of the wheel

    async fn make_room(&mut self) -> Result<(), ConnectionError> {
        if self.endpoint.may_queue() { Ok(()) } else { self.flush().await }
    }

    /// Writes, waits, reads: until something has come in. False once the session was closed in good order.
    async fn turn(&mut self) -> Result<bool, ConnectionError> {
        poll_fn(|cx| self.poll_turn(cx)).await
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        loop {
            self.endpoint.greet();
            if self.endpoint.session.state() == State::Open {
                // The server's own HELLO; if it cannot be written, the next call tells why.
                return self.poll_write(cx).map(Ok);
            }
            if !ready!(self.poll_turn(cx))? {
                return Poll::Ready(Err(ConnectionError::of_unopened(&self.endpoint.session)));
            }
        }
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, ConnectionError>> {
        self.endpoint.now = self.start.elapsed();
        self.endpoint.tell_end();
        // Commands wait while much is to be written, so what has been written makes room for more of them.
        while self.poll_commands(cx) && self.poll_write(cx).is_ready() {}
        // Pending or not, reading goes on: the peer may be waiting for that.
        let written = self.poll_write(cx);
        if self.endpoint.session.state() == State::Closed && written.is_pending() && self.poll_linger(cx).is_pending() {
            return Poll::Pending;
        }
        if self.endpoint.is_over() {
            return Poll::Ready(self.finish().map(|()| false));
        }
        if self.endpoint.may_read() {
            if self.poll_read(cx).is_ready() {
                return Poll::Ready(Ok(true));
            }
            self.endpoint.rest();
        }
        // Only now: a peer is not late whose bytes have come.
        self.poll_timer(cx).map(|()| Ok(true))
    }

    /// Writes everything; what comes meanwhile is read too, as the peer may be waiting for that, up to 1 MiB.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.poll_write(cx).is_ready() || self.endpoint.session.state() == State::Closed {
                return Poll::Ready(());
            }
            if self.endpoint.may_read_ahead() && self.poll_read(cx).is_ready() {
                continue;
            }
            // What has been read and not been judged may be the sign of life that is due.
            if self.endpoint.has_unjudged() || self.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Over, but for what the peer does not read: it has as long for that as for a CLOSE.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = *self.linger.get_or_insert_with(|| Instant::now() + self.endpoint.session.close_timeout());
        if until != self.timer.deadline() {
            self.timer.as_mut().reset(until);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.endpoint.stop_writing();
        Poll::Ready(())
    }

    /// Reads once. A stream that fails has ended, and takes nothing any more.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = ReadBuf::new(self.endpoint.space());
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space));
        let mut count = space.filled().len();
        if let Err(error) = read {
            count = 0;
            self.failure.get_or_insert(error);
            self.endpoint.stop_writing();
        }
        self.endpoint.read(count, self.start.elapsed());
        Poll::Ready(())
    }

    /// Writes everything there is, and closes the sending direction behind a CLOSE. An error ends all writing.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.failure.is_none()
            && let Err(error) = ready!(self.poll_write_all(cx))
        {
            self.failure = Some(error);
            self.endpoint.stop_writing();
        }
        Poll::Ready(())
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let bytes = self.endpoint.unwritten();
            if bytes.is_empty() {
                break;
            }
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.endpoint.wrote(count, self.start.elapsed());
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        if !self.shut && self.endpoint.is_done_writing() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.shut = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Carries commands out. True if more may be waiting behind what is to be written.
    fn poll_commands(&mut self, cx: &mut Context<'_>) -> bool {
        while self.endpoint.session.state() == State::Open && !self.endpoint.is_closing_behind() {
            if !self.endpoint.may_queue() {
                return true;
            }
            let Poll::Ready(Some(command)) = self.commands.poll_recv(cx) else { break };
            command.carry_out(&mut self.endpoint, &mut self.waiting);
        }
        false
    }

    /// Does what is due. Ready if that may have changed the state.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = self.endpoint.session.deadline().and_then(|deadline| self.start.checked_add(deadline));
            let Some(deadline) = deadline else { return Poll::Pending };
            // A timer that fires too early costs less than one that is set anew for each read.
            if deadline < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(cx));
            self.endpoint.on_time(self.start.elapsed());
            if self.endpoint.session.state() == State::Closed {
                self.endpoint.stop_writing(); // the time for that is over too
                return Poll::Ready(());
            }
            if self.endpoint.session.has_output() {
                return Poll::Ready(());
            }
        }
    }

    /// The session is over: how? Nobody gets an answer any more.
    fn finish(&mut self) -> Result<(), ConnectionError> {
        let outcome = ConnectionError::of_both(&self.endpoint.session, self.failure.as_ref());
        self.waiting.fail(outcome.as_ref().err().unwrap_or(&Misuse::NotOpen.into()));
        self.commands.close();
        while self.commands.try_recv().is_ok() {}
        outcome
    }
}

/// The future of [`Connection::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Next<'a, S> {
    /// Given away with the message, which borrows from it.
    connection: Option<&'a mut Connection<S>>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Future for Next<'a, S> {
    type Output = Result<Option<Message<'a>>, ConnectionError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let connection = self.connection.take().expect("not polled after it was ready");
        loop {
            if let Some(front) = connection.endpoint.advance(&mut connection.waiting) {
                return Poll::Ready(Ok(Some(connection.endpoint.front(front))));
            }
            match connection.poll_turn(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.connection = Some(connection);
                    return Poll::Pending;
                }
            }
        }
    }
}
