//! Rows that cannot be read: each is logged once, and counted.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rusqlite::Connection;

use crate::lock::lock;
use crate::store::RoomId;

/// The most rows that are remembered. More are neither logged nor counted.
const MAX: usize = 1 << 16;

/// The rows that were found to be damaged since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    /// What is wrong with the row, by its room and first number.
    rows: Mutex<BTreeMap<(RoomId, u64), Box<str>>>,
}

impl Damage {
    /// How many rows, or runs of rows that the index cannot find, are damaged.
    pub(crate) fn count(&self) -> usize {
        lock(&self.rows).len()
    }

    /// One line for each of them, at most `limit`.
    pub(super) fn faults(&self, limit: usize) -> Vec<String> {
        let rows = lock(&self.rows);
        let lines = rows.iter().map(|((room, first), detail)| format!("room {}, message {first}: {detail}", room.0));
        lines.take(limit).collect()
    }

    /// A row cannot be read; its first message has this number.
    pub(super) fn found(&self, connection: &Connection, room: RoomId, first: u64, detail: &str) {
        let is_new = {
            let mut rows = lock(&self.rows);
            rows.len() < MAX && rows.insert((room, first), detail.into()).is_none()
        };
        if is_new {
            let sql = "SELECT name FROM room WHERE id = ?1";
            let name = connection.query_row(sql, [room.0], |row| row.get::<_, String>(0));
            let name = name.unwrap_or_else(|_| format!("number {}", room.0));
            tracing::error!(room = name, first, detail, "history-damaged");
        }
    }
}
