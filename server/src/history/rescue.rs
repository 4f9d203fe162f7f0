//! Copies what can be read of a damaged file into a new one.
//!
//! The table of messages is read by the places of its rows, without the index; each row has a checksum. Where nothing can
//! be read, the next place is found in some dozens of attempts.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::aside::ignore_missing;
use super::rows::{END, is_damage, next_readable, nothing_after, number, unsigned};
use super::schema::{self, BLOCK_COLUMNS, BlockRow, RoomRow};
use super::wal::beside;
use super::{error::HistoryError, lockfile};

/// What was copied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rescued {
    pub(super) rows: u64,
    /// Rows whose checksum is wrong, and places from which SQLite could not read on.
    pub(super) damaged: u64,
}

/// The messages and the bytes that were copied of each room.
type Sums = HashMap<u64, (u64, u64)>;

/// Makes an empty file without a log, in place of one that may be there.
///
/// # Errors
/// [`HistoryError::Failed`].
pub(super) fn create(path: &Path) -> Result<Connection, HistoryError> {
    let failed = |error: &dyn std::fmt::Display| HistoryError::failed(path, error);
    for file in [path.to_owned(), beside(path, "-journal")] {
        ignore_missing(fs::remove_file(file)).map_err(|error| failed(&error))?;
    }
    drop(lockfile::create(path).map_err(|error| failed(&error))?);
    let made = schema::connect(path).and_then(|connection| {
        // The commit syncs the file; if it ends before, nobody uses the file.
        connection.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL")?;
        schema::create(&connection)?;
        Ok(connection)
    });
    made.map_err(|error| failed(&error))
}

/// Copies all good rows. The rooms whose rows are damaged keep their names, and nothing else.
///
/// # Errors
/// Those of SQLite that no damage explains, and those of reading the rooms.
pub(super) fn copy(from: &Connection, to: &Connection) -> rusqlite::Result<Rescued> {
    let (rooms, damaged) = RoomRow::load_all(from)?;
    let (mut sums, mut rescued) = (Sums::new(), Rescued::default());
    let mut next = 0;
    while let Some(error) = copy_from(from, to, &mut next, &mut sums, &mut rescued)? {
        rescued.damaged += 1;
        match next_readable(END - next, |step| is_readable(from, next + step))? {
            Some(step) => next += step,
            None => {
                nothing_after(error)?;
                break;
            }
        }
    }
    for room in rooms {
        let (messages, bytes) = sums.get(&room.id).copied().unwrap_or_default();
        RoomRow { messages, bytes, ..room }.store(to)?;
    }
    damaged.into_iter().try_for_each(|id| copy_name(from, to, id))?;
    Ok(rescued)
}

/// Copies the rows from place `next` on. Returns why the next one cannot be read, if that is so.
fn copy_from(
    from: &Connection,
    to: &Connection,
    next: &mut u64,
    sums: &mut Sums,
    rescued: &mut Rescued,
) -> rusqlite::Result<Option<rusqlite::Error>> {
    let sql = format!("SELECT {BLOCK_COLUMNS}, rowid FROM block NOT INDEXED WHERE rowid >= ? ORDER BY rowid");
    let mut statement = from.prepare_cached(&sql)?;
    let mut rows = statement.query([number(*next)])?;
    loop {
        let found = match rows.next() {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(None),
            Err(error) if is_damage(&error) => return Ok(Some(error)),
            Err(error) => return Err(error),
        };
        let Some(row) = BlockRow::read(found) else {
            rescued.damaged += 1;
            continue;
        };
        *next = (*next).max(unsigned(found.get(6)?).saturating_add(1)).min(END);
        if row.insert_if_new(to)? {
            let (messages, bytes) = sums.entry(row.room).or_default();
            (*messages, *bytes) = (*messages + row.count, *bytes + row.data.len() as u64);
            rescued.rows += 1;
        }
    }
}

/// Can the next row from a place on be read, whatever it says?
fn is_readable(from: &Connection, place: u64) -> rusqlite::Result<bool> {
    let sql = format!("SELECT {BLOCK_COLUMNS} FROM block NOT INDEXED WHERE rowid >= ? ORDER BY rowid LIMIT 1");
    let read =
        from.prepare_cached(&sql)?.query_row([number(place)], |row| Ok(BlockRow::read(row).is_some())).optional();
    match read {
        Ok(_) => Ok(true),
        Err(error) if is_damage(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Copies the name of a room whose row is damaged, with a checksum that is wrong, too.
fn copy_name(from: &Connection, to: &Connection, id: u64) -> rusqlite::Result<()> {
    let sql = "SELECT key, name FROM room WHERE id = ?";
    let names = from.query_row(sql, [id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    if let Ok((key, name)) = names {
        let sql = "INSERT OR IGNORE INTO room(id, key, name, begin, next, ceiling, messages, bytes, crc)
                   VALUES(?, ?, ?, 0, 0, 0, 0, 0, -1)";
        to.execute(sql, params![id, key, name])?;
    }
    Ok(())
}
