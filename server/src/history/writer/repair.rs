//! What the writing thread does after a failure, so that nothing that was accepted is lost.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;

use rusqlite::{Connection, ffi};

use super::super::aside::set_aside;
use super::super::opening::checkpoint;
use super::super::schema::{self, Meta, RoomRow, VERSION};
use super::super::wal::log_of;
use super::rows::Batch;
use super::{Repair, Writer};
use crate::lock::lock;
use crate::store::RoomId;

impl Writer {
    /// Does what the last failure requires.
    pub(super) fn repair(&mut self) -> rusqlite::Result<()> {
        match self.repair {
            Repair::Nothing => return Ok(()),
            Repair::Reconnect => {
                self.connection = None;
                self.connection = Some(schema::connect(&self.shared.path)?);
            }
            Repair::Verify | Repair::Replace => self.reopen()?,
        }
        self.repair = Repair::Nothing;
        Ok(())
    }

    /// Opens the file again, so that SQLite verifies its log, or opens a new one. What was not synced is written again
    /// where it is missing; then all of it is copied into the database and synced there: pages whose sync failed may be
    /// lost although the next sync succeeds.
    fn reopen(&mut self) -> rusqlite::Result<()> {
        let shared = Arc::clone(&self.shared);
        let _io = lock(&shared.io);
        let _paused = shared.readers.pause();
        self.connection = None; // all others are closed, too
        if self.repair == Repair::Replace {
            set_aside(&shared.path, "SQLite cannot write it any more").map_err(failed)?;
            self.repair = Repair::Verify;
        }
        let connection = schema::connect(&shared.path)?;
        self.is_live = self.rewrite(&connection)?;
        checkpoint(&connection, "TRUNCATE")?;
        let log = File::open(log_of(&shared.path)).map_err(failed)?;
        shared.disk.sync(&log).map_err(failed)?;
        self.connection = Some(connection);
        let (commit, position) = {
            let mut state = shared.lock();
            (state.log, state.log_bytes, state.sync_failed) = (Arc::new(log), 0, false);
            (state.commits, state.committed)
        };
        shared.is_synced(commit, position);
        shared.sync.notify_all();
        Ok(())
    }

    /// Writes the rows of all rooms, the blocks that are not synced and not there, and what the file says about itself.
    /// Returns whether it says that messages may be delivered that are not written.
    fn rewrite(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let disk = &*self.shared.disk;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let is_new = version == 0 && mode == "wal";
        if is_new {
            schema::create(connection)?;
        }
        let (rooms, unsynced, live) = {
            let state = self.shared.lock();
            let rooms: Vec<_> = state.rooms.stored().map(|room| room.row.clone()).collect();
            let unsynced: Vec<_> = state.unsynced.iter().map(|item| (item.room, item.block.clone())).collect();
            (rooms, unsynced, self.is_live || state.config.is_live())
        };
        let transaction = connection.unchecked_transaction()?;
        let mut missing = Vec::new();
        for (room, block) in &unsynced {
            if block.first_seq() >= end_of(&transaction, *room)? {
                missing.push((*room, &**block));
            }
        }
        Batch::new(missing).insert(&transaction)?;
        remove_others(&transaction, &rooms)?;
        for row in rooms {
            let mut row = row;
            if is_new {
                (row.messages, row.bytes) = of_rows(&transaction, row.id)?;
            }
            row.store(&transaction)?;
        }
        let (device, inode) = disk.place(&self.shared.path).map_err(failed)?;
        let meta = Meta { version: VERSION, clean: false, live, boot: disk.boot(), device, inode };
        meta.store(&transaction)?;
        disk.committing()?;
        transaction.commit().map(|()| live)
    }
}

/// Removes the rows of rooms that were forgotten as the file was opened, because they were damaged.
fn remove_others(connection: &Connection, rooms: &[RoomRow]) -> rusqlite::Result<()> {
    let known: HashSet<u64> = rooms.iter().map(|room| room.id).collect();
    let mut statement = connection.prepare_cached("SELECT id FROM room")?;
    let ids: Vec<i64> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in ids.into_iter().filter(|id| !known.contains(&id.cast_unsigned())) {
        connection.execute("DELETE FROM room WHERE id = ?", [id])?;
    }
    Ok(())
}

/// An error of the system, and not of the file.
fn failed(error: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some(error.to_string()))
}

/// The number after the last message of a room in the file.
fn end_of(connection: &Connection, room: RoomId) -> rusqlite::Result<u64> {
    let sql = "SELECT first + count FROM block WHERE room = ? ORDER BY first DESC LIMIT 1";
    let end = connection.prepare_cached(sql)?.query_row([room.0], |row| row.get(0));
    match end {
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(0),
        end => end,
    }
}

/// Messages and bytes of the rows of a room.
fn of_rows(connection: &Connection, room: u64) -> rusqlite::Result<(u64, u64)> {
    let sql = "SELECT ifnull(sum(count), 0), ifnull(sum(length(data)), 0) FROM block WHERE room = ?";
    connection.prepare_cached(sql)?.query_row([room], |row| Ok((row.get(0)?, row.get(1)?)))
}
