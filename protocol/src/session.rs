//! The session: the whole protocol on one connection, without a socket and without a clock (SPEC 7).
//!
//! Input is bytes and times; output is messages and bytes to write. A time is a [`Duration`] since a moment of your
//! choice, the same for all calls of a session. The driver, which owns the stream and the clock, is yours;
//! [`Connection`](crate::Connection) and [`blocking::Connection`](crate::blocking::Connection) are two.
//!
//! # Methods
//!
//! | group | methods |
//! |---|---|
//! | getters | [`state`], [`outcome`], [`peer`], [`local`], [`role`], [`hub_profile`], [`preamble`], [`frame_number`], [`diagnosis`], [`awaits_evidence`](Session::awaits_evidence) |
//! | input: what happened | [`receive`], [`not_reading`](Session::not_reading), [`end_of_stream`], [`tick`], [`wrote`], [`explain`] |
//! | the application's calls | [`message`], [`request`], [`reply`], [`post`], [`private`](Session::private), [`agree_on_private_kinds`](Session::agree_on_private_kinds), [`encode`], [`refuse_frame`], [`refuse_request`], [`cancel`], [`hold_pongs_from`](Session::hold_pongs_from), [`holds_pong`](Session::holds_pong), [`close`] |
//! | output: what to do next | [`take_output`], [`has_output`], [`output_length`], [`deadline`] |
//!
//! [`state`]: Session::state
//! [`outcome`]: Session::outcome
//! [`peer`]: Session::peer
//! [`local`]: Session::local
//! [`role`]: Session::role
//! [`hub_profile`]: Session::hub_profile
//! [`preamble`]: Session::preamble
//! [`frame_number`]: Session::frame_number
//! [`diagnosis`]: Session::diagnosis
//! [`receive`]: Session::receive
//! [`end_of_stream`]: Session::end_of_stream
//! [`tick`]: Session::tick
//! [`wrote`]: Session::wrote
//! [`explain`]: Session::explain
//! [`message`]: Session::message
//! [`request`]: Session::request
//! [`reply`]: Session::reply
//! [`post`]: Session::post
//! [`encode`]: Session::encode
//! [`refuse_frame`]: Session::refuse_frame
//! [`refuse_request`]: Session::refuse_request
//! [`cancel`]: Session::cancel
//! [`close`]: Session::close
//! [`take_output`]: Session::take_output
//! [`has_output`]: Session::has_output
//! [`output_length`]: Session::output_length
//! [`deadline`]: Session::deadline
//!
//! # Order of calls
//!
//! 1. [`Session::new`] starts the session. A client's HELLO is output at once.
//! 2. After a read, call [`receive`] with all bytes not yet used until it returns [`Step::More`]. Keep what it leaves,
//!    and append the next read to it. At the end of the stream call [`end_of_stream`] instead.
//! 3. When [`deadline`] has passed and nothing else has happened, call [`tick`]. Handle a read that is ready first: a
//!    peer whose bytes have arrived is not late.
//! 4. If the state is [`State::Closing`] or [`State::Closed`] after one of these, call [`explain`], so that CLOSE can
//!    name the likely mistake.
//! 5. After every call, [`take_output`] gives whole frames to write. Write them before messages that wait,
//!    but never into the middle of a frame. Report each write with [`wrote`].
//! 6. Drop the stream once the state is [`State::Closed`] and all output is written; [`outcome`] holds the reason.
//!
//! The peers in other languages have the same shape: start, receive, end of stream, tick; the results are actions.
//!
//! # Example
//!
//! A driver for a stream that is a pair of buffers:
//!
//! ```
//! use bookend::{Hello, Limits, Message, Misuse, Role, Session, State, Step};
//! use std::time::Duration;
//!
//! struct Driver {
//!     session: Session,
//!     /// What was read and not yet used.
//!     input: Vec<u8>,
//! }
//!
//! impl Driver {
//!     fn new(role: Role) -> Driver {
//!         Driver { session: Session::new(role, Hello::new(), Limits::default(), Duration::ZERO), input: Vec::new() }
//!     }
//!
//!     /// Reads from `wire`, handles each message, and returns what to write.
//!     fn turn(&mut self, wire: &[u8], now: Duration, mut each: impl FnMut(Message<'_>)) -> Vec<u8> {
//!         self.input.extend_from_slice(wire);
//!         let mut rest = &self.input[..];
//!         loop {
//!             let unused = rest;
//!             match self.session.receive(&mut rest, now) {
//!                 Step::Message(message) => each(message),
//!                 Step::More => break,
//!                 _ => {}
//!             }
//!             if self.session.state() != State::Open {
//!                 self.session.explain(&[], unused);
//!             }
//!         }
//!         let used = self.input.len() - rest.len();
//!         self.input.drain(..used);
//!         if self.session.deadline().is_some_and(|deadline| now >= deadline) {
//!             self.session.tick(now);
//!         }
//!         let mut out = Vec::new();
//!         self.session.take_output(&mut out);
//!         self.session.wrote(now);
//!         out
//!     }
//! }
//!
//! let now = Duration::from_millis(5);
//! let (mut client, mut server) = (Driver::new(Role::Client), Driver::new(Role::Server));
//! let hello = client.turn(b"", now, |_| ());
//! let hello = server.turn(&hello, now, |_| ());
//! let mut wire = client.turn(&hello, now, |_| ());
//! client.session.message("hi".into(), &mut wire)?;
//! let mut received = Vec::new();
//! server.turn(&wire, now, |message| {
//!     if let Message::Message(payload) = message {
//!         received.extend(payload.text().map(String::from));
//!     }
//! });
//! assert_eq!(received, ["hi"]);
//! # Ok::<(), Misuse>(())
//! ```

