//! What an inspection finds in a stream, in the order of its bytes.

use std::fmt;
use std::net::SocketAddr;

use bookend::Encoding;
use bookend::diagnosis::{Diagnosis, Hypothesis};
use serde::Serialize;

use super::side::Side;

/// Where in a capture an event belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The number of the TCP stream, from 1.
    pub stream: u64,
    /// The side that sent the bytes.
    pub sender: Side,
}

/// Something that was found. Offsets count bytes from the first START of the stream (SPEC 2), or from the first captured
/// byte if the stream began before the capture.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The input is a dump: text that shows bytes. The first event of such an input.
    Dump {
        /// The form of the dump, such as `xxd -e`.
        form: &'a str,
        /// What the dump has beside the bytes of one direction, if anything: two sides, or packets with headers.
        note: Option<&'a str>,
    },
    /// A TCP stream of a capture; events with its number follow.
    Stream(Stream),
    /// Text before the first START, which a client skips (R4.20).
    Preamble(&'a [u8]),
    /// A line of a line terminal's session, or 1,024 bytes of one (R9.17).
    Line(&'a [u8]),
    /// A well-formed frame.
    Frame(SeenFrame<'a>),
    /// A remark about the frame of the last [`Event::Frame`], or at the end of a stream about its sound frames
    /// ([`Verdict::Pattern`]).
    Remark(Remark),
    /// Bytes that are not a frame.
    Fault(FaultyFrame<'a>),
    /// Bytes that were skipped.
    Skipped(Skipped),
    /// Bytes that were sent, but are missing from the capture.
    Hole {
        /// Where the missing bytes begin.
        offset: u64,
        /// The number of missing bytes.
        length: u64,
    },
    /// A retransmission whose bytes differ from those that arrived first, which were used. A receiver may have used either.
    Conflict {
        /// Where the bytes that were sent again begin.
        offset: u64,
        /// The number of bytes that were sent again.
        length: u64,
        /// The number of those that differ.
        differing: u64,
    },
    /// The stream ended between frames without a CLOSE.
    NoClose,
    /// The capture ends inside a frame, and does not show that the rest was never sent.
    Unfinished {
        /// Where the frame begins.
        offset: u64,
        /// Bytes of the frame that were captured.
        arrived: u64,
        /// Bytes of the whole frame, if its header was captured.
        expected: Option<u64>,
    },
    /// The input cannot be read any further: the reason.
    Damaged(&'a str),
}

/// A TCP stream of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// From 1, in the order of their first packets in the capture.
    pub number: u64,
    /// The client's address.
    pub client: SocketAddr,
    /// The server's address.
    pub server: SocketAddr,
    /// The capture has the beginning of the stream. If it does not, the ports decide which end is taken for the client.
    pub whole: bool,
}

/// A well-formed frame.
pub struct SeenFrame<'a> {
    /// The number of the frame, from 0, as ERROR counts them (R3.17).
    pub number: u64,
    /// Where the frame begins.
    pub offset: u64,
    /// The kind byte.
    pub kind: u8,
    /// The encoding of the payload.
    pub encoding: Encoding,
    /// The length of the body, in bytes.
    pub length: u32,
    /// The beginning of the body: all of it up to 1 MiB, less of a longer one. A HELLO may contain a token.
    pub body: &'a [u8],
    /// The number of bytes of the body, after the beginning in `body`, that are missing from the capture.
    pub missing: u64,
    /// Both bytes of END were captured.
    pub ended: bool,
    /// The frame stands within another format, which a receiver refuses as a whole: it may also be part of a payload.
    pub doubtful: bool,
}

impl fmt::Debug for SeenFrame<'_> {
    /// Everything but the body, which may contain a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SeenFrame { number, offset, kind, encoding, length, body: _, missing, ended, doubtful } = self;
        let mut shown = f.debug_struct("SeenFrame");
        shown.field("number", number).field("offset", offset).field("kind", kind).field("encoding", encoding);
        shown.field("length", length).field("missing", missing).field("ended", ended).field("doubtful", doubtful);
        shown.finish_non_exhaustive()
    }
}

/// What a session would report about a well-formed frame.
#[derive(Debug)]
pub struct Remark {
    /// The number of the frame; of a [`Verdict::Pattern`], of the first frame that shows it.
    pub number: u64,
    /// Where the frame begins.
    pub offset: u64,
    /// What is remarkable.
    pub verdict: Verdict,
    /// The mistakes that produce such bytes, if any are known.
    pub diagnosis: Option<Diagnosis>,
}

impl Remark {
    /// The mistakes that produce such bytes; of a [`Verdict::Pattern`], only its own.
    pub fn hypotheses(&self) -> impl Iterator<Item = &Hypothesis> {
        let all = self.diagnosis.iter().flat_map(Diagnosis::hypotheses);
        all.filter(|hypothesis| match self.verdict {
            Verdict::Pattern(pattern) => hypothesis.name() == pattern.mistake,
            _ => true,
        })
    }
}

/// What a session would do with a well-formed frame, or what sound frames show.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The frame breaks a rule: a session answers with ERROR or CLOSE.
    Refused(bookend::Fault),
    /// The frame breaks a rule unless the stream began before the input does.
    OutOfPlace(bookend::Fault),
    /// The frame is legal, but worth a look.
    Note(&'static str),
    /// Sound frames look like a mistake of the sender, which is no more than possible.
    Pattern(Pattern),
}

/// How many sound frames of a stream look like a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pattern {
    /// The name of the mistake.
    #[serde(skip)]
    pub mistake: &'static str,
    /// How many show it.
    pub count: u64,
    /// Of how many.
    pub of: u64,
    /// What is counted: `text`, `binary payload` or `number`: a frame that has numbers.
    pub what: &'static str,
}

impl Verdict {
    /// True for a remark on a sound frame, which no session refuses.
    pub(super) fn is_remark(&self) -> bool {
        matches!(self, Verdict::Note(_) | Verdict::Pattern(_))
    }
}

/// Bytes that are not a frame.
#[derive(Debug)]
pub struct FaultyFrame<'a> {
    /// The number that the frame would have had.
    pub number: u64,
    /// Where the frame would begin.
    pub offset: u64,
    /// The fault that a decoder reports.
    pub fault: bookend::Fault,
    /// The beginning of the frame.
    pub bytes: &'a [u8],
    /// The mistakes that produce such bytes; empty if none is known.
    pub diagnosis: Diagnosis,
}

/// Bytes that were skipped in the search for a well-formed frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where the bytes begin.
    pub offset: u64,
    /// The number of bytes, without those that are missing from the capture.
    pub length: u64,
    /// Why the search was necessary.
    pub why: Why,
    /// A well-formed frame follows. If not, the stream ends here.
    pub found: bool,
    /// The number of well-formed frames in these bytes that were passed over, because they may be part of a payload.
    pub frames: u64,
}

/// Why a search for a well-formed frame was necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A fault.
    Fault,
    /// Bytes are missing from the capture.
    Hole,
    /// The stream began before the capture.
    Begun,
    /// Another format stands around the frames: its bytes separate them.
    Around,
}
