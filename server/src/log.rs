//! The log of a room: the blocks that are kept, bounded in bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::block::{Block, Told};

#[derive(Debug)]
pub(crate) struct Log {
    blocks: VecDeque<Kept>,
    /// The number of the first block that is kept.
    first: u64,
    /// The number of the first message that there ever was or will be.
    first_seq: u64,
    /// The number of the next message.
    next_seq: u64,
    /// Changes of who is here, ever.
    changes: u64,
    bytes: usize,
    limit: usize,
}

#[derive(Debug)]
struct Kept {
    block: Arc<Block>,
    bytes: usize,
    changes_before: u64,
}

/// A place in the log: before the block of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) block: u64,
    /// The number of the next message there.
    seq: u64,
    /// Changes of who is here, before.
    changes: u64,
}

/// What is not kept any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missed {
    pub(crate) messages: u64,
    pub(crate) changes: u64,
}

impl Cursor {
    /// The place behind `block`, which is the next one.
    pub(crate) fn behind(self, block: &Block) -> Cursor {
        Cursor {
            block: self.block + 1,
            seq: block.first_seq() + block.messages(),
            changes: self.changes + u64::from(block.is_change()),
        }
    }
}

impl Log {
    /// A log whose first message will have that number, 1 at least.
    pub(crate) fn new(limit: usize, first_seq: u64) -> Log {
        Log { blocks: VecDeque::new(), first: 0, first_seq, next_seq: first_seq, changes: 0, bytes: 0, limit }
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

    /// Messages at and behind the cursor, kept or not.
    pub(crate) fn messages_behind(&self, cursor: Cursor) -> u64 {
        self.next_seq.saturating_sub(cursor.seq)
    }

    /// The place behind everything.
    pub(crate) fn head(&self) -> Cursor {
        Cursor { block: self.first + self.blocks.len() as u64, seq: self.next_seq, changes: self.changes }
    }

    /// Appends a block, and forgets the oldest ones if there are too many bytes.
    pub(crate) fn append(&mut self, told: Told) {
        let block = Block::new(told, self.next_seq);
        let bytes = block.footprint();
        let (messages, change) = (block.messages(), block.is_change());
        self.blocks.push_back(Kept { block: Arc::new(block), bytes, changes_before: self.changes });
        self.bytes += bytes;
        self.next_seq += messages;
        self.changes += u64::from(change);
        self.trim();
    }

    /// Keeps so many bytes from now on.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.trim();
    }

    /// Forgets what is too much, but never the last block.
    fn trim(&mut self) {
        while self.bytes > self.limit
            && self.blocks.len() > 1
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.first += 1;
            self.bytes -= oldest.bytes;
        }
    }

    /// Counts the bytes of a rendition, if its block is still kept.
    pub(crate) fn grew(&mut self, number: u64, bytes: usize) {
        if let Some(kept) = self.position(number).and_then(|position| self.blocks.get_mut(position)) {
            kept.bytes += bytes;
            self.bytes += bytes;
        }
    }

    /// The place before the first message behind number `after` that is kept, and what is not kept.
    /// 0 is the place before everything. `None` if `after` is no number that this log has had.
    pub(crate) fn resume(&self, after: u64) -> Option<(Cursor, Missed)> {
        let before = self.first_seq - 1;
        let after = if after == 0 { before } else { after };
        if !(before..self.next_seq).contains(&after) {
            return None;
        }
        let position = self.blocks.partition_point(|kept| kept.block.first_seq() + kept.block.messages() <= after + 1);
        let head = self.head();
        let cursor = self.blocks.get(position).map_or(head, |kept| Cursor {
            block: self.first + position as u64,
            seq: kept.block.first_seq().max(after + 1),
            changes: kept.changes_before,
        });
        Some((cursor, Missed { messages: cursor.seq - (after + 1), changes: 0 }))
    }

    /// Moves a cursor that has fallen off the log to the oldest block. Returns what it missed.
    pub(crate) fn catch_up(&self, cursor: &mut Cursor) -> Missed {
        let Some(oldest) = self.blocks.front().filter(|_| cursor.block < self.first) else { return Missed::default() };
        let kept = Cursor { block: self.first, seq: oldest.block.first_seq(), changes: oldest.changes_before };
        let missed = Missed { messages: kept.seq.saturating_sub(cursor.seq), changes: kept.changes - cursor.changes };
        *cursor = kept;
        missed
    }

    /// The blocks from the cursor on.
    pub(crate) fn from(&self, cursor: Cursor) -> impl Iterator<Item = &Arc<Block>> {
        let position = self.position(cursor.block).unwrap_or(self.blocks.len()).min(self.blocks.len());
        self.blocks.range(position..).map(|kept| &kept.block)
    }

    fn position(&self, number: u64) -> Option<usize> {
        number.checked_sub(self.first).and_then(|position| usize::try_from(position).ok())
    }
}
