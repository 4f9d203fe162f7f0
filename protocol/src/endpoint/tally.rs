//! Which of the frames that were queued have been written, and under which numbers.

use alloc::collections::VecDeque;

use byteorder::{BigEndian, ByteOrder};

use crate::frame::{HEADER_LENGTH, OVERHEAD};

/// Runs that are remembered at most, so that a peer which makes the session interrupt often costs no memory.
const RUNS: usize = 1024;

/// Counts frames. A queued frame has an ordinal: how many were queued before it. Each frame on the wire has a number,
/// from HELLO = 0, modulo 2^32: the session's own frames have numbers too.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) queued: u64,
    /// How many of the queued frames have been written whole.
    pub(crate) written: u64,
    /// How many of the session's own frames have been written whole.
    own_written: u64,
    /// The number of the first frame that has not been written whole.
    next_number: u32,
    /// Are the frames in progress the session's own?
    own: bool,
    /// Bytes of the frames in progress that belong to frames written whole.
    whole: usize,
    /// Bytes that were written of the first of the others, but are not among the frames in progress.
    apart: usize,
    /// Where queued frames follow a frame of the session's own: the ordinal and the number of the first.
    runs: VecDeque<(u64, u32)>,
}

impl Tally {
    /// The next bytes written are frames of the session's own.
    pub(super) fn begin_own(&mut self) {
        (self.own, self.whole) = (true, 0);
    }

    /// The next bytes written are queued frames.
    pub(super) fn begin_queued(&mut self) {
        let follows = |&(ordinal, number): &(u64, u32)| {
            self.written - ordinal == u64::from(self.next_number.wrapping_sub(number))
        };
        if !self.runs.back().is_some_and(follows) {
            if self.runs.len() == RUNS {
                self.runs.pop_front();
            }
            self.runs.push_back((self.written, self.next_number));
        }
        (self.own, self.whole) = (false, 0);
    }

    /// The stream has taken a body of `length` bytes that is not among the frames in progress.
    pub(super) fn wrote_apart(&mut self, length: usize) {
        self.apart = length;
    }

    /// The stream has taken `written` bytes of `frames`, the frames in progress.
    pub(super) fn wrote(&mut self, frames: &[u8], written: usize) {
        while self.whole < written {
            let Some(header) = frames[self.whole..].first_chunk::<HEADER_LENGTH>() else { return };
            let length = BigEndian::read_u32(&header[4..]) as usize + OVERHEAD - self.apart;
            if self.whole + length > written {
                return;
            }
            self.whole += length;
            self.apart = 0;
            self.next_number = self.next_number.wrapping_add(1);
            self.written += u64::from(!self.own);
            self.own_written += u64::from(self.own);
        }
    }

    /// How many frames have been written whole.
    pub(super) fn frames(&self) -> u64 {
        self.written + self.own_written
    }

    /// The ordinal of the queued frame that was written under this number.
    #[cfg(feature = "tokio")]
    pub(crate) fn ordinal(&self, number: u32) -> Option<u64> {
        let mut end = self.written;
        for &(first, first_number) in self.runs.iter().rev() {
            let after = u64::from(number.wrapping_sub(first_number));
            if after < end - first {
                return Some(first + after);
            }
            end = first;
        }
        None
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use super::*;

    fn frames(count: usize) -> Vec<u8> {
        b"\xF5\xF8\x02\x02\0\0\0\x04\xF5\xF8\x02\x02\xF8\xF5".repeat(count)
    }

    #[test]
    fn only_queued_frames_have_ordinals_and_only_whole_ones_count_however_they_are_cut() {
        for step in 1..frames(3).len() {
            let mut tally = Tally::default();
            let write = |tally: &mut Tally, count| {
                let frames = frames(count);
                let mut written = 0;
                while written < frames.len() {
                    written = frames.len().min(written + step);
                    let before = tally.next_number;
                    tally.wrote(&frames, written);
                    assert!(tally.next_number >= before);
                }
            };
            tally.begin_own(); // HELLO
            write(&mut tally, 1);
            assert_eq!((tally.written, tally.ordinal(0)), (0, None));
            tally.begin_queued();
            write(&mut tally, 3);
            tally.begin_own();
            write(&mut tally, 2);
            tally.begin_queued();
            let two = frames(2);
            tally.wrote(&two, two.len() - 1);
            assert_eq!(tally.written, 4, "the last frame lacks a byte");
            assert_eq!((tally.ordinal(6), tally.ordinal(7)), (Some(3), None));
            tally.wrote(&two, two.len());
            let ordinals: Vec<_> = (0..9).map(|number| tally.ordinal(number)).collect();
            assert_eq!(ordinals, [None, Some(0), Some(1), Some(2), None, None, Some(3), Some(4), None]);
        }
    }
}
