//! What a session sends: messages of the application, and frames of its own.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::time::Duration;

#[cfg(feature = "std")]
use super::Limits;
use super::{Ending, Gathering, MAX_REASON, Outcome, Session, State, Step};
use crate::code::Code;
#[cfg(feature = "std")]
use crate::counters::Counters;
use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::frame::{HEADER_LENGTH, OVERHEAD};
use crate::hello::{Hello, MAX_HELLO};
use crate::kind::{self, PrivateKind};
use crate::message::{Message, Refusal};
use crate::misuse::Misuse;
use crate::payload::{Content, write_frame};

impl Session {
    /// Moves the session's own output, whole frames, to `out`. It is written before messages that wait (R7.13).
    pub fn take_output(&mut self, out: &mut Vec<u8>) {
        if let Some(ending) = &mut self.ending
            && ending.gathering.is_none()
            && core::mem::take(&mut ending.is_unsent)
        {
            self.push_fault();
        }
        // A session's own output is short and rare: the memory is given back.
        out.extend_from_slice(&core::mem::take(&mut self.output));
        self.take_pong(out);
    }

    /// Does [`take_output`](Session::take_output) have anything to move?
    #[inline]
    #[must_use]
    pub fn has_output(&self) -> bool {
        let fault_unsent = self.ending.as_ref().is_some_and(|ending| ending.is_unsent && ending.gathering.is_none());
        !self.output.is_empty() || fault_unsent || self.owes_free_pong()
    }

    /// Bytes that wait for [`take_output`](Session::take_output). Stop reading while there are many.
    #[must_use]
    pub fn output_length(&self) -> usize {
        self.output.len()
    }

    /// Appends a MESSAGE to `out`.
    ///
    /// # Errors
    /// As [`encode`](Session::encode), and [`Misuse::UnmappableText`]; `out` is unchanged.
    #[inline]
    pub fn message(&mut self, content: Content<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.write(kind::MESSAGE, &[], content, out)
    }

    /// Appends a REQUEST to `out` and returns the id that its answer will have.
    ///
    /// # Errors
    /// As [`message`](Session::message), and [`Misuse::TooManyRequests`].
    pub fn request(&mut self, content: Content<'_>, out: &mut Vec<u8>) -> Result<NonZeroU32, Misuse> {
        self.check_open()?;
        let id = self.requests.free_id(self.permitted())?;
        self.write(kind::REQUEST, &id.get().to_be_bytes(), content, out)?;
        self.requests.ask(id);
        Ok(id)
    }

    /// Appends the CANCEL of a request of this side to `out`. The request stays unanswered until its answer arrives,
    /// as for any other request: an ERROR with [`Code::CANCELLED`], or the REPLY if that was sent before. A peer that
    /// does not know CANCEL answers as if there had been none.
    ///
    /// # Errors
    /// [`Misuse::NotOpen`], and [`Misuse::NoSuchRequest`] if the answer has arrived; `out` is unchanged.
    ///
    /// ```
    /// use bookend::{Code, Hello, Limits, Message, Misuse, Role, Session, Step};
    /// use std::time::Duration;
    ///
    /// let start = |role| Session::new(role, Hello::new(), Limits::default(), Duration::ZERO);
    /// let (mut client, mut server) = (start(Role::Client), start(Role::Server));
    /// let mut wire = Vec::new();
    /// client.take_output(&mut wire);
    /// server.receive(&mut &*wire, Duration::ZERO);
    /// wire.clear();
    /// server.take_output(&mut wire);
    /// client.receive(&mut &*wire, Duration::ZERO);
    ///
    /// wire.clear();
    /// let id = client.request("what is the time?".into(), &mut wire)?;
    /// client.cancel(id, &mut wire)?;
    ///
    /// let mut input = &*wire;
    /// assert!(matches!(server.receive(&mut input, Duration::ZERO), Step::Message(Message::Request { .. })));
    /// // The server stops working on it. Its session has answered already.
    /// assert_eq!(server.receive(&mut input, Duration::ZERO), Step::Message(Message::Cancel { id }));
    /// let mut answer = Vec::new();
    /// server.take_output(&mut answer);
    /// let Step::Message(Message::Error(refusal)) = client.receive(&mut &*answer, Duration::ZERO) else { panic!() };
    /// assert_eq!((refusal.id, refusal.code), (id.get(), Code::CANCELLED));
    /// # Ok::<(), Misuse>(())
    /// ```
    pub fn cancel(&mut self, id: NonZeroU32, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.check_open()?;
        self.requests.check_waiting(id)?;
        self.write(kind::CANCEL, &id.get().to_be_bytes(), Content::Binary(&[]), out)?;
        self.requests.cancelling();
        Ok(())
    }

    /// Appends the REPLY to a request of the peer to `out`.
    ///
    /// # Errors
    /// As [`message`](Session::message), and [`Misuse::NoSuchRequest`].
    pub fn reply(&mut self, id: NonZeroU32, content: Content<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.check_open()?;
        self.requests.frame_of(id)?;
        self.write(kind::REPLY, &id.get().to_be_bytes(), content, out)?;
        self.requests.answered(id);
        Ok(())
    }

