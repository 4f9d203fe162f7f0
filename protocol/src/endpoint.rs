//! What both connections share: a session with its buffers, and no stream yet.

mod account;
mod batch;
mod bodies;
mod claim;
#[cfg(feature = "tokio")]
mod frames;
mod lent;
mod reading;
mod rest;
mod tally;
mod writing;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::buffer::ReadBuffer;
use crate::code::Code;
use crate::encoding::Encoding;
use crate::frame::{END, Frame, HEADER_LENGTH};
use crate::kind;
use crate::message::Message;
use crate::payload::Payload;
use crate::session::{Session, State, Step};
use crate::shown::Bytes;
use account::Account;
pub use batch::Batch;
use bodies::Bodies;
pub(crate) use claim::Claim;
use claim::{barrier_of, is_claimed};
use tally::Tally;

/// Bytes of queued messages from which on a sender must wait.
#[cfg(feature = "tokio")]
pub(crate) const QUEUE: usize = 64 << 10;
/// Bytes of messages that are kept while a caller waits for a reply.
const BACKLOG: usize = 1 << 20;

/// More memory than this is for long bodies, in bytes.
const LARGE: usize = 256 << 10;

pub(crate) struct Endpoint {
    pub(crate) session: Session,
    /// The time of the last read or write.
    pub(crate) now: Duration,
    buffer: ReadBuffer,
    /// Whole frames that arrived while a caller waited for a reply.
    backlog: ReadBuffer,
    /// The bytes that the messages returned last borrow; the next call consumes them.
    used: Used,
    /// Whole frames, of which `written` bytes are on the stream.
    writing: Vec<u8>,
    written: usize,
    /// The bodies that belong into `writing`, and are not copied there.
    bodies: Bodies,
    /// Whole frames that wait for `writing` and the session's own output.
    queued: Vec<u8>,
    /// The bodies that belong into `queued`.
    queued_bodies: Bodies,
    /// Does the stream take the parts of a frame in one write?
    #[cfg(feature = "tokio")]
    vectored: bool,
    /// When to give back the memory of long bodies.
    large_until: Option<Duration>,
    /// Since when the stream has taken nothing of what waits.
    blocked_since: Option<Duration>,
    /// The CLOSE to send after `queued`.
    close_after: Option<(Code, String)>,
    tally: Tally,
    /// The ordinal of the last barrier's PING.
    last_barrier: Option<u64>,
    /// The numbers of the frames in `backlog`.
    kept: VecDeque<u32>,
    /// The number of the frame whose message was returned last.
    number: u32,
    /// The stream has ended; the session does not know yet.
    ended: bool,
    /// The stream takes no more bytes.
    broken: bool,
    /// The buffer may hold whole frames.
    unjudged: bool,
    pub(crate) account: Account,
    /// Messages that have left this endpoint have not been acted on.
    #[cfg(feature = "tokio")]
    pub(crate) in_use: bool,
}

impl fmt::Debug for Endpoint {
    /// The session, with lengths in place of bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("session", &self.session)
            .field("read", &Bytes(self.buffer.filled().len()))
            .field("kept", &Bytes(self.backlog.filled().len()))
            .field("writing", &Bytes(self.unwritten_length()))
            .field("queued", &Bytes(self.queued_length()))
            .field("refused", &self.account.refused)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Used {
    buffer: usize,
    backlog: usize,
}

/// Where the next message for the application is, at the start of its buffer, and how many bytes its frame has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Front {
    /// A MESSAGE in this encoding.
    Plain(Encoding, usize),
    Buffer(usize),
    Backlog(usize),
    /// Nothing: the claim has an event.
    Event,
}

impl Endpoint {
    pub(crate) fn new(session: Session, now: Duration) -> Endpoint {
        Endpoint {
            account: Account::new(&session),
            session,
            now,
            buffer: ReadBuffer::new(),
            backlog: ReadBuffer::new(),
            used: Used::default(),
            writing: Vec::new(),
            written: 0,
            bodies: Bodies::default(),
            queued: Vec::new(),
            queued_bodies: Bodies::default(),
            #[cfg(feature = "tokio")]
            vectored: false,
            large_until: None,
            blocked_since: None,
            close_after: None,
            tally: Tally::default(),
            last_barrier: None,
            kept: VecDeque::new(),
            number: 0,
            ended: false,
            broken: false,
            unjudged: false,
            #[cfg(feature = "tokio")]
            in_use: false,
        }
    }

    // ---- reading

    /// Consumes the bytes that the messages returned last have borrowed.
    #[inline]
    pub(crate) fn release(&mut self) {
        let used = core::mem::take(&mut self.used);
        self.buffer.consume(used.buffer);
        self.backlog.consume(used.backlog);
    }

    /// Takes the peer's HELLO, if it has arrived.
    pub(crate) fn greet(&mut self) {
        while self.session.state() != State::Open {
            let before = self.buffer.filled();
            let mut rest = before;
            let step = self.session.receive(&mut rest, self.now);
            self.session.explain(self.buffer.past(), before);
            let length = before.len() - rest.len();
            let stuck = step == Step::More;
            self.account.greeted(step, &self.session);
            self.buffer.consume(length);
            if stuck {
                break;
            }
        }
        self.unjudged = !self.buffer.filled().is_empty();
    }

