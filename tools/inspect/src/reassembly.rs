//! Puts the segments of one direction of a TCP stream in order, in bounded memory.

use std::collections::BTreeMap;

use super::account::Bytes;
use super::history::{Comparison, History, differing};

/// The most bytes held of segments that arrived out of order.
const MAX_WAITING: usize = 1 << 20;
/// The memory that a held segment takes beside its bytes, in bytes.
const SEGMENT: usize = 64;
/// The largest window of TCP: no segment is further ahead. In bytes.
const MAX_AHEAD: u64 = 1 << 30;

/// A piece of the stream. Pieces are delivered in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Bytes(&'a [u8]),
    /// The number of bytes that were sent, but not captured.
    Hole(u64),
    /// A retransmission whose bytes differ from those that were delivered.
    Conflict {
        /// The number of bytes before it in the stream.
        position: u64,
        length: u64,
        differing: u64,
    },
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
    /// The position at which a reset counts, if one was sent.
    reset: Option<u64>,
    history: History,
    /// Bytes of holes that arrived after all.
    late: u64,
    bytes: Bytes,
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
        Reassembly {
            next: first,
            position: 0,
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            end: None,
            reset: None,
            history: History::default(),
            late: 0,
            bytes: Bytes::default(),
        }
    }

    /// Takes a segment whose first byte has this sequence number; `cut` bytes at its end were not captured.
    pub(super) fn segment<E>(&mut self, sequence: u32, bytes: &[u8], cut: u64, out: Out<'_, E>) -> Result<(), E> {
        if bytes.is_empty() && cut == 0 {
            return Ok(());
        }
        match self.place(sequence) {
            Some(position) if position - self.position > MAX_AHEAD => {
                self.bytes.outside_window += bytes.len() as u64;
                Ok(())
            }
            Some(position) => self.arrive(position, bytes, cut, out),
            None => {
                // It begins before the delivered position, but may extend beyond it.
                let old = u64::from(self.next.wrapping_sub(sequence));
                let (passed, new) = bytes.split_at(bytes.len().min(usize::try_from(old).unwrap_or(usize::MAX)));
                self.passed(old, passed, out)?;
                self.arrive(self.position, new, cut.saturating_sub(old - passed.len() as u64), out)
            }
        }
    }

    /// The stream ends before this sequence number.
    pub(super) fn finish_at(&mut self, sequence: u32) {
        let end = self.place(sequence).filter(|end| end - self.position <= MAX_AHEAD);
        self.end = self.end.or(end);
    }

    /// A reset with this sequence number counts once everything before it was delivered, and nothing after it
    /// (RFC 5961, 3.2). False if it never counts.
    pub(super) fn reset_at(&mut self, sequence: u32) -> bool {
        let reset = self.place(sequence).filter(|reset| reset - self.position <= MAX_AHEAD);
        self.reset = reset.or(self.reset);
        reset.is_some()
    }

    /// True if a reset counts.
    pub(super) fn is_reset(&self) -> bool {
        self.reset == Some(self.position)
    }

    /// True if everything up to the end of the stream was delivered.
    pub(super) fn is_finished(&self) -> bool {
        self.end.is_some_and(|end| self.position >= end)
    }

    /// The capture ends: delivers the held segments.
    pub(super) fn give_up<E>(&mut self, out: Out<'_, E>) -> Result<(), E> {
        while self.skip_to_waiting(out)? {}
        if let Some(end) = self.end
            && end > self.position
        {
            self.hole(end - self.position, out)?;
        }
        self.history.forget_bytes();
        Ok(())
    }

    /// Counts a segment after the end, which is not delivered: `reset` if a reset ended the stream.
    pub(super) fn count_after_end(&mut self, sequence: u32, bytes: &[u8], reset: bool) {
        let distance = match self.place(sequence) {
            Some(_) => 0,
            None => u64::from(self.next.wrapping_sub(sequence)),
        };
        let (passed, new) = bytes.split_at(bytes.len().min(usize::try_from(distance).unwrap_or(usize::MAX)));
        // Without the bytes that were delivered, none differs.
        let _ = self.passed::<()>(distance, passed, &mut |_| Ok(()));
        let count = if reset { &mut self.bytes.after_reset } else { &mut self.bytes.after_fin };
        *count += new.len() as u64;
    }

    /// What became of the bytes since the last call. Bytes that still wait are not among them.
    pub(super) fn take_bytes(&mut self) -> Bytes {
        std::mem::take(&mut self.bytes)
    }

    /// The number of bytes of holes that arrived after all, since the last call.
    pub(super) fn take_late(&mut self) -> u64 {
        std::mem::take(&mut self.late)
    }

    /// The position of a sequence number; `None` if it was delivered already.
    fn place(&self, sequence: u32) -> Option<u64> {
        let ahead = sequence.wrapping_sub(self.next).cast_signed();
        u64::try_from(ahead).ok().map(|ahead| self.position + ahead)
    }

    /// Bytes whose place was passed: the first is `distance` before the delivered position.
    fn passed<E>(&mut self, distance: u64, bytes: &[u8], out: Out<'_, E>) -> Result<(), E> {
        if bytes.is_empty() {
            return Ok(());
        }
        if distance == 1 && bytes.len() == 1 {
            // A probe of keep-alive repeats a byte, and its value does not matter (RFC 1122, 4.2.3.6).
            self.bytes.repeated += 1;
            return Ok(());
        }
        let before = usize::try_from(distance.saturating_sub(self.position)).unwrap_or(usize::MAX).min(bytes.len());
        // The first segments of this direction came later than this one was sent.
        self.bytes.out_of_order += before as u64;
        let (position, bytes) = (self.position.saturating_sub(distance), &bytes[before..]);
        self.compare(position, bytes, out)
    }

    /// Compares bytes with those that were delivered at this position.
    fn compare<E>(&mut self, position: u64, bytes: &[u8], out: Out<'_, E>) -> Result<(), E> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Comparison { in_holes, differing, same } = self.history.compare(position, bytes);
        self.bytes.out_of_order += in_holes;
        self.late += in_holes;
        self.bytes.repeated += same;
        self.conflict(position, bytes.len(), differing, out)
    }

    fn conflict<E>(&mut self, position: u64, length: usize, differing: u64, out: Out<'_, E>) -> Result<(), E> {
        if differing == 0 {
            return Ok(());
        }
        self.bytes.conflicting += differing;
        out(Piece::Conflict { position, length: length as u64, differing })
    }

    fn arrive<E>(&mut self, position: u64, bytes: &[u8], cut: u64, out: Out<'_, E>) -> Result<(), E> {
        let room = self.end.map_or(u64::MAX, |end| end.saturating_sub(position));
        let (bytes, after) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        self.bytes.after_fin += after.len() as u64;
        let cut = cut.min(room - bytes.len() as u64);
        if position > self.position {
            self.wait(position, bytes, cut, out)?;
            while self.waiting_bytes > MAX_WAITING && self.skip_to_waiting(out)? {}
            return Ok(());
        }
        self.deliver(bytes, cut, out)?;
        self.deliver_waiting(out)
    }

    fn wait<E>(&mut self, position: u64, bytes: &[u8], cut: u64, out: Out<'_, E>) -> Result<(), E> {
        if bytes.is_empty() && cut == 0 {
            return Ok(());
        }
        let Some(old) = self.waiting.get_mut(&position) else {
            self.waiting_bytes += bytes.len() + SEGMENT;
            self.waiting.insert(position, Segment { bytes: bytes.to_vec(), cut });
            return Ok(());
        };
        // The bytes that came first are kept, and those beyond them are added.
        let both = bytes.len().min(old.bytes.len());
        let differing = differing(&old.bytes, bytes);
        if bytes.len() > old.bytes.len() {
            self.waiting_bytes += bytes.len() - old.bytes.len();
            old.bytes.extend_from_slice(&bytes[both..]);
            old.cut = cut;
        }
        self.bytes.repeated += both as u64 - differing;
        self.conflict(position, both, differing, out)
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
            let old = self.position - position;
            let length = segment.bytes.len();
            let (passed, new) = segment.bytes.split_at(length.min(usize::try_from(old).unwrap_or(usize::MAX)));
            self.compare(position, passed, out)?;
            self.deliver(new, segment.cut.saturating_sub(old - passed.len() as u64), out)?;
        }
        Ok(())
    }

    fn deliver<E>(&mut self, bytes: &[u8], cut: u64, out: Out<'_, E>) -> Result<(), E> {
        if !bytes.is_empty() {
            self.advance(bytes.len() as u64);
            self.history.push(bytes);
            self.bytes.used += bytes.len() as u64;
            out(Piece::Bytes(bytes))?;
        }
        if cut > 0 { self.hole(cut, out) } else { Ok(()) }
    }

    fn hole<E>(&mut self, length: u64, out: Out<'_, E>) -> Result<(), E> {
        self.advance(length);
        self.history.hole(length);
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
mod tests;
