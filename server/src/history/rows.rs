//! Finds the rows of a room one by one, although some of them, or some pages of the file, may be damaged.
//!
//! The index says where rows are. Its damaged pages are skipped: the next readable one is found in some dozens of
//! attempts. A row is then read by its place, so that one that cannot be read does not affect the others.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::damage::Damage;
use super::record::{self, Record};
use super::schema::{BLOCK_COLUMNS, BlockRow};
use crate::block::Block;
use crate::store::RoomId;

/// How many rows the index is asked for at once.
const BATCH: i64 = 128;
/// Greater than the number of any message.
pub(super) const END: u64 = i64::MAX as u64;
/// The rows of a room, oldest first. The index alone answers it.
pub(super) const UP: &str = "SELECT rowid, first FROM block WHERE room = ?1 AND first >= ?2 ORDER BY first LIMIT ?3";
/// The rows of a room, latest first. The index alone answers it.
pub(super) const DOWN: &str =
    "SELECT rowid, first FROM block WHERE room = ?1 AND first < ?2 ORDER BY first DESC LIMIT ?3";

/// Where a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) rowid: i64,
    /// The number of its first message, as the index has it.
    pub(super) first: u64,
}

/// What a row says without its data.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub(super) messages: u64,
    pub(super) time: u64,
    pub(super) bytes: u64,
}

/// The order in which rows are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// From a number on, oldest first.
    Up,
    /// Before a number, latest first.
    Down,
}

/// The rows of a room.
#[derive(Debug)]
pub(super) struct Rows<'c> {
    connection: &'c Connection,
    damage: &'c Damage,
    room: RoomId,
    order: Order,
    /// Where the index is read next: rows from this number on, or before it.
    bound: Option<u64>,
    batch: VecDeque<Place>,
    /// Where the rows that were read so far end: the next one is after it, or before it.
    reached: u64,
}

