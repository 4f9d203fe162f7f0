//! START, END, kind and encoding, written otherwise or not at all.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::mistakes::{self as m, Mistake};
use super::walk::{self, is_header};
use super::{Confidence, Hypothesis, Stream, hex};
use crate::frame::{END, HEADER_LENGTH, START};
use crate::hello::MAGIC;
use crate::kind;

/// The frame at the front as a program with a mistake writes it.
struct Written {
    /// Its START and header, as they should be.
    header: [u8; HEADER_LENGTH],
    body_at: usize,
    /// What stands in the place of END.
    end: &'static [u8],
}

type Shape = fn(&[u8]) -> Option<Written>;

const SWAPPED_END: &[u8] = b"\xF5\xF8";

/// In the order in which they are tried.
const SHAPES: [(&Mistake, Shape, &str); 13] = [
    (&m::FRAME_HOST_ORDER, |bytes| swapped_start(bytes, SWAPPED_END, true), "f8 f5 for START and f5 f8 for END"),
    (
        &m::FRAME_HOST_ORDER,
        |bytes| swapped_start(bytes, SWAPPED_END, false),
        "f8 f5 for START, f5 f8 for END, and a little-endian length",
    ),
    (&m::FRAME_HOST_ORDER, |bytes| swapped_start(bytes, &END, true), "f8 f5 for START"),
    (&m::FRAME_HOST_ORDER, |bytes| swapped_start(bytes, &END, false), "f8 f5 for START, and a little-endian length"),
    (
        &m::FRAME_HOST_ORDER,
        |bytes| swapped_word(bytes, SWAPPED_END),
        "the header as little-endian numbers of 32 bits, and f5 f8 for END",
    ),
    (&m::FRAME_HOST_ORDER, |bytes| swapped_word(bytes, &END), "the header as little-endian numbers of 32 bits"),
    (&m::FRAME_HOST_ORDER, |bytes| as_it_is(bytes, SWAPPED_END, true), "f5 f8 for END"),
    (&m::FRAME_HOST_ORDER, |bytes| as_it_is(bytes, SWAPPED_END, false), "f5 f8 for END, and a little-endian length"),
    (&m::FRAME_FIELDS_EXCHANGED, exchanged, "the encoding before the kind"),
    (&m::FRAME_ASCII_DIGITS, digits, "digits for kind and encoding"),
    (&m::FRAME_START_MISSING, without_start, "kind, encoding, length, body and END, but no START"),
    (&m::FRAME_END_MISSING, |bytes| as_it_is(bytes, b"", true), "no END after any body"),
    (&m::FRAME_END_MISSING, |bytes| as_it_is(bytes, b"", false), "no END after any body, and a little-endian length"),
];

pub(super) fn judge(stream: &Stream<'_>) -> Option<Hypothesis> {
    if matches!(walk::correct(stream.bytes), walk::Step::Whole { .. }) {
        return None; // the frame is sound; its contents are wrong
    }
    let found = SHAPES.iter().filter_map(|&(mistake, shape, seen)| judge_shape(stream, mistake, shape, seen));
    found.min_by_key(Hypothesis::rank)
}

fn judge_shape(stream: &Stream<'_>, mistake: &'static Mistake, shape: Shape, seen: &str) -> Option<Hypothesis> {
    let walk = follow(stream, shape)?;
    let hello = stream.offset == 0;
    let endless = mistake == &m::FRAME_END_MISSING;
    // Without END, only the next START shows where a body ends, and a body may hold one.
    let proven = if endless { walk.frames > 2 } else { walk.frames > 1 || hello };
    let confidence = match walk.frames {
        0 if !hello || endless || !stream.bytes.starts_with(&END) => return None,
        0 => Confidence::Likely,
        1 if endless && !hello => return None,
        _ if !walk.clean => Confidence::Possible,
        _ if proven => Confidence::Certain,
        // An encoding that does not exist may have another cause.
        1 if mistake == &m::FRAME_FIELDS_EXCHANGED => Confidence::Possible,
        _ => Confidence::Likely,
    };
    let seen: String = format!("{seen}: {}", hex(&stream.bytes[..stream.bytes.len().min(HEADER_LENGTH)]));
    Some(Hypothesis::new(mistake, confidence, stream.offset, seen).weighing(10 * walk.frames))
}

struct Walk {
    /// Whole frames.
    frames: usize,
    /// Nothing else follows but a part of one.
    clean: bool,
}

