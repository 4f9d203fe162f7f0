//! What a session makes of the peer's bytes.

use alloc::boxed::Box;
use core::num::NonZeroU32;
use core::time::Duration;

use super::{Ending, MAX_PREAMBLE, Outcome, Role, Session, State, Step};
use crate::code::Code;
use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::frame::{Frame, START};
use crate::hello::{Hello, judge_first_frame, shown_after};
use crate::kind;
use crate::message::{Delivery, Message, Refusal};
use crate::payload::Payload;

/// Input: bytes of the peer, and the end of the stream.
impl Session {
    /// Uses one frame of `input`, which holds what has been read and not yet used, and advances `input` past it.
    ///
    /// Call it until it returns [`Step::More`], and keep what it leaves: the next input begins with it. A fault is not
    /// a step: it changes [`state`](Session::state) to closing, [`outcome`](Session::outcome) holds it, and
    /// [`explain`](Session::explain) looks for its cause.
    #[inline]
    pub fn receive<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Step<'a> {
        if self.state != State::Open {
            return self.receive_unless_open(input, now);
        }
        let (offset, opening) = (self.decoder.offset(), *input);
        self.watch.received(offset + input.len() as u64, now);
        let Some((frame, rest)) = self.decoder.whole(input) else { return self.receive_in_parts(input, now) };
        self.decoder.pass(frame);
        self.next_frame = self.next_frame.wrapping_add(1);
        *input = rest;
        if let Some(message) = self.message_of(frame) {
            self.watch.other_frame();
            return Step::Message(message);
        }
        let step = self.take(frame, now);
        self.note_fault(offset, input, opening);
        step
    }

    /// The fast path: the message of a frame that only the application needs to see, in an encoding that is accepted.
    #[inline]
    fn message_of<'a>(&self, frame: Frame<'a>) -> Option<Message<'a>> {
        if frame.body().is_empty() || !self.accepted.contains(frame.encoding()) {
            return None;
        }
        let message = match frame.kind() {
            kind::MESSAGE => return plain(frame).map(Message::Message),
            kind::DELIVERY => Delivery::parse(frame).ok().map(Message::Delivery),
            kind::POST => Message::parse_post(frame).ok(),
            _ => None,
        };
        message.filter(|_| self.judge_kind(frame.kind()).is_ok())
    }

    /// A whole and sound MESSAGE at the start of `input`; `None`, and nothing done, for all else.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn receive_plain<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Option<Payload<'a>> {
        if self.state != State::Open {
            return None;
        }
        let total = self.decoder.offset() + input.len() as u64;
        let (frame, rest) = self.decoder.whole(input)?;
        if frame.kind() != kind::MESSAGE || frame.body().is_empty() || !self.accepted.contains(frame.encoding()) {
            return None;
        }
        let payload = plain(frame)?;
        self.decoder.pass(frame);
        self.watch.received(total, now);
        self.watch.other_frame();
        self.next_frame = self.next_frame.wrapping_add(1);
        *input = rest;
        Some(payload)
    }

    /// The slow path of `receive`: the input does not begin with a whole and sound frame.
    fn receive_in_parts<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Step<'a> {
        let (offset, opening) = (self.decoder.offset(), *input);
        let step = match self.decoder.decode_in_parts(input) {
            Ok(Some(frame)) => {
                self.next_frame = self.next_frame.wrapping_add(1);
                self.take(frame, now)
            }
            Ok(None) => {
                self.watch.partial(offset, self.decoder.expected(), now);
                Step::More
            }
            Err(fault) => self.fail(fault, now),
        };
        self.note_fault(offset, input, opening);
        step
    }

    /// Remembers the frame at `offset` if the session has ended in it. It is left in the input while more is awaited that
    /// shows the mistake.
    fn note_fault<'a>(&mut self, offset: u64, input: &mut &'a [u8], opening: &'a [u8]) {
        if let Some(ending) = &mut self.ending {
            ending.fault_at = offset;
            if ending.gathering.is_some() {
                self.uncount(opening.len() - input.len());
                *input = opening;
            }
        }
    }

    /// So many bytes at the start of the unused input were judged before CLOSE: they do not count as discarded (R7.20).
    pub(super) fn uncount(&mut self, judged: usize) {
        self.discarded = self.discarded.saturating_sub_unsigned(judged);
    }

    /// `unused` bytes of input, which are judged later, are there at `now`: a sign of life (R7.2).
    #[cfg(feature = "std")]
    pub(crate) fn read(&mut self, unused: usize, now: Duration) {
        if self.state == State::Open {
            self.watch.read(self.decoder.offset() + unused as u64, now);
        }
    }

    /// Bytes of the frame in progress on the wire, once its header has been judged.
    #[cfg(feature = "std")]
    pub(crate) fn expected(&self) -> Option<u64> {
        self.decoder.expected()
    }

    /// From now on, messages of private kinds are delivered as [`Message::Private`], because the applications of both
    /// sides have agreed on them; otherwise they are ignored (R3.28).
    pub fn agree_on_private_kinds(&mut self) {
        self.private_kinds = true;
    }

    /// Reports that this side does not read at `now`, for instance because the peer sends faster than it may: its
    /// silence until then does not count, and the frame in progress is not late (R8.6). Call it again before
    /// [`tick`](Session::tick), and before the next [`receive`](Session::receive).
    pub fn not_reading(&mut self, now: Duration) {
        self.watch.not_reading(now);
    }

    fn receive_unless_open<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Step<'a> {
        match self.state {
            State::Greeting => {
                let opening = *input;
                let step = self.greet(input, now);
                self.note_fault(0, input, opening); // any fault is in the first frame
                if matches!(self.state, State::Greeting | State::Open) {
                    self.watch.received(self.decoder.offset() + input.len() as u64, now);
                }
                step
            }
            State::Closing if self.awaits_evidence() => self.gather(input, now),
            State::Closing | State::Open => {
                self.discarded = self.discarded.saturating_add_unsigned(input.len());
                *input = &[];
                if usize::try_from(self.discarded).is_ok_and(|discarded| discarded >= self.watch.drain()) {
                    self.state = State::Closed;
                }
                Step::More
            }
            State::Closed => {
                *input = &[];
                Step::More
            }
        }
    }

    fn greet<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Step<'a> {
        if self.skipping
            && let Some(step) = self.skip_preamble(input, now)
        {
            return step;
        }
        let opening = *input;
        let decoded = self.decoder.decode(input);
        // A changed canary is the cause; an END at the wrong place is only its effect.
        if let Ok(_) | Err(Fault::BadEnd { .. }) = decoded
            && let Err(fault) = judge_first_frame(opening)
        {
            let step = self.fail(fault, now);
            self.uncount(shown_after(opening));
            *input = opening;
            return step;
        }
        match decoded {
            Ok(Some(frame)) if frame.kind() == kind::CLOSE => {
                self.next_frame = self.next_frame.wrapping_add(1);
                self.take(frame, now)
            }
            Ok(Some(frame)) => match hello_of(frame) {
                Ok(hello) if hello.client() && self.role == Role::Client => self.fail(Fault::TwoClients, now),
                Ok(hello) => self.open(hello, now),
                Err(fault) => self.fail(fault, now),
            },
            Ok(None) => Step::More,
            Err(fault) => self.fail(fault, now),
        }
    }

    /// Skips what precedes the first START; `None` once nothing needs to be skipped.
    fn skip_preamble<'a>(&mut self, input: &mut &'a [u8], now: Duration) -> Option<Step<'a>> {
        let start = input.iter().position(|&byte| byte == START[0]);
        let (text, rest) = input.split_at(start.unwrap_or(input.len()));
        if let Some(&found) = text.get(MAX_PREAMBLE - self.preamble.len()) {
            let step = self.fail(Fault::BadStart { offset: 0, found }, now);
            self.uncount(MAX_PREAMBLE - self.preamble.len()); // what precedes the byte that shows the fault
            return Some(step);
        }
        self.preamble.reserve_exact(text.len());
        self.preamble.extend_from_slice(text);
        *input = rest;
        self.skipping = start.is_none();
        match start {
            Some(0) => None,
            Some(_) => Some(Step::Handled),
            None => Some(Step::More),
        }
    }

    fn open<'a>(&mut self, hello: Hello, now: Duration) -> Step<'a> {
        self.next_frame = 1;
        if self.role == Role::Server {
            self.local.encode(&mut self.output);
        }
        self.decoder.set_limit(self.local.max_body());
        self.watch.opened(hello.keepalive(), self.decoder.offset(), now);
        self.peer = Some(hello);
        self.state = State::Open;
        Step::Opened
    }

    /// Judges and takes a frame, which [`frame_number`](Session::frame_number) counts already, in the order of R3.25.
    fn take<'a>(&mut self, frame: Frame<'a>, now: Duration) -> Step<'a> {
        if let Err(fault) = self.judge_flood(frame, now).and_then(|()| self.judge_kind(frame.kind())) {
            return self.fail(fault, now);
        }
        let parsed = if self.private_kinds { Message::parse_agreed(frame) } else { Message::parse(frame) };
        match parsed {
            Ok(Some(message)) if self.accepted.contains(frame.encoding()) => self.take_message(message, now),
            Ok(Some(message @ (Message::Close { .. } | Message::Error(_)))) => self.take_message(message, now),
            Ok(Some(_)) => self.refuse(frame, Fault::EncodingRefused { encoding: frame.encoding() }, now),
            Ok(None) => {
                self.watch.other_frame();
                Step::Handled
            }
            Err(Fault::BadText { .. }) if !self.accepted.contains(frame.encoding()) => {
                self.refuse(frame, Fault::EncodingRefused { encoding: frame.encoding() }, now)
            }
            Err(fault @ Fault::BadText { .. }) => self.refuse(frame, fault, now),
            Err(fault) => self.fail(fault, now),
        }
    }

    /// Counts PINGs and frames of length 0, whatever else is wrong with them (R8.3, R8.4).
    fn judge_flood(&mut self, frame: Frame<'_>, now: Duration) -> Result<(), Fault> {
        if frame.kind() == kind::PING {
            self.watch.ping(now)?;
        }
        if frame.body().is_empty() { self.watch.empty_frame(now) } else { Ok(()) }
    }

    /// Kinds of the hub profile: only where it is in force, and each in its direction (R3.8, R9.2).
    #[inline]
    fn judge_kind(&self, kind: u8) -> Result<(), Fault> {
        if !kind::is_hub(kind) {
            return Ok(());
        }
        if !self.hub_profile() {
            return Err(Fault::UnknownKind { kind });
        }
        if (kind == kind::POST) == (self.role == Role::Server) { Ok(()) } else { Err(Fault::UnexpectedKind { kind }) }
    }

    fn take_message<'a>(&mut self, message: Message<'a>, now: Duration) -> Step<'a> {
        if !matches!(message, Message::Ping(_) | Message::Pong(_)) {
            self.watch.other_frame();
        }
        match message {
            Message::Request { id, .. } => {
                match self.requests.asked(id, self.frame_number(), self.local.max_requests()) {
                    Ok(()) => Step::Message(message),
                    Err(fault @ Fault::TooManyRequests) => {
                        self.push_error(id.get(), fault.code(), &alloc::format!("{fault}"));
                        Step::Refused { kind: kind::REQUEST, id: id.get(), fault }
                    }
                    Err(fault) => self.fail(fault, now),
                }
            }
            Message::Reply { id, .. } => {
                if self.requests.settle(id) {
                    Step::Message(message)
                } else {
                    Step::Handled
                }
            }
            Message::Error(Refusal { id, .. }) => {
                if let Some(id) = NonZeroU32::new(id) {
                    self.requests.settle(id);
                }
                Step::Message(message)
            }
            Message::Cancel { id } => match self.requests.cancelled(id) {
                Some(frame) => {
                    self.push_refusal(id.get(), frame, Code::CANCELLED, "cancelled");
                    Step::Message(message)
                }
                None => Step::Handled, // the answer has crossed it (R3.24)
            },
            Message::Ping(probe) => {
                self.owe_pong(probe);
                Step::Handled
            }
            Message::Pong(probe) => Step::Pong(probe),
            Message::Close { code, reason } => {
                self.conclude(Outcome::PeerClosed { code, reason: reason.to_str().into_owned() });
                self.push_close(code, "");
                self.state = State::Closed;
                Step::Handled
            }
            message => Step::Message(message),
        }
    }

    /// Answers a whole frame that cannot be delivered (R5.8, R5.11), unless it is a reply (R3.20).
    fn refuse<'a>(&mut self, frame: Frame<'a>, fault: Fault, now: Duration) -> Step<'a> {
        self.watch.other_frame();
        let numbered = matches!(frame.kind(), kind::REQUEST | kind::REPLY);
        let id = frame.body().first_chunk().filter(|_| numbered).map_or(0, |id| u32::from_be_bytes(*id));
        if frame.kind() == kind::REPLY {
            if let Some(id) = NonZeroU32::new(id) {
                self.requests.settle(id);
            }
        } else {
            if let Some(Err(duplicate)) = NonZeroU32::new(id).map(|id| self.requests.check_not_asked(id)) {
                return self.fail(duplicate, now);
            }
            let reason = self.refusal(frame, fault);
            self.push_error(id, fault.code(), &reason);
        }
        Step::Refused { kind: frame.kind(), id, fault }
    }

    pub(super) fn conclude(&mut self, outcome: Outcome) {
        self.ending = Some(Box::new(Ending::new(outcome, 0)));
    }

    /// Reports the end of the stream, with `unused` bytes of input left.
    pub fn end_of_stream(&mut self, unused: usize, now: Duration) {
        match self.state {
            State::Greeting | State::Open if unused == 0 => self.conclude(Outcome::Fault(Fault::NoClose)),
            State::Greeting | State::Open => {
                self.fail(Fault::Truncated { arrived: unused as u64 }, now);
            }
            State::Closing | State::Closed => {}
        }
        self.stop_gathering(now);
        self.state = State::Closed;
    }
}

/// The payload of a MESSAGE, unless its text is bad.
#[inline]
fn plain(frame: Frame<'_>) -> Option<Payload<'_>> {
    Payload::decode(frame.encoding(), frame.body()).ok()
}

fn hello_of(frame: Frame<'_>) -> Result<Hello, Fault> {
    if frame.encoding() != Encoding::Binary {
        return Err(Fault::Malformed { kind: kind::HELLO, why: "the encoding is 0" });
    }
    Hello::parse(frame.body())
}
