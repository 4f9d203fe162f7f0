//! What there is to tell of a stream, in the order of its bytes.

use bookend::Encoding;
use bookend::diagnosis::Diagnosis;

/// One thing that was found. Offsets are in bytes from the first START of the stream (SPEC 2), or from the first byte
/// that was captured where the stream had begun before.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// Text before the first START, which a client skips.
    Preamble(&'a [u8]),
    /// A line of a line terminal's session, or 1,024 bytes of one.
    Line(&'a [u8]),
    Frame(Seen<'a>),
    /// About the frame that was told last.
    Remark(Remark),
    Fault(Fault<'a>),
    Skipped(Skipped),
    /// Bytes that were sent, but are not in the capture.
    Hole {
        offset: u64,
        length: u64,
    },
    /// The stream ended between frames without a CLOSE.
    NoClose,
    /// The capture ends inside a frame, and nothing says that its rest was not sent.
    Unfinished {
        offset: u64,
        arrived: u64,
        expected: Option<u64>,
    },
}

/// A sound frame.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    /// From 0, as ERROR counts them (R3.17).
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) kind: u8,
    pub(super) encoding: Encoding,
    /// Bytes of body.
    pub(super) length: u32,
    /// As much of the body as is held.
    pub(super) body: &'a [u8],
    /// Bytes of the body that are not in the capture, behind those that are held.
    pub(super) missing: u64,
    /// Were both bytes of END seen in their place?
    pub(super) ended: bool,
}

/// What a session would say of a sound frame.
#[derive(Debug)]
pub(super) struct Remark {
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) what: Verdict,
    /// Which mistake makes such bytes, as far as that is known.
    pub(super) diagnosis: Option<Diagnosis>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A rule is broken, and the frame would be answered by an ERROR or a CLOSE.
    Refused(bookend::Fault),
    /// A rule is broken unless the stream began before its first byte here.
    OutOfPlace(bookend::Fault),
    /// Legal, or nearly, and worth knowing.
    Note(&'static str),
}

/// Bytes that are no frame.
#[derive(Debug)]
pub(super) struct Fault<'a> {
    /// What would have been the frame's number.
    pub(super) number: u64,
    /// Where that frame begins.
    pub(super) offset: u64,
    pub(super) error: bookend::Fault,
    /// The beginning of the frame.
    pub(super) bytes: &'a [u8],
    pub(super) diagnosis: Diagnosis,
}

/// Bytes that were passed over to find a sound frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) offset: u64,
    /// Bytes, without those that are not in the capture.
    pub(super) length: u64,
    pub(super) why: Why,
    /// A sound frame follows; else the stream ends here.
    pub(super) found: bool,
}

/// Why a sound frame had to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Fault,
    /// Bytes are not in the capture.
    Hole,
    /// The capture began inside the stream.
    Begun,
}
