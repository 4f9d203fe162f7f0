//! Memory while nothing happens: a connection that waits for its peer holds about a kilobyte.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Endpoint, LARGE, lent};
use crate::buffer::ReadBuffer;

/// How long the memory of a long body is kept for the next.
const KEPT: Duration = Duration::from_secs(1);

impl Endpoint {
    /// Nothing can be read at the moment, or nothing will be: gives memory back that others can use meanwhile.
    pub(crate) fn rest(&mut self) {
        self.release();
        if self.buffer.size() <= LARGE {
            lent::take_back(&mut self.buffer);
        }
        if self.backlog.filled().is_empty() && self.backlog.size() <= LARGE {
            lent::take_back(&mut self.backlog);
            self.kept = VecDeque::new();
        }
        if self.writing.len() == self.written && self.writing.capacity() <= LARGE {
            self.written = 0;
            self.writing.clear();
            lent::take_back_queue(&mut self.writing);
        }
        if self.queued.is_empty() && self.queued.capacity() <= LARGE {
            lent::take_back_queue(&mut self.queued);
        }
    }

    /// A long body is read or written: another may follow.
    pub(super) fn keep_large(&mut self) {
        self.large_until = Some(self.now.saturating_add(KEPT));
    }

    /// Gives back the memory of long bodies, if its time has come and it is not in use.
    pub(super) fn drop_large(&mut self, now: Duration) {
        if self.large_until.is_none_or(|until| now < until) {
            return;
        }
        self.large_until = None;
        if self.buffer.size() > LARGE && self.buffer.give().is_none() {
            self.large_until = Some(now.saturating_add(KEPT));
        }
        if self.backlog.size() > LARGE && self.backlog.filled().is_empty() {
            self.backlog = ReadBuffer::new();
        }
        if self.writing.len() == self.written && self.writing.capacity() > LARGE {
            (self.writing, self.written) = (Vec::new(), 0);
        }
        if self.queued.is_empty() && self.queued.capacity() > LARGE {
            self.queued = Vec::new();
        }
        if self.writing.capacity() > LARGE || self.queued.capacity() > LARGE || self.backlog.size() > LARGE {
            self.large_until = Some(now.saturating_add(KEPT));
        }
    }
}
