//! What a session would report about the frames of one side, without its clock and its answers (SPEC 3, 4, 7).

use bookend::diagnosis::{self, Diagnosis, Evidence};
use bookend::{Delivery, Encoding, Fault, Frame, Hello, MAX_HELLO, MAX_LINE, Message, Payload, kind};

use super::event::{Remark, Verdict};
use super::remarks::{Place, Remarks};
use super::side::Side;

/// What is known of one side of a session.
#[derive(Debug)]
pub(super) struct Expectations {
    /// `None` if the input does not show which side sent the bytes.
    sender: Option<Side>,
    /// No byte of the stream so far is missing.
    whole: bool,
    hello: Option<Hello>,
    /// The HELLO of the other side.
    peer: Option<Hello>,
    closed: bool,
    /// A note about frames after CLOSE was given.
    noted_closed: bool,
    remarks: Remarks,
}

/// A verdict about a frame, and the mistakes that may have caused it.
pub(super) type Finding = (Verdict, Option<Diagnosis>);

impl Expectations {
    pub(super) fn new(sender: Option<Side>, whole: bool) -> Expectations {
        let remarks = Remarks::default();
        Expectations { sender, whole, hello: None, peer: None, closed: false, noted_closed: false, remarks }
    }

    /// What the sound frames of the stream show, once it has ended.
    pub(super) fn end(&mut self) -> Vec<Remark> {
        self.remarks.end()
    }

    /// This side's HELLO, once it has been seen.
    pub(super) fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// Bytes are missing, and perhaps whole frames.
    pub(super) fn lose(&mut self) {
        self.whole = false;
    }

    pub(super) fn set_peer(&mut self, hello: Hello) {
        self.peer = Some(hello);
    }

    /// True if this side has sent CLOSE.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// Judges a frame. Unless it is `complete`, `frame` has only the beginning of its body.
    pub(super) fn judge(
        &mut self,
        number: u64,
        offset: u64,
        frame: Frame<'_>,
        wire: &[u8],
        complete: bool,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.closed && self.sender.is_none() && frame.kind() == kind::HELLO {
            let remarks = std::mem::take(&mut self.remarks);
            *self = Expectations { remarks, ..Expectations::new(self.sender, self.whole) }; // a file may hold several sessions
        }
        if self.closed && !self.noted_closed {
            self.noted_closed = true;
            findings.push((Verdict::Note("the receiver ignores this frame, and all others after CLOSE"), None));
        }
        if number == 0 && self.whole && !matches!(frame.kind(), kind::HELLO | kind::CLOSE) {
            findings.push((self.out_of_place(Fault::HelloExpected { kind: frame.kind() }), None));
        }
        let place = Place { number, offset };
        match frame.kind() {
            kind::HELLO => findings.extend(self.judge_hello(place, frame, wire, complete)),
            _ => findings.extend(self.judge_message(place, frame, wire, complete)),
        }
        self.closed |= frame.kind() == kind::CLOSE;
        findings
    }

    fn out_of_place(&self, error: Fault) -> Verdict {
        if self.whole && self.sender.is_some() { Verdict::Refused(error) } else { Verdict::OutOfPlace(error) }
    }

    fn judge_hello(&mut self, place: Place, frame: Frame<'_>, wire: &[u8], complete: bool) -> Option<Finding> {
        if self.hello.is_some() {
            return Some((self.out_of_place(Fault::SecondHello), None));
        }
        let length = frame.body().len() as u64;
        let hello = if length > u64::from(MAX_HELLO) {
            Err(Fault::TooLong { offset: 0, length, max: MAX_HELLO })
        } else if frame.encoding() != Encoding::Binary {
            Err(Fault::Malformed { kind: kind::HELLO, why: "the encoding is 0" })
        } else if complete {
            Hello::parse(frame.body())
        } else {
            // Options may be cut off. If the fixed part is cut off, nothing can be judged.
            Hello::parse(frame.body().get(..FIXED_HELLO)?)
        };
        match hello {
            Ok(hello) => {
                self.remarks.hello(place, &hello);
                self.hello = Some(hello);
                None
            }
            Err(error) => Some((Verdict::Refused(error), diagnosed(&Evidence::stream(error, place.offset, wire)))),
        }
    }

