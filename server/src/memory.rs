//! The memory of all logs together: how much they use, how much they may use, and in which order rooms were used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[derive(Debug)]
pub(crate) struct Memory {
    /// Bytes of all logs, as far as their rooms have reported them.
    used: AtomicUsize,
    /// Those of them that are not written, and must stay.
    unwritten: AtomicUsize,
    limit: AtomicUsize,
    /// The number of uses of rooms so far.
    uses: AtomicU64,
}

/// What one room has reported. Dropping it takes the bytes back.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Arc<Memory>,
    bytes: usize,
    unwritten: usize,
}

/// A room reports when its log has grown or shrunk by this many bytes, so that most messages report nothing.
const STEP: usize = 1 << 10;
/// Logs do not give way for less than this part of the limit.
const WORTHWHILE: usize = 64;

impl Memory {
    /// Memory of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Memory {
        let (used, unwritten) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Memory { used, unwritten, limit: AtomicUsize::new(limit), uses: AtomicU64::new(0) }
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Do the logs use more than they may, and can any give way? While a disk is stuck, what is not written may be more than
    /// all logs may use: to look through all rooms after each message would free nothing.
    pub(crate) fn is_over(&self) -> bool {
        let (used, limit) = (self.used(), self.limit.load(Ordering::Relaxed));
        used > limit && used.saturating_sub(self.unwritten.load(Ordering::Relaxed)) > limit / WORTHWHILE
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
        Share { memory, bytes: 0, unwritten: 0 }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Reports that the log now has that many bytes, and how many of them are not written.
    pub(crate) fn report(&mut self, bytes: usize, unwritten: usize) {
        let has_changed = |now: usize, before: usize| now.abs_diff(before) >= STEP || (now == 0 && before > 0);
        if has_changed(bytes, self.bytes) || has_changed(unwritten, self.unwritten) {
            self.set(bytes, unwritten);
        }
    }

    /// Reports the same, however little has changed.
    pub(crate) fn set(&mut self, bytes: usize, unwritten: usize) {
        change(&self.memory.used, self.bytes, bytes);
        change(&self.memory.unwritten, self.unwritten, unwritten);
        (self.bytes, self.unwritten) = (bytes, unwritten);
    }
}

fn change(sum: &AtomicUsize, before: usize, now: usize) {
    if now >= before {
        sum.fetch_add(now - before, Ordering::Relaxed);
    } else {
        sum.fetch_sub(before - now, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_taken_back() {
        let memory = Arc::new(Memory::new(16 << 10));
        let (mut first, mut second) = (Share::new(memory.clone()), Share::new(memory.clone()));
        first.report(10 << 10, 0);
        second.report(6 << 10, 0);
        assert_eq!((memory.used(), memory.is_over()), (16 << 10, false));
        second.report((6 << 10) + STEP - 1, 0);
        assert_eq!(memory.used(), 16 << 10, "a small change is not reported");
        second.report(8 << 10, 0);
        assert_eq!((memory.used(), memory.is_over()), (18 << 10, true));
        second.report(0, 0);
        drop(first);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn what_is_not_written_cannot_give_way() {
        let memory = Arc::new(Memory::new(64 << 10));
        let (mut first, mut second) = (Share::new(memory.clone()), Share::new(memory.clone()));
        first.report(100 << 10, 100 << 10);
        second.report(1 << 10, 0);
        assert!(!memory.is_over(), "what could be freed is not worth it");
        first.report(100 << 10, 98 << 10);
        assert!(memory.is_over());
        first.set(98 << 10, 98 << 10);
        assert!(!memory.is_over());
        drop(first);
        second.report(65 << 10, 0);
        assert!(memory.is_over());
    }
}
