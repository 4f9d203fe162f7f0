//! What an inspection has found, in numbers.

use serde::Serialize;

use super::event::{Event, Verdict};

#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    /// The form of the input.
    pub(super) format: &'static str,
    /// Sound frames.
    pub(super) frames: u64,
    pub(super) faults: u64,
    /// Sound frames that a session would refuse.
    pub(super) refused: u64,
    /// Bytes that were passed over to find sound frames.
    pub(super) skipped: u64,
    /// Bytes that are not in the capture.
    pub(super) missing: u64,
    /// TCP streams that were told of.
    pub(super) streams: u64,
    /// TCP streams that were not.
    pub(super) left_out: u64,
    /// TCP streams that were too many at a time.
    pub(super) not_followed: u64,
    /// IP fragments, which are not put together.
    pub(super) fragments: u64,
    /// Packets that are cut off in their headers, or of a link type that is not known.
    pub(super) unreadable: u64,
    /// The input could not be read to its end.
    pub(super) damaged: bool,
}

impl Summary {
    pub(super) fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::Frame(_) => self.frames += 1,
            Event::Fault(_) => self.faults += 1,
            Event::Remark(remark) => self.refused += u64::from(matches!(remark.what, Verdict::Refused(_))),
            Event::Skipped(skipped) => self.skipped += skipped.length,
            Event::Hole { length, .. } => self.missing += length,
            _ => {}
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.faults == 0 && self.refused == 0 && !self.damaged
    }
}
