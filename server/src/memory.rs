//! The memory of all logs together: how much they use, how much they may use, and in which order rooms were used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[derive(Debug)]
pub(crate) struct Memory {
    /// Bytes of all logs, as far as their rooms have reported them.
    used: AtomicUsize,
    limit: AtomicUsize,
    /// The number of uses of rooms so far.
    uses: AtomicU64,
}

/// What one room has reported. Dropping it takes the bytes back.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Arc<Memory>,
    bytes: usize,
}

/// A room reports when its log has grown or shrunk by this many bytes, so that most messages report nothing.
const STEP: usize = 1 << 10;

impl Memory {
    /// Memory of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Memory {
        Memory { used: AtomicUsize::new(0), limit: AtomicUsize::new(limit), uses: AtomicU64::new(0) }
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Do the logs use more than they may?
    pub(crate) fn is_over(&self) -> bool {
        self.used() > self.limit.load(Ordering::Relaxed)
    }

    /// How much the logs may use after some have given way: less than the limit, so that this is rare.
    pub(crate) fn target(&self) -> usize {
        let limit = self.limit.load(Ordering::Relaxed);
        limit - limit / 16
    }

    /// The number of this use of a room; later uses have greater numbers.
    pub(crate) fn count_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

impl Share {
    pub(crate) fn new(memory: Arc<Memory>) -> Share {
        Share { memory, bytes: 0 }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Reports that the log now has that many bytes.
    pub(crate) fn report(&mut self, bytes: usize) {
        if bytes.abs_diff(self.bytes) >= STEP || bytes == 0 {
            self.set(bytes);
        }
    }

    fn set(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            self.memory.used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.memory.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_taken_back() {
        let memory = Arc::new(Memory::new(16 << 10));
        let (mut first, mut second) = (Share::new(memory.clone()), Share::new(memory.clone()));
        first.report(10 << 10);
        second.report(6 << 10);
        assert_eq!((memory.used(), memory.is_over()), (16 << 10, false));
        second.report((6 << 10) + STEP - 1);
        assert_eq!(memory.used(), 16 << 10, "a small change is not reported");
        second.report(8 << 10);
        assert_eq!((memory.used(), memory.is_over()), (18 << 10, true));
        second.report(0);
        drop(first);
        assert_eq!(memory.used(), 0);
    }
}
