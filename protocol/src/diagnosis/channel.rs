//! What a channel, or a text-mode writer, does to the bytes of a body whose length was right before.

use alloc::format;
use alloc::vec::Vec;

use super::mistakes::{self as m, Mistake};
use super::walk::{Reading, Step, declared, follow, spanning};
use super::{Confidence, Hypothesis, Stream, find};
use crate::frame::{HEADER_LENGTH, START};
use crate::kind;

const READINGS: [(&Mistake, Reading, &str); 3] = [
    (
        &m::CHANNEL_LF_TO_CRLF,
        |bytes| counting(bytes, crlf_as_one),
        "END stands in its place once each CRLF counts as one byte",
    ),
    (
        &m::CHANNEL_CRLF_TO_LF,
        |bytes| counting(bytes, lf_as_two),
        "END stands in its place once each LF counts as two bytes",
    ),
    (
        &m::CHANNEL_IAC_DOUBLED,
        |bytes| counting(bytes, iac_as_one),
        "END stands in its place once each FF FF counts as one byte",
    ),
];

pub(super) fn judge(stream: &Stream<'_>, found: &mut Vec<Hypothesis>) {
    if stream.offset == 0 && stream.bytes.get(2) == Some(&kind::HELLO) {
        return; // its canary shows such a channel better
    }
    for (mistake, reading, seen) in READINGS {
        let Some(walk) = follow(stream.before, stream.bytes, reading) else { continue };
        let Step::Whole { total, .. } = reading(stream.bytes) else { continue };
        // A correct peer may have stopped where a frame within its body ends.
        let nested = find(&stream.bytes[HEADER_LENGTH..total], &START).is_some();
        if stream.stalled() && (!walk.complete || nested) {
            continue;
        }
        let changes = declared(stream.bytes).unwrap_or(0).abs_diff((total - HEADER_LENGTH - 2) as u64);
        let confidence = match (walk.explained, walk.doubtful()) {
            (1, true) => Confidence::Possible,
            // A single change may as well be a byte that was lost or added, a few a length that is off by as many.
            (1, false) if changes < 8 => Confidence::Likely,
            (_, true) => Confidence::Likely,
            (1, false) if stream.stalled() => Confidence::Likely,
            _ => Confidence::Certain,
        };
        let offset = stream.offset + HEADER_LENGTH as u64;
        found.push(
            Hypothesis::new(mistake, confidence, offset, format!("{seen} ({changes} in this frame)"))
                .weighing(10 * walk.explained + 1),
        );
    }
}

/// How many bytes are here, and as how many they were counted.
type Counting = fn(&[u8]) -> (usize, u64);

fn counting(bytes: &[u8], count: Counting) -> Step {
    let Some(mut left) = declared(bytes) else { return Step::Wrong };
    let mut at = HEADER_LENGTH;
    while left > 0 && at < bytes.len() {
        let (here, counted) = count(&bytes[at..]);
        let Some(less) = left.checked_sub(counted) else { return Step::Wrong };
        left = less;
        at += here;
    }
    spanning(bytes, HEADER_LENGTH, (at - HEADER_LENGTH) as u64 + left)
}

fn crlf_as_one(bytes: &[u8]) -> (usize, u64) {
    if bytes.starts_with(b"\r\n") { (2, 1) } else { (1, 1) }
}

fn lf_as_two(bytes: &[u8]) -> (usize, u64) {
    (1, if bytes[0] == b'\n' { 2 } else { 1 })
}

fn iac_as_one(bytes: &[u8]) -> (usize, u64) {
    if bytes.starts_with(b"\xFF\xFF") { (2, 1) } else { (1, 1) }
}