impl<'c> Rows<'c> {
    /// The rows of a room from number `bound` on, or those before it. Damaged ones are reported to `damage`.
    pub(super) fn new(
        connection: &'c Connection,
        damage: &'c Damage,
        room: RoomId,
        order: Order,
        bound: u64,
    ) -> Rows<'c> {
        let bound = bound.min(END);
        Rows { connection, damage, room, order, bound: Some(bound), batch: VecDeque::new(), reached: bound }
    }

    /// What `read` makes of the next row that can be read. `None` from it says that the data are damaged.
    ///
    /// # Errors
    /// Those of SQLite that no damage explains.
    pub(super) fn next<T>(
        &mut self,
        mut read: impl FnMut(Place, &BlockRow<'_>) -> Option<T>,
    ) -> rusqlite::Result<Option<T>> {
        while let Some(place) = self.next_place()? {
            let (order, reached) = (self.order, self.reached);
            let taken = visit(self.connection, self.room, place, |row| {
                let is_next = match order {
                    Order::Up => row.first >= reached,
                    Order::Down => row.first < reached,
                };
                let end = if order == Order::Up { end(row) } else { row.first };
                is_next.then(|| read(place, row)).flatten().map(|read| (read, end))
            });
            let fault = match taken {
                Ok(Some((read, end))) => {
                    self.reached = end;
                    return Ok(Some(read));
                }
                Ok(None) => "its checksum is wrong".to_owned(),
                Err(error) if is_damage(&error) => error.to_string(),
                Err(error) => return Err(error),
            };
            self.report(place.first, &fault);
        }
        Ok(None)
    }

    /// The blocks of the next row that can be read, oldest first.
    ///
    /// # Errors
    /// Those of SQLite that no damage explains.
    pub(super) fn next_blocks(&mut self) -> rusqlite::Result<Option<Vec<Arc<Block>>>> {
        self.next(|_, row| {
            let records = record::decode(row.first, row.count, row.data).ok()?;
            Some(records.into_iter().map(Record::to_block).collect())
        })
    }

    /// Where the next row is, as far as the index can be read.
    ///
    /// # Errors
    /// Those of SQLite that no damage explains.
    pub(super) fn next_place(&mut self) -> rusqlite::Result<Option<Place>> {
        while self.batch.is_empty() {
            let Some(bound) = self.bound else { return Ok(None) };
            let (found, end) = self.look(bound, BATCH);
            let is_whole = found.len() as u64 == BATCH.unsigned_abs();
            let next = if found.is_empty() { Some(bound) } else { self.take(found) };
            self.bound = match end {
                Ok(()) => next.filter(|_| is_whole),
                Err(error) if is_damage(&error) => match next {
                    Some(next) => self.skip(next, error)?,
                    None => None,
                },
                Err(error) => return Err(error),
            };
        }
        Ok(self.batch.pop_front())
    }

    /// Takes places that are in order, and returns the bound after them. A flipped bit of the index may have put others
    /// between them.
    fn take(&mut self, found: Vec<Place>) -> Option<u64> {
        let is_after = |a: u64, b: u64| if self.order == Order::Up { a > b } else { a < b };
        let mut last: Option<u64> = None;
        for (at, &place) in found.iter().enumerate() {
            let is_late = last.is_none_or(|last| is_after(place.first, last));
            let is_early = found.get(at + 1).is_none_or(|next| {
                is_after(next.first, place.first) || last.is_some_and(|last| !is_after(next.first, last))
            });
            if is_late && is_early {
                last = Some(place.first);
                self.batch.push_back(place);
            } else {
                self.report(place.first, "the index is not in order");
            }
        }
        match self.order {
            Order::Up => last.map(|last| last + 1).filter(|&next| next <= END),
            Order::Down => last.filter(|&last| last > 0),
        }
    }

    /// The next bound from which rows can be found, after one from which they cannot.
    fn skip(&mut self, bound: u64, error: rusqlite::Error) -> rusqlite::Result<Option<u64>> {
        self.report(bound, &format!("the index cannot be read from here: {error}"));
        let furthest = if self.order == Order::Up { END - bound } else { bound };
        let moved = |step: u64| if self.order == Order::Up { bound + step } else { bound - step };
        match next_readable(furthest, |step| self.is_readable(moved(step)))? {
            Some(step) => Ok(Some(moved(step))),
            None => nothing_after(error).map(|()| None),
        }
    }

    /// Can the index be read from a bound on?
    fn is_readable(&self, bound: u64) -> rusqlite::Result<bool> {
        match self.look(bound, 1).1 {
            Ok(()) => Ok(true),
            Err(error) if is_damage(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The places from a bound on, at most `limit`, and how looking for them ended.
    fn look(&self, bound: u64, limit: i64) -> (Vec<Place>, rusqlite::Result<()>) {
        let mut places = Vec::new();
        let end = self.look_into(bound, limit, &mut places);
        (places, end)
    }

    fn look_into(&self, bound: u64, limit: i64, places: &mut Vec<Place>) -> rusqlite::Result<()> {
        let sql = if self.order == Order::Up { UP } else { DOWN };
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![number(self.room.0), number(bound), limit])?;
        while let Some(row) = rows.next()? {
            places.push(Place { rowid: row.get(0)?, first: unsigned(row.get(1)?) });
        }
        Ok(())
    }

    fn report(&self, first: u64, fault: &str) {
        self.damage.found(self.connection, self.room, first, fault);
    }
}

/// Shows the row at a place to `read`, unless its checksum is wrong or it is not the row that the index means.
pub(super) fn visit<T>(
    connection: &Connection,
    room: RoomId,
    place: Place,
    read: impl FnOnce(&BlockRow<'_>) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {BLOCK_COLUMNS} FROM block WHERE rowid = ?1"))?;
    let mut rows = statement.query([place.rowid])?;
    let Some(found) = rows.next()? else { return Ok(None) };
    let row = BlockRow::read(found).filter(|row| row.room == room.0 && row.first == place.first);
    Ok(row.and_then(|row| read(&row)))
}

/// What a row says without its data, which its checksum is not compared with; `None` if it cannot be read.
///
/// # Errors
/// Those of SQLite that no damage explains.
pub(super) fn head(connection: &Connection, place: Place) -> rusqlite::Result<Option<Head>> {
    let read = |row: &rusqlite::Row<'_>| {
        let number = |at| row.get(at).map(unsigned);
        Ok(Head { messages: number(0)?, time: number(1)?, bytes: number(2)? })
    };
    let sql = "SELECT count, time, length(data) FROM block WHERE rowid = ?1";
    match connection.prepare_cached(sql)?.query_row([place.rowid], read).optional() {
        Err(error) if is_damage(&error) => Ok(None),
        found => found,
    }
}

/// Removes a row. False if a damage prevents it.
///
/// # Errors
/// Those of SQLite that no damage explains.
pub(super) fn remove(connection: &Connection, place: Place) -> rusqlite::Result<bool> {
    match connection.prepare_cached("DELETE FROM block WHERE rowid = ?1")?.execute([place.rowid]) {
        Err(error) if is_damage(&error) => Ok(false),
        removed => removed.map(|_| true),
    }
}

/// The number after that of the last message of a row.
pub(super) fn end(row: &BlockRow<'_>) -> u64 {
    row.first.saturating_add(row.count)
}

/// The number of the first row that may contain message `from`, or one after it.
///
/// # Errors
/// Those of SQLite that no damage explains.
pub(super) fn start(connection: &Connection, damage: &Damage, room: RoomId, from: u64) -> rusqlite::Result<u64> {
    let place = Rows::new(connection, damage, room, Order::Down, from.saturating_add(1)).next_place()?;
    Ok(place.map_or(from, |place| place.first))
}

/// How far it is to where something can be read again, at most `furthest`: steps twice as long each time until one works,
/// then half as long until the shortest that works is found.
pub(super) fn next_readable(
    furthest: u64,
    is_readable: impl Fn(u64) -> rusqlite::Result<bool>,
) -> rusqlite::Result<Option<u64>> {
    let (mut bad, mut good) = (0, 1.min(furthest));
    while !is_readable(good)? {
        if good == furthest {
            return Ok(None);
        }
        (bad, good) = (good, good.saturating_mul(2).min(furthest));
    }
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        if is_readable(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(Some(good))
}

/// Nothing more can be found. If the disk fails, rather than the file, nothing is known of what is kept.
pub(super) fn nothing_after(error: rusqlite::Error) -> rusqlite::Result<()> {
    if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) { Err(error) } else { Ok(()) }
}

/// Does a damaged page, or a damaged row, explain the error?
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::IntegralValueOutOfRange(..) => true,
        error => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SystemIoFailure)
        ),
    }
}

/// A number as SQLite stores it.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that SQLite has stored.
pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
