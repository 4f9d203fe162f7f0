//! The read buffer: contiguous, and growing only as bytes arrive (R8.1).

use alloc::vec::Vec;

/// What one read asks for, in bytes.
const READ: usize = 64 << 10;
/// What growing is worth its call for, in bytes, or half of what is there if that is more: a frame that drips in is
/// not to be moved at each drop.
const STEP: usize = 4 << 10;
/// How much is kept of what was used while there is nothing else in the buffer, in bytes.
const PAST: usize = 4 << 10;

/// Bytes that have been read and not yet used, in one piece, with room for more behind them.
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
#[derive(Clone, Debug, Default)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
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

    #[cfg(feature = "std")]
    /// What was used and is still there, up to where [`filled`](ReadBuffer::filled) begins.
    pub(crate) fn past(&self) -> &[u8] {
        &self.bytes[..self.start]
    }

    /// Forgets the first `count` bytes.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.end - self.start, "consumes what has not been read");
        self.start += count;
    }

    /// Room to read into, at least 32 KiB: what is there is moved to the front while that is cheap, and the buffer
    /// grows to twice what is there, or to 64 KiB more if that is more.
    pub fn space(&mut self) -> &mut [u8] {
        let length = self.end - self.start;
        if length <= self.start && (length > 0 || self.start > PAST) {
            // Each byte that is moved is paid for by one that was consumed, and a long frame is moved while it is short.
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, length);
        }
        let wanted = self.end + length.max(READ);
        if wanted >= self.bytes.len() + STEP.max(length / 2) {
            self.bytes.reserve_exact(wanted - self.bytes.len());
            self.bytes.resize(wanted, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Says that `count` bytes of [`space`](ReadBuffer::space) have been read into.
    ///
    /// # Panics
    /// If there was no room for so many.
    pub fn add(&mut self, count: usize) {
        assert!(count <= self.bytes.len() - self.end, "read more than there was room for");
        self.end += count;
    }

    /// Gives memory beyond 128 KiB back, if nothing is in it.
    pub fn shrink(&mut self) {
        if self.start == self.end && self.bytes.len() > 2 * READ {
            *self = ReadBuffer::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_drips_in_is_moved_seldom() {
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
}
