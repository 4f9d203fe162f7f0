//! The first and the last row of each room, as a file is opened: what they say about its numbers.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};

use super::schema::{BLOCK_COLUMNS, BlockRow};

/// How many damaged rows of a room are passed over.
const LOOK: u32 = 64;

/// What the rows of a room say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// The number after the last message.
    pub(super) next: u64,
    /// The time of the first one.
    pub(super) since: u64,
}

/// Of each room that has rows.
pub(super) type Ends = BTreeMap<u64, End>;

/// The ends of all rooms that have rows.
pub(super) fn load_ends(connection: &Connection) -> rusqlite::Result<Ends> {
    let mut next = connection.prepare("SELECT room FROM block WHERE room > ? ORDER BY room LIMIT 1")?;
    let (mut ends, mut room) = (Ends::new(), i64::MIN);
    while let Some(found) = next.query_row([room], |row| row.get::<_, i64>(0)).optional()? {
        let last = good_row(connection, found, "DESC")?.map_or(0, |(first, count, _)| first + count);
        let since = good_row(connection, found, "ASC")?.map_or(0, |(_, _, time)| time);
        ends.insert(found.cast_unsigned(), End { next: last, since });
        room = found;
    }
    Ok(ends)
}

/// The first good row of a room in an order: number, count and time.
fn good_row(connection: &Connection, room: i64, order: &str) -> rusqlite::Result<Option<(u64, u64, u64)>> {
    let sql = format!("SELECT {BLOCK_COLUMNS} FROM block WHERE room = ? ORDER BY first {order} LIMIT {LOOK}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([room])?;
    while let Some(row) = rows.next()? {
        if let Some(block) = BlockRow::read(row) {
            return Ok(Some((block.first, block.count, block.time)));
        }
    }
    Ok(None)
}
