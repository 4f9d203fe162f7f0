//! The blocking connection: a session over `Read + Write`, for programs without an asynchronous runtime.

mod answers;
mod writing;

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use crate::code::Code;
use crate::endpoint::{Batch, Endpoint};
use crate::error::{ConnectionError, Reply};
use crate::hello::Hello;
use crate::message::Message;
use crate::misuse::Misuse;
use crate::payload::Content;
use crate::session::{Limits, Outcome, Role, Session, State};
use answers::Answers;

/// The longest read or write of a `TcpStream`, so that PINGs are sent in time.
const TICK: Duration = Duration::from_millis(250);

/// After this long without a read, deadlines are checked only after the next read.
const AWAY: Duration = Duration::from_secs(1);

/// A session over any `Read + Write`.
///
/// The protocol runs only during calls. Deadlines are kept if the stream's reads return from time to time with
/// [`WouldBlock`](io::ErrorKind::WouldBlock) or [`TimedOut`](io::ErrorKind::TimedOut), as those of a `TcpStream` with
/// a read timeout do; [`connect_tcp`] and [`accept_tcp`] set one of 250 ms. They set a write timeout too: with both,
/// each call that sends ends within the bounds of the asynchronous connection and a second more, and reads what arrives
/// meanwhile. A write of a stream without a write timeout may never return.
///
/// A connection belongs to one thread at a time. To send while another thread receives, use the asynchronous
/// [`Connection`](crate::Connection), or two connections.
pub struct Connection<S> {
    stream: S,
    endpoint: Endpoint,
    start: Instant,
    unflushed: bool,
    /// Closes the sending direction, where the stream can do that.
    half_close: fn(&mut S) -> io::Result<()>,
    shut: bool,
    /// The stream failed; what can still be read may hold the reason.
    failure: Option<io::Error>,
    /// When to give up writing what is left of a session that is over.
    linger: Option<Duration>,
    /// When the last read ended.
    seen: Duration,
    answers: Answers,
}

impl<S> fmt::Debug for Connection<S> {
    /// The session, with lengths in place of bytes. The stream is not shown: it may hold bytes too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Connects by TCP and opens a session.
///
/// ```no_run
/// use bookend::{Code, ConnectionError, Hello, Message, blocking};
/// # fn main() -> Result<(), ConnectionError> {
/// let mut connection = blocking::connect_tcp("127.0.0.1:4000", Hello::new().with_name("ann")?)?;
/// connection.send("hello")?;
/// while let Some(message) = connection.next()? {
///     if let Message::Message(payload) = message {
///         println!("{}", payload.text().unwrap_or_default());
///         break;
///     }
/// }
/// connection.close(Code::NORMAL, "")?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// The stream's or the handshake's.
pub fn connect_tcp(address: impl ToSocketAddrs, hello: Hello) -> Result<Connection<TcpStream>, ConnectionError> {
    open_tcp(TcpStream::connect(address)?, Role::Client, hello)
}

/// Opens a session on a TCP stream that was accepted.
///
/// ```no_run
/// use bookend::{ConnectionError, Hello, Message, blocking};
/// # fn main() -> Result<(), ConnectionError> {
/// let listener = std::net::TcpListener::bind("127.0.0.1:4000")?;
/// let (stream, _) = listener.accept()?;
/// let mut connection = blocking::accept_tcp(stream, Hello::new())?;
/// while let Some(message) = connection.next()? {
///     if let Message::Request { id, .. } = message {
///         connection.reply(id, "42")?;
///     }
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
/// The stream's or the handshake's.
pub fn accept_tcp(stream: TcpStream, hello: Hello) -> Result<Connection<TcpStream>, ConnectionError> {
    open_tcp(stream, Role::Server, hello)
}

fn open_tcp(stream: TcpStream, role: Role, hello: Hello) -> Result<Connection<TcpStream>, ConnectionError> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TICK))?;
    stream.set_write_timeout(Some(TICK))?;
    Connection::handshake(stream, role, hello, Limits::default(), |stream| stream.shutdown(Shutdown::Write))
}

impl<S: Read + Write> Connection<S> {
    /// Opens a session as the side that connected. Over TCP use [`connect_tcp`]: deadlines are checked between reads,
    /// and a read of a stream without a read timeout may never return.
    ///
    /// # Errors
    /// What went wrong during the handshake, which CLOSE has reported to the peer.
    pub fn connect(stream: S, hello: Hello) -> Result<Connection<S>, ConnectionError> {
        Connection::open(stream, Role::Client, hello, Limits::default())
    }

    /// Opens a session as the side that was connected to. Over TCP use [`accept_tcp`], for the reason given at
    /// [`connect`](Connection::connect).
    ///
    /// # Errors
    /// As [`connect`](Connection::connect).
    pub fn accept(stream: S, hello: Hello) -> Result<Connection<S>, ConnectionError> {
        Connection::open(stream, Role::Server, hello, Limits::default())
    }

