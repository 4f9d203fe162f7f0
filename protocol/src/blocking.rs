//! The blocking connection: a session over `Read + Write`, for programs without an asynchronous runtime.
//!
//! [`connect_tcp`] and [`connect_unix`] connect; [`Connection::connect`] takes any other stream that is [`Timed`], such
//! as a serial port.
//!
//! # How often to call
//!
//! Nothing happens between calls: no keepalive is sent, no REQUEST of the peer is answered, nothing is read. A program
//! that has other work calls [`next_within`](Connection::next_within) more often than the keepalive of its own HELLO,
//! and half as long a pause leaves room for a slow line:
//!
//! | [`Hello::with_keepalive`] of this side | a PING is due after silence of | the peer ends the session (`idle`) after | call at least every |
//! |---|---|---|---|
//! | 2 s, the smallest useful value | 2 s | 4 s | 1 s |
//! | 30 s, the default | 30 s | 60 s | 15 s |
//! | 300 s | 5 min | 10 min | 2.5 min |
//! | 65,535 s, the longest | 18.2 h | 36.4 h | 9.1 h |
//! | 0: it promises nothing | never | never | any time |
//!
//! A call may be up to one keepalive late: the PING is sent by the first call after it was due, and the peer waits for
//! twice the keepalive. Whatever the keepalive, a peer that sends more than the buffers of the way between hold waits
//! for 10 s ([`Limits::write_timeout`]) and then ends the session (`slow-consumer`): read that often if it sends much.
//! A REQUEST is answered by the program, and the peer's own timeout applies.
//!
//! After a pause of more than 1 s the first call reads what has arrived before it judges the peer's silence.
//!
//! # A program that only sends
//!
//! `Read` and `Write` cannot say whether something has arrived, and a read of nothing waits for its timeout. So the calls
//! that send do not read while the stream takes what they write, except once a second: then they wait for 1 ms at most,
//! answer the peer's PINGs, and keep up to 1 MiB of messages for [`next`](Connection::next). A program that only sends
//! learns of a CLOSE, or of a peer that is silent for twice its keepalive, from the first send that is more than a second
//! later. What it sent in that second is lost; [`barrier`](Connection::barrier) says what has arrived. To know earlier,
//! call [`next_within`](Connection::next_within) with [`Duration::ZERO`], which reads for 1 ms at most.

mod answers;
mod calls;
mod clock;
#[cfg(test)]
mod model;
mod sockets;
mod timed;
mod writing;

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use crate::code::Code;
use crate::counters::Counters;
use crate::endpoint::{Batch, Endpoint};
use crate::error::ConnectionError;
use crate::hello::Hello;
use crate::message::Message;
use crate::session::{Limits, Outcome, Role, Session, State};
use answers::Answers;
use clock::{Clock, Pace};
pub use sockets::{accept_tcp, connect_tcp};
#[cfg(unix)]
pub use sockets::{accept_unix, connect_unix};
pub use timed::{Timed, TimeoutsSet};

/// The longest read or write of a stream, so that PINGs are sent in time.
const TICK: Duration = Duration::from_millis(250);

/// Interruptions in a row after which a call counts as one that timed out.
const INTERRUPTIONS: usize = 16;

/// After this long without a read, deadlines are checked only after the next read.
const AWAY: Duration = Duration::from_secs(1);

/// A session over any `Read + Write` that is [`Timed`].
///
/// The protocol runs only during calls, and deadlines are checked between reads and writes, each of which ends after
/// 250 ms at most: every constructor calls [`Timed::set_timeouts`]. Each call that sends ends within the bounds of the
/// asynchronous connection and a second more, and reads what arrives meanwhile. A stream that never waits, such as one
/// in non-blocking mode, is asked again after a pause of 1 to 16 ms.
///
/// Nothing is lost by a timeout: what has been read is kept, and what has not been written is written by the next call.
///
/// A connection belongs to one thread at a time. To send while another thread receives, use the asynchronous
/// [`Connection`](crate::Connection), or two connections.
pub struct Connection<S> {
    stream: S,
    endpoint: Endpoint,
    clock: Clock,
    pace: Pace,
    /// The timeout of the stream's reads and writes.
    read_timeout: Duration,
    unflushed: bool,
    shut: bool,
    /// The stream failed; what can still be read may hold the reason.
    failure: Option<io::Error>,
    /// When to give up writing what is left of a session that is over.
    linger: Option<Duration>,
    /// When the last read ended.
    seen: Duration,
    /// A receiving call was made after the last sending one.
    receives: bool,
    /// How long the last look at what has arrived took.
    looked_for: Duration,
    answers: Answers,
}