    /// Finds the next message that no caller waits for.
    #[inline]
    pub(crate) fn advance(&mut self, claim: &mut dyn Claim) -> Option<Front> {
        self.release();
        if let Some((frame, _)) = Frame::split_first(self.backlog.filled()) {
            return Some(Front::Backlog(frame.wire_length()));
        }
        let mut rest = self.buffer.filled();
        let before = rest.len();
        if let Some(payload) = self.session.receive_plain(&mut rest, self.now) {
            return Some(Front::Plain(payload.encoding(), before - rest.len()));
        }
        self.advance_in_buffer(claim)
    }

    /// The same without the messages that are kept already.
    pub(crate) fn advance_in_buffer(&mut self, claim: &mut dyn Claim) -> Option<Front> {
        let had_event = claim.has_event();
        loop {
            self.release();
            let before = self.buffer.filled();
            let mut rest = before;
            let step = self.session.receive(&mut rest, self.now);
            let length = before.len() - rest.len();
            match step {
                Step::Message(message) if !is_claimed(claim, &message, &self.session, &mut self.account) => {
                    return Some(Front::Buffer(length));
                }
                Step::Pong(probe) => {
                    if let Some(ordinal) = barrier_of(probe, self.last_barrier) {
                        claim.reached(ordinal);
                    }
                }
                Step::Refused { kind, id, fault } => {
                    self.account.refuses(kind, fault, &self.session);
                    if kind == kind::REPLY {
                        claim.refused(id, fault);
                    }
                }
                Step::More => {
                    self.buffer.consume(length);
                    self.unjudged = false;
                    return None;
                }
                Step::Handled => self.session.explain(self.buffer.past(), before),
                Step::Message(_) | Step::Opened => {}
            }
            self.used.buffer = length;
            if claim.has_event() && !had_event {
                return Some(Front::Event);
            }
        }
    }

    /// The message that [`advance`](Endpoint::advance) has found.
    #[inline]
    pub(crate) fn front(&mut self, front: Front) -> Message<'_> {
        if let Front::Plain(encoding, length) = front {
            self.used.buffer = length;
            self.number = self.session.frame_number();
            let body = &self.buffer.filled()[HEADER_LENGTH..length - END.len()];
            return Message::Message(Payload::decode(encoding, body).expect("the session has judged it"));
        }
        let (frame, _) = self.frame(front);
        Message::parse_agreed(frame).ok().flatten().expect("the session has judged it")
    }

    /// The same message's frame, and the frame's number.
    pub(crate) fn frame(&mut self, front: Front) -> (Frame<'_>, u32) {
        let bytes = match front {
            Front::Plain(_, length) | Front::Buffer(length) => {
                self.used.buffer = length;
                self.number = self.session.frame_number();
                &self.buffer.filled()[..length]
            }
            Front::Event => unreachable!("an event is not a message"),
            Front::Backlog(length) => {
                self.used.backlog = length;
                self.number = self.kept.pop_front().unwrap_or_default();
                &self.backlog.filled()[..length]
            }
        };
        let (frame, _) = Frame::split_first(bytes).expect("`advance` has found a whole frame");
        (frame, self.number)
    }

    /// Keeps for later the message that [`advance_in_buffer`](Endpoint::advance_in_buffer) has found.
    pub(crate) fn keep(&mut self, front: Front) {
        let (Front::Buffer(length) | Front::Plain(_, length)) = front else { return };
        self.kept.push_back(self.session.frame_number());
        let mut frame = &self.buffer.filled()[..length];
        lent::lend(&mut self.backlog);
        while !frame.is_empty() {
            let space = self.backlog.space();
            let count = space.len().min(frame.len());
            space[..count].copy_from_slice(&frame[..count]);
            self.backlog.add(count);
            frame = &frame[count..];
        }
        self.used.buffer = length;
    }

    /// Are there bytes that have not been judged?
    pub(crate) fn has_batch(&self) -> bool {
        self.unjudged || self.backlog.filled().len() > self.used.backlog
    }

    /// All messages that have been read.
    pub(crate) fn batch<'a>(&'a mut self, claim: &'a mut dyn Claim) -> Batch<'a> {
        self.release();
        Batch {
            kept: self.backlog.filled(),
            read: self.buffer.filled(),
            rest: self.buffer.filled(),
            numbers: &mut self.kept,
            number: &mut self.number,
            session: &mut self.session,
            used: &mut self.used,
            unjudged: &mut self.unjudged,
            account: &mut self.account,
            last_barrier: self.last_barrier,
            now: self.now,
            claim,
        }
    }

    /// Judges everything that was read, and drops it.
    pub(crate) fn discard(&mut self) {
        self.release();
        loop {
            let before = self.buffer.filled();
            let mut rest = before;
            let stuck = self.session.receive(&mut rest, self.now) == Step::More;
            self.session.explain(self.buffer.past(), before);
            let length = before.len() - rest.len();
            self.buffer.consume(length);
            if stuck {
                self.unjudged = false;
                break;
            }
        }
    }

    /// Is the room for messages that are kept used up?
    pub(crate) fn is_backlog_full(&self) -> bool {
        self.backlog.filled().len() > BACKLOG
    }
}
