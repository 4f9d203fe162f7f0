//! What is kept no longer (`history.bytes`, `age`, `messages`, `total`): the oldest rows of a room, and over all rooms
//! those with the oldest messages.

use rusqlite::Connection;

use super::config::HistoryConfig;
use super::damage::Damage;
use super::rows::{self, Head, Order, Place, Rows};
use crate::store::{RoomId, StoreCensus};

/// The most rows that one transaction removes.
const ROWS: usize = 64;
/// About the most bytes that one transaction removes.
const BYTES: u64 = 1 << 20;

/// The oldest rows of a room that one transaction removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trimmed {
    pub(super) room: RoomId,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// The time of the oldest message that is left; 0 if none is.
    pub(super) since: u64,
}

/// A transaction that removes rows.
struct Trim<'c> {
    connection: &'c Connection,
    limits: &'c HistoryConfig,
    now: u64,
    /// Bytes that are kept of all rooms.
    total: u64,
    /// Rows and bytes that it may still remove.
    rows_left: usize,
    bytes_left: u64,
    trimmed: Vec<Trimmed>,
}

/// Removes some rows that are kept no longer, in a transaction that the caller begins and ends. Nothing is returned if
/// nothing is left to remove. `now` is in milliseconds since 1970.
///
/// The newest row of a room stays unless it is too old, or all rooms together are too large.
///
/// # Errors
/// Those of SQLite that no damage explains: a row that cannot be removed is passed over.
pub(super) fn trim(
    connection: &Connection,
    limits: &HistoryConfig,
    rooms: &[(RoomId, StoreCensus)],
    now: u64,
) -> rusqlite::Result<Vec<Trimmed>> {
    let total = rooms.iter().map(|(_, kept)| kept.bytes).sum();
    let (rows_left, bytes_left) = (ROWS, BYTES);
    let mut trim = Trim { connection, limits, now, total, rows_left, bytes_left, trimmed: Vec::new() };
    for &(room, kept) in
        rooms.iter().filter(|(_, kept)| is_too_old(limits, kept.since, now) || is_too_much(limits, kept))
    {
        trim.shorten(room, kept, None)?;
    }
    if trim.trimmed.is_empty() && trim.is_total_too_much() {
        let mut oldest: Vec<_> = rooms.iter().filter(|(_, kept)| kept.bytes > 0).collect();
        oldest.sort_unstable_by_key(|(_, kept)| kept.since);
        if let Some(&&(room, kept)) = oldest.first() {
            trim.shorten(room, kept, Some(oldest.get(1).map_or(u64::MAX, |(_, kept)| kept.since)))?;
        }
    }
    Ok(trim.trimmed)
}

/// Is a message of that time kept no longer?
fn is_too_old(limits: &HistoryConfig, time: u64, now: u64) -> bool {
    let age = u64::try_from(limits.age.as_millis()).unwrap_or(u64::MAX);
    age > 0 && time.saturating_add(age) < now
}

/// Is more kept of a room than may be?
fn is_too_much(limits: &HistoryConfig, kept: &StoreCensus) -> bool {
    (limits.bytes > 0 && kept.bytes > limits.bytes) || (limits.messages > 0 && kept.messages > limits.messages)
}

impl Trim<'_> {
    fn is_total_too_much(&self) -> bool {
        self.limits.total > 0 && self.total > self.limits.total
    }

    /// Removes the oldest rows of a room while there is a reason. `until` is the time of the oldest message of the other
    /// rooms, if all rooms together are too large.
    fn shorten(&mut self, room: RoomId, kept: StoreCensus, until: Option<u64>) -> rusqlite::Result<()> {
        let damage = Damage::default(); // who reads the row reports it
        let mut rows = Rows::new(self.connection, &damage, room, Order::Up, 0);
        let (mut left, mut is_changed) = (kept, false);
        let mut next = rows.next_place()?;
        while let Some(place) = next {
            next = rows.next_place()?;
            let Some(head) = self.head(place, next, left)? else {
                // Its numbers are unknown; the sums are right again when the room is empty.
                is_changed |= rows::remove(self.connection, place)?;
                continue;
            };
            left.since = head.time;
            let is_wanted = until.is_some_and(|until| self.is_total_too_much() && head.time <= until)
                || is_too_old(self.limits, head.time, self.now)
                || (next.is_some() && is_too_much(self.limits, &left));
            if !is_wanted || self.rows_left == 0 || self.bytes_left == 0 {
                self.add(room, kept, left, is_changed);
                return Ok(());
            }
            if !rows::remove(self.connection, place)? {
                continue;
            }
            is_changed = true;
            left.messages = left.messages.saturating_sub(head.messages);
            left.bytes = left.bytes.saturating_sub(head.bytes);
            self.total = self.total.saturating_sub(head.bytes);
            self.rows_left -= 1;
            self.bytes_left = self.bytes_left.saturating_sub(head.bytes);
        }
        // Nothing is left but what SQLite cannot remove.
        self.add(room, kept, StoreCensus::default(), true);
        Ok(())
    }

    fn add(&mut self, room: RoomId, kept: StoreCensus, left: StoreCensus, is_changed: bool) {
        if is_changed {
            let (messages, bytes) = (kept.messages - left.messages, kept.bytes - left.bytes);
            self.trimmed.push(Trimmed { room, messages, bytes, since: left.since });
        }
    }

    /// What a row says; `None` if it cannot be read. No row has more messages than there are numbers before the next one.
    fn head(&self, place: Place, next: Option<Place>, left: StoreCensus) -> rusqlite::Result<Option<Head>> {
        Ok(rows::head(self.connection, place)?.map(|head| {
            let most = next.map_or(left.messages, |next| next.first.saturating_sub(place.first));
            Head { messages: head.messages.min(most), ..head }
        }))
    }
}

#[cfg(test)]
mod tests;
