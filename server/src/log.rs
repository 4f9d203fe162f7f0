//! The log of a room: its latest blocks, up to a limit in bytes.
//!
//! If messages are kept in a store, members may read a block only when it is written ([`Log::written`]). Changes of
//! presence wait for the messages before them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::block::{Block, Event};

#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// The number of the first block that is in memory. The first block of the room has number 1.
    first: u64,
    /// The number of the first block that members may not read yet, or of the next one.
    visible: u64,
    /// A store keeps the messages.
    is_kept: bool,
    /// Bytes of the blocks that are not written.
    unwritten: usize,
    /// Changes of presence that wait for messages before them.
    waiting_changes: usize,
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
    /// A position that only the store has: before the message of number `seq`. The member knows of `changes` changes of
    /// presence.
    pub(crate) fn in_past(seq: u64, changes: u64) -> Cursor {
        Cursor { block: 0, seq, changes }
    }

    /// The number of the next message at this position.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// Changes of presence before this position.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// The same position before the message of number `seq`.
    pub(crate) fn with_seq(self, seq: u64) -> Cursor {
        Cursor { seq, ..self }
    }

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
        Log {
            entries: VecDeque::new(),
            first: 1,
            visible: 1,
            is_kept: false,
            unwritten: 0,
            waiting_changes: 0,
            first_seq,
            next_seq: first_seq,
            changes: 0,
            bytes: 0,
            limit,
        }
    }

    /// A log whose messages a store keeps. Those from `first_seq` on and before `next_seq` were said before.
    pub(crate) fn kept(limit: usize, first_seq: u64, next_seq: u64) -> Log {
        Log { is_kept: true, next_seq, ..Log::new(limit, first_seq) }
    }

    /// The number of the next message.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The number of the first message of the room, kept or not.
    pub(crate) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// Messages so far, kept or not.
    pub(crate) fn messages(&self) -> u64 {
        self.next_seq - self.first_seq
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the blocks that are not written, 0 if all are.
    pub(crate) fn unwritten(&self) -> usize {
        self.unwritten
    }

    /// Changes of presence that wait until messages before them are written.
    pub(crate) fn waiting_changes(&self) -> usize {
        self.waiting_changes
    }

    /// Messages that may be read from the cursor on, in memory or not.
    pub(crate) fn messages_from(&self, cursor: Cursor) -> u64 {
        self.head().seq.saturating_sub(cursor.seq)
    }

    /// The position after the last block that may be read.
    pub(crate) fn head(&self) -> Cursor {
        match self.position(self.visible).and_then(|position| self.entries.get(position)) {
            None => Cursor { block: self.visible, seq: self.next_seq, changes: self.changes },
            Some(entry) => Cursor { block: self.visible, seq: entry.block.first_seq(), changes: entry.changes_before },
        }
    }

    /// The position after the last block, whether it may be read or not.
    pub(crate) fn end(&self) -> Cursor {
        Cursor { block: self.next_block(), seq: self.next_seq, changes: self.changes }
    }

    fn next_block(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Appends a block, and removes the oldest ones if the log is too long.
    pub(crate) fn append(&mut self, event: Event) {
        let block = Block::new(event, self.next_seq);
        let bytes = block.footprint();
        let (messages, change) = (block.messages(), block.is_presence());
        let waits = self.is_kept && (!change || self.visible < self.next_block());
        self.entries.push_back(Entry { block: Arc::new(block), bytes, changes_before: self.changes });
        self.bytes += bytes;
        self.next_seq += messages;
        self.changes += u64::from(change);
        if waits {
            self.unwritten += bytes;
            self.waiting_changes += usize::from(change);
        } else {
            self.visible = self.next_block();
        }
        self.trim();
    }

    /// The last block.
    pub(crate) fn last(&self) -> Option<&Arc<Block>> {
        self.entries.back().map(|entry| &entry.block)
    }

    /// All messages whose number is less than `next_seq` may be read, and the changes of presence up to the next one.
    /// Returns whether there are messages among them, and `None` if nothing is new.
    pub(crate) fn written(&mut self, next_seq: u64) -> Option<bool> {
        let (before, mut has_messages) = (self.visible, false);
        while let Some(entry) = self.position(self.visible).and_then(|position| self.entries.get(position))
            && entry.block.first_seq() + entry.block.messages() <= next_seq
        {
            let is_presence = entry.block.is_presence();
            has_messages |= !is_presence;
            self.waiting_changes -= usize::from(is_presence);
            self.unwritten -= entry.bytes;
            self.visible += 1;
        }
        self.trim();
        (self.visible > before).then_some(has_messages)
    }

    /// The number after the last message of that member which may not be read yet; 0 if there is none.
    pub(crate) fn end_of_unwritten(&self, member: u32) -> u64 {
        let unwritten = self.position(self.visible).map_or(0..0, |visible| visible..self.entries.len());
        let is_own = |block: &&Arc<Block>| block.said().is_some_and(|said| said.from == member);
        let last = self.entries.range(unwritten).rev().map(|entry| &entry.block).find(is_own);
        last.map_or(0, |block| block.first_seq() + block.messages())
    }

    /// Sets the limit, in bytes.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.trim();
    }

    /// Removes the oldest blocks while the log is too long, but never the last one.
    fn trim(&mut self) {
        while self.bytes > self.limit && self.entries.len() > 1 && self.remove_oldest() {}
    }

    /// Removes the oldest block if it is written.
    fn remove_oldest(&mut self) -> bool {
        if self.first >= self.visible {
            return false;
        }
        let Some(oldest) = self.entries.pop_front() else { return false };
        self.first += 1;
        self.bytes -= oldest.bytes;
        true
    }

    /// Removes the oldest blocks until `bytes` are freed or none that is written is left. Returns how many bytes were freed.
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

    /// The position before the first message after number `after` that is in memory, and what is not. 0 is before the
    /// first message. `None` if the room has had no such message that may be read.
    pub(crate) fn resume(&self, after: u64) -> Option<(Cursor, Missed)> {
        let before = self.first_seq - 1;
        let after = if after == 0 { before } else { after };
        if !(before..self.head().seq).contains(&after) {
            return None;
        }
        let cursor = self.before_message(after + 1);
        Some((cursor, Missed { messages: cursor.seq - (after + 1), changes: 0 }))
    }

    /// The position before the message of that number, or of the first later one that is in memory.
    fn before_message(&self, seq: u64) -> Cursor {
        let position = self.entries.partition_point(|entry| entry.block.first_seq() + entry.block.messages() <= seq);
        self.entries.get(position).map_or(self.end(), |entry| Cursor {
            block: self.first + position as u64,
            seq: entry.block.first_seq().max(seq),
            changes: entry.changes_before,
        })
    }

    /// Moves a cursor that is before the oldest block to that block, or to the end if no block is in memory. Returns what it
    /// missed. `None` if only the store has the next message: the cursor is not moved.
    pub(crate) fn catch_up(&self, cursor: &mut Cursor) -> Option<Missed> {
        if cursor.block >= self.first {
            return Some(Missed::default());
        }
        if self.is_kept && self.oldest().seq > cursor.seq {
            return None;
        }
        let oldest = self.oldest();
        let kept = if oldest.seq < cursor.seq { self.before_message(cursor.seq) } else { oldest };
        let missed = Missed {
            messages: kept.seq.saturating_sub(cursor.seq),
            changes: kept.changes.saturating_sub(cursor.changes),
        };
        *cursor = kept;
        Some(missed)
    }

    fn oldest(&self) -> Cursor {
        self.entries.front().map_or(self.end(), |oldest| Cursor {
            block: self.first,
            seq: oldest.block.first_seq(),
            changes: oldest.changes_before,
        })
    }

    /// The blocks from the cursor on that may be read.
    pub(crate) fn from(&self, cursor: Cursor) -> impl Iterator<Item = &Arc<Block>> {
        let end = self.position(self.visible).unwrap_or(0);
        let position = self.position(cursor.block).unwrap_or(end).min(end);
        self.entries.range(position..end).map(|entry| &entry.block)
    }

    /// The last blocks of messages whose numbers are less than `before`, oldest first: as few as contain `count` messages, or
    /// all that are in memory.
    pub(crate) fn last_before(&self, before: u64, count: u64) -> Vec<Arc<Block>> {
        let end = self.entries.partition_point(|entry| entry.block.first_seq() < before);
        let end = end.min(self.position(self.visible).unwrap_or(0));
        let messages = self.entries.range(..end).map(|entry| &entry.block).filter(|block| !block.is_presence());
        let mut found = 0;
        let mut blocks: Vec<_> = messages
            .rev()
            .take_while(|block| {
                let is_wanted = found < count;
                found += before.min(block.first_seq() + block.messages()) - block.first_seq();
                is_wanted
            })
            .cloned()
            .collect();
        blocks.reverse();
        blocks
    }

    /// The number of the first message that is in memory, or of the next one if none is.
    pub(crate) fn first_in_memory(&self) -> u64 {
        self.oldest().seq
    }

    fn position(&self, number: u64) -> Option<usize> {
        number.checked_sub(self.first).and_then(|position| usize::try_from(position).ok())
    }
}