mod ending;
mod explain;
mod limits;
mod pongs;
mod receive;
mod requests;
mod send;
mod shown;
mod terms;
mod watch;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::code::Code;
pub use crate::code::MAX_REASON;
use crate::encoding::{Encoding, Encodings};
use crate::fault::Fault;
use crate::frame::Decoder;
pub use crate::hello::MAX_PREAMBLE;
use crate::hello::{Hello, MAX_HELLO};
use crate::kind;
use crate::message::{Message, Probe};
use crate::payload::Content;
use crate::shared::Shared;
use ending::{Ending, Gathering};
pub use limits::Limits;
use pongs::{Held, Pongs};
use requests::Requests;
#[cfg(feature = "tokio")]
pub(crate) use terms::Terms;
use watch::{Due, Watch};

/// How many bad texts of a peer are diagnosed: that costs more than refusing them.
const GUESSES: u8 = 16;

/// Which side of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The side that connected.
    Client,
    /// The side that was connected to.
    Server,
}

/// The phase that a session is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting for the peer's HELLO.
    Greeting,
    /// Messages go both ways.
    Open,
    /// CLOSE was sent; what arrives is discarded.
    Closing,
    /// Over: drop the stream once the output has been written.
    Closed,
}

/// Why a session ended; the first cause counts (R7.16).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A fault that this side found.
    Fault(Fault),
    /// This side's application closed it.
    Closed(Code),
    /// The peer sent CLOSE.
    PeerClosed {
        /// Why, as a number.
        code: Code,
        /// Why, in words.
        reason: String,
    },
}

