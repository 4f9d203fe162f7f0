//! Holds the first segments of a direction whose SYN has not been seen: it may have been captured out of order.

use std::net::SocketAddr;

use bookend::{Decoder, MAX_LENGTH, START, kind};

use super::packet::Segment;

/// The most segments that are held of a stream.
const SEGMENTS: usize = 256;
/// The most bytes that are held of a stream.
const BYTES: usize = 64 << 10;
/// A segment that precedes the first one by no more is taken for an earlier one. In bytes.
const BEFORE: u32 = 1 << 20;

/// The first segments of a stream, in the order of the capture.
#[derive(Debug)]
pub(super) struct Early {
    /// The number of the stream.
    pub(super) number: u64,
    segments: Vec<(Segment<'static>, Vec<u8>)>,
    bytes: usize,
}

impl Early {
    pub(super) fn new(number: u64) -> Early {
        Early { number, segments: Vec::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, segment: &Segment<'_>) {
        self.bytes += segment.payload.len();
        self.segments.push((Segment { payload: &[], ..*segment }, segment.payload.to_vec()));
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.segments.iter().map(|(segment, payload)| Segment { payload, ..*segment })
    }

    /// True if nothing more can be gained: every side whose bytes are held has a SYN, or too much is held. `begun` are the
    /// sides that need none.
    pub(super) fn is_decided(&self, begun: impl Fn(SocketAddr) -> bool) -> bool {
        let Some(last) = self.segments().last() else { return true };
        let lacks_start = |from| {
            let mut mine = self.segments().filter(|segment| segment.from == from);
            !begun(from) && self.syn(from).is_none() && mine.any(|segment| begins(&segment))
        };
        let is_full = self.segments.len() >= SEGMENTS || self.bytes >= BYTES;
        is_full || !(lacks_start(last.from) || lacks_start(last.to))
    }

    /// True if this SYN cannot be the beginning of the bytes that are held.
    pub(super) fn is_replaced_by(&self, syn: &Segment<'_>) -> bool {
        let first = syn.sequence.wrapping_add(1);
        self.first(syn.from).is_some_and(|held| !is_start(first, held))
    }

    /// The segment that tells the client from the server best.
    pub(super) fn opening(&self) -> Option<Segment<'_>> {
        let syn = self.segments().find(|segment| segment.syn && segment.acknowledged.is_none());
        syn.or_else(|| self.segments().find(|segment| segment.syn)).or_else(|| self.segments().next())
    }

    /// The side that is the server, as a frame that is whole in a segment shows: a client alone sends POST, and a hub
    /// alone the other kinds of the hub profile.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.segments().find_map(|segment| match hub_kind(segment.payload)? {
            kind::POST => Some(segment.to),
            _ => Some(segment.from),
        })
    }

    /// The sequence number of the SYN of a side.
    pub(super) fn syn(&self, from: SocketAddr) -> Option<u32> {
        self.segments().find(|segment| segment.from == from && segment.syn).map(|segment| segment.sequence)
    }

    /// The sequence number of the first byte that is held of a side; that of a SYN, if there is one.
    pub(super) fn first(&self, from: SocketAddr) -> Option<u32> {
        if let Some(syn) = self.syn(from) {
            return Some(syn.wrapping_add(1));
        }
        let mine = self.segments().filter(|segment| segment.from == from);
        let mut sequences = mine.filter(begins).map(|segment| segment.sequence);
        let first = sequences.next()?;
        let least = |least: u32, next| if is_start(next, least) { next } else { least };
        Some(sequences.fold(first, least))
    }
}

/// The kind of the first frame of the hub profile.
fn hub_kind(payload: &[u8]) -> Option<u8> {
    let starts = payload.windows(START.len()).enumerate().filter(|(_, window)| *window == START);
    let mut kinds =
        starts.filter_map(|(at, _)| Some(Decoder::new(MAX_LENGTH).decode(&mut &payload[at..]).ok()??.kind()));
    kinds.find(|&kind| kind::is_hub(kind))
}

/// True for a segment with a place in the stream. The place of an acknowledgement alone does not matter.
pub(super) fn begins(segment: &Segment<'_>) -> bool {
    segment.fin || !segment.payload.is_empty() || segment.cut > 0
}

/// True if a direction whose bytes from `seen` on were captured may have begun at `first`.
pub(super) fn is_start(first: u32, seen: u32) -> bool {
    seen.wrapping_sub(first) <= BEFORE
}
