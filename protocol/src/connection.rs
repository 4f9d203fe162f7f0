//! The asynchronous connection: a [`Session`](crate::Session) that owns a stream (feature `tokio`).

mod asking;
mod commands;
mod handle;
mod inbox;
mod next;
mod outbox;
mod owned;
mod parts;
mod payload;
mod request;
mod sending;
mod serve;
#[cfg(feature = "tower")]
mod service;
mod split;
mod stream;
mod tasks;
mod turn;
mod waiting;

use core::fmt;
use core::num::NonZeroU32;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::code::Code;
use crate::counters::Counters;
use crate::endpoint::{Batch, Endpoint};
use crate::error::ConnectionError;
use crate::fault::Fault;
use crate::hello::Hello;
use crate::message::Message;
use crate::misuse::Misuse;
use crate::session::{Limits, Outcome, Role, Session};
pub use handle::{Handle, Permit};
pub use next::{Next, NextEvent};
pub use owned::{OtherMessage, OwnedMessage};
pub use parts::Parts;
pub use payload::OwnedPayload;
pub use request::{Guard, Request};
pub use sending::Reserved;
pub use serve::{Refused, Serve};
#[cfg(feature = "tower")]
pub use service::HandleService;
pub use split::{Driver, Receiver};
use turn::{Arrival, Flush};
use waiting::Waiting;

