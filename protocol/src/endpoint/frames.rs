//! Whole frames that others have encoded, and what is left at the end.

use alloc::vec::Vec;

use super::{Endpoint, QUEUE};
use crate::session::Session;

impl Endpoint {
    /// Queues so many whole frames.
    pub(crate) fn queue_frames(&mut self, frames: &[u8], count: u64) {
        self.queued.extend_from_slice(frames);
        self.tally.queued += count;
    }

    /// The same without a copy if nothing is queued.
    pub(crate) fn queue_buffer(&mut self, frames: Vec<u8>, count: u64) {
        if self.queued.is_empty() {
            self.queued = frames;
            self.tally.queued += count;
        } else {
            self.queue_frames(&frames, count);
        }
    }

    /// The memory of the queue, if nothing is queued.
    pub(crate) fn spare(&mut self) -> Vec<u8> {
        if self.queued.is_empty() { core::mem::take(&mut self.queued) } else { Vec::new() }
    }

    /// Do fewer than 64 KiB wait to be written?
    pub(crate) fn is_nearly_written(&self) -> bool {
        self.unwritten_length() + self.queued_length() < QUEUE
    }

    /// The session, what is kept, what has been read after that, and what has not been written.
    pub(crate) fn into_parts(mut self) -> (Session, Vec<u8>, Vec<u8>, Vec<u8>) {
        self.release();
        self.account.handed_over();
        let writing = self.bodies.parts(&self.writing, self.written);
        let unwritten = writing.chain(self.queued_bodies.parts(&self.queued, 0)).flatten().copied().collect();
        (self.session, self.backlog.filled().to_vec(), self.buffer.filled().to_vec(), unwritten)
    }
}
