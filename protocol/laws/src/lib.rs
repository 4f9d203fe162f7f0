//! The laws of the crate `bookend`: what holds for every input, in words and as functions.
//!
//! 1. **Round trip.** What is written is read again: the same, all of it, in order.
//! 2. **Re-chunking.** However a stream is cut into reads, it gives the same frames, steps, output and fault.
//! 3. **Canonical.** What was read and is written again is the bytes that it was read from.
//! 4. **Total.** No input causes a panic or a hang: each call makes progress or asks for more, each deadline moves.
//! 5. **Bounded.** Memory follows what arrived and the limits, never what a header claims.
//! 6. **Sticky.** A fault is final: nothing that arrives after it changes or adds anything.
//! 7. **Text.** Legal text loses nothing; of other text, everything before the offset is legal, and nothing longer is.
//! 8. **Quiet.** A reply never provokes a reply, so two sessions become quiet.
//!
//! Each function returns a [`Verdict`] and takes what it judges as a type or a function, so that a test can show it
//! something that breaks the law. `protocol/tests/laws` feeds them from generators, `fuzz` from a fuzzer.

/// Fails with a formatted text unless the condition holds.
macro_rules! demand {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(format!($($words)+));
        }
    };
}

pub mod diagnosis;
pub mod frame;
pub mod history;
pub mod memory;
pub mod message;
pub mod reason;
pub mod session;
pub mod text;
pub mod transfer;

/// `Ok` if the law holds, else how it was broken.
pub type Verdict = Result<(), String>;

/// Where each read of `stream` ends when it is cut at `cuts`, in whatever order they come.
#[must_use]
pub fn ends(stream: &[u8], cuts: &[usize]) -> Vec<usize> {
    let mut ends: Vec<usize> = cuts.iter().map(|&cut| cut.min(stream.len())).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    ends
}

/// Cuts that the bytes themselves choose, for inputs that come without any.
#[must_use]
pub fn cuts_of(stream: &[u8]) -> Vec<usize> {
    (0..stream.len()).filter(|&at| stream[at].count_ones() == 4).collect()
}
