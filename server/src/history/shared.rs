//! What the hub, the writing thread and the syncing thread share.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, Weak};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{ErrorCode, ffi};
use tokio::sync::oneshot;

use super::config::HistoryConfig;
use super::damage::Damage;
use super::disk::Disk;
use super::kept::Rooms;
use super::notices::{Announce, Notice, Notices};
use super::numbers::Commit;
use super::queue::{Item, Queue};
use super::reader::Readers;
use super::sleepers::Sleepers;
use crate::lock::lock;
use crate::store::{Position, Written};

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) damage: Arc<Damage>,
    pub(super) readers: Readers,
    /// Held while a file is synced, checkpointed or replaced.
    pub(super) io: Mutex<()>,
    /// Wakes the writing thread.
    pub(super) work: Condvar,
    /// Wakes the syncing thread.
    pub(super) sync: Condvar,
    /// Tells the members of rooms what [`Notices`] says.
    pub(super) announcer: OnceLock<Weak<dyn Announce>>,
    state: Mutex<State>,
    synced: AtomicU64,
    refusal: AtomicU8,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) config: Arc<HistoryConfig>,
    pub(super) queue: Queue,
    pub(super) rooms: Rooms,
    /// Transactions so far, and those that are on stable storage.
    pub(super) commits: Commit,
    pub(super) synced_commits: Commit,
    /// Every block up to this position is written.
    pub(super) committed: Position,
    /// Blocks that are written, but may not be on stable storage, and their bytes.
    pub(super) unsynced: VecDeque<Item>,
    pub(super) unsynced_bytes: usize,
    pub(super) sleepers: Sleepers,
    /// Why nothing can be written, and since when.
    pub(super) failure: Option<HistoryFailure>,
    pub(super) notices: Notices,
    /// A sync has failed: what is in the file must be verified.
    pub(super) sync_failed: bool,
    /// The write-ahead log, and about how many bytes were added to it since it was last copied as a whole.
    pub(super) log: Arc<File>,
    pub(super) log_bytes: u64,
    /// How long the last sync took.
    pub(super) sync_time: Duration,
    /// The writing thread waits, and is to be woken.
    pub(super) is_idle: bool,
    /// The store accepts no more; these are told when everything is safe.
    pub(super) is_closing: bool,
    pub(super) closers: Vec<oneshot::Sender<()>>,
    /// The writing thread has ended.
    pub(super) is_closed: bool,
}

/// A disk does not take what is to be kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HistoryFailure {
    /// Since when.
    pub since: SystemTime,
    /// Why, in a few words.
    pub reason: &'static str,
    /// What SQLite or the system says.
    pub detail: String,
}

/// Rooms that are told how far their messages may be read.
pub(super) type Told = Vec<(Arc<dyn Written>, u64)>;

/// Why nothing is accepted, by its number.
const REFUSALS: [Option<&str>; 5] = [None, Some(DISK_FULL), Some(DISK_FAILS), Some(FILE_IN_USE), Some("it shuts down")];
pub(super) const DISK_FULL: &str = "its disk is full";
const FILE_IN_USE: &str = "another program uses the file of its history";
const DISK_FAILS: &str = "its disk fails";

/// Calls the rooms, without a lock.
pub(super) fn tell(told: Told) {
    for (room, next) in told {
        room.written(next);
    }
}

