//! The rooms of the store in memory: all that are in the file, and those that have had no message yet.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::numbers::{Commit, Numbers};
use super::schema::RoomRow;
use crate::store::{Opened, RoomId, StoreCensus, Written};

/// Rooms without a message that are remembered. A hub has fewer at a time; beyond, the oldest are forgotten.
const MOST_NEW: usize = 1 << 17;

#[derive(Debug)]
pub(super) struct Room {
    /// The row as it was last committed.
    pub(super) row: RoomRow,
    /// The number of the next message, after all that were given to the store.
    pub(super) given: u64,
    /// The time of the oldest message that is kept; 0 if none is.
    pub(super) since: u64,
    pub(super) numbers: Numbers,
    /// Is told when its messages may be read: the room in memory, as long as it is there.
    pub(super) told: Option<Weak<dyn Written>>,
    /// The last commit of a message.
    pub(super) used: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Rooms {
    by_key: HashMap<Box<str>, RoomId>,
    rooms: HashMap<RoomId, Room>,
    /// Those that are not in the file.
    new: BTreeSet<RoomId>,
    /// Those whose ceiling is ahead.
    ahead: HashSet<RoomId>,
    /// Those that wait for a sync, or count messages between two.
    syncing: HashSet<RoomId>,
    /// The first number that a new room may have: greater than those of rooms whose names are lost or forgotten.
    floor: u64,
    last_id: u64,
    /// What is kept of all rooms.
    messages: u64,
    bytes: u64,
}

/// What a transaction changed of a room.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) row: RoomRow,
    pub(super) messages: u64,
    /// The time of its first message.
    pub(super) time: u64,
}

impl Rooms {
    /// No rooms. New ones begin at number `floor` or later, and have ids after `last_id`.
    pub(super) fn new(floor: u64, last_id: u64) -> Rooms {
        Rooms { floor, last_id, ..Rooms::default() }
    }

    /// Adds a room that is in the file, on stable storage. New rooms begin with greater numbers, because they may be rooms
    /// that were forgotten.
    pub(super) fn add(&mut self, row: RoomRow, since: u64) {
        let id = RoomId(row.id);
        self.floor = self.floor.max(row.next);
        self.last_id = self.last_id.max(row.id);
        (self.messages, self.bytes) = (self.messages + row.messages, self.bytes + row.bytes);
        if row.ceiling > row.next {
            self.ahead.insert(id);
        }
        self.by_key.insert(row.key.clone(), id);
        self.rooms.insert(id, Room::new(row, since));
    }

    /// The room with that folded name, new or not.
    pub(super) fn open(&mut self, key: Box<str>, name: &str, fresh: u64) -> Opened {
        if let Some(room) = self.by_key.get(&key).and_then(|id| self.rooms.get(id)) {
            return Opened { id: RoomId(room.row.id), first_seq: room.row.begin, next_seq: room.given };
        }
        self.last_id += 1;
        let (id, begin) = (RoomId(self.last_id), fresh.max(self.floor).max(1));
        let (next, ceiling) = (begin, begin);
        let row =
            RoomRow { id: id.0, key: key.clone(), name: name.into(), begin, next, ceiling, messages: 0, bytes: 0 };
        self.by_key.insert(key, id);
        self.rooms.insert(id, Room::new(row, 0));
        self.new.insert(id);
        if self.new.len() > MOST_NEW
            && let Some(room) = self.new.pop_first().and_then(|oldest| self.rooms.remove(&oldest))
        {
            self.by_key.remove(&room.row.key);
        }
        Opened { id, first_seq: begin, next_seq: begin }
    }

    /// These are no longer in the file.
    pub(super) fn forget(&mut self, ids: &[RoomId]) {
        for id in ids {
            if let Some(room) = self.rooms.remove(id) {
                self.by_key.remove(&room.row.key);
                self.ahead.remove(id);
            }
        }
    }

    pub(super) fn get(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: RoomId) -> Option<&mut Room> {
        self.rooms.get_mut(&id)
    }

    /// Those that are in the file.
    pub(super) fn stored(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().filter(|(id, _)| !self.new.contains(id)).map(|(_, room)| room)
    }

