//! Memory that the connections of a thread lend each other: one that waits for its peer needs none.

use alloc::vec::Vec;
use std::cell::RefCell;

use crate::buffer::{AT_REST, READ, ReadBuffer};

/// How many pieces of memory of each use a thread keeps.
const MOST: usize = 4;
/// Longer ones are not lent, in bytes.
const LONGEST: usize = 2 * READ;

thread_local! {
    /// To read into: filled with old bytes, so that they need not be zeroed again.
    static READING: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    /// To write from: empty.
    static WRITING: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Gives a buffer at rest the memory for a read.
pub(super) fn lend(buffer: &mut ReadBuffer) {
    if buffer.size() <= AT_REST {
        // A thread that is ending has none to lend.
        let memory = READING.try_with(|lent| lent.borrow_mut().pop()).ok().flatten();
        buffer.take(memory.unwrap_or_else(|| alloc::vec![0; READ + AT_REST]));
    }
}

/// Takes the memory of a buffer back, unless it holds more than a little.
pub(super) fn take_back(buffer: &mut ReadBuffer) {
    if let Some(memory) = buffer.give() {
        keep(&READING, memory, READ + AT_REST);
    }
}

/// Gives an empty queue memory.
pub(super) fn lend_queue(queue: &mut Vec<u8>) {
    *queue = WRITING.try_with(|lent| lent.borrow_mut().pop()).ok().flatten().unwrap_or_default();
}

/// Takes the memory of an empty queue back, unless it is little.
pub(super) fn take_back_queue(queue: &mut Vec<u8>) {
    if queue.capacity() > AT_REST {
        queue.clear();
        keep(&WRITING, core::mem::take(queue), 0);
    }
}

fn keep(lent: &'static std::thread::LocalKey<RefCell<Vec<Vec<u8>>>>, memory: Vec<u8>, shortest: usize) {
    // A thread that is ending keeps none.
    let _ = lent.try_with(|lent| {
        let mut lent = lent.borrow_mut();
        if lent.len() < MOST && memory.len() >= shortest && memory.capacity() <= LONGEST {
            lent.push(memory);
        }
    });
}