/// What [`Connection::event`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A message; the answer to a queued request is one, with the request's id.
    Message(Message<'a>),
    /// The peer has acted on every queued frame whose ordinal is smaller ([`Connection::queue_barrier`]).
    Barrier(u64),
    /// The answer to a queued request arrived and is not legal text.
    Unreadable {
        /// The request's id.
        id: NonZeroU32,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// Later than any deadline.
const NEVER: Duration = Duration::from_secs(1 << 30);

/// A session over any `AsyncRead + AsyncWrite`.
///
/// It spawns nothing: the protocol, with its keepalive and timeouts, runs while one of its futures is polled. So keep
/// one running, usually [`next`](Connection::next) in a loop; other tasks send through a [`Handle`]. Or give it to a
/// task: [`split`](Connection::split) separates receiving and sending from what must be polled, and
/// [`serve`](Connection::serve) answers requests. End with [`close`](Connection::close): if the connection is dropped
/// instead, the peer reports a stream without a CLOSE.
///
/// A [`ConnectionError::Misuse`] other than `NotOpen` leaves the session open; any other error of a receiving call means
/// that it has ended.
///
/// # Cancellation
///
/// All futures are cancel-safe: no byte that was read is lost, and the next call completes a frame that was begun. A
/// call that sends and is cancelled has sent nothing or will send the whole message;
/// [`reserve`](Connection::reserve) is for a caller that must know which. The peer is told that a cancelled request needs
/// no answer.
///
/// # Memory
///
/// A connection that waits for its peer keeps about 1 KiB of buffers. The memory to read into and to write from is lent,
/// by turns, to the connections of a thread, and is not cleared in between: up to four pieces of 128 KiB for each use hold
/// what was received and sent last, perhaps a token. Only what the stream has read since is used, so no peer and no
/// message ever shows the bytes of another connection. The stream itself is given the memory as it is: an [`AsyncRead`]
/// that is not trusted with the bytes of other connections, or that reports bytes which it did not write, needs a thread
/// of its own. The same holds for [`blocking::Connection`](crate::blocking::Connection).
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
pub struct Connection<S> {
    stream: S,
    endpoint: Endpoint,
    waiting: Waiting,
    /// Room that other tasks have taken for what is being written.
    owed: usize,
    /// A receiving call was made after the last sending one.
    receives: bool,
    /// The stream wakes this, and no task.
    arrival: Option<Arc<Arrival>>,
    /// Frames with a smaller ordinal must have been written by then.
    written_by: Option<(u64, Duration)>,
    /// The flush of a [`Sink`](futures_sink::Sink) in progress.
    flushing: Option<Flush>,
    /// The [`Stream`](futures_core::Stream) has reported the error that ended the session.
    has_failed: bool,
    /// When a shutdown sends CLOSE at the latest, and with which code.
    drained_by: Option<(Duration, Code)>,
    /// The moment from which the session's time counts.
    start: Instant,
    timer: Pin<Box<Sleep>>,
    /// What was written has not been flushed.
    unflushed: bool,
    /// The sending direction has been closed.
    shut: bool,
    /// The stream failed; what can still be read may hold the reason.
    failure: Option<io::Error>,
    /// When to stop writing the rest of a session that has ended.
    linger: Option<Instant>,
}

impl<S> fmt::Debug for Connection<S> {
    /// The session, with lengths in place of bytes. The stream is not shown: it may hold bytes too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("endpoint", &self.endpoint)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Opens a session as the side that connected, once the server's HELLO has arrived.
    ///
    /// ```no_run
    /// # use bookend::{Connection, ConnectionError, Hello};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// let stream = tokio::net::TcpStream::connect("127.0.0.1:4000").await?;
    /// let connection = Connection::connect(stream, Hello::new().with_name("ann")?).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What went wrong during the handshake, which CLOSE has reported to the peer.
    pub async fn connect(stream: S, hello: Hello) -> Result<Connection<S>, ConnectionError> {
        Connection::open(stream, Role::Client, hello, Limits::default()).await
    }

    /// Opens a session as the side that was connected to, once the client's HELLO has arrived.
    ///
    /// ```no_run
    /// # use bookend::{Connection, ConnectionError, Hello};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:4000").await?;
    /// let (stream, _) = listener.accept().await?;
    /// let connection = Connection::accept(stream, Hello::new()).await?;
    /// println!("{} connected", connection.peer().name().unwrap_or("a nameless client"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`connect`](Connection::connect).
    pub async fn accept(stream: S, hello: Hello) -> Result<Connection<S>, ConnectionError> {
        Connection::open(stream, Role::Server, hello, Limits::default()).await
    }

    /// Opens a session as either side with limits of your own. Ends within [`hello_timeout`](Limits::hello_timeout) and
    /// [`write_timeout`](Limits::write_timeout), and three times [`close_timeout`](Limits::close_timeout) if it fails.
    ///
    /// # Errors
    /// As [`connect`](Connection::connect).
    pub async fn open(stream: S, role: Role, hello: Hello, limits: Limits) -> Result<Connection<S>, ConnectionError> {
        let start = Instant::now();
        let session = Session::new(role, hello, limits, Duration::ZERO);
        let first = session.deadline().unwrap_or_default();
        let mut connection = Connection {
            stream,
            endpoint: Endpoint::new(session, Duration::ZERO),
            waiting: Waiting::new(),
            owed: 0,
            receives: true,
            arrival: None,
            written_by: None,
            flushing: None,
            has_failed: false,
            drained_by: None,
            start,
            timer: Box::pin(sleep_until(start.checked_add(first).unwrap_or(start + NEVER))),
            unflushed: false,
            shut: false,
            failure: None,
            linger: None,
        };
        let vectored = connection.stream.is_write_vectored();
        connection.endpoint.set_vectored(vectored);
        poll_fn(|cx| connection.poll_open(cx)).await?;
        connection.waiting.outbox.open(&connection.endpoint.session);
        // The server's own HELLO; if it cannot be written, the next call reports why.
        connection.write_out().await;
        Ok(connection)
    }

    /// From now on, messages of private kinds are received as [`Message::Private`], because the applications of both
    /// sides have agreed on them; before that they are ignored (R3.28).
    ///
    /// ```
    /// # use bookend::{Connection, ConnectionError, Hello, Message, PrivateKind};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    /// # let (mut sender, mut receiver) = (near?, far?);
    /// const POSITION: PrivateKind = PrivateKind::new(0xC0).unwrap();
    ///
    /// receiver.agree_on_private_kinds();
    /// sender.send_private(POSITION, &[48, 16]).await?;
    /// let Some(Message::Private { kind: POSITION, payload }) = receiver.next().await? else { panic!() };
    /// assert_eq!(payload.as_bytes(), [48, 16]);
    /// # Ok(()) }
    /// ```
    pub fn agree_on_private_kinds(&mut self) {
        self.endpoint.session.agree_on_private_kinds();
    }

    /// The peer's HELLO.
    #[must_use]
    pub fn peer(&self) -> &Hello {
        self.endpoint.session.peer().expect("`open` returns once the peer's HELLO has arrived")
    }

    /// The session, for its getters.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.endpoint.session
    }

    /// Why the session ended, once it has ended.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.endpoint.session.outcome()
    }

    /// How many frames of the peer were refused, because of bad text or an encoding that this side does not accept.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.endpoint.account.refused
    }

    /// What this connection has sent and received so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.endpoint.counters()
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// A way for other tasks to send while this one is in [`next`](Connection::next) or [`batch`](Connection::batch).
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.waiting.outbox.count(self.endpoint.counters());
        Handle::new(Arc::clone(&self.waiting.outbox))
    }

    /// A guard for the request of this id, which [`next`](Connection::next) has returned: it answers from any task.
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`] if the request is not unanswered.
    pub fn guard(&self, id: NonZeroU32) -> Result<Guard, Misuse> {
        let frame = self.waiting.outbox.frame_of(id)?;
        Ok(Guard::new(Arc::clone(&self.waiting.outbox), id, frame))
    }

    /// The next message, borrowed until the next call; `None` once the session was closed in good order.
    /// Calling it again reports to the peer that this message has been acted on (R3.10).
    ///
    /// Waits as long as the peer keeps its promise of a sign of life; a peer whose keepalive is 0 promises none, and may
    /// be waited for without end.
    ///
    /// ```
    /// # use bookend::{Connection, ConnectionError, Hello, Message};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let peer = tokio::spawn(async move {
    /// #     let mut peer = Connection::connect(far, Hello::new()).await?;
    /// #     peer.send("hi").await?;
    /// #     peer.close(bookend::Code::NORMAL, "").await
    /// # });
    /// # let mut connection = Connection::accept(near, Hello::new()).await?;
    /// while let Some(message) = connection.next().await? {
    ///     if let Message::Message(payload) = message {
    ///         assert_eq!(payload.text().as_deref(), Some("hi"));
    ///     }
    /// }
    /// # peer.await.unwrap() }
    /// ```
    ///
    /// # Errors
    /// The reason why the session ended.
    #[expect(clippy::should_implement_trait, reason = "a message borrows from the connection; `Iterator` cannot")]
    #[inline]
    pub fn next(&mut self) -> Next<'_, S> {
        Next { connection: Some(self) }
    }

    /// The next message or other event, borrowed until the next call; `None` once the session was closed in good
    /// order. Takes the place of [`next`](Connection::next) for a task that owns the connection and waits for several
    /// things at a time: it queues requests and barriers, and their answers arrive here, in order with the messages.
    ///
    /// ```
    /// # use bookend::{Connection, ConnectionError, Event, Hello, Message};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let peer = tokio::spawn(async move {
    /// #     let mut peer = Connection::accept(far, Hello::new()).await?;
    /// #     while peer.next().await?.is_some() {}
    /// #     Ok::<(), ConnectionError>(())
    /// # });
    /// # let mut connection = Connection::connect(near, Hello::new()).await?;
    /// let sent = connection.queue("is this acted on?")?;
    /// connection.queue_barrier()?;
    /// while let Some(event) = connection.event().await? {
    ///     if let Event::Barrier(before) = event {
    ///         assert!(sent < before, "yes, it is");
    ///         break;
    ///     }
    /// }
    /// # connection.close(bookend::Code::NORMAL, "").await?; peer.await.unwrap() }
    /// ```
    ///
    /// # Errors
    /// The reason why the session ended.
    pub fn event(&mut self) -> NextEvent<'_, S> {
        NextEvent { connection: Some(self) }
    }

    /// The messages of one read, borrowed until the next call; `None` once the session was closed in good order. The
    /// fastest way to receive.
    ///
    /// # Errors
    /// The reason why the session ended.
    pub async fn batch(&mut self) -> Result<Option<Batch<'_>>, ConnectionError> {
        self.receives = true;
        while !self.endpoint.has_batch() {
            if !self.turn().await? {
                return Ok(None);
            }
        }
        Ok(Some(self.endpoint.batch(&mut self.waiting)))
    }
}
