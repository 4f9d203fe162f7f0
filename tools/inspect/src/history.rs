//! What one direction of a TCP stream has delivered: the last bytes, and the holes.

use std::collections::VecDeque;

/// The most bytes that are held for comparison with retransmissions.
const HELD: usize = 64 << 10;
/// The most holes that are remembered.
const HOLES: usize = 1024;

/// What has been delivered, up to a position.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The last bytes, without a hole between them.
    bytes: Vec<u8>,
    /// The position after the last byte.
    end: u64,
    /// The position and the length of each hole.
    holes: VecDeque<(u64, u64)>,
}

/// How bytes that arrive late compare with what was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    /// Bytes that belong in a hole: they were never delivered.
    pub(super) in_holes: u64,
    /// Bytes that differ from those that were delivered.
    pub(super) differing: u64,
    /// All others.
    pub(super) same: u64,
}

impl History {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let new = &bytes[bytes.len().saturating_sub(HELD)..];
        if self.bytes.len() + new.len() > 2 * HELD {
            self.bytes.drain(..self.bytes.len() - (HELD - new.len()));
        }
        self.bytes.extend_from_slice(new);
    }

    pub(super) fn hole(&mut self, length: u64) {
        if self.holes.len() == HOLES {
            self.holes.pop_front();
        }
        self.holes.push_back((self.end, length));
        self.end += length;
        self.bytes.clear();
    }

    /// Compares bytes at this position, all of which are before the end, with what was delivered.
    pub(super) fn compare(&self, position: u64, bytes: &[u8]) -> Comparison {
        let until = position + bytes.len() as u64;
        let within = |&(hole, length): &(u64, u64)| until.min(hole + length).saturating_sub(position.max(hole));
        let in_holes = self.holes.iter().rev().take_while(|(hole, length)| hole + length > position).map(within).sum();
        let held = self.end - self.bytes.len() as u64;
        let skip = usize::try_from(held.saturating_sub(position)).unwrap_or(usize::MAX);
        let new = bytes.get(skip..).unwrap_or_default();
        let old = usize::try_from(position.saturating_sub(held)).unwrap_or(usize::MAX);
        let old = self.bytes.get(old..).unwrap_or_default();
        let differing = if old.starts_with(new) { 0 } else { differing(old, new) };
        Comparison { in_holes, differing, same: bytes.len() as u64 - in_holes - differing }
    }

    /// Nothing is delivered any more.
    pub(super) fn forget_bytes(&mut self) {
        self.bytes = Vec::new();
    }
}

/// The number of bytes that differ.
pub(super) fn differing(old: &[u8], new: &[u8]) -> u64 {
    old.iter().zip(new).filter(|(old, new)| old != new).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_bytes_are_compared_with_those_delivered() {
        let mut history = History::default();
        history.push(b"abc");
        history.hole(4);
        history.push(b"hijk");
        let compare = |position, bytes: &[u8]| {
            let Comparison { in_holes, differing, same } = history.compare(position, bytes);
            (in_holes, differing, same)
        };
        assert_eq!(compare(7, b"hijk"), (0, 0, 4));
        assert_eq!(compare(8, b"iXX"), (0, 2, 1));
        assert_eq!(compare(2, b"cdefghiX"), (4, 1, 3));
        assert_eq!(compare(4, b"e"), (1, 0, 0));
    }

    #[test]
    fn held_bytes_are_bounded() {
        let mut history = History::default();
        let all: Vec<u8> = (0..=255).cycle().take(5 * HELD).collect();
        for piece in all.chunks(1000) {
            history.push(piece);
            assert!(history.bytes.len() <= 2 * HELD);
        }
        history.push(&all);
        assert!(all.ends_with(&history.bytes) && history.bytes.len() >= HELD);
        for _ in 0..2 * HOLES {
            history.hole(3);
        }
        assert_eq!(history.holes.len(), HOLES);
    }
}