/// Follows the frames from the faulty one on; `None` if it is none of this shape.
fn follow(stream: &Stream<'_>, shape: Shape) -> Option<Walk> {
    let (mut rest, mut frames) = (stream.bytes, 0);
    loop {
        let hello = stream.offset == 0 && frames == 0;
        match step(rest, shape, hello) {
            Step::Whole(0) => return None,
            Step::Whole(total) => {
                rest = &rest[total..];
                frames += 1;
            }
            Step::Partial if frames > 0 || hello => return Some(Walk { frames, clean: true }),
            Step::Partial => return None,
            Step::Wrong if frames > 0 => return Some(Walk { frames, clean: false }),
            Step::Wrong => return None,
        }
        if rest.is_empty() {
            return Some(Walk { frames, clean: true });
        }
    }
}

enum Step {
    Whole(usize),
    Partial,
    Wrong,
}

fn step(bytes: &[u8], shape: Shape, hello: bool) -> Step {
    let Some(Written { header, body_at, end }) = shape(bytes) else {
        return if bytes.len() < HEADER_LENGTH && !hello { Step::Partial } else { Step::Wrong };
    };
    let magic = bytes.get(body_at..).unwrap_or_default();
    let magic = &magic[..magic.len().min(MAGIC.len())];
    if !is_header(&header) || hello && (header[2] != kind::HELLO || *magic != MAGIC[..magic.len()] || magic.len() < 4) {
        return Step::Wrong;
    }
    let length = usize::try_from(BigEndian::read_u32(&header[4..])).unwrap_or(usize::MAX);
    let Some((body, rest)) = bytes[body_at..].split_at_checked(length) else { return Step::Partial };
    if end.is_empty() && body.ends_with(&END) {
        return Step::Wrong; // END is there, and was counted
    }
    // Without END, only the START of the next frame shows that this one is over.
    let expected = if end.is_empty() { &START } else { end };
    if !expected.starts_with(&rest[..rest.len().min(expected.len())]) {
        Step::Wrong
    } else if rest.len() < expected.len() {
        Step::Partial
    } else {
        Step::Whole(body_at + length + end.len())
    }
}

/// A header with this START, kind and encoding, and with the length at bytes 4 to 7.
fn header(start: &[u8], bytes: &[u8], big_endian: bool) -> Option<[u8; HEADER_LENGTH]> {
    let field = bytes.get(4..HEADER_LENGTH)?;
    let length = if big_endian { BigEndian::read_u32(field) } else { LittleEndian::read_u32(field) };
    let fields: Vec<u8> = start.iter().copied().chain(length.to_be_bytes()).collect();
    fields.try_into().ok()
}

fn swapped_start(bytes: &[u8], end: &'static [u8], big_endian: bool) -> Option<Written> {
    let &[0xF8, 0xF5, kind, encoding, ..] = bytes else { return None };
    let header = header(&[START[0], START[1], kind, encoding], bytes, big_endian)?;
    Some(Written { header, body_at: HEADER_LENGTH, end })
}

fn swapped_word(bytes: &[u8], end: &'static [u8]) -> Option<Written> {
    let &[encoding, kind, 0xF8, 0xF5, ..] = bytes else { return None };
    let header = header(&[START[0], START[1], kind, encoding], bytes, false)?;
    Some(Written { header, body_at: HEADER_LENGTH, end })
}

fn as_it_is(bytes: &[u8], end: &'static [u8], big_endian: bool) -> Option<Written> {
    let header = header(bytes.get(..4)?, bytes, big_endian)?;
    Some(Written { header, body_at: HEADER_LENGTH, end })
}

fn exchanged(bytes: &[u8]) -> Option<Written> {
    let &[a, b, encoding, kind, ..] = bytes else { return None };
    let header = header(&[a, b, kind, encoding], bytes, true)?;
    Some(Written { header, body_at: HEADER_LENGTH, end: &END })
}

/// One digit each, and a length as it should be.
fn digits(bytes: &[u8]) -> Option<Written> {
    let &[a, b, kind @ b'0'..=b'9', encoding @ b'0'..=b'4', ..] = bytes else { return None };
    let header = header(&[a, b, kind - b'0', encoding - b'0'], bytes, true)?;
    Some(Written { header, body_at: HEADER_LENGTH, end: &END })
}

fn without_start(bytes: &[u8]) -> Option<Written> {
    let fields: Vec<u8> = START.iter().chain(bytes.get(..HEADER_LENGTH - START.len())?).copied().collect();
    Some(Written { header: fields.try_into().ok()?, body_at: HEADER_LENGTH - START.len(), end: &END })
}