/// What one call of [`Session::receive`] found in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step<'a> {
    /// A message for the application.
    Message(Message<'a>),
    /// The peer's HELLO has been accepted: [`Session::peer`] returns it, and messages can be sent.
    Opened,
    /// A PONG arrived: the peer has acted on everything sent before its PING.
    Pong(Probe<'a>),
    /// A frame of the peer was refused, with an ERROR unless it was a reply. The session lives.
    Refused {
        /// The frame's kind.
        kind: u8,
        /// The id of the REQUEST or REPLY, 0 for another kind.
        id: u32,
        /// Why.
        fault: Fault,
    },
    /// Input was used that the application does not need to see. Call again.
    Handled,
    /// The input holds nothing more that is complete: read on.
    More,
}

/// The state machine, the same for both sides. Its [module](self) describes the order of calls.
///
/// Times are durations since one moment of your choice, and should not decrease. No call blocks. A [`Misuse`] leaves the
/// session unchanged; a fault of the peer is not an error of a call, but the session's [`outcome`](Session::outcome).
///
/// [`Misuse`]: crate::Misuse
pub struct Session {
    role: Role,
    state: State,
    local: Shared<Hello>,
    /// What `local` accepts.
    accepted: Encodings,
    peer: Option<Hello>,
    decoder: Decoder,
    /// What was skipped before the server's first frame.
    preamble: Vec<u8>,
    /// The server's first frame has not arrived.
    skipping: bool,
    /// The number of the next frame, modulo 2^32.
    next_frame: u32,
    requests: Requests,
    watch: Watch,
    /// How many bytes were discarded since CLOSE (R7.6). It is below zero while the unused input begins with bytes that had
    /// been judged before, which do not count (R7.20).
    discarded: isize,
    /// Has CLOSE begun to be sent?
    draining: bool,
    output: Vec<u8>,
    /// Allocated while a PING awaits its answer.
    pongs: Option<Box<Pongs>>,
    held: Held,
    /// Set once the session closes. It is boxed because an open session has none.
    ending: Option<Box<Ending>>,
    /// How many more bad texts are diagnosed.
    guesses: u8,
    /// The applications have agreed on private kinds.
    private_kinds: bool,
}

impl Session {
    /// Starts a session at `now`; a client's HELLO is output at once, and says that it is a client's (R4.23). A server shares one HELLO and one set of limits
    /// among its sessions, so that an idle session takes little memory.
    #[must_use]
    pub fn new(
        role: Role,
        local: impl Into<Shared<Hello>>,
        limits: impl Into<Shared<Limits>>,
        now: Duration,
    ) -> Session {
        let limits = limits.into();
        let local = local.into().with_client(role == Role::Client);
        let mut session = Session {
            role,
            state: State::Greeting,
            peer: None,
            decoder: Decoder::new(MAX_HELLO),
            preamble: Vec::new(),
            skipping: role == Role::Client,
            next_frame: 0,
            requests: Requests::new(),
            discarded: 0,
            draining: false,
            watch: Watch::new(limits, local.keepalive(), now),
            output: Vec::new(),
            pongs: None,
            held: Held::Nothing,
            accepted: local.accepted(),
            ending: None,
            guesses: GUESSES,
            private_kinds: false,
            local,
        };
        if role == Role::Client {
            session.local.encode(&mut session.output);
        }
        session
    }

    /// Which side this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The phase that the session is in.
    #[inline]
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Why the session is closing or closed.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.ending.as_ref().map(|ending| &ending.outcome)
    }

    /// The text before the server's first frame (R4.21); empty on the server's side.
    #[must_use]
    pub fn preamble(&self) -> &[u8] {
        &self.preamble
    }

    /// This side's HELLO.
    #[must_use]
    pub fn local(&self) -> &Hello {
        &self.local
    }

    /// The peer's HELLO, once it has been accepted.
    #[must_use]
    pub fn peer(&self) -> Option<&Hello> {
        self.peer.as_ref()
    }

    /// Is the hub profile in force (R9.1)?
    #[must_use]
    pub fn hub_profile(&self) -> bool {
        self.local.hub() && self.peer.as_ref().is_some_and(Hello::hub)
    }

    /// The number of the frame that [`receive`](Session::receive) used last, from HELLO = 0, modulo 2^32.
    #[must_use]
    pub fn frame_number(&self) -> u32 {
        self.next_frame.wrapping_sub(1)
    }
}

/// Time.
impl Session {
    /// When to call [`tick`](Session::tick) next, if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match self.gathering() {
            Some(gathering) => Some(gathering.until()),
            None => self.watch.deadline(self.state),
        }
    }

    /// Does what is due at `now`: sends a PING, or ends a session whose peer is too late.
    pub fn tick(&mut self, now: Duration) {
        if let Some(gathering) = self.gathering() {
            if now >= gathering.until() {
                self.stop_gathering(now);
            }
            return;
        }
        match self.watch.due(self.state, now) {
            Some(Due::Ping) => {
                // Output that waits is a sign of life once it is written; more PINGs would be a flood.
                if self.output.is_empty() {
                    self.push(kind::PING, &[], Content::Binary(&[]), Encoding::Binary);
                }
                self.watch.sent(now);
            }
            Some(Due::Fault(fault)) => {
                self.fail(fault, now);
            }
            Some(Due::Drained) => self.state = State::Closed,
            None => {}
        }
    }

    /// Reports that bytes were written to the stream: they count as a sign of life (R7.2).
    #[inline]
    pub fn wrote(&mut self, now: Duration) {
        self.watch.sent(now);
        if self.state == State::Closing && !core::mem::replace(&mut self.draining, true) {
            self.watch.closing(now);
        }
    }
}