impl<S> fmt::Debug for Connection<S> {
    /// The session, with lengths in place of bytes. The stream is not shown: it may hold bytes too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl<S: io::Read + Write + Timed> Connection<S> {
    /// Opens a session as the side that connected, on a stream of any kind. [`connect_tcp`] and [`connect_unix`]
    /// connect one.
    ///
    /// # Errors
    /// The stream's, if it cannot set timeouts; what went wrong during the handshake, which CLOSE has reported to the
    /// peer.
    pub fn connect(stream: S, hello: Hello) -> Result<Connection<S>, ConnectionError> {
        Connection::open(stream, Role::Client, hello, Limits::default())
    }

    /// Opens a session as the side that was connected to. [`accept_tcp`] and [`accept_unix`] do so over sockets.
    ///
    /// # Errors
    /// As [`connect`](Connection::connect).
    pub fn accept(stream: S, hello: Hello) -> Result<Connection<S>, ConnectionError> {
        Connection::open(stream, Role::Server, hello, Limits::default())
    }

    /// Opens a session with limits of your own.
    ///
    /// # Errors
    /// As [`connect`](Connection::connect).
    pub fn open(stream: S, role: Role, hello: Hello, limits: Limits) -> Result<Connection<S>, ConnectionError> {
        Connection::open_at(Clock::new(), stream, role, hello, limits)
    }

