//! The rows of one transaction: blocks of a room that follow each other are one row, up to a length.

use std::collections::HashMap;

use rusqlite::Connection;

use super::super::kept::{Change, Rooms};
use super::super::record;
use super::super::schema::{BlockRow, PAGE};
use crate::block::Block;
use crate::store::RoomId;

/// No block is added to a row that is as long.
const ROW: usize = 64 << 10;
/// About the bytes that a transaction adds to the log for each row and each room: pages of the table and of the index.
const PAGES: u64 = 3 * PAGE;

/// The rows of one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    rows: Vec<Row>,
    /// The last row of each room.
    last: HashMap<RoomId, usize>,
    /// What is new in each room.
    added: HashMap<RoomId, Added>,
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Row {
    room: RoomId,
    first: u64,
    count: u64,
    time: u64,
    data: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Added {
    /// The number of the next message.
    next: u64,
    messages: u64,
    bytes: u64,
    /// The time of the first message.
    time: u64,
}

impl Batch {
    pub(super) fn new<'a>(blocks: impl IntoIterator<Item = (RoomId, &'a Block)>) -> Batch {
        let mut batch = Batch::default();
        for (room, block) in blocks {
            batch.add(room, block);
        }
        batch
    }

    fn add(&mut self, room: RoomId, block: &Block) {
        let Some(said) = block.said() else { return };
        let (first, count) = (block.first_seq(), block.messages());
        let last = self.last.get(&room).copied().filter(|&last| {
            let row = &self.rows[last];
            row.first + row.count == first && row.data.len() < ROW
        });
        let at = last.unwrap_or_else(|| {
            self.rows.push(Row { room, first, count: 0, time: said.time, data: Vec::new() });
            self.rows.len() - 1
        });
        let row = &mut self.rows[at];
        let before = row.data.len();
        if record::encode(said, &mut row.data).is_none() {
            return; // longer than the hub can receive
        }
        row.count += count;
        let bytes = (row.data.len() - before) as u64;
        self.last.insert(room, at);
        let added = self.added.entry(room).or_insert(Added { next: 0, messages: 0, bytes: 0, time: said.time });
        added.next = first + count;
        added.messages += count;
        added.bytes += bytes;
    }

    /// Finds out what the rows of the rooms will be.
    pub(super) fn plan(&mut self, rooms: &Rooms, is_live: bool) {
        self.changes.clear();
        for (&id, added) in &self.added {
            let Some(room) = rooms.get(id) else { continue };
            let mut row = room.row.clone();
            row.next = added.next.max(row.next);
            row.ceiling = room.numbers.plan(row.next, added.messages, is_live);
            row.messages += added.messages;
            row.bytes += added.bytes;
            self.changes.push(Change { row, messages: added.messages, time: added.time });
        }
    }

    /// Writes the rows, in a transaction.
    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        for row in &self.rows {
            let Row { room, first, count, time, data } = row;
            if *count > 0 {
                let row = BlockRow { room: room.0, first: *first, count: *count, time: *time, data };
                row.insert(connection)?;
            }
        }
        self.changes.iter().try_for_each(|change| change.row.store(connection))
    }

    /// About how many bytes that adds to the write-ahead log.
    pub(super) fn log_bytes(&self) -> u64 {
        let data: usize = self.rows.iter().map(|row| row.data.len()).sum();
        data as u64 + PAGES * (self.rows.len() + self.changes.len()) as u64
    }

    /// What it changes in the rooms.
    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}
