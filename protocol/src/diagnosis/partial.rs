//! A send that took only a part of a frame: what the program did with the rest.

use alloc::format;

use super::mistakes as m;
use super::walk::{Step, correct, declared, fixed_part, is_header, sound};
use super::{Confidence, Hypothesis, Stream};
use crate::frame::{END, HEADER_LENGTH, OVERHEAD, START};

/// How many STARTs inside a frame are judged: hostile bytes hold thousands.
const MAX_JUDGED: usize = 64;

pub(super) fn judge(stream: &Stream<'_>) -> Option<Hypothesis> {
    let bytes = stream.bytes;
    if !is_header(&bytes[..bytes.len().min(4)]) || matches!(correct(bytes), Step::Whole { .. }) {
        return None;
    }
    let starts = bytes.windows(START.len()).enumerate().skip(START.len()).filter(|(_, window)| *window == START);
    // Where an END precedes it, the frame before has been sent whole.
    let inside = starts.map(|(at, _)| at).filter(|&at| bytes[at - END.len()..at] != END).take(MAX_JUDGED);
    inside.filter_map(|at| repeated(stream, at).or_else(|| cut(stream, at))).max_by_key(|found| found.confidence)
}

/// The least that a buffer takes of a longer frame, in bytes.
const SHORT: usize = 128;

/// The frame begins again at `at`, from its front.
fn repeated(stream: &Stream<'_>, at: usize) -> Option<Hypothesis> {
    let (first, again) = stream.bytes.split_at(at);
    let same = first.len().min(again.len());
    if first[..same] != again[..same] || same < 4 {
        return None;
    }
    let confidence = match correct(again) {
        // What is the same must be more than a header, which all frames of a size share.
        Step::Whole { .. } if at >= HEADER_LENGTH + 4 => Confidence::Certain,
        Step::Whole { .. } => Confidence::Likely,
        Step::Partial { .. } if same > HEADER_LENGTH => Confidence::Likely,
        _ => return None,
    };
    let seen = format!("after {at} bytes the frame begins again from its front");
    Some(Hypothesis::new(&m::CHANNEL_SEND_REPEATED, confidence, stream.offset + at as u64, seen).weighing(100))
}

/// Other frames begin at `at`, and the rest of this one never arrives.
fn cut(stream: &Stream<'_>, at: usize) -> Option<Hypothesis> {
    let (frames, clean) = sound(&stream.bytes[at..]);
    let total = declared(stream.bytes)?.checked_add(OVERHEAD as u64)?;
    let missing = total.checked_sub(at as u64).filter(|_| at >= HEADER_LENGTH)?;
    // US-ASCII and UTF-8 have no F5: the frame that begins is none of the text.
    let text = matches!(stream.bytes[3], 1 | 2) && at >= HEADER_LENGTH + fixed_part(stream.bytes);
    if !clean || !stream.bytes.ends_with(&END) {
        return None;
    }
    let confidence = match (frames, stream.stalled()) {
        (0, _) => return None,
        (_, true) if text => Confidence::Likely,
        // The body may hold frames, and its end may still arrive. What is sent in part is rarely so short.
        (_, true) if frames < 2 || at < SHORT || at == HEADER_LENGTH + fixed_part(stream.bytes) => return None,
        _ => Confidence::Likely,
    };
    let seen = format!("{missing} bytes are missing: the next frame begins inside this one, at byte {at} of {total}");
    Some(Hypothesis::new(&m::CHANNEL_SEND_CUT, confidence, stream.offset + at as u64, seen).weighing(10 * frames))
}