    fn open_at(
        clock: Clock,
        mut stream: S,
        role: Role,
        hello: Hello,
        limits: Limits,
    ) -> Result<Connection<S>, ConnectionError> {
        stream.set_timeouts(TICK)?;
        let session = Session::new(role, hello, limits, Duration::ZERO);
        let mut connection = Connection {
            stream,
            endpoint: Endpoint::new(session, Duration::ZERO),
            clock,
            pace: Pace::default(),
            read_timeout: TICK,
            unflushed: false,
            shut: false,
            failure: None,
            linger: None,
            seen: Duration::ZERO,
            receives: true,
            looked_for: Duration::ZERO,
            answers: Answers::default(),
        };
        loop {
            connection.endpoint.greet();
            if connection.endpoint.session.state() == State::Open {
                connection.flush()?;
                return Ok(connection);
            }
            if !connection.turn(TICK)? {
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

    /// What this connection has sent and received so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.endpoint.counters()
    }

    /// The next message, borrowed until the next call; `None` once the session was closed in good order.
    /// Calling it again reports to the peer that this message has been acted on (R3.10).
    ///
    /// # Errors
    /// The reason why the session ended.
    #[expect(clippy::should_implement_trait, reason = "a message borrows from the connection; `Iterator` cannot")]
    pub fn next(&mut self) -> Result<Option<Message<'_>>, ConnectionError> {
        self.receives = true;
        let front = loop {
            if let Some(front) = self.endpoint.advance(&mut self.answers) {
                break front;
            }
            if !self.turn(TICK)? {
                return Ok(None);
            }
        };
        Ok(Some(self.endpoint.front(front)))
    }

    /// The next message, if one is there within `timeout`; with [`Duration::ZERO`], if one has arrived. A program that
    /// does other work calls this regularly: see [the module](self#how-often-to-call).
    ///
    /// ```no_run
    /// # use std::net::TcpStream;
    /// # fn blink() {}
    /// use bookend::{ConnectionError, blocking::Connection};
    /// use std::time::Duration;
    ///
    /// fn run(mut connection: Connection<TcpStream>) -> Result<(), ConnectionError> {
    ///     loop {
    ///         match connection.next_within(Duration::from_millis(20)) {
    ///             Ok(Some(message)) => println!("{message:?}"),
    ///             Ok(None) => return Ok(()),
    ///             Err(ConnectionError::Timeout) => blink(),
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`ConnectionError::Timeout`] if there is none yet: the session lives, and nothing is lost. Otherwise the reason
    /// why the session ended.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Message<'_>>, ConnectionError> {
        self.receives = true;
        let until = self.clock.now().saturating_add(timeout);
        let mut has_turned = false;
        let front = loop {
            if let Some(front) = self.endpoint.advance(&mut self.answers) {
                break front;
            }
            let remaining = until.saturating_sub(self.clock.now());
            if has_turned && remaining.is_zero() {
                return Err(ConnectionError::Timeout);
            }
            if !self.turn(remaining)? {
                return Ok(None);
            }
            has_turned = true;
        };
        Ok(Some(self.endpoint.front(front)))
    }

    /// The messages of one read, borrowed until the next call; `None` once the session was closed in good order.
    ///
    /// # Errors
    /// The reason why the session ended.
    pub fn batch(&mut self) -> Result<Option<Batch<'_>>, ConnectionError> {
        self.receives = true;
        while !self.endpoint.has_batch() {
            if !self.turn(TICK)? {
                return Ok(None);
            }
        }
        Ok(Some(self.endpoint.batch(&mut self.answers)))
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
            let give_up = self.clock.now().saturating_add(self.endpoint.session.limits().close_timeout);
            self.write_out(Duration::MAX, give_up);
        }
        self.endpoint.discard();
        self.endpoint.session.close(code, detail, self.clock.now());
        while self.turn(TICK)? {
            self.endpoint.discard();
        }
        Ok(())
    }

    /// Writes, then reads once, for no longer than `remaining`. False once the session was closed in good order.
    fn turn(&mut self, remaining: Duration) -> Result<bool, ConnectionError> {
        self.endpoint.report_end();
        let now = self.clock.now();
        // A caller that was away for a while reads what has arrived before it applies deadlines to the peer.
        if now.saturating_sub(self.seen) < AWAY {
            self.endpoint.tick(None, now);
        }
        self.wait_at_most(remaining)?;
        if !self.try_write() && self.endpoint.session.state() == State::Closed {
            let timeout = self.endpoint.session.limits().close_timeout;
            if now >= *self.linger.get_or_insert(now.saturating_add(timeout)) {
                self.endpoint.stop_writing();
            }
        }
        if self.endpoint.is_over() {
            return self.finish();
        }
        if self.read() == Read::Nothing {
            self.endpoint.rest();
        }
        self.seen = self.clock.now();
        self.pace.rest(&self.clock, now, remaining);
        Ok(true)
    }

    /// Reads once.
    fn read(&mut self) -> Read {
        let space = self.endpoint.space();
        let room = space.len();
        match uninterrupted(|| self.stream.read(space)) {
            Ok(count) => {
                self.pace.moved(count);
                self.endpoint.read(count, self.clock.now());
                if count == room { Read::Full } else { Read::Some }
            }
            Err(error) if is_tick(&error) => Read::Nothing,
            Err(error) => {
                self.endpoint.fail(&error);
                self.failure.get_or_insert(error);
                self.endpoint.read(0, self.clock.now());
                Read::Some
            }
        }
    }

    /// Sets the timeout of the stream to no more than `remaining`: to a power of two, so that it changes rarely.
    fn wait_at_most(&mut self, remaining: Duration) -> io::Result<()> {
        let wanted = match u64::try_from(remaining.as_millis()) {
            Ok(millis) if remaining < TICK => Duration::from_millis(1 << millis.max(1).ilog2()),
            _ => TICK,
        };
        if wanted != self.read_timeout {
            self.stream.set_timeouts(wanted)?;
            self.read_timeout = wanted;
        }
        Ok(())
    }

    fn finish(&self) -> Result<bool, ConnectionError> {
        ConnectionError::of_both(&self.endpoint.session, self.failure.as_ref()).map(|()| false)
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Nothing,
    /// Bytes, the end of the stream, or a failure of it.
    Some,
    /// As many bytes as there was room for.
    Full,
}

/// Repeats a call that a signal has interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..INTERRUPTIONS {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
    call()
}

fn is_tick(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