    /// Appends a POST to `out`, for the member `to`, or everyone if that is 0.
    ///
    /// # Errors
    /// As [`message`](Session::message).
    pub fn post(&mut self, to: u32, content: Content<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.write(kind::POST, &to.to_be_bytes(), content, out)
    }

    /// Appends a message of a private kind to `out`. A peer whose application has not agreed on it ignores it
    /// (R3.28).
    ///
    /// # Errors
    /// As [`message`](Session::message).
    pub fn private(&mut self, kind: PrivateKind, content: Content<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.write(kind.get(), &[], content, out)
    }

    /// Appends any message to `out` but PONG and CLOSE, which the session sends by itself (R7.18). A PING follows what
    /// is in `out` already, so its PONG shows that the peer has acted on that (R3.10). In an ERROR for a request, the
    /// number of the frame is that of the request, whatever the message says (R7.19).
    ///
    /// # Errors
    /// The first of these that applies (R7.18): [`Misuse::Malformed`]; [`Misuse::NotOpen`]; [`Misuse::UnknownKind`] outside the hub profile,
    /// [`Misuse::UnexpectedKind`] in the wrong direction and for PONG and CLOSE; [`Misuse::NoSuchRequest`],
    /// [`Misuse::DuplicateRequest`], [`Misuse::TooManyRequests`]; [`Misuse::EncodingRefused`]; [`Misuse::TooLong`], also
    /// for a reason of more than [`MAX_REASON`] bytes. `out` is unchanged.
    pub fn encode(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        match *message {
            Message::Message(payload) => self.message(payload.into(), out),
            Message::Post { to, payload } => self.post(to, payload.into(), out),
            Message::Reply { id, payload } => self.reply(id, payload.into(), out),
            Message::Request { id, payload } => {
                self.check_open()?;
                self.requests.check_free(id, self.permitted())?;
                self.write(kind::REQUEST, &id.get().to_be_bytes(), payload.into(), out)?;
                self.requests.ask(id);
                Ok(())
            }
            Message::Cancel { id } => self.cancel(id, out),
            Message::Welcome { greeting, .. } => self.encode_hub(message, greeting.encoding(), out),
            Message::Presence { name, .. } => {
                name.check_sendable()?;
                self.encode_hub(message, name.text().encoding(), out)
            }
            Message::Delivery(delivery) => self.encode_hub(message, delivery.payload.encoding(), out),
            Message::Gap { .. } => self.encode_hub(message, Encoding::Binary, out),
            Message::Ping(probe) => self.write(kind::PING, &[], Content::Binary(probe.as_bytes()), out),
            Message::Private { kind, payload } => self.private(kind, payload.into(), out),
            Message::Error(refusal) => self.encode_error(refusal, out),
            Message::Pong(_) | Message::Close { .. } => {
                self.check_open()?;
                Err(Misuse::UnexpectedKind { kind: message.kind() })
            }
        }
    }

    /// Appends an ERROR of the application (R7.19).
    fn encode_error(&mut self, refusal: Refusal<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let terms = self.terms()?;
        let id = NonZeroU32::new(refusal.id);
        let frame = id.map_or(Ok(refusal.frame), |id| self.requests.frame_of(id))?;
        let limit = terms.sendable(kind::ERROR, refusal.reason.encoding())?;
        let start = out.len();
        Message::Error(Refusal { frame, ..refusal }).encode(limit, out)?;
        let length = out.len() - start - OVERHEAD - kind::fixed_length(kind::ERROR);
        if length > MAX_REASON {
            out.truncate(start);
            let max = u32::try_from(MAX_REASON).expect("it is 200");
            return Err(Misuse::TooLong { length: length as u64, max });
        }
        if let Some(id) = id {
            self.requests.answered(id);
        }
        Ok(())
    }

    fn encode_hub(&mut self, message: &Message<'_>, encoding: Encoding, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let limit = self.terms()?.sendable(message.kind(), encoding)?;
        message.encode(limit, out)
    }

    /// Sends an ERROR about the frame of that number, which must not be a REQUEST.
    /// The reason begins with the code's name; `detail` may be empty.
    pub fn refuse_frame(&mut self, frame: u32, code: Code, detail: &str) {
        if self.state == State::Open {
            self.push_refusal(0, frame, code, &reason(code, detail));
        }
    }

    /// Answers a request of the peer with an ERROR. The reason has the form of that of [`refuse_frame`](Session::refuse_frame).
    ///
    /// # Errors
    /// [`Misuse::NotOpen`], and [`Misuse::NoSuchRequest`] if it has been answered already.
    pub fn refuse_request(&mut self, id: NonZeroU32, code: Code, detail: &str) -> Result<(), Misuse> {
        self.check_open()?;
        let frame = self.requests.answered(id).ok_or(Misuse::NoSuchRequest { id: id.get() })?;
        self.push_refusal(id.get(), frame, code, &reason(code, detail));
        Ok(())
    }

