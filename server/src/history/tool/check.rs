//! Looks for damage in a history file.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;

use super::{CheckReport, HistoryFile};
use crate::history::error::HistoryError;
use crate::history::record;
use crate::history::rows::{is_damage, number, unsigned};
use crate::history::schema::RoomRow;

impl HistoryFile {
    /// Reads every row and every page, and compares all checksums. Changes nothing.
    ///
    /// # Errors
    /// [`HistoryError::Failed`] if the file cannot be read at all; a damage is in the report.
    pub fn check(&self) -> Result<CheckReport, HistoryError> {
        self.try_check().map_err(|error| self.failed(error))
    }

    fn try_check(&self) -> rusqlite::Result<CheckReport> {
        let (rooms, damaged) = RoomRow::load_all(&self.connection)?;
        let mut report = CheckReport { rooms: rooms.len() as u64, ..CheckReport::default() };
        report.faults.extend(damaged.iter().map(|id| format!("room {id}: the checksum of its row is wrong")));
        let mut known: BTreeMap<u64, RoomRow> = rooms.into_iter().map(|room| (room.id, room)).collect();
        let mut last = -1;
        while let Some(id) = self.room_after(last, &mut report)? {
            last = id;
            self.check_room(unsigned(id), known.remove(&unsigned(id)).as_ref(), &mut report)?;
        }
        for room in known.values().filter(|room| room.messages > 0) {
            report.faults.push(format!("room {}: none of its {} messages can be found", room.id, room.messages));
        }
        report.damaged = self.damage.count() as u64;
        report.faults.extend(self.damage.faults(CheckReport::MAX_FAULTS));
        self.check_pages(&mut report)?;
        report.faults.truncate(CheckReport::MAX_FAULTS);
        Ok(report)
    }

    /// The next room that has rows.
    fn room_after(&self, last: i64, report: &mut CheckReport) -> rusqlite::Result<Option<i64>> {
        let sql = "SELECT room FROM block WHERE room > ?1 ORDER BY room LIMIT 1";
        match self.connection.prepare_cached(sql)?.query_row([last], |row| row.get(0)).optional() {
            Err(error) if is_damage(&error) => {
                report.faults.push(format!("rooms after {last}: {error}"));
                let sql = "SELECT id FROM room WHERE id > ?1 ORDER BY id LIMIT 1";
                self.connection.query_row(sql, [last], |row| row.get(0)).optional()
            }
            found => found,
        }
    }

    /// Reads all rows of a room, and compares their sums with its own row.
    fn check_room(&self, id: u64, room: Option<&RoomRow>, report: &mut CheckReport) -> rusqlite::Result<()> {
        let before = self.damage.count();
        let (mut messages, mut bytes) = (0, 0);
        let mut rows = self.rows(id);
        while let Some((count, length)) = rows.next(|_, row| {
            record::decode(row.first, row.count, row.data).ok()?;
            Some((row.count, row.data.len() as u64))
        })? {
            (messages, bytes, report.rows) = (messages + count, bytes + length, report.rows + 1);
        }
        report.messages += messages;
        match room {
            None => report.faults.push(format!("room {}: it has messages, but no row", number(id))),
            Some(room) if self.damage.count() == before && (room.messages, room.bytes) != (messages, bytes) => {
                let said = format!("{} messages, {} bytes", room.messages, room.bytes);
                report.faults.push(format!("room {id}: its row says {said}, but {messages} and {bytes} are kept"));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// What SQLite says of its own pages.
    fn check_pages(&self, report: &mut CheckReport) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check(100)")?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
        for line in lines {
            match line {
                Ok(line) if line == "ok" => {}
                Ok(line) => report.faults.push(line),
                Err(error) => {
                    report.faults.push(error.to_string());
                    break;
                }
            }
        }
        Ok(())
    }
}

impl CheckReport {
    /// The most faults that are described; `damaged` counts all.
    pub const MAX_FAULTS: usize = 100;

    /// Is nothing wrong with the file?
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.damaged == 0 && self.faults.is_empty()
    }
}
