//! The offline commands on a history file: `bookend-server history …` is their command line.
//!
//! ```no_run
//! # fn run() -> Result<(), bookend_server::HistoryError> {
//! use std::path::Path;
//!
//! use bookend_server::HistoryFile;
//! let file = HistoryFile::open(Path::new("history.db"))?;
//! for room in file.rooms()? {
//!     println!("{}: {} messages", room.name, room.messages);
//! }
//! for message in file.messages(Some("lobby"))? {
//!     println!("{}", message?.to_json());
//! }
//! # Ok(())
//! # }
//! ```

mod check;
mod delete;
mod json;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bookend::Encoding;
use rusqlite::Connection;

use super::damage::Damage;
use super::disk::RealDisk;
use super::error::HistoryError;
use super::lockfile::Lock;
use super::opening::{self, checkpoint};
use super::record::{self, Record};
use super::rows::{self, END, Order, Rows};
use super::schema::{BlockRow, Meta, RoomRow};
use crate::canonical::folded;
use crate::clock::wall_clock;
use crate::store::RoomId;

/// A history file that no hub uses. While this value exists, no hub can start with the file.
#[derive(Debug)]
pub struct HistoryFile {
    path: PathBuf,
    connection: Connection,
    damage: Damage,
    /// Given back after the file is closed.
    _lock: Lock,
}

/// What is kept of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
#[non_exhaustive]
pub struct KeptRoom {
    /// Its name, in the shown form.
    pub name: String,
    /// How many messages are kept.
    pub messages: u64,
    /// The bytes of their rows.
    pub bytes: u64,
    /// The time of the oldest one, in milliseconds since 1970-01-01T00:00:00Z; 0 if none is kept.
    pub since: u64,
    /// The number of the oldest one; that of the next message if none is kept.
    pub first: u64,
    /// The number of its next message.
    pub next: u64,
    /// How many runs of numbers are missing between the kept messages.
    pub holes: u64,
    /// How many numbers are missing there. Those that a restored file skipped are not counted.
    pub missing: u64,
}

/// A message that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptMessage {
    /// The name of the room, in the shown form.
    pub room: Arc<str>,
    /// The number of the sender when it was sent.
    pub from: u32,
    /// The name of the sender when it was sent.
    pub name: String,
    /// Its number in the room.
    pub seq: u64,
    /// When it was sent, in milliseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// The encoding in which it was sent.
    pub encoding: Encoding,
    /// The payload in that encoding.
    pub payload: Vec<u8>,
}

/// What [`HistoryFile::check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CheckReport {
    /// Rooms in the file.
    pub rooms: u64,
    /// Rows of messages that are good.
    pub rows: u64,
    /// Messages in them.
    pub messages: u64,
    /// Rows that are damaged: a checksum is wrong, or SQLite cannot read them.
    pub damaged: u64,
    /// One line for each fault, at most [`CheckReport::MAX_FAULTS`]: of a row, of a room, or of SQLite's
    /// `integrity_check`.
    pub faults: Vec<String>,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Deleted {
    /// Rooms that contained something of it.
    pub rooms: u64,
    /// Messages that are gone. Their numbers are now missing.
    pub messages: u64,
    /// Damaged rows that could not be read, and may contain more of it.
    pub unreadable: u64,
}

/// The messages of a file, by [`HistoryFile::messages`].
#[derive(Debug)]
pub struct KeptMessages<'a> {
    file: &'a HistoryFile,
    /// The rooms that are still to be read.
    rooms: VecDeque<RoomRow>,
    /// The room that is being read.
    current: Option<(Arc<str>, Rows<'a>)>,
    /// Messages of its last row.
    messages: VecDeque<KeptMessage>,
}