    /// The number of the frame of an unanswered request of the peer.
    #[cfg(feature = "std")]
    pub(crate) fn frame_of(&self, id: NonZeroU32) -> Result<u32, Misuse> {
        self.requests.frame_of(id)
    }

    /// Adds the requests of both sides to what has been counted.
    #[cfg(feature = "std")]
    pub(crate) fn count(&self, counters: &mut Counters) {
        let counts = self.requests.counts();
        counters.requests_sent = counts.sent;
        counters.requests_received = counts.received;
        counters.answers_sent = counts.answers_sent;
        counters.answers_received = counts.answers_received;
        counters.cancels_sent = counts.cancels_sent;
        counters.cancels_received = counts.cancels_received;
    }

    #[cfg(feature = "std")]
    pub(crate) fn limits(&self) -> &Limits {
        self.watch.limits()
    }

    /// Ends the session because the stream has taken too little for too long.
    #[cfg(feature = "std")]
    pub(crate) fn slow_consumer(&mut self, now: Duration) {
        self.fail(Fault::SlowConsumer, now);
    }

    /// Sends CLOSE, unless it was sent already. The reason begins with the code's name; `detail` may be empty.
    pub fn close(&mut self, code: Code, detail: &str, now: Duration) {
        if matches!(self.state, State::Greeting | State::Open) {
            self.conclude(Outcome::Closed(code));
            self.uncount(self.watch.unused(self.decoder.offset()));
            self.push_close(code, &reason(code, detail));
            self.state = State::Closing;
            self.watch.closing(now);
        }
    }

    pub(super) fn fail<'a>(&mut self, fault: Fault, now: Duration) -> Step<'a> {
        if matches!(self.state, State::Greeting | State::Open) {
            let fault_at = self.decoder.offset();
            let judged = match fault {
                Fault::BadStart { offset, .. }
                | Fault::UnknownEncoding { offset, .. }
                | Fault::BadEnd { offset, .. } => usize::try_from(offset + 1 - fault_at).unwrap_or(usize::MAX),
                Fault::TooLong { .. } => HEADER_LENGTH,
                Fault::Idle { .. } | Fault::FrameTimeout { .. } | Fault::HelloTimeout | Fault::SlowConsumer => {
                    self.watch.unused(fault_at)
                }
                _ => 0, // the frame has been used
            };
            self.uncount(judged);
            let gathering = Gathering::new(fault, self.watch.evidence_timeout(), now);
            self.ending = Some(Box::new(Ending::of_fault(fault, fault_at, gathering)));
            self.state = State::Closing;
            self.watch.closing(now);
        }
        Step::Handled
    }

    #[inline]
    fn write(&mut self, kind: u8, fixed: &[u8], content: Content<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.terms()?.write(kind, fixed, content, out)
    }

    /// How many requests the peer permits to be unanswered (R3.16).
    fn permitted(&self) -> usize {
        self.peer.as_ref().map_or(0, Hello::max_requests)
    }

    /// Checked first: that nothing can be sent now matters more than what is wrong with it.
    fn check_open(&self) -> Result<(), Misuse> {
        if self.state == State::Open { Ok(()) } else { Err(Misuse::NotOpen) }
    }

    pub(super) fn push_error(&mut self, id: u32, code: Code, reason: &str) {
        self.push_refusal(id, self.frame_number(), code, reason);
    }

    pub(super) fn push_refusal(&mut self, id: u32, frame: u32, code: Code, reason: &str) {
        let mut fixed = [0; 10];
        fixed[..4].copy_from_slice(&id.to_be_bytes());
        fixed[4..8].copy_from_slice(&frame.to_be_bytes());
        fixed[8..].copy_from_slice(&code.0.to_be_bytes());
        self.push(kind::ERROR, &fixed, Content::Text(cut(reason)), Encoding::Utf8);
    }

    pub(super) fn push_close(&mut self, code: Code, reason: &str) {
        let mut output = core::mem::take(&mut self.output);
        self.take_output(&mut output); // with the PONG that waits, unless it is held: nothing may follow CLOSE
        self.pongs = None;
        self.output = output;
        self.push(kind::CLOSE, &code.0.to_be_bytes(), Content::Text(cut(reason)), Encoding::Utf8);
    }

    /// For bodies that every peer accepts: at most 1,024 bytes, binary or UTF-8.
    pub(super) fn push(&mut self, kind: u8, fixed: &[u8], content: Content<'_>, encoding: Encoding) {
        write_frame(kind, encoding, fixed, content, MAX_HELLO, &mut self.output)
            .expect("reasons and pings are short, and ready as they are");
    }
}

/// A code's name and a detail, in the form of R6.2.
fn reason(code: Code, detail: &str) -> String {
    match (code.name(), detail) {
        (Some(name), "") => name.into(),
        (Some(name), detail) => alloc::format!("{name}: {detail}"),
        (None, detail) => detail.into(),
    }
}

/// As much of a reason as R6.5 allows.
fn cut(reason: &str) -> &str {
    let end = (0..=reason.len().min(MAX_REASON)).rev().find(|&end| reason.is_char_boundary(end));
    &reason[..end.unwrap_or(0)]
}