    fn judge_message(&mut self, place: Place, frame: Frame<'_>, wire: &[u8], complete: bool) -> Option<Finding> {
        if let Err(error) = self.judge_kind(frame.kind()) {
            return Some((Verdict::Refused(error), None));
        }
        let refused = match if complete { Message::parse(frame) } else { parse_part(frame) } {
            Ok(None) => None,
            Ok(Some(message)) => return self.judge_sound(place, frame, message),
            Err(error) => Some(error),
        }?;
        let diagnosis = match refused {
            Fault::BadText { .. } => {
                if let Some(finding) = self.judge_encoding(frame.encoding()) {
                    return Some(finding);
                }
                diagnosed(&Evidence::text(frame.encoding(), payload_of(frame)))
            }
            _ => diagnosed(&Evidence::stream(refused, place.offset, wire)),
        };
        Some((Verdict::Refused(refused), diagnosis))
    }

    /// A message that is legal, although it may not be what was intended.
    fn judge_sound(&mut self, place: Place, frame: Frame<'_>, message: Message<'_>) -> Option<Finding> {
        let has_reason = matches!(message, Message::Close { .. } | Message::Error(_));
        if !has_reason && let Some(refused) = self.judge_encoding(frame.encoding()) {
            return Some(refused);
        }
        self.remarks.numbers(place, message);
        match payload(&message)? {
            Payload::Text(text) => {
                let diagnosis = self.remarks.text(place, frame.encoding(), payload_of(frame));
                if text.had_bom() {
                    return Some((Verdict::Note("the text begins with a byte order mark"), None));
                }
                Some((Verdict::Note("the text is legal, but probably not what was intended"), Some(diagnosis?)))
            }
            Payload::Binary(bytes) => {
                self.remarks.binary(place, bytes);
                None
            }
        }
    }

    /// Kinds of the hub profile are legal only if both sides use it, and each in one direction (R3.8, R9.2).
    fn judge_kind(&self, kind: u8) -> Result<(), Fault> {
        if !kind::is_hub(kind) {
            return Ok(());
        }
        let has_hub = |hello: &Option<Hello>| hello.as_ref().is_none_or(Hello::hub);
        if !has_hub(&self.hello) || !has_hub(&self.peer) {
            return Err(Fault::UnknownKind { kind });
        }
        match self.sender {
            Some(Side::Client) if kind != kind::POST => Err(Fault::UnexpectedKind { kind }),
            Some(Side::Server) if kind == kind::POST => Err(Fault::UnexpectedKind { kind }),
            _ => Ok(()),
        }
    }

    /// A side sends only encodings that the other side accepts (R5.10).
    fn judge_encoding(&self, encoding: Encoding) -> Option<Finding> {
        let accepted = self.peer.as_ref()?.accepted();
        (!accepted.contains(encoding)).then_some((Verdict::Refused(Fault::EncodingRefused { encoding }), None))
    }
}

/// Parses the beginning of a body. That it is incomplete is not a fault.
fn parse_part(frame: Frame<'_>) -> Result<Option<Message<'_>>, Fault> {
    let body = frame.body();
    let parse = |length: usize| {
        let part = Frame::new(frame.kind(), frame.encoding(), &body[..length]).expect("it is shorter than the frame");
        Message::parse(part)
    };
    let mut parsed = parse(body.len());
    if let Err(Fault::BadText { offset, .. }) = parsed {
        let legal = body.len() - payload_of(frame).len() + offset;
        if legal + LONGEST_CHARACTER > body.len() {
            parsed = parse(legal);
        }
    }
    match parsed {
        Err(Fault::Malformed { .. }) if body.len() < LONGEST_FIXED => Ok(None),
        parsed => parsed,
    }
}

/// The length of a HELLO without options, in bytes.
const FIXED_HELLO: usize = 24;
/// The length of the longest fixed part, a DELIVERY's with its name, in bytes.
const LONGEST_FIXED: usize = Delivery::FIXED_LENGTH + MAX_LINE;
/// The length of the longest character in any encoding, in bytes.
const LONGEST_CHARACTER: usize = 4;

fn payload_of<'a>(frame: Frame<'a>) -> &'a [u8] {
    super::layout::payload(frame.kind(), frame.body())
}

/// The payload, or the text in its place.
fn payload<'a>(message: &Message<'a>) -> Option<Payload<'a>> {
    match message {
        Message::Message(payload)
        | Message::Request { payload, .. }
        | Message::Reply { payload, .. }
        | Message::Post { payload, .. } => Some(*payload),
        Message::Delivery(delivery) => Some(delivery.payload),
        Message::Welcome { greeting, .. } => Some(Payload::Text(*greeting)),
        Message::Presence { name, .. } => Some(Payload::Text(name.text())),
        _ => None,
    }
}

fn diagnosed(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let diagnosis = diagnosis::diagnose(evidence);
    diagnosis.first().is_some().then_some(diagnosis)
}