    /// Opens a session with limits of your own. `Write` cannot close the sending direction after a CLOSE: the peer
    /// waits for the end of the stream until this side drops it.
    ///
    /// # Errors
    /// As [`connect`](Connection::connect).
    pub fn open(stream: S, role: Role, hello: Hello, limits: Limits) -> Result<Connection<S>, ConnectionError> {
        Connection::handshake(stream, role, hello, limits, |_| Ok(()))
    }

    fn handshake(
        stream: S,
        role: Role,
        hello: Hello,
        limits: Limits,
        half_close: fn(&mut S) -> io::Result<()>,
    ) -> Result<Connection<S>, ConnectionError> {
        let session = Session::new(role, hello, limits, Duration::ZERO);
        let mut connection = Connection {
            stream,
            endpoint: Endpoint::new(session, Duration::ZERO),
            start: Instant::now(),
            unflushed: false,
            half_close,
            shut: false,
            failure: None,
            linger: None,
            seen: Duration::ZERO,
            answers: Answers::default(),
        };
        loop {
            connection.endpoint.greet();
            if connection.endpoint.session.state() == State::Open {
                connection.flush()?;
                return Ok(connection);
            }
            if !connection.turn()? {
                return Err(ConnectionError::of_closed(&connection.endpoint.session));
            }
        }
    }

    /// The peer's HELLO.
    #[must_use]
    pub fn peer(&self) -> &Hello {
        self.endpoint.session.peer().expect("`open` returns once the peer's HELLO has arrived")
    }

