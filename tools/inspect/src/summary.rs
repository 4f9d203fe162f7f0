//! The counts of an inspection.

use serde::Serialize;

use super::account::Account;
use super::event::{Event, Verdict};

/// The counts of an inspection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The format of the input: `raw`, `dump`, `hex`, `base64` or `pcap`.
    pub format: &'static str,
    /// Well-formed frames.
    pub frames: u64,
    /// Places that are not a frame.
    pub faults: u64,
    /// Well-formed frames that a session would refuse.
    pub refused: u64,
    /// Well-formed frames within another format, which a session would not get to see.
    pub doubtful: u64,
    /// Bytes that were skipped in search of a well-formed frame.
    pub skipped: u64,
    /// Bytes that are missing from the capture, without those that were captured too late to be used.
    pub missing: u64,
    /// TCP streams that were inspected.
    pub streams: u64,
    /// TCP streams that do not look like Bookend, or were not asked for.
    pub left_out: u64,
    /// TCP streams that were not inspected because too many were open at a time.
    pub not_followed: u64,
    /// IP fragments, which are not reassembled.
    pub fragments: u64,
    /// Packets with truncated headers or a link type that is not read.
    pub unreadable: u64,
    /// The input could not be read to its end.
    pub damaged: bool,
    /// Of a capture: what became of its packets and bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

impl Summary {
    pub(super) fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::Stream(_) => self.streams += 1,
            Event::Frame(seen) => {
                self.frames += 1;
                self.doubtful += u64::from(seen.doubtful);
            }
            Event::Fault(_) => self.faults += 1,
            Event::Remark(remark) => self.refused += u64::from(matches!(remark.verdict, Verdict::Refused(_))),
            Event::Skipped(skipped) => self.skipped += skipped.length,
            Event::Hole { length, .. } => self.missing += length,
            Event::Damaged(_) => self.damaged = true,
            Event::Conflict { .. }
            | Event::Dump { .. }
            | Event::Preamble(_)
            | Event::Line(_)
            | Event::NoClose
            | Event::Unfinished { .. } => {}
        }
    }

    /// True if no frame is faulty or would be refused, the input was read to its end, and nothing of value in it was left
    /// out.
    pub fn is_faultless(&self) -> bool {
        let is_complete = self.account.as_ref().is_none_or(Account::is_complete);
        self.faults == 0 && self.refused == 0 && !self.damaged && is_complete
    }
}
