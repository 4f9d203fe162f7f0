//! What a diagnosis is based on.

use core::fmt;

use super::WINDOW;
use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::hello::Hello;
use crate::message::Message;
use crate::shown::Bytes;
use crate::text::Text;

/// What a diagnosis is based on: bytes, and the fault found in them.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) fault: Option<Fault>,
}

#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Stream(Stream<'a>),
    /// The same from a server's first byte on.
    Greeting(Stream<'a>),
    Payload {
        encoding: Encoding,
        payload: &'a [u8],
    },
    Payloads {
        encoding: Encoding,
        payloads: &'a [&'a [u8]],
    },
    Message(Message<'a>),
    Hello(&'a Hello),
}

/// The bytes of a stream from the start of its faulty frame on.
#[derive(Clone, Copy)]
pub(super) struct Stream<'a> {
    pub(super) bytes: &'a [u8],
    /// The stream has more after `bytes`.
    pub(super) cut: bool,
    /// Sound frames before these, as many as are known.
    pub(super) before: &'a [u8],
    /// What this side sent first; empty if that is not known.
    pub(super) sent: &'a [u8],
    /// Where `bytes` begins in the stream, in bytes from its first START.
    pub(super) offset: u64,
    pub(super) fault: Fault,
}

impl fmt::Debug for Evidence<'_> {
    /// The fault, and how many bytes it was found in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, length) = match self.subject {
            Subject::Stream(stream) | Subject::Greeting(stream) => ("stream", stream.bytes.len()),
            Subject::Payload { payload, .. } => ("payload", payload.len()),
            Subject::Payloads { payloads, .. } => ("payloads", payloads.iter().map(|payload| payload.len()).sum()),
            Subject::Message(_) => return f.write_str("Evidence { message }"),
            Subject::Hello(_) => return f.write_str("Evidence { hello }"),
        };
        f.debug_struct("Evidence").field("fault", &self.fault).field(name, &Bytes(length)).finish()
    }
}

impl<'a> Evidence<'a> {
    /// `bytes` from the first byte of the faulty frame on, as many as have arrived; `offset` is where that byte is in
    /// the stream, in bytes: 0 for the first frame. A frame that never arrives is a fault too: [`Fault::FrameTimeout`],
    /// [`Fault::Idle`] or [`Fault::Truncated`]. Only the first [`WINDOW`] bytes are examined.
    #[must_use]
    pub fn stream(fault: Fault, offset: u64, bytes: &'a [u8]) -> Evidence<'a> {
        let (bytes, cut) = (&bytes[..bytes.len().min(WINDOW)], bytes.len() > WINDOW);
        let stream = Stream { bytes, cut, before: &[], sent: &[], offset, fault };
        Evidence { subject: Subject::Stream(stream), fault: Some(fault) }
    }

    /// All that a server has sent, from its first byte on, while its first frame is missing or faulty. A line for people
    /// may precede that frame (R4.20).
    #[must_use]
    pub fn greeting(fault: Fault, bytes: &'a [u8]) -> Evidence<'a> {
        let mut evidence = Evidence::stream(fault, 0, bytes);
        if let Subject::Stream(stream) = evidence.subject {
            evidence.subject = Subject::Greeting(stream);
        }
        evidence
    }

    /// Adds what this side sent before anything arrived, its HELLO, which a peer may have sent back.
    #[must_use]
    pub fn sent(mut self, hello: &'a [u8]) -> Evidence<'a> {
        if let Subject::Stream(stream) | Subject::Greeting(stream) = &mut self.subject {
            stream.sent = hello;
        }
        self
    }

    /// Adds the last frames before the faulty one, from the first byte of a frame on. A mistake that they do not show
    /// is not made every time.
    #[must_use]
    pub fn after(mut self, before: &'a [u8]) -> Evidence<'a> {
        if let Subject::Stream(stream) = &mut self.subject {
            stream.before = &before[..before.len().min(WINDOW)];
        }
        self
    }

    /// The payload of a sound frame, and its encoding byte. The text may be legal and yet not what the sender meant.
    /// Only the first [`WINDOW`] bytes are examined.
    #[must_use]
    pub fn text(encoding: Encoding, payload: &'a [u8]) -> Evidence<'a> {
        let fault = if encoding == Encoding::Binary { None } else { Text::decode(encoding, payload).err() };
        Evidence { subject: Subject::Payload { encoding, payload }, fault }
    }

    /// Sound payloads of one sender, at least three and of different lengths. Together they show a mistake that each
    /// alone might show by chance: a length before the text that is a printable character.
    #[must_use]
    pub fn texts(encoding: Encoding, payloads: &'a [&'a [u8]]) -> Evidence<'a> {
        Evidence { subject: Subject::Payloads { encoding, payloads }, fault: None }
    }

    /// The numbers in the fixed part of a sound frame: ids, codes, sequence numbers and times.
    #[must_use]
    pub fn numbers(message: Message<'a>) -> Evidence<'a> {
        Evidence { subject: Subject::Message(message), fault: None }
    }

    /// The numbers in a sound HELLO.
    #[must_use]
    pub fn hello(hello: &'a Hello) -> Evidence<'a> {
        Evidence { subject: Subject::Hello(hello), fault: None }
    }
}

impl Fault {
    /// Does it concern bytes, of which more may show the mistake? Not the end of them, or that they do not come.
    pub(crate) fn is_shown_by_more(&self) -> bool {
        let stopped = matches!(
            self,
            Fault::Truncated { .. }
                | Fault::FrameTimeout { .. }
                | Fault::Idle { .. }
                | Fault::NoClose
                | Fault::HelloTimeout
        );
        self.concerns_framing() && !stopped
    }

    /// Does it concern bytes that cannot be cut into frames, or a HELLO that arrived changed?
    pub(super) fn concerns_framing(&self) -> bool {
        matches!(
            self,
            Fault::BadStart { .. }
                | Fault::BadEnd { .. }
                | Fault::UnknownEncoding { .. }
                | Fault::TooLong { .. }
                | Fault::Truncated { .. }
                | Fault::FrameTimeout { .. }
                | Fault::Idle { .. }
                | Fault::NoClose
                | Fault::HelloTimeout
                | Fault::HelloExpected { .. }
                | Fault::BadHello { .. }
                | Fault::BadCanary { .. }
                | Fault::UnknownKind { .. }
                | Fault::Malformed { .. }
                | Fault::Version { .. }
        )
    }
}

impl Stream<'_> {
    /// Did the bytes stop, and not go wrong? Then a body that holds frames looks like frames after a wrong length,
    /// unless the bytes end where such a frame does.
    pub(super) fn stalled(&self) -> bool {
        matches!(
            self.fault,
            Fault::Truncated { .. }
                | Fault::NoClose
                | Fault::FrameTimeout { .. }
                | Fault::HelloTimeout
                | Fault::Idle { .. }
        )
    }
}
