//! What a session would say of sound frames: one side of one stream, judged without clock and answers (SPEC 3, 4, 7).

use bookend::diagnosis::{self, Confidence, Diagnosis, Evidence};
use bookend::{Delivery, Encoding, Fault, Frame, Hello, MAX_HELLO, MAX_LINE, Message, Payload, Text, kind};

use super::event::Verdict;

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Client,
    Server,
    /// They come from a file, which does not say.
    Unknown,
}

/// What is known of a session so far.
#[derive(Debug)]
pub(super) struct Expectations {
    sender: Sender,
    /// The stream is here from its first byte on.
    whole: bool,
    hello: Option<Hello>,
    /// What the other side said of itself.
    peer: Option<Hello>,
    closed: bool,
    /// It was told that more comes behind CLOSE.
    closed_told: bool,
}

/// What is to be said of a frame, and which mistake may be behind it.
pub(super) type Said = (Verdict, Option<Diagnosis>);

impl Expectations {
    pub(super) fn new(sender: Sender, whole: bool) -> Expectations {
        Expectations { sender, whole, hello: None, peer: None, closed: false, closed_told: false }
    }

    /// This side's HELLO, once it has been seen.
    pub(super) fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// Bytes are missing, and frames perhaps.
    pub(super) fn lose(&mut self) {
        self.whole = false;
    }

    pub(super) fn set_peer(&mut self, hello: Hello) {
        self.peer = Some(hello);
    }

    /// Has this side said that it is done?
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// Judges a frame, of whose body `frame` may have only the beginning if it is not `complete`.
    pub(super) fn judge(
        &mut self,
        number: u64,
        offset: u64,
        frame: Frame<'_>,
        wire: &[u8],
        complete: bool,
    ) -> Vec<Said> {
        let mut said = Vec::new();
        if self.closed && self.sender == Sender::Unknown && frame.kind() == kind::HELLO {
            *self = Expectations::new(self.sender, self.whole); // a file may hold several sessions
        }
        if self.closed && !self.closed_told {
            self.closed_told = true;
            said.push((Verdict::Note("this and all else behind CLOSE is ignored by its receiver"), None));
        }
        if number == 0 && self.whole && !matches!(frame.kind(), kind::HELLO | kind::CLOSE) {
            said.push((self.out_of_place(Fault::HelloExpected { kind: frame.kind() }), None));
        }
        match frame.kind() {
            kind::HELLO => said.extend(self.judge_hello(offset, frame, wire, complete)),
            _ => said.extend(self.judge_message(offset, frame, wire, complete)),
        }
        self.closed |= frame.kind() == kind::CLOSE;
        said
    }

    fn out_of_place(&self, error: Fault) -> Verdict {
        if self.whole && self.sender != Sender::Unknown { Verdict::Refused(error) } else { Verdict::OutOfPlace(error) }
    }

    fn judge_hello(&mut self, offset: u64, frame: Frame<'_>, wire: &[u8], complete: bool) -> Option<Said> {
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
            // Options may be cut off, and the fixed part too, of which nothing can be said then.
            Hello::parse(frame.body().get(..FIXED_HELLO)?)
        };
        match hello {
            Ok(hello) => {
                self.hello = Some(hello);
                None
            }
            Err(error) => Some((Verdict::Refused(error), diagnosed(&Evidence::stream(error, offset, wire)))),
        }
    }

    fn judge_message(&self, offset: u64, frame: Frame<'_>, wire: &[u8], complete: bool) -> Option<Said> {
        if let Err(error) = self.judge_kind(frame.kind()) {
            return Some((Verdict::Refused(error), None));
        }
        let refused = match if complete { Message::parse(frame) } else { parse_part(frame) } {
            Ok(Some(Message::Close { .. } | Message::Error(_)) | None) => None,
            Ok(Some(message)) => return self.judge_encoding(frame.encoding()).or_else(|| noted(&message)),
            Err(error) => Some(error),
        }?;
        let diagnosis = match refused {
            Fault::BadText { .. } => {
                if let Some(said) = self.judge_encoding(frame.encoding()) {
                    return Some(said);
                }
                diagnosed(&Evidence::text(frame.encoding(), payload_of(frame)))
            }
            _ => diagnosed(&Evidence::stream(refused, offset, wire)),
        };
        Some((Verdict::Refused(refused), diagnosis))
    }

    /// Kinds of the hub profile: only where it is in force, and each in its direction (R3.8, R9.2).
    fn judge_kind(&self, kind: u8) -> Result<(), Fault> {
        if !kind::is_hub(kind) {
            return Ok(());
        }
        let speaks = |hello: &Option<Hello>| hello.as_ref().is_none_or(Hello::hub);
        if !speaks(&self.hello) || !speaks(&self.peer) {
            return Err(Fault::UnknownKind { kind });
        }
        match self.sender {
            Sender::Client if kind != kind::POST => Err(Fault::UnexpectedKind { kind }),
            Sender::Server if kind == kind::POST => Err(Fault::UnexpectedKind { kind }),
            _ => Ok(()),
        }
    }

    /// Only what the other side accepts may be sent (R5.10).
    fn judge_encoding(&self, encoding: Encoding) -> Option<Said> {
        let accepted = self.peer.as_ref()?.accepted();
        (!accepted.contains(encoding)).then_some((Verdict::Refused(Fault::EncodingRefused { encoding }), None))
    }
}

/// A body of which only the beginning is there: what breaks off with it is nothing wrong.
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

/// Bytes of a HELLO without options.
const FIXED_HELLO: usize = 24;
/// Bytes of the longest fixed part, which is DELIVERY's with its name.
const LONGEST_FIXED: usize = Delivery::FIXED_LENGTH + MAX_LINE;
/// Bytes of the longest character in any encoding.
const LONGEST_CHARACTER: usize = 4;

fn payload_of<'a>(frame: Frame<'a>) -> &'a [u8] {
    super::layout::payload(frame.kind(), frame.body())
}

/// What is legal, but hardly what was meant.
fn noted(message: &Message<'_>) -> Option<Said> {
    let payload = match message {
        Message::Message(payload)
        | Message::Request { payload, .. }
        | Message::Reply { payload, .. }
        | Message::Post { payload, .. } => *payload,
        Message::Delivery(delivery) => delivery.payload,
        Message::Welcome { greeting, .. } => Payload::Text(*greeting),
        Message::Presence { name, .. } => Payload::Text(name.text()),
        _ => return None,
    };
    let Payload::Text(text) = payload else { return None };
    if text.had_bom() {
        return Some((Verdict::Note("a byte order mark is in front of the text"), None));
    }
    let diagnosis = diagnosed(&suspicious(&text)?)?;
    let likely = diagnosis.first().is_some_and(|first| first.confidence() >= Confidence::Likely);
    likely.then_some((Verdict::Note("the text is legal, but is it what was meant?"), Some(diagnosis)))
}

/// Plain ASCII is what was meant, and most of what there is.
fn suspicious<'a>(text: &Text<'a>) -> Option<Evidence<'a>> {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let narrow = matches!(text.encoding(), Encoding::Ascii | Encoding::Utf8);
    (!narrow || !text.as_bytes().iter().all(plain)).then(|| Evidence::text(text.encoding(), text.as_bytes()))
}

fn diagnosed(evidence: &Evidence<'_>) -> Option<Diagnosis> {
    let diagnosis = diagnosis::diagnose(evidence);
    diagnosis.first().is_some().then_some(diagnosis)
}
