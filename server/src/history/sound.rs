//! Can what is written to a file be read again? SQLite checks little of a page before it adds a row: if a bit of the page
//! is flipped, nobody may find the row, or it may overwrite another one.
//!
//! A small file is checked as a whole. In a larger one, rows are added where the next ones will be, and taken back.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::rows::{END, unsigned};
use super::schema::{BLOCK_COLUMNS, BlockRow};

/// How many rows are added at the end: they fill a page of the table.
const PROBES: u64 = 128;
/// How many of the last rows are compared with the index, of all and of each room.
const LOOK: u64 = 64;

/// What is wrong with a file. `is_small`: it is checked as a whole.
///
/// # Errors
/// Those of SQLite; a damage may be one of them.
pub(super) fn fault(connection: &Connection, is_small: bool) -> rusqlite::Result<Option<String>> {
    let checks: &[&str] =
        if is_small { &["quick_check(1)"] } else { &["integrity_check(meta)", "integrity_check(room)"] };
    for check in checks {
        let line: String = connection.query_row(&format!("PRAGMA {check}"), [], |row| row.get(0))?;
        if line != "ok" {
            return Ok(Some(line));
        }
    }
    Ok(probe(connection)?.map(str::to_owned))
}

/// Adds rows after the last one of each room and after all, and reads the last rows. All is taken back.
fn probe(connection: &Connection) -> rusqlite::Result<Option<&'static str>> {
    let transaction = connection.unchecked_transaction()?; // nobody commits it
    let rooms = rooms(&transaction)?;
    let before = last_rows(&transaction, LOOK)?;
    let Some(before) = before else { return Ok(Some("the last rows are not in order")) };
    let probe = |room, first| BlockRow { room, first, count: 1, time: 0, data: &[0; 16] }.insert(&transaction);
    rooms.iter().try_for_each(|&room| probe(room, END))?;
    (1..=PROBES).try_for_each(|first| probe(END, first))?;
    let added = PROBES + rooms.len() as u64;
    let Some(after) = last_rows(&transaction, LOOK + added)? else {
        return Ok(Some("a row that was added is not found"));
    };
    if after.len() as u64 != before.len() as u64 + added || !before.is_subset(&after) {
        return Ok(Some("a row that was added cannot be read, or replaces another one"));
    }
    for &room in rooms.iter().chain([&END]) {
        if !is_in_order(&transaction, room)? {
            return Ok(Some("the index is not in order"));
        }
    }
    Ok(None)
}

/// All rooms that have a row, or messages.
fn rooms(connection: &Connection) -> rusqlite::Result<BTreeSet<u64>> {
    let mut statement = connection.prepare("SELECT id FROM room")?;
    let rooms = statement.query_map([], |row| row.get(0).map(unsigned))?;
    let mut rooms: BTreeSet<u64> = rooms.collect::<rusqlite::Result<_>>()?;
    let mut next = connection.prepare("SELECT room FROM block WHERE room > ? ORDER BY room LIMIT 1")?;
    let mut room = i64::MIN;
    while let Some(found) = next.query_row([room], |row| row.get(0)).optional()? {
        rooms.insert(unsigned(found));
        room = found;
    }
    Ok(rooms)
}

/// The places of the last rows that are not damaged. `None` if they are not in order, or the index does not find them.
fn last_rows(connection: &Connection, limit: u64) -> rusqlite::Result<Option<BTreeSet<i64>>> {
    let sql = format!("SELECT {BLOCK_COLUMNS}, rowid FROM block NOT INDEXED ORDER BY rowid DESC LIMIT ?");
    let mut last = connection.prepare(&sql)?;
    let mut find = connection.prepare("SELECT rowid FROM block WHERE room = ? AND first = ?")?;
    let (mut rows, mut before, mut good) = (last.query([limit])?, None, BTreeSet::new());
    while let Some(row) = rows.next()? {
        let rowid: i64 = row.get(6)?;
        if before.is_some_and(|before| rowid >= before) {
            return Ok(None);
        }
        before = Some(rowid);
        let Some(row) = BlockRow::read(row) else { continue };
        if find.query_row([row.room, row.first], |row| row.get(0)).optional()? != Some(rowid) {
            return Ok(None);
        }
        good.insert(rowid);
    }
    Ok(Some(good))
}

/// Are the last rows of a room where the index says, and in order?
fn is_in_order(connection: &Connection, room: u64) -> rusqlite::Result<bool> {
    let sql = "SELECT found.first, block.room, block.first, found.place
               FROM (SELECT rowid AS place, first FROM block WHERE room = ?1 ORDER BY first DESC LIMIT ?2) AS found
               LEFT JOIN block ON block.rowid = found.place ORDER BY found.first DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([room, LOOK])?;
    let mut before = None;
    while let Some(row) = rows.next()? {
        let (first, place): (u64, i64) = (row.get(0)?, row.get(3)?);
        let found: (Option<u64>, Option<u64>) = (row.get(1)?, row.get(2)?);
        if before.is_some_and(|before| first >= before)
            || (found != (Some(room), Some(first)) && !is_damaged(connection, place)?)
        {
            return Ok(false);
        }
        before = Some(first);
    }
    Ok(true)
}

/// Is there a row whose checksum is wrong? It is a hole, wherever the index has it.
fn is_damaged(connection: &Connection, rowid: i64) -> rusqlite::Result<bool> {
    let sql = format!("SELECT {BLOCK_COLUMNS} FROM block WHERE rowid = ?");
    let found = connection.query_row(&sql, [rowid], |row| Ok(BlockRow::read(row).is_none()));
    Ok(found.optional()? == Some(true))
}
