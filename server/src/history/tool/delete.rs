//! Deletes messages, and every trace of them in the file.

use super::{Deleted, HistoryFile};
use crate::canonical::shown;
use crate::history::error::HistoryError;
use crate::history::opening::checkpoint;
use crate::history::record;
use crate::history::rows::{self, Place};
use crate::history::schema::{BlockRow, RoomRow};
use crate::store::RoomId;

/// How many rows one transaction changes.
const ROWS: usize = 256;

/// What is kept of a row: the runs of blocks, whose numbers follow each other, and how many messages are deleted.
struct Rest {
    runs: Vec<Run>,
    deleted: u64,
}

/// A row that is written instead.
#[derive(Debug, Default)]
struct Run {
    first: u64,
    count: u64,
    time: u64,
    data: Vec<u8>,
}

impl HistoryFile {
    /// Deletes all messages of a room, and every trace of them in the file. The room keeps its numbers: none is given
    /// again. The file is written anew for that, which needs as much space again.
    ///
    /// # Errors
    /// [`HistoryError::NoRoom`] and [`HistoryError::Failed`].
    pub fn drop_room(&mut self, room: &str) -> Result<Deleted, HistoryError> {
        let rooms = self.room_rows(Some(room))?;
        self.delete(rooms, None)
    }

    /// Deletes all messages that were sent under a name, in one room or in all, and every trace of them in the file. What
    /// others wrote about that name stays. Names are compared in their shown form (R9.34), exactly. The file is written
    /// anew for that, which needs as much space again.
    ///
    /// # Errors
    /// [`HistoryError::NoRoom`] and [`HistoryError::Failed`].
    pub fn delete_member(&mut self, name: &str, room: Option<&str>) -> Result<Deleted, HistoryError> {
        let rooms = self.room_rows(room)?;
        let name = shown(name).unwrap_or_default();
        self.delete(rooms, Some(&name))
    }

    /// Deletes what was sent under a name, or everything.
    fn delete(&self, rooms: Vec<RoomRow>, name: Option<&str>) -> Result<Deleted, HistoryError> {
        self.try_delete(rooms, name).map_err(|error| self.failed(error))
    }

    fn try_delete(&self, rooms: Vec<RoomRow>, name: Option<&str>) -> rusqlite::Result<Deleted> {
        self.connection.execute_batch("PRAGMA secure_delete = ON")?;
        let mut deleted = Deleted::default();
        for mut room in rooms {
            let before = deleted.messages;
            let mut places = Vec::new();
            let mut rows = self.rows(room.id);
            while let Some(place) = rows.next_place()? {
                places.push(place);
            }
            for places in places.chunks(ROWS) {
                self.delete_in(&mut room, places, name, &mut deleted)?;
                checkpoint(&self.connection, "PASSIVE")?;
            }
            if name.is_none() {
                (room.messages, room.bytes) = (0, 0);
                room.store(&self.connection)?;
            }
            deleted.rooms += u64::from(deleted.messages > before);
        }
        // Pages that are free since earlier, and what moved within pages, may still have the text.
        self.connection.execute_batch("PRAGMA temp_store = FILE; VACUUM")?;
        checkpoint(&self.connection, "TRUNCATE")?;
        Ok(deleted)
    }

    /// Deletes what is unwanted in some rows of a room, in one transaction.
    fn delete_in(
        &self,
        room: &mut RoomRow,
        places: &[Place],
        name: Option<&str>,
        deleted: &mut Deleted,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        for &place in places {
            let found = rows::visit(&transaction, RoomId(room.id), place, |row| {
                Some((row.data.len() as u64, Rest::of(row, name)?))
            });
            let (length, rest) = match found {
                Ok(Some(found)) => found,
                Err(error) if !rows::is_damage(&error) => return Err(error),
                _ => {
                    let is_gone = name.is_none() && rows::remove(&transaction, place)?;
                    deleted.unreadable += u64::from(!is_gone);
                    continue;
                }
            };
            if rest.deleted == 0 {
                continue;
            }
            if !rows::remove(&transaction, place)? {
                deleted.unreadable += 1;
                continue;
            }
            let mut kept = 0;
            for Run { first, count, time, data } in &rest.runs {
                BlockRow { room: room.id, first: *first, count: *count, time: *time, data }.insert(&transaction)?;
                kept += data.len() as u64;
            }
            deleted.messages += rest.deleted;
            room.messages = room.messages.saturating_sub(rest.deleted);
            room.bytes = (room.bytes + kept).saturating_sub(length);
        }
        room.store(&transaction)?;
        transaction.commit()
    }
}

impl Rest {
    /// `None` if the data are damaged.
    fn of(row: &BlockRow<'_>, name: Option<&str>) -> Option<Rest> {
        let (mut runs, mut deleted) = (Vec::<Run>::new(), 0);
        for record in record::decode(row.first, row.count, row.data).ok()? {
            if name.is_none_or(|name| record.name == name) {
                deleted += u64::from(record.count);
                continue;
            }
            if runs.last().is_none_or(|run| run.first + run.count != record.first) {
                runs.push(Run { first: record.first, time: record.time, ..Run::default() });
            }
            let run = runs.last_mut()?;
            run.count += u64::from(record.count);
            record::encode(record.to_block().said()?, &mut run.data)?;
        }
        Some(Rest { runs, deleted })
    }
}
