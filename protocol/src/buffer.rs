//! The read buffer: contiguous, and growing only as bytes arrive (R8.1).

use alloc::vec::Vec;
use core::fmt;

use crate::shown::Bytes;

/// What one read asks for, in bytes.
pub(crate) const READ: usize = 64 << 10;
/// The most that a buffer at rest keeps, in bytes: the beginning of a frame, and used bytes for a diagnosis.
#[cfg(feature = "std")]
pub(crate) const AT_REST: usize = 1 << 10;
/// The buffer grows by at least this many bytes, or half of what it holds if that is more: a frame that arrives in
/// small pieces must not be moved for each of them.
const STEP: usize = 4 << 10;
/// How many used bytes are kept while the buffer holds no others.
const PAST: usize = 4 << 10;

/// Bytes that have been read and not yet used, in one piece, with room for more after them.
///
/// ```
/// use bookend::{Decoder, ReadBuffer};
/// let mut buffer = ReadBuffer::new();
/// let mut decoder = Decoder::new(1 << 20);
/// buffer.space()[..12].copy_from_slice(b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5"); // a read
/// buffer.add(12);
/// let mut rest = buffer.filled();
/// while let Some(frame) = decoder.decode(&mut rest)? {
///     assert_eq!(frame.body(), b"hi");
/// }
/// let used = buffer.filled().len() - rest.len();
/// buffer.consume(used);
/// # Ok::<(), bookend::Fault>(())
/// ```
#[derive(Clone, Default)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl fmt::Debug for ReadBuffer {
    /// How many bytes it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadBuffer").field(&Bytes(self.end - self.start)).finish()
    }
}

impl ReadBuffer {
    /// An empty buffer, which holds no memory yet.
    #[must_use]
    pub fn new() -> ReadBuffer {
        ReadBuffer::default()
    }

    /// What has been read and not yet used.
    #[inline]
    #[must_use]
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Used bytes that are still there, up to where [`filled`](ReadBuffer::filled) begins.
    #[cfg(feature = "std")]
    pub(crate) fn past(&self) -> &[u8] {
        &self.bytes[..self.start]
    }

    /// Forgets the first `count` bytes.
    ///
    /// # Panics
    /// If the buffer holds fewer.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.end - self.start, "more bytes are consumed than the buffer holds");
        self.start += count;
    }

    /// Room to read into, at least 32 KiB. What the buffer holds is moved to its start while that is cheap; the buffer
    /// grows to twice what it holds, or by 64 KiB if that is more.
    pub fn space(&mut self) -> &mut [u8] {
        self.space_for(None)
    }

    /// The same while the frame in progress has so many bytes, if that is known: no more than 64 KiB beyond its end, so
    /// that little of the next frame must be moved.
    pub(crate) fn space_for(&mut self, expected: Option<u64>) -> &mut [u8] {
        let length = self.end - self.start;
        if length <= self.start && (length > 0 || self.start > PAST) {
            // A byte was consumed for each byte moved, and a long frame is moved while it is short.
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, length);
        }
        let expected = expected.map_or(usize::MAX, |expected| usize::try_from(expected).unwrap_or(usize::MAX));
        let most = self.start.saturating_add(expected).max(self.end).saturating_add(READ);
        let wanted = most.min(self.end + length.max(READ));
        let is_short = self.bytes.len() - self.end < READ / 2;
        if is_short || wanted >= self.bytes.len() + STEP.max(length / 2) {
            self.bytes.reserve_exact(wanted - self.bytes.len());
            self.bytes.resize(wanted, 0);
        }
        let end = most.min(self.bytes.len());
        &mut self.bytes[self.end..end]
    }

    /// Adds the first `count` bytes of [`space`](ReadBuffer::space), which a read has filled.
    ///
    /// # Panics
    /// If `space` is shorter.
    pub fn add(&mut self, count: usize) {
        assert!(count <= self.bytes.len() - self.end, "read more than there was room for");
        self.end += count;
    }

    /// Gives memory back if the buffer is empty and larger than 128 KiB.
    pub fn shrink(&mut self) {
        if self.start == self.end && self.bytes.len() > 2 * READ {
            *self = ReadBuffer::new();
        }
    }
}

/// Memory that is lent.
#[cfg(feature = "std")]
impl ReadBuffer {
    /// How much memory it has, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Gives its memory away unless it holds more than [`AT_REST`] bytes; a copy of that little remains, with the used
    /// bytes before it while they are as few.
    pub(crate) fn give(&mut self) -> Option<Vec<u8>> {
        let length = self.end - self.start;
        if length > AT_REST || self.bytes.len() <= AT_REST {
            return None;
        }
        let from = if self.end <= AT_REST { 0 } else { self.start };
        let rest = self.bytes[from..self.end].to_vec();
        (self.start, self.end) = (self.start - from, self.end - from);
        Some(core::mem::replace(&mut self.bytes, rest))
    }

    /// Moves into `memory`, which must be larger than what it has.
    pub(crate) fn take(&mut self, mut memory: Vec<u8>) {
        memory[..self.end].copy_from_slice(&self.bytes[..self.end]);
        self.bytes = memory;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_that_arrives_byte_by_byte_is_moved_rarely() {
        // [R8.1]
        let mut buffer = ReadBuffer::new();
        let mut moves = 0;
        for arrived in 0..1 << 20 {
            let before = buffer.bytes.len();
            assert!(buffer.space().len() >= READ / 2);
            moves += usize::from(buffer.bytes.len() != before);
            assert!(buffer.bytes.len() <= arrived + READ.max(arrived), "{arrived}");
            buffer.add(1);
        }
        assert!(moves < 40, "{moves}");
    }

    #[test]
    fn long_frame_makes_the_buffer_hardly_longer_than_itself() {
        // [R8.1]
        const FRAME: usize = 10 << 20;
        let mut buffer = ReadBuffer::new();
        for _ in 0..3 {
            let mut arrived = 0;
            while arrived < FRAME {
                let count = buffer.space_for((arrived > 0).then_some(FRAME as u64)).len().min(FRAME - arrived);
                assert!(count > 0, "{arrived}");
                buffer.add(count);
                arrived += count;
            }
            assert!(buffer.bytes.len() <= FRAME + 2 * READ, "{}", buffer.bytes.len());
            buffer.consume(FRAME);
        }
    }
}