impl HistoryFile {
    /// Opens a history file of a hub that is not running. A file that the hub did not close is recovered as the hub would:
    /// the numbers that a copy may have lost are skipped.
    ///
    /// # Errors
    /// [`HistoryError::Locked`] while a hub uses the file; [`HistoryError::Missing`] (no file is made),
    /// [`HistoryError::Newer`] and [`HistoryError::Failed`].
    pub fn open(path: &Path) -> Result<HistoryFile, HistoryError> {
        if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) || !path.exists() {
            return Err(HistoryError::Missing(path.into()));
        }
        let lock = Lock::take(path)?;
        let connection = opening::open_as_is(path, &RealDisk)?;
        Ok(HistoryFile { path: path.into(), connection, damage: Damage::default(), _lock: lock })
    }

    /// What is kept of each room, in the order of their names.
    ///
    /// # Errors
    /// [`HistoryError::Failed`].
    pub fn rooms(&self) -> Result<Vec<KeptRoom>, HistoryError> {
        let kept = self.room_rows(None)?.into_iter().map(|room| self.kept(&room));
        kept.collect::<rusqlite::Result<_>>().map_err(|error| self.failed(error))
    }

    /// The messages of a room or of all rooms, room by room in the order of their names, oldest first. Damaged rows are
    /// skipped.
    ///
    /// # Errors
    /// [`HistoryError::NoRoom`] and [`HistoryError::Failed`].
    pub fn messages(&self, room: Option<&str>) -> Result<KeptMessages<'_>, HistoryError> {
        let rooms = self.room_rows(room)?.into();
        Ok(KeptMessages { file: self, rooms, current: None, messages: VecDeque::new() })
    }

    /// Says that the file is a backup that was restored: each room gets new numbers, greater than any that the hub may
    /// have given since the backup. Old messages remain readable; no client can resume across it. Returns how many rooms
    /// there are.
    ///
    /// # Errors
    /// [`HistoryError::Failed`].
    pub fn restored(&mut self) -> Result<u64, HistoryError> {
        let anew = wall_clock().saturating_mul(1 << 10);
        let rooms = self.room_rows(None)?;
        let write = || {
            let transaction = self.connection.unchecked_transaction()?;
            for room in &rooms {
                let next = room.next.max(room.ceiling).max(anew);
                RoomRow { begin: next, next, ceiling: next, ..room.clone() }.store(&transaction)?;
            }
            transaction.commit()
        };
        write().map_err(|error| self.failed(error))?;
        Ok(rooms.len() as u64)
    }

    /// One room, or all in the order of their names.
    fn room_rows(&self, room: Option<&str>) -> Result<Vec<RoomRow>, HistoryError> {
        let (mut rows, _) = RoomRow::load_all(&self.connection).map_err(|error| self.failed(error))?;
        if let Some(room) = room {
            let key = folded(room);
            rows.retain(|row| row.key == key);
            if rows.is_empty() {
                return Err(HistoryError::NoRoom(room.into()));
            }
        }
        rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(rows)
    }

    /// The rows of a room, oldest first.
    fn rows(&self, room: u64) -> Rows<'_> {
        Rows::new(&self.connection, &self.damage, RoomId(room), Order::Up, 0)
    }

    fn kept(&self, room: &RoomRow) -> rusqlite::Result<KeptRoom> {
        let RoomRow { name, messages, bytes, next, begin, .. } = room;
        let (messages, bytes, next) = (*messages, *bytes, *next);
        let mut kept =
            KeptRoom { name: name.to_string(), messages, bytes, since: 0, first: next, next, holes: 0, missing: 0 };
        let mut reached = None;
        let mut count_hole = |from: u64, to: u64| {
            // Numbers that a restored file skipped end where its new numbers begin.
            if to > from && to != *begin {
                (kept.holes, kept.missing) = (kept.holes + 1, kept.missing + (to - from));
            }
        };
        let (mut first, mut since) = (None, 0);
        let mut rows = self.rows(room.id);
        while let Some(place) = rows.next_place()? {
            let Some(head) = rows::head(&self.connection, place)? else { continue };
            count_hole(reached.unwrap_or(place.first), place.first);
            reached = Some(place.first.saturating_add(head.messages).min(END));
            if first.is_none() {
                (first, since) = (Some(place.first), head.time);
            }
        }
        count_hole(reached.unwrap_or(next), next);
        Ok(KeptRoom { first: first.unwrap_or(next), since, ..kept })
    }

    fn failed(&self, error: rusqlite::Error) -> HistoryError {
        HistoryError::failed(&self.path, error)
    }

    /// Marks the file as closed: everything before is safe then.
    fn close(&self) -> rusqlite::Result<()> {
        checkpoint(&self.connection, "TRUNCATE")?;
        if let Some(meta) = Meta::load(&self.connection)? {
            Meta { clean: true, ..meta }.store(&self.connection)?;
        }
        checkpoint(&self.connection, "TRUNCATE").map(drop)
    }
}

impl Drop for HistoryFile {
    fn drop(&mut self) {
        let _ = self.close(); // the hub recovers the file
    }
}

impl KeptMessages<'_> {
    /// How many damaged rows were found in the file so far.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.file.damage.count() as u64
    }

    /// Reads the next row. False if there is none.
    fn read_row(&mut self) -> rusqlite::Result<bool> {
        loop {
            if let Some((room, rows)) = &mut self.current {
                if let Some(messages) = rows.next(|_, row| decode(room, row))? {
                    self.messages = messages;
                    return Ok(true);
                }
                self.current = None;
            }
            let Some(room) = self.rooms.pop_front() else { return Ok(false) };
            self.current = Some((room.name.into(), self.file.rows(room.id)));
        }
    }
}

/// The messages of a row; `None` if its data are damaged.
fn decode(room: &Arc<str>, row: &BlockRow<'_>) -> Option<VecDeque<KeptMessage>> {
    let messages = |record: Record<'_>| {
        let message = move |(seq, payload): (u64, crate::rendition::StoredPayload<'_>)| KeptMessage {
            room: room.clone(),
            from: record.from,
            name: record.name.to_owned(),
            seq,
            time: record.time,
            encoding: payload.encoding,
            payload: payload.bytes.to_vec(),
        };
        (record.first..).zip(record.payloads()).map(message).collect::<Vec<_>>()
    };
    Some(record::decode(row.first, row.count, row.data).ok()?.into_iter().flat_map(messages).collect())
}

impl Iterator for KeptMessages<'_> {
    type Item = Result<KeptMessage, HistoryError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.messages.is_empty() {
            match self.read_row() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    (self.current, self.rooms) = (None, VecDeque::new());
                    return Some(Err(self.file.failed(error)));
                }
            }
        }
        self.messages.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod tests;