    /// Messages of the room are committed.
    pub(super) fn committed(&mut self, commit: Commit, change: Change, now: Instant) {
        let id = RoomId(change.row.id);
        let Some(room) = self.rooms.get_mut(&id) else { return };
        self.new.remove(&id);
        self.messages = self.messages + change.row.messages - room.row.messages;
        self.bytes = self.bytes + change.row.bytes - room.row.bytes;
        room.numbers.committed(commit, change.row.next, change.messages, change.row.ceiling);
        if room.row.messages == 0 {
            room.since = change.time;
        }
        (room.row, room.used) = (change.row, now);
        self.ahead.insert(id);
        self.syncing.insert(id);
    }

    /// What is kept of each room.
    pub(super) fn censuses(&self) -> Vec<(RoomId, StoreCensus)> {
        self.rooms.iter().filter(|(_, room)| room.row.messages > 0).map(|(id, room)| (*id, room.census())).collect()
    }

    /// Less is kept of the room than before.
    pub(super) fn trimmed(&mut self, row: RoomRow, since: u64) {
        let Some(room) = self.rooms.get_mut(&RoomId(row.id)) else { return };
        self.messages = self.messages + row.messages - room.row.messages;
        self.bytes = self.bytes + row.bytes - room.row.bytes;
        (room.row, room.since) = (row, since);
    }

    /// Rooms that have been quiet since then, although their ceiling is ahead. Nothing that the lower ceiling forbids is
    /// delivered from now on; the rows are to be committed.
    pub(super) fn settle(&mut self, before: Instant) -> Vec<RoomRow> {
        let mut rows = Vec::new();
        for id in &self.ahead {
            let Some(room) = self.rooms.get_mut(id).filter(|room| room.used <= before && !room.numbers.is_gated())
            else {
                continue;
            };
            let next = room.next();
            room.numbers.settling(next);
            rows.push(RoomRow { next, ceiling: next, ..room.row.clone() });
        }
        rows
    }

    /// The rows of rooms of which more was delivered than was ever written, with their next numbers.
    pub(super) fn behind(&self) -> Vec<RoomRow> {
        let rooms = self.stored().filter(|room| room.next() > room.row.next);
        rooms.map(|room| RoomRow { next: room.next(), ..room.row.clone() }).collect()
    }

    /// They have been committed.
    pub(super) fn settled(&mut self, commit: Commit, rows: Vec<RoomRow>) {
        for row in rows {
            let id = RoomId(row.id);
            if let Some(room) = self.rooms.get_mut(&id) {
                room.numbers.settled(commit, row.next);
                room.row = row;
            }
            self.ahead.remove(&id);
            self.syncing.insert(id);
        }
    }

    /// All transactions up to this one are on stable storage. Returns who is told what.
    pub(super) fn synced(&mut self, commit: Commit) -> Vec<(Arc<dyn Written>, u64)> {
        let mut told = Vec::new();
        let Rooms { rooms, syncing, .. } = self;
        syncing.retain(|id| {
            let Some(room) = rooms.get_mut(id) else { return false };
            room.numbers.synced(commit);
            told.extend(room.tell());
            !room.numbers.is_at_rest()
        });
        told
    }

    /// Does a room wait for a sync before its messages may be read?
    pub(super) fn is_gated(&self) -> bool {
        self.syncing.iter().any(|id| self.rooms.get(id).is_some_and(|room| room.numbers.is_gated()))
    }

    /// Must ceilings be settled later?
    pub(super) fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// What is kept of all rooms; the time of the oldest message takes a look at each.
    pub(super) fn census(&self) -> StoreCensus {
        let since = self.rooms.values().map(|room| room.since).filter(|&since| since > 0).min().unwrap_or(0);
        StoreCensus { messages: self.messages, bytes: self.bytes, since }
    }

    /// Rooms that are in the file.
    pub(super) fn count(&self) -> usize {
        self.rooms.len() - self.new.len()
    }
}

impl Room {
    fn new(row: RoomRow, since: u64) -> Room {
        let numbers = Numbers::new(row.next, row.ceiling);
        Room { given: row.next, since, numbers, told: None, used: Instant::now(), row }
    }

    /// The number of the next message, after all that were written or delivered.
    fn next(&self) -> u64 {
        self.row.next.max(self.numbers.told())
    }

    /// What is kept of it.
    pub(super) fn census(&self) -> StoreCensus {
        StoreCensus { messages: self.row.messages, bytes: self.row.bytes, since: self.since }
    }

    /// Who is told that messages may be read, if some may that could not before.
    pub(super) fn tell(&mut self) -> Option<(Arc<dyn Written>, u64)> {
        let next = self.numbers.tell()?;
        Some((self.told.as_ref()?.upgrade()?, next))
    }
}
