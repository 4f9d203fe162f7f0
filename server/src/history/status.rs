//! The state of the store, for operators.

use std::path::PathBuf;
use std::time::Duration;

use super::History;
use super::shared::HistoryFailure;
use super::wal::{length, log_of};

/// The state of the store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HistoryStatus {
    /// The file.
    pub path: PathBuf,
    /// The bytes of the file.
    pub file_bytes: u64,
    /// The bytes of its write-ahead log.
    pub log_bytes: u64,
    /// Rooms in the file.
    pub rooms: usize,
    /// Messages that are kept, of all rooms.
    pub messages: u64,
    /// Bytes that are kept, of all rooms.
    pub bytes: u64,
    /// The time of the oldest message, in milliseconds since 1970-01-01T00:00:00Z; 0 if none is kept.
    pub oldest: u64,
    /// Blocks that are not written.
    pub written_lag: u64,
    /// Bytes that are not written.
    pub waiting_bytes: usize,
    /// Blocks that are not on stable storage.
    pub synced_lag: u64,
    /// How long the last sync took.
    pub sync_time: Duration,
    /// Rows that were found to be damaged since the file was opened.
    pub damaged: usize,
    /// Why nothing can be written, if so.
    pub failure: Option<HistoryFailure>,
}

impl History {
    /// The state of the store.
    #[must_use]
    pub fn status(&self) -> HistoryStatus {
        let shared = &self.shared;
        // Before the lock is taken: the disk may not answer.
        let (file_bytes, log_bytes) = (length(&shared.path), length(&log_of(&shared.path)));
        let state = shared.lock();
        let (census, last) = (state.rooms.census(), state.queue.last());
        HistoryStatus {
            path: shared.path.clone(),
            file_bytes,
            log_bytes,
            rooms: state.rooms.count(),
            messages: census.messages,
            bytes: census.bytes,
            oldest: census.since,
            written_lag: last - state.committed,
            waiting_bytes: state.queue.bytes(),
            synced_lag: last.saturating_sub(shared.synced()),
            sync_time: state.sync_time,
            damaged: shared.damage.count(),
            failure: state.failure.clone(),
        }
    }
}
