//! The first bytes of a server, which may begin with a line for people (R4.20): where the mistake begins is not known.

use alloc::vec::Vec;

use super::{Confidence, Hypothesis, Stream, find, judge_stream, mistakes as m, ranked};
use crate::fault::Fault;
use crate::frame::{HEADER_LENGTH, START};
use crate::hello::{MAGIC, MAX_PREAMBLE};

/// The hypotheses for the place that explains the bytes best; the earlier one of two.
pub(super) fn judge(whole: &Stream<'_>) -> Vec<Hypothesis> {
    let mut best = Vec::new();
    for at in places(whole) {
        let bytes = &whole.bytes[at..];
        let fault = match bytes.first() {
            Some(&found) if !bytes.starts_with(&START[..bytes.len().min(2)]) => Fault::BadStart { offset: 0, found },
            _ => whole.fault,
        };
        let hypotheses = ranked(judge_stream(&Stream { bytes, fault, ..*whole }));
        if worth(&hypotheses) > worth(&best) {
            best = hypotheses;
        }
    }
    best
}

/// Where the first frame may begin: at START, unless the fault is what precedes it; with the first byte; after the first
/// line; before the magic.
fn places(whole: &Stream<'_>) -> impl Iterator<Item = usize> {
    let bytes = whole.bytes;
    let start = find(&bytes[..bytes.len().min(MAX_PREAMBLE + START.len())], &START);
    let start = start.filter(|&at| at == 0 || !matches!(whole.fault, Fault::BadStart { offset: 0, .. }));
    let after_line = bytes.iter().take(MAX_PREAMBLE).position(|&byte| byte == b'\n').map(|at| at + 1);
    let before_magic = find(bytes, &MAGIC).and_then(|at| at.checked_sub(HEADER_LENGTH));
    let length = bytes.len();
    [start, Some(0), after_line, before_magic].into_iter().flatten().filter(move |&at| at < length)
}

/// That a server sends text is the least that can be said: its line for people is text, too.
fn worth(hypotheses: &[Hypothesis]) -> Option<(bool, Confidence)> {
    hypotheses.first().map(|first| (first.mistake != &m::FOREIGN_TEXT, first.confidence))
}
