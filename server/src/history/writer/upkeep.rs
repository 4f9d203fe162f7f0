//! What the writing thread does beside writing: ceilings of quiet rooms, old messages, the log, the end.

use std::time::Instant;

use super::super::numbers::Commit;
use super::super::opening::checkpoint;
use super::super::retention;
use super::super::schema::{Meta, VERSION};
use super::{Repair, UPKEEP, Writer};
use crate::clock::wall_clock;
use crate::lock::lock;

/// The log is copied as a whole when it is longer, in bytes, even if nobody pauses. With a quarter of that, writing took
/// twice the CPU: pages that are written again wait for their write-back.
const LOG: u64 = 64 << 20;
/// The most transactions of one upkeep that remove old messages.
const TRIMS: usize = 64;

impl Writer {
    /// Settles the ceilings of quiet rooms, removes what is kept no longer, and keeps the log short. A failure is one of
    /// the next transaction, too.
    pub(super) fn upkeep(&mut self) {
        let now = Instant::now();
        self.next_upkeep = now + UPKEEP;
        self.is_changed = false;
        let marked = self.mark_live().and_then(|()| self.settle(now.checked_sub(UPKEEP)));
        let done = marked.and_then(|()| self.trim()).and_then(|()| self.shorten_log());
        if let Err(error) = done {
            tracing::debug!(detail = %error, "history-upkeep");
        }
        self.shared.announce();
    }

    /// Sets the ceilings of rooms that have been quiet since then to their next numbers.
    fn settle(&self, quiet_since: Option<Instant>) -> rusqlite::Result<()> {
        let (Some(connection), Some(quiet_since)) = (&self.connection, quiet_since) else { return Ok(()) };
        let rows = {
            let mut state = self.shared.lock();
            match state.config.is_live() || state.config.sync.is_none() {
                true => Vec::new(),
                false => state.rooms.settle(quiet_since),
            }
        };
        if rows.is_empty() {
            return Ok(());
        }
        let transaction = connection.unchecked_transaction()?;
        rows.iter().try_for_each(|row| row.store(&transaction))?;
        self.shared.disk.committing()?;
        transaction.commit()?;
        let mut state = self.shared.lock();
        state.commits += 1;
        let commit: Commit = state.commits;
        state.rooms.settled(commit, rows);
        self.shared.sync.notify_all();
        Ok(())
    }

    /// Removes what is kept no longer, in small transactions. If there is much of it, or something is to be written, the
    /// rest follows later.
    fn trim(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        for _ in 0..TRIMS {
            let (config, rooms) = {
                let state = self.shared.lock();
                (state.config.clone(), state.rooms.censuses())
            };
            let transaction = connection.unchecked_transaction()?;
            let trimmed = retention::trim(&transaction, &config, &rooms, wall_clock())?;
            if trimmed.is_empty() {
                return Ok(());
            }
            let mut rows = Vec::new();
            for trimmed in trimmed {
                let Some(mut row) = self.shared.lock().rooms.get(trimmed.room).map(|room| room.row.clone()) else {
                    continue;
                };
                row.messages = row.messages.saturating_sub(trimmed.messages);
                row.bytes = row.bytes.saturating_sub(trimmed.bytes);
                row.store(&transaction)?;
                rows.push((row, trimmed.since));
            }
            self.shared.disk.committing()?;
            transaction.commit()?;
            let mut state = self.shared.lock();
            state.commits += 1;
            rows.into_iter().for_each(|(row, since)| state.rooms.trimmed(row, since));
            self.shared.sync.notify_all();
            if !state.queue.is_empty() {
                break;
            }
        }
        self.is_changed = true;
        Ok(())
    }

    /// Copies the whole log if the syncing thread never can, because the hub is always busy.
    pub(super) fn shorten_log(&self) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        if self.shared.lock().log_bytes > LOG {
            let _io = lock(&self.shared.io);
            checkpoint(connection, "RESTART")?;
            self.shared.lock().log_bytes = 0;
        }
        Ok(())
    }

    /// Marks the file as closed, and makes everything safe.
    pub(in super::super) fn close(mut self) {
        let closed = self.repair().and_then(|()| self.mark_clean());
        match &closed {
            Ok(()) => tracing::info!(path = %self.shared.path.display(), "history-closed"),
            Err(error) => tracing::error!(path = %self.shared.path.display(), detail = %error, "history-failed"),
        }
        self.connection = None;
        if closed.is_ok() {
            let (commit, position) = {
                let state = self.shared.lock();
                (state.commits, state.committed)
            };
            self.shared.is_synced(commit, position);
        }
        let mut state = self.shared.lock();
        state.is_closed = true;
        let closers = std::mem::take(&mut state.closers);
        drop(state);
        self.shared.sync.notify_all();
        for closer in closers {
            let _ = closer.send(());
        }
    }

    fn mark_clean(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = &self.connection else { return Ok(()) };
        let _io = lock(&self.shared.io);
        let _paused = self.shared.readers.pause();
        let meta = Meta::load(connection)?.unwrap_or(Meta { version: VERSION, ..Meta::default() });
        debug_assert_eq!(self.repair, Repair::Nothing);
        // First everything, and then the mark: it must not be safe before what it says is.
        self.shared.disk.committing()?;
        let behind = self.shared.lock().rooms.behind();
        let transaction = connection.unchecked_transaction()?;
        behind.iter().try_for_each(|row| row.store(&transaction))?;
        transaction.commit()?;
        checkpoint(connection, "TRUNCATE")?;
        Meta { clean: true, ..meta }.store(connection)?;
        checkpoint(connection, "TRUNCATE").map(drop)
    }
}
