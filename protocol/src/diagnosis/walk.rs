//! Follows frames as a peer with a certain mistake would have written them.

use byteorder::{BigEndian, ByteOrder};

use crate::encoding::Encoding;
use crate::frame::{END, HEADER_LENGTH, START};
use crate::kind;

/// What a supposed mistake makes of the bytes from a START on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A frame with END in its place.
    Whole {
        /// Bytes before its body.
        body_at: usize,
        /// Bytes of the whole frame.
        total: usize,
    },
    /// The bytes end before the frame does, and fit so far.
    Partial {
        /// Bytes before its body.
        body_at: usize,
        /// Bytes of body that it would have.
        length: u64,
    },
    /// These are no such bytes.
    Wrong,
}

/// Reads one frame as a supposed mistake would have written it.
pub(super) type Reading = fn(&[u8]) -> Step;

/// What following the frames found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walk {
    /// Frames that only the mistake explains.
    pub(super) explained: usize,
    /// Frames like the first that are sound, but would not be if the mistake were made each time.
    pub(super) spared: usize,
    /// Reached bytes that neither explains.
    pub(super) lost: bool,
    /// The bytes end where a frame does.
    pub(super) complete: bool,
}

impl Walk {
    /// Is there evidence against it?
    pub(super) fn doubtful(&self) -> bool {
        self.lost || self.spared > 0
    }
}

/// Follows the frames of `bytes` after those of `before`; `None` unless the mistake explains the first one.
pub(super) fn follow(before: &[u8], bytes: &[u8], reading: Reading) -> Option<Walk> {
    let Step::Whole { total, .. } = reading(bytes) else { return None };
    if matches!(correct(bytes), Step::Whole { total: sound, .. } if sound == total) {
        return None;
    }
    let first = class(bytes);
    let mut walk = Walk { explained: 1, ..Walk::default() };
    let mut rest = before;
    while let Step::Whole { total, .. } = correct(rest) {
        let same = matches!(reading(rest), Step::Whole { total: other, .. } if other == total);
        walk.spared += usize::from(!same && class(rest) == first);
        rest = &rest[total..];
    }
    rest = &bytes[total..];
    while !rest.is_empty() {
        let total = match (reading(rest), correct(rest)) {
            (Step::Whole { total, .. }, Step::Whole { total: sound, .. }) if total == sound => total,
            (Step::Whole { total, .. }, Step::Wrong | Step::Partial { .. }) => {
                walk.explained += 1;
                total
            }
            (_, Step::Whole { total, .. }) => {
                walk.spared += usize::from(class(rest) == first);
                total
            }
            (Step::Partial { .. }, _) | (_, Step::Partial { .. }) => break,
            (Step::Wrong, Step::Wrong) => {
                walk.lost = true;
                break;
            }
        };
        rest = &rest[total..];
    }
    walk.complete = rest.is_empty();
    Some(walk)
}

/// Frames of a class are written by the same lines of a program: those of a kind, text apart from binary.
fn class(frame: &[u8]) -> (u8, bool) {
    (frame[2], frame[3] != Encoding::Binary as u8)
}

/// Does `others` begin with sound frames, one of them of the same class as `frame`?
pub(super) fn has_sound_sibling(frame: &[u8], others: &[u8]) -> bool {
    let mut rest = others;
    while let Step::Whole { total, .. } = correct(rest) {
        if frame.len() >= 4 && class(rest) == class(frame) {
            return true;
        }
        rest = &rest[total..];
    }
    false
}

/// How many sound frames `bytes` begins with, and whether it holds nothing else but perhaps a part of one.
pub(super) fn sound(bytes: &[u8]) -> (usize, bool) {
    let (mut frames, mut rest) = (0, bytes);
    loop {
        match correct(rest) {
            Step::Whole { total, .. } => rest = &rest[total..],
            Step::Partial { .. } => return (frames, true),
            Step::Wrong => return (frames, false),
        }
        frames += 1;
    }
}

/// A frame as SPEC 2 defines it.
pub(super) fn correct(bytes: &[u8]) -> Step {
    match declared(bytes) {
        Some(length) => spanning(bytes, HEADER_LENGTH, length),
        None if is_header(bytes) => Step::Partial { body_at: HEADER_LENGTH, length: 0 },
        None => Step::Wrong,
    }
}

/// A frame whose body of `length` bytes begins at `body_at`.
pub(super) fn spanning(bytes: &[u8], body_at: usize, length: u64) -> Step {
    if !is_header(&bytes[..bytes.len().min(4)]) {
        return Step::Wrong;
    }
    let end = usize::try_from(length).ok().and_then(|length| body_at.checked_add(length)).unwrap_or(usize::MAX);
    match bytes.get(end..) {
        Some([a, b, ..]) if [*a, *b] == END => Step::Whole { body_at, total: end + END.len() },
        Some([a]) if *a == END[0] => Step::Partial { body_at, length },
        None | Some([]) => Step::Partial { body_at, length },
        Some(_) => Step::Wrong,
    }
}

/// The length field, big-endian.
pub(super) fn declared(bytes: &[u8]) -> Option<u64> {
    bytes.get(4..HEADER_LENGTH).map(|field| u64::from(BigEndian::read_u32(field)))
}

/// Can these bytes, as far as they go, begin a frame that a peer would send?
pub(super) fn is_header(bytes: &[u8]) -> bool {
    let start = bytes.len().min(START.len());
    bytes[..start] == START[..start]
        && bytes.get(2).is_none_or(|&kind| kind::name(kind).is_some() || kind >= kind::IGNORABLE)
        && bytes.get(3).is_none_or(|&encoding| Encoding::from_byte(encoding).is_some())
}

/// Bytes of the fixed part of a body (SPEC 3), of a DELIVERY with the sender's name.
pub(super) fn fixed_part(bytes: &[u8]) -> usize {
    let Some(&kind) = bytes.get(2) else { return 0 };
    let name = if kind == kind::DELIVERY { bytes.get(HEADER_LENGTH + 24).copied().map_or(0, usize::from) } else { 0 };
    kind::fixed_length(kind) + name
}
