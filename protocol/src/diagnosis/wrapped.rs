//! Sound frames with something around them: another protocol's framing, padding, a checksum, a terminator.
//!
//! Two tests, and either is enough: `unwrap` takes the stream apart as the other protocol's receiver would, and what comes out must
//! be frames; `gaps` looks at the bytes between the frames, which must follow one rule.

use alloc::string::String;

use super::mistakes::Mistake;
use super::walk::{Step, correct};
use super::{Confidence, Hypothesis, Stream};
use crate::frame::{HEADER_LENGTH, START};
use crate::hello::MAGIC;
use crate::kind;

mod gaps;
mod unwrap;

/// A rule that the stream follows.
struct Fit {
    mistake: &'static Mistake,
    /// How many frames it explains.
    frames: usize,
    /// Nothing speaks against it, and chance cannot have made it.
    proven: bool,
    seen: String,
}

/// A frame inside the bytes.
#[derive(Clone, Copy)]
struct Found {
    at: usize,
    total: usize,
}

/// More frames prove no more, and hostile bytes hold thousands.
const MAX_FRAMES: usize = 64;

pub(super) fn judge(stream: &Stream<'_>) -> Option<Hypothesis> {
    if stream.bytes.starts_with(&START) {
        return None; // the frame itself is at fault
    }
    let fit = unwrap::judge(stream).or_else(|| gaps::judge(stream))?;
    let confidence = match (fit.proven, fit.frames) {
        (true, 1..) => Confidence::Certain,
        (false, 1..) => Confidence::Likely,
        (_, 0) => Confidence::Possible,
    };
    Some(Hypothesis::new(fit.mistake, confidence, stream.offset, fit.seen).weighing(10 * fit.frames))
}

/// The whole frames in `bytes`, whatever stands between them.
fn frames(bytes: &[u8]) -> impl Iterator<Item = Found> + '_ {
    let mut from = 0;
    core::iter::from_fn(move || {
        loop {
            let at = from + super::find(bytes.get(from..)?, &START)?;
            match correct(&bytes[at..]) {
                Step::Whole { total, .. } => {
                    from = at + total;
                    return Some(Found { at, total });
                }
                Step::Partial { .. } | Step::Wrong => from = at + 1,
            }
        }
    })
    .take(MAX_FRAMES)
}

/// Is this frame a HELLO with its magic? Nothing else looks like one.
fn is_hello(frame: &[u8]) -> bool {
    frame.get(2) == Some(&kind::HELLO) && frame.get(HEADER_LENGTH..).is_some_and(|body| body.starts_with(&MAGIC))
}
