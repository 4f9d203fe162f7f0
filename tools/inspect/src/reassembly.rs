//! Puts the segments of one direction of a TCP stream in order, in bounded memory.

use std::collections::BTreeMap;

/// The most bytes held of segments that arrived out of order.
const MAX_WAITING: usize = 1 << 20;
/// The memory that a held segment takes beside its bytes, in bytes.
const SEGMENT: usize = 64;

/// A piece of the stream. Pieces are delivered in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Bytes(&'a [u8]),
    /// The number of bytes that were sent, but not captured.
    Hole(u64),
}

/// Takes the pieces.
pub(super) type Out<'o, E> = &'o mut dyn FnMut(Piece<'_>) -> Result<(), E>;

/// One direction of a stream.
#[derive(Debug)]
pub(super) struct Reassembly {
    /// The sequence number of the byte at `position`.
    next: u32,
    /// The number of bytes delivered, including holes. Sequence numbers wrap around; positions do not.
    position: u64,
    waiting: BTreeMap<u64, Segment>,
    waiting_bytes: usize,
    /// The position at which the stream ends.
    end: Option<u64>,
}

#[derive(Debug)]
struct Segment {
    bytes: Vec<u8>,
    /// The number of bytes after these that were sent, but not captured.
    cut: u64,
}

impl Reassembly {
    /// A direction whose first byte has the sequence number `first`.
    pub(super) fn new(first: u32) -> Reassembly {
        Reassembly { next: first, position: 0, waiting: BTreeMap::new(), waiting_bytes: 0, end: None }
    }

    /// Takes a segment whose first byte has this sequence number; `cut` bytes at its end were not captured.
    pub(super) fn segment<E>(&mut self, sequence: u32, bytes: &[u8], cut: u64, out: Out<'_, E>) -> Result<(), E> {
        if bytes.is_empty() && cut == 0 {
            return Ok(());
        }
        let Some(position) = self.place(sequence) else {
            // It begins before the delivered position, but may extend beyond it.
            let old = self.next.wrapping_sub(sequence) as usize;
            return match bytes.get(old..) {
                Some(new) => self.arrive(self.position, new, cut, out),
                None => self.arrive(self.position, &[], cut.saturating_sub((old - bytes.len()) as u64), out),
            };
        };
        self.arrive(position, bytes, cut, out)
    }

    /// The stream ends before this sequence number.
    pub(super) fn finish_at(&mut self, sequence: u32) {
        self.end = self.end.or(self.place(sequence));
    }

    /// True if everything up to the end of the stream was delivered.
    pub(super) fn is_finished(&self) -> bool {
        self.end.is_some_and(|end| self.position >= end)
    }

    /// The capture ends: delivers the held segments.
    pub(super) fn give_up<E>(&mut self, out: Out<'_, E>) -> Result<(), E> {
        while self.skip_to_waiting(out)? {}
        match self.end {
            Some(end) if end > self.position => self.hole(end - self.position, out),
            _ => Ok(()),
        }
    }

    /// The position of a sequence number; `None` if it was delivered already.
    fn place(&self, sequence: u32) -> Option<u64> {
        let ahead = sequence.wrapping_sub(self.next).cast_signed();
        u64::try_from(ahead).ok().map(|ahead| self.position + ahead)
    }

    fn arrive<E>(&mut self, position: u64, bytes: &[u8], cut: u64, out: Out<'_, E>) -> Result<(), E> {
        if position > self.position {
            self.wait(position, bytes, cut);
            while self.waiting_bytes > MAX_WAITING && self.skip_to_waiting(out)? {}
            return Ok(());
        }
        self.deliver(bytes, cut, out)?;
        self.deliver_waiting(out)
    }

    fn wait(&mut self, position: u64, bytes: &[u8], cut: u64) {
        let old = self.waiting.get(&position).map_or(0, |segment| segment.bytes.len() + SEGMENT);
        if old == 0 || old < bytes.len() + SEGMENT {
            self.waiting_bytes += bytes.len() + SEGMENT - old;
            self.waiting.insert(position, Segment { bytes: bytes.to_vec(), cut });
        }
    }

    /// Gives up the bytes missing before the first held segment. Returns false if no segment is held.
    fn skip_to_waiting<E>(&mut self, out: Out<'_, E>) -> Result<bool, E> {
        let Some((&first, _)) = self.waiting.first_key_value() else { return Ok(false) };
        if first > self.position {
            self.hole(first - self.position, out)?;
        }
        self.deliver_waiting(out)?;
        Ok(true)
    }

    fn deliver_waiting<E>(&mut self, out: Out<'_, E>) -> Result<(), E> {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= self.position
        {
            let (position, segment) = entry.remove_entry();
            self.waiting_bytes -= segment.bytes.len() + SEGMENT;
            let old = usize::try_from(self.position - position).unwrap_or(usize::MAX);
            match segment.bytes.get(old..) {
                Some(new) => self.deliver(new, segment.cut, out)?,
                None => {
                    self.deliver(&[], segment.cut.saturating_sub((old - segment.bytes.len()) as u64), out)?;
                }
            }
        }
        Ok(())
    }

    fn deliver<E>(&mut self, bytes: &[u8], cut: u64, out: Out<'_, E>) -> Result<(), E> {
        if !bytes.is_empty() {
            self.advance(bytes.len() as u64);
            out(Piece::Bytes(bytes))?;
        }
        if cut > 0 { self.hole(cut, out) } else { Ok(()) }
    }

    fn hole<E>(&mut self, length: u64, out: Out<'_, E>) -> Result<(), E> {
        self.advance(length);
        out(Piece::Hole(length))
    }

    fn advance(&mut self, length: u64) {
        self.position += length;
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers are modulo 2^32")]
        let step = length as u32;
        self.next = self.next.wrapping_add(step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes delivered of these segments, with the length of each hole in brackets.
    fn delivered(first: u32, segments: &[(u32, &str, u64)]) -> String {
        let mut reassembly = Reassembly::new(first);
        let mut shown = String::new();
        let mut out = |piece: Piece<'_>| -> Result<(), ()> {
            match piece {
                Piece::Bytes(bytes) => shown.push_str(std::str::from_utf8(bytes).unwrap()),
                Piece::Hole(length) => shown.push_str(&format!("[{length}]")),
            }
            Ok(())
        };
        for &(sequence, bytes, cut) in segments {
            reassembly.segment(sequence, bytes.as_bytes(), cut, &mut out).unwrap();
        }
        reassembly.give_up(&mut out).unwrap();
        shown
    }

    #[test]
    fn segments_are_delivered_in_order() {
        assert_eq!(delivered(1, &[(1, "ab", 0), (3, "cd", 0)]), "abcd");
        assert_eq!(delivered(1, &[(5, "ef", 0), (3, "cd", 0), (1, "ab", 0)]), "abcdef");
    }

    #[test]
    fn retransmissions_and_overlaps_are_delivered_once() {
        assert_eq!(delivered(1, &[(1, "ab", 0), (1, "ab", 0), (1, "abcd", 0), (2, "bcdef", 0)]), "abcdef");
        assert_eq!(delivered(1, &[(3, "cd", 0), (3, "cdef", 0), (4, "de", 0), (1, "abc", 0), (7, "g", 0)]), "abcdefg");
    }

    #[test]
    fn hole_is_delivered_with_its_length() {
        assert_eq!(delivered(1, &[(1, "ab", 0), (6, "f", 0), (9, "i", 0)]), "ab[3]f[2]i");
        assert_eq!(delivered(1, &[(1, "ab", 3), (6, "f", 0)]), "ab[3]f");
        assert_eq!(delivered(1, &[(6, "f", 1), (1, "ab", 0)]), "ab[3]f[1]");
        assert_eq!(delivered(1, &[(1, "ab", 3), (1, "abcde", 1)]), "ab[3][1]");
    }

    #[test]
    fn sequence_numbers_wrap_around() {
        assert_eq!(delivered(u32::MAX, &[(u32::MAX, "a", 0), (1, "c", 0), (0, "b", 0), (2, "d", 0)]), "abcd");
        assert_eq!(delivered(u32::MAX, &[(1, "c", 0)]), "[2]c");
    }

    #[test]
    fn stream_is_finished_when_all_before_its_end_was_delivered() {
        let mut reassembly = Reassembly::new(1);
        let mut holes = 0;
        let mut out = |piece: Piece<'_>| -> Result<(), ()> {
            holes += u64::from(matches!(piece, Piece::Hole(_)));
            Ok(())
        };
        reassembly.finish_at(5);
        reassembly.segment(3, b"cd", 0, &mut out).unwrap();
        assert!(!reassembly.is_finished());
        reassembly.segment(1, b"ab", 0, &mut out).unwrap();
        assert!(reassembly.is_finished());
        reassembly.give_up(&mut out).unwrap();
        assert_eq!(holes, 0);
    }

    #[test]
    fn held_segments_are_bounded() {
        let mut reassembly = Reassembly::new(0);
        let mut holes = Vec::new();
        for number in 1..10_000_u32 {
            let mut out = |piece: Piece<'_>| -> Result<(), ()> {
                if let Piece::Hole(length) = piece {
                    holes.push(length);
                }
                Ok(())
            };
            reassembly.segment(number * 1000, &[0; 500], 0, &mut out).unwrap();
            assert!(reassembly.waiting_bytes <= MAX_WAITING + 500 + SEGMENT);
        }
        assert!(holes.len() > 5000 && holes[0] == 1000 && holes[1..].iter().all(|&length| length == 500));
    }
}