impl Shared {
    pub(super) fn new(
        (path, disk, damage, readers): (PathBuf, Arc<dyn Disk>, Arc<Damage>, Readers),
        config: HistoryConfig,
        rooms: Rooms,
        log: File,
    ) -> Shared {
        let state = State {
            config: Arc::new(config),
            queue: Queue::default(),
            rooms,
            commits: 0,
            synced_commits: 0,
            committed: 0,
            unsynced: VecDeque::new(),
            unsynced_bytes: 0,
            sleepers: Sleepers::default(),
            failure: None,
            notices: Notices::default(),
            sync_failed: false,
            log: Arc::new(log),
            log_bytes: 0,
            sync_time: Duration::ZERO,
            is_idle: false,
            is_closing: false,
            closers: Vec::new(),
            is_closed: false,
        };
        let (io, work, sync) = (Mutex::default(), Condvar::new(), Condvar::new());
        let (synced, refusal) = (AtomicU64::new(0), AtomicU8::new(0));
        let (announcer, state) = (OnceLock::new(), Mutex::new(state));
        Shared { path, disk, damage, readers, io, work, sync, announcer, state, synced, refusal }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Has no thread the lock?
    #[cfg(test)]
    pub(super) fn is_free(&self) -> bool {
        self.state.try_lock().is_ok()
    }

    /// Every block up to this position is on stable storage.
    pub(super) fn synced(&self) -> Position {
        self.synced.load(Ordering::Acquire)
    }

    /// Why nothing is accepted.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        REFUSALS[usize::from(self.refusal.load(Ordering::Relaxed)) % REFUSALS.len()]
    }

    pub(super) fn refuse(&self, reason: Option<&str>) {
        let number = REFUSALS.iter().position(|&known| known == reason).unwrap_or(2);
        self.refusal.store(u8::try_from(number).unwrap_or(2), Ordering::Relaxed);
    }

    /// Nothing can be written now. Returns why, in a few words.
    pub(super) fn note_failure(&self, state: &mut State, error: &rusqlite::Error) -> &'static str {
        let reason = match error.sqlite_error_code() {
            _ if error.sqlite_error().map(|error| error.extended_code) == Some(ffi::SQLITE_IOERR_SHMSIZE) => DISK_FULL, // for the index
            Some(ErrorCode::DiskFull) => DISK_FULL,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => FILE_IN_USE,
            _ => DISK_FAILS,
        };
        if state.failure.is_none() {
            tracing::error!(path = %self.path.display(), detail = %error, "history-failed");
            state.failure = Some(HistoryFailure { since: SystemTime::now(), reason, detail: error.to_string() });
        }
        reason
    }

    /// The disk did not take what is known of the numbers as the file was opened: nothing is accepted before it does.
    pub(super) fn start_failing(&self, error: &rusqlite::Error) {
        let mut state = self.lock();
        let reason = self.note_failure(&mut state, error);
        state.sync_failed = true;
        self.refuse(Some(reason));
    }

    /// Tells the members of rooms what is due, without a lock.
    pub(super) fn announce(&self) {
        let due: Vec<(Box<str>, Notice)> = {
            let mut state = self.lock();
            let State { notices, rooms, failure, .. } = &mut *state;
            let reason = failure.as_ref().map_or(DISK_FAILS, |failure| failure.reason);
            let due = notices.due(reason, Instant::now()).into_iter();
            due.filter_map(|(id, notice)| Some((rooms.get(id)?.row.name.clone(), notice))).collect()
        };
        let announcer = self.announcer.get().filter(|_| !due.is_empty()).and_then(Weak::upgrade);
        if let Some(announcer) = announcer {
            due.into_iter().for_each(|(room, notice)| announcer.announce(&room, notice));
        }
    }

    /// Publishes that blocks are safe, and takes the wakers of those who wait for that: they are woken without a lock.
    pub(super) fn publish(&self, state: &mut State, position: Position) -> Vec<Arc<Waker>> {
        self.synced.fetch_max(position, Ordering::AcqRel);
        state.sleepers.take(position)
    }

    /// Transactions and blocks up to there are on stable storage.
    pub(super) fn is_synced(&self, commit: Commit, position: Position) {
        let mut state = self.lock();
        state.synced_commits = state.synced_commits.max(commit);
        let safe = state.unsynced.partition_point(|block| block.position <= position);
        let bytes: usize = state.unsynced.drain(..safe).map(|block| block.bytes()).sum();
        state.unsynced_bytes -= bytes;
        let told = state.rooms.synced(commit);
        let wakers = self.publish(&mut state, position);
        drop(state);
        self.work.notify_all(); // it may wait because too much is not synced
        tell(told);
        wakers.iter().for_each(|waker| waker.wake_by_ref());
    }
}
