//! The log of a room: its latest blocks, up to a limit in bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::block::{Block, Event};

#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// The number of the first block that is kept.
    first: u64,
    /// The number of the first message of the room.
    first_seq: u64,
    /// The number of the next message.
    next_seq: u64,
    /// Changes of presence since the room was created.
    changes: u64,
    bytes: usize,
    limit: usize,
}

#[derive(Debug)]
struct Entry {
    block: Arc<Block>,
    bytes: usize,
    changes_before: u64,
}

/// A position in the log: before the block of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) block: u64,
    /// The number of the next message at this position.
    seq: u64,
    /// Changes of presence before this position.
    changes: u64,
}

/// What is no longer kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) messages: u64,
    pub(crate) changes: u64,
}

impl Cursor {
    /// The position after `block`, which is the next one.
    pub(crate) fn after(self, block: &Block) -> Cursor {
        Cursor {
            block: self.block + 1,
            seq: block.first_seq() + block.messages(),
            changes: self.changes + u64::from(block.is_presence()),
        }
    }
}

impl Log {
    /// A log whose first message will have that number, 1 at least.
    pub(crate) fn new(limit: usize, first_seq: u64) -> Log {
        Log { entries: VecDeque::new(), first: 0, first_seq, next_seq: first_seq, changes: 0, bytes: 0, limit }
    }

    /// The number of the next message.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Messages so far, kept or not.
    pub(crate) fn messages(&self) -> u64 {
        self.next_seq - self.first_seq
    }

    /// Bytes that are kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages from the cursor on, kept or not.
    pub(crate) fn messages_from(&self, cursor: Cursor) -> u64 {
        self.next_seq.saturating_sub(cursor.seq)
    }

    /// The position after the last block.
    pub(crate) fn head(&self) -> Cursor {
        Cursor { block: self.first + self.entries.len() as u64, seq: self.next_seq, changes: self.changes }
    }

    /// Appends a block, and removes the oldest ones if the log is too long.
    pub(crate) fn append(&mut self, event: Event) {
        let block = Block::new(event, self.next_seq);
        let bytes = block.footprint();
        let (messages, change) = (block.messages(), block.is_presence());
        self.entries.push_back(Entry { block: Arc::new(block), bytes, changes_before: self.changes });
        self.bytes += bytes;
        self.next_seq += messages;
        self.changes += u64::from(change);
        self.trim();
    }

    /// Sets the limit, in bytes.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.trim();
    }

    /// Removes the oldest blocks while the log is too long, but never the last one.
    fn trim(&mut self) {
        while self.bytes > self.limit && self.entries.len() > 1 {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) -> bool {
        let Some(oldest) = self.entries.pop_front() else { return false };
        self.first += 1;
        self.bytes -= oldest.bytes;
        true
    }

    /// Removes the oldest blocks until `bytes` are freed or none is left. Returns how many bytes were freed.
    pub(crate) fn shorten(&mut self, bytes: usize) -> usize {
        let before = self.bytes;
        while before - self.bytes < bytes && self.remove_oldest() {}
        before - self.bytes
    }

    /// How many bytes may be added before blocks are removed.
    pub(crate) fn space(&self) -> usize {
        self.limit.saturating_sub(self.bytes)
    }

    /// Adds the bytes of a rendering, if its block is still kept.
    pub(crate) fn add_rendered(&mut self, number: u64, bytes: usize) {
        if let Some(entry) = self.position(number).and_then(|position| self.entries.get_mut(position)) {
            entry.bytes += bytes;
            self.bytes += bytes;
        }
    }

    /// The position before the first message after number `after` that is kept, and what is not kept. 0 is before the
    /// first message. `None` if the room has had no message of that number.
    pub(crate) fn resume(&self, after: u64) -> Option<(Cursor, Missed)> {
        let before = self.first_seq - 1;
        let after = if after == 0 { before } else { after };
        if !(before..self.next_seq).contains(&after) {
            return None;
        }
        let position =
            self.entries.partition_point(|entry| entry.block.first_seq() + entry.block.messages() <= after + 1);
        let head = self.head();
        let cursor = self.entries.get(position).map_or(head, |entry| Cursor {
            block: self.first + position as u64,
            seq: entry.block.first_seq().max(after + 1),
            changes: entry.changes_before,
        });
        Some((cursor, Missed { messages: cursor.seq - (after + 1), changes: 0 }))
    }

    /// Moves a cursor that is before the oldest block to that block, or to the end if no block is kept. Returns what it
    /// missed.
    pub(crate) fn catch_up(&self, cursor: &mut Cursor) -> Missed {
        if cursor.block >= self.first {
            return Missed::default();
        }
        let kept = self.entries.front().map_or(self.head(), |oldest| Cursor {
            block: self.first,
            seq: oldest.block.first_seq(),
            changes: oldest.changes_before,
        });
        let missed = Missed { messages: kept.seq.saturating_sub(cursor.seq), changes: kept.changes - cursor.changes };
        *cursor = kept;
        missed
    }

    /// The blocks from the cursor on.
    pub(crate) fn from(&self, cursor: Cursor) -> impl Iterator<Item = &Arc<Block>> {
        let position = self.position(cursor.block).unwrap_or(self.entries.len()).min(self.entries.len());
        self.entries.range(position..).map(|entry| &entry.block)
    }

    fn position(&self, number: u64) -> Option<usize> {
        number.checked_sub(self.first).and_then(|position| usize::try_from(position).ok())
    }
}