    /// Why the session ended, once it has ended.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.endpoint.session.outcome()
    }

    /// The next message, borrowed until the next call; `None` once the session was closed in good order.
    /// Calling it again reports to the peer that this message has been acted on (R3.10).
    ///
    /// # Errors
    /// The reason why the session ended.
    #[expect(clippy::should_implement_trait, reason = "a message borrows from the connection; `Iterator` cannot")]
    pub fn next(&mut self) -> Result<Option<Message<'_>>, ConnectionError> {
        let front = loop {
            if let Some(front) = self.endpoint.advance(&mut self.answers) {
                break front;
            }
            if !self.turn()? {
                return Ok(None);
            }
        };
        Ok(Some(self.endpoint.front(front)))
    }

    /// The messages of one read, borrowed until the next call; `None` once the session was closed in good order.
    ///
    /// # Errors
    /// The reason why the session ended.
    pub fn batch(&mut self) -> Result<Option<Batch<'_>>, ConnectionError> {
        while !self.endpoint.has_batch() {
            if !self.turn()? {
                return Ok(None);
            }
        }
        Ok(Some(self.endpoint.batch(&mut self.answers)))
    }

    /// Sends a MESSAGE; the stream has taken it when this returns.
    ///
    /// # Errors
    /// [`Misuse::TooLong`], [`Misuse::UnmappableText`], [`Misuse::EncodingRefused`], [`Misuse::NotOpen`]: nothing was
    /// sent and the session lives. Otherwise the reason why the session ended.
    pub fn send<'c>(&mut self, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        self.endpoint.queue(|session, out| session.message(content.into(), out))?;
        self.flush()
    }

    /// Answers a request.
    ///
    /// # Errors
    /// As [`send`](Connection::send), and [`Misuse::NoSuchRequest`].
    pub fn reply<'c>(&mut self, id: NonZeroU32, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        self.endpoint.queue(|session, out| session.reply(id, content.into(), out))?;
        self.flush()
    }

    /// Sends a POST to the member `to` of a hub's room, or to everyone if that is 0.
    ///
    /// # Errors
    /// As [`send`](Connection::send), and [`Misuse::UnknownKind`] if the peer is not a hub.
    pub fn post<'c>(&mut self, to: u32, content: impl Into<Content<'c>>) -> Result<(), ConnectionError> {
        self.endpoint.queue(|session, out| session.post(to, content.into(), out))?;
        self.flush()
    }

    /// Answers a request, or the message that was received last, with an ERROR; the connection lives (R3.19).
    ///
    /// # Errors
    /// [`Misuse::NoSuchRequest`]; otherwise the reason why the session ended.
    pub fn refuse(&mut self, id: Option<NonZeroU32>, code: Code, detail: &str) -> Result<(), ConnectionError> {
        let number = self.endpoint.number();
        match id {
            Some(id) => self.endpoint.session.refuse_request(id, code, detail)?,
            None => self.endpoint.session.refuse_frame(number, code, detail),
        }
        self.flush()
    }

    /// Sends a REQUEST and waits for its answer. Other messages that arrive meanwhile are kept for
    /// [`next`](Connection::next), up to 1 MiB of them. How exactly the timeout is kept depends on the stream: see
    /// [`connect`](Connection::connect).
    ///
    /// # Errors
    /// As [`send`](Connection::send), [`ConnectionError::Timeout`], [`ConnectionError::Backlog`], and
    /// [`ConnectionError::Refused`] if the answer is an ERROR.
    pub fn request<'c>(
        &mut self,
        content: impl Into<Content<'c>>,
        timeout: Duration,
    ) -> Result<Reply, ConnectionError> {
        let id = self.endpoint.queue(|session, out| session.request(content.into(), out))?;
        self.answers.wanted = Some(id);
        let mut waited = self.wait_until(|answers| answers.answer.is_some(), timeout);
        match &mut waited {
            Ok(()) => {}
            Err(ConnectionError::Backlog { request }) => {
                // The answer becomes a message, after those that are kept.
                *request = self.answers.wanted.take();
            }
            Err(_) => {
                self.answers.wanted = None;
                if self.endpoint.cancel(id) {
                    self.answers.cancelled.insert(id);
                }
            }
        }
        waited?;
        self.answers.answer.take().unwrap_or(Err(Misuse::NotOpen.into()))
    }

    /// Waits until the answer has arrived, and keeps the other messages.
    fn wait_until(&mut self, holds: impl Fn(&Answers) -> bool, timeout: Duration) -> Result<(), ConnectionError> {
        let since = Instant::now();
        while !holds(&self.answers) {
            if let Some(front) = self.endpoint.advance_in_buffer(&mut self.answers) {
                self.endpoint.keep(front);
                if self.endpoint.is_backlog_full() && !holds(&self.answers) {
                    return Err(ConnectionError::Backlog { request: None });
                }
            } else if !holds(&self.answers) {
                if since.elapsed() >= timeout {
                    return Err(ConnectionError::Timeout);
                }
                if !self.turn()? {
                    return Err(Misuse::NotOpen.into());
                }
            }
        }
        Ok(())
    }

    /// Waits until the peer has acted on everything that was sent before (R3.10). Other messages that arrive meanwhile
    /// are kept for [`next`](Connection::next).
    ///
    /// # Errors
    /// [`ConnectionError::Timeout`], [`ConnectionError::Backlog`]; otherwise the reason why the session ended.
    pub fn barrier(&mut self, timeout: Duration) -> Result<(), ConnectionError> {
        let ordinal = self.endpoint.barrier()?;
        self.wait_until(|answers| answers.reached >= Some(ordinal), timeout)
    }

    /// Writes what waits to be sent, sends CLOSE, and waits until the peer has closed too. Each of
    /// these ends after [`Limits::close_timeout`], 2 s by default.
    ///
    /// The reason that is sent is the code's name and `detail`, which may be empty.
    ///
    /// # Errors
    /// Why the session had ended before, unless it was closed in good order.
    pub fn close(&mut self, code: Code, detail: &str) -> Result<(), ConnectionError> {
        if self.endpoint.session.state() == State::Open {
            let give_up = self.start.elapsed().saturating_add(self.endpoint.session.limits().close_timeout);
            self.write_out(Duration::MAX, give_up);
        }
        self.endpoint.discard();
        self.endpoint.session.close(code, detail, self.start.elapsed());
        while self.turn()? {
            self.endpoint.discard();
        }
        Ok(())
    }

    /// Writes, then reads once. False once the session was closed in good order.
    fn turn(&mut self) -> Result<bool, ConnectionError> {
        self.endpoint.report_end();
        let now = self.start.elapsed();
        // A caller that was away for a while reads what has arrived before it applies deadlines to the peer.
        if now.saturating_sub(self.seen) < AWAY {
            self.endpoint.tick(None, now);
        }
        if !self.try_write() && self.endpoint.session.state() == State::Closed {
            let timeout = self.endpoint.session.limits().close_timeout;
            if now >= *self.linger.get_or_insert(now.saturating_add(timeout)) {
                self.endpoint.stop_writing();
            }
        }
        if self.endpoint.is_over() {
            return self.finish();
        }
        match self.stream.read(self.endpoint.space()) {
            Ok(count) => self.endpoint.read(count, self.start.elapsed()),
            Err(error) if is_tick(&error) => self.endpoint.rest(),
            Err(error) => {
                self.failure.get_or_insert(error);
                self.endpoint.stop_writing();
                self.endpoint.read(0, self.start.elapsed());
            }
        }
        self.seen = self.start.elapsed();
        Ok(true)
    }

    fn finish(&mut self) -> Result<bool, ConnectionError> {
        ConnectionError::of_both(&self.endpoint.session, self.failure.as_ref()).map(|()| false)
    }
}

fn is_tick(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
