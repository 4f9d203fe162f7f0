//! The writing thread: one transaction after the other, each with all blocks that wait.

mod repair;
mod rows;
mod upkeep;

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::opening::is_damage;
use super::queue::{Item, MOST};
use super::schema::{Meta, VERSION};
use super::shared::{DISK_FULL, Shared, State, Told, tell};
use crate::store::{Position, RoomId};
use rows::Batch;

/// About the most bytes of one transaction.
const TRANSACTION: usize = 4 << 20;
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often ceilings are settled, and old messages removed.
const UPKEEP: Duration = Duration::from_secs(1);
/// How much longer it may wait while nothing changes: messages become old all the same.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// `None` after a failure.
    connection: Option<Connection>,
    /// The file says that messages may have been delivered that are not in it. None is before.
    is_live: bool,
    repair: Repair,
    next_upkeep: Instant,
    /// Something was written since the last upkeep.
    is_changed: bool,
}

/// What a failure requires before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Repair {
    Nothing,
    /// Another connection.
    Reconnect,
    /// The log is to be verified, and what was not synced written again.
    Verify,
    /// Another file.
    Replace,
}

/// What the thread does next.
enum Job {
    Write(Vec<Item>),
    Upkeep,
    Close,
}

impl Writer {
    /// Writes with that connection; without one, it opens the file first.
    pub(super) fn new(shared: Arc<Shared>, connection: Option<Connection>) -> Writer {
        let next_upkeep = Instant::now() + UPKEEP;
        let is_live = connection.is_some() && shared.lock().config.is_live();
        Writer { shared, connection, is_live, repair: Repair::Nothing, next_upkeep, is_changed: false }
    }

    /// What the thread does.
    pub(super) fn run(mut self) {
        loop {
            match self.wait() {
                Job::Write(items) => {
                    if !self.write_until_done(&items) {
                        return self.close();
                    }
                }
                Job::Upkeep => self.upkeep(),
                Job::Close => return self.close(),
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) -> Job {
        let mut state = self.shared.lock();
        loop {
            if state.sync_failed {
                self.repair = self.repair.max(Repair::Verify);
                return Job::Write(Vec::new());
            }
            if state.is_closing && state.queue.is_empty() {
                return Job::Close;
            }
            if !state.queue.is_empty() && (state.unsynced_bytes < MOST || state.is_closing) {
                return Job::Write(state.queue.take(TRANSACTION));
            }
            let now = Instant::now();
            let has_changed = self.is_changed || state.rooms.is_ahead() || state.notices.is_pending();
            let has_changed = has_changed || self.must_mark_live(&state);
            let upkeep = if has_changed { self.next_upkeep } else { self.next_upkeep + IDLE };
            if upkeep <= now {
                return Job::Upkeep;
            }
            state.is_idle = true;
            let woken = self.shared.work.wait_timeout(state, upkeep - now);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.is_idle = false;
        }
    }

    /// Writes blocks, however long it takes. Returns `false` if the hub shuts down while it fails.
    pub(super) fn write_until_done(&mut self, items: &[Item]) -> bool {
        while let Err(error) = self.repair().and_then(|()| self.mark_live()).and_then(|()| self.write(items)) {
            if !self.fail(&error, items) {
                return false;
            }
        }
        self.heal();
        if self.next_upkeep <= Instant::now() {
            self.upkeep();
        } else if let Err(error) = self.shorten_log() {
            tracing::debug!(detail = %error, "history-upkeep");
        }
        true
    }

    /// Writes blocks in one transaction.
    fn write(&mut self, items: &[Item]) -> rusqlite::Result<()> {
        let Some(connection) = self.connection.as_ref().filter(|_| !items.is_empty()) else { return Ok(()) };
        let mut batch = Batch::new(items.iter().map(|item| (item.room, &*item.block)));
        {
            let state = self.shared.lock();
            let is_live = state.config.is_live() || state.config.sync.is_none();
            batch.plan(&state.rooms, is_live);
        }
        let transaction = connection.unchecked_transaction()?;
        batch.insert(&transaction)?;
        self.shared.disk.committing()?;
        transaction.commit()?;
        self.is_changed = true;
        tell(self.note_written(items, batch));
        Ok(())
    }

    /// The blocks are written. Returns who is told that they may be read.
    fn note_written(&self, items: &[Item], batch: Batch) -> Told {
        let now = Instant::now();
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        state.commits += 1;
        state.log_bytes += batch.log_bytes();
        let mut told = Told::new();
        for item in items {
            state.queue.release(item);
            if let Some(room) = state.rooms.get_mut(item.room) {
                room.told = Some(item.told.clone());
            } else {
                told.extend(item.told.upgrade().map(|room| (room, item.block.first_seq() + item.block.messages())));
            }
            state.committed = item.position;
        }
        for change in batch.into_changes() {
            let id = RoomId(change.row.id);
            state.rooms.committed(state.commits, change, now);
            told.extend(state.rooms.get_mut(id).and_then(|room| room.tell()));
        }
        let committed = state.committed;
        let wakers = if state.config.sync.is_none() { self.shared.publish(state, committed) } else { Vec::new() };
        for item in items {
            state.unsynced_bytes += item.bytes();
            state.unsynced.push_back(item.clone());
        }
        drop(guard);
        self.shared.sync.notify_all();
        wakers.iter().for_each(|waker| waker.wake_by_ref());
        told
    }

    // ---- messages that may not be kept

    fn must_mark_live(&self, state: &State) -> bool {
        state.config.is_live() && !self.is_live
    }

    /// Says in the file that messages may have been delivered that are not in it, before any is.
    fn mark_live(&mut self) -> rusqlite::Result<()> {
        let Some(connection) = self.connection.as_ref().filter(|_| self.must_mark_live(&self.shared.lock())) else {
            return Ok(());
        };
        let meta = Meta::load(connection)?.unwrap_or(Meta { version: VERSION, ..Meta::default() });
        self.shared.disk.committing()?;
        Meta { live: true, ..meta }.store(connection)?;
        self.is_live = true;
        Ok(())
    }

    // ---- failures

    /// Notes a failure, and waits until it is time for another attempt. Returns whether there is one.
    fn fail(&mut self, error: &rusqlite::Error, items: &[Item]) -> bool {
        let until = Instant::now() + RETRY;
        let (mut seen, mut is_used_up) = (0, false);
        let mut state = self.shared.lock();
        let reason = self.shared.note_failure(&mut state, error);
        let repair = match error {
            // The file system was made read-only: the file is as it was.
            error if is_damage(error) && error.sqlite_error_code() != Some(ErrorCode::ReadOnly) => Repair::Replace,
            _ if reason == DISK_FULL => Repair::Nothing,
            _ => Repair::Reconnect,
        };
        self.repair = self.repair.max(repair);
        loop {
            let now = Instant::now();
            if state.is_closing {
                tracing::error!(blocks = items.len(), detail = "the hub ends before they are written", "history-lost");
                return false;
            }
            if until <= now {
                return true;
            }
            if !(self.is_live && state.config.is_live()) {
                self.shared.refuse(Some(reason));
            } else {
                let told = deliver_unkept(&mut state, items, &mut seen);
                is_used_up |= told.1;
                self.shared.refuse(is_used_up.then_some(reason));
                // A PONG that waited for the disk would be missed: it confirms only that a message was delivered.
                let wakers = if is_used_up { Vec::new() } else { self.shared.publish(&mut state, seen) };
                if !told.0.is_empty() || !wakers.is_empty() {
                    drop(state);
                    tell(told.0);
                    wakers.iter().for_each(|waker| waker.wake_by_ref());
                    self.shared.announce();
                    state = self.shared.lock();
                    continue;
                }
            }
            state.is_idle = true;
            let woken = self.shared.work.wait_timeout(state, until - now);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.is_idle = false;
        }
    }

    /// It works again.
    fn heal(&self) {
        let mut state = self.shared.lock();
        if let Some(failure) = state.failure.take() {
            let seconds = failure.since.elapsed().unwrap_or_default().as_secs_f64();
            tracing::info!(path = %self.shared.path.display(), seconds, "history-healed");
            self.shared.refuse(state.is_closing.then_some("it shuts down"));
            state.notices.note_healed();
            drop(state);
            self.shared.announce();
        }
    }
}

/// Lets members read blocks after position `seen` that are not written, as far as their numbers permit, and forgets the
/// oldest blocks that wait if there are too many. Returns who is told, and whether numbers are used up.
fn deliver_unkept(state: &mut State, items: &[Item], seen: &mut Position) -> (Told, bool) {
    let State { queue, rooms, notices, .. } = state;
    let (mut told, mut is_used_up, after) = (Told::new(), false, *seen);
    for item in items.iter().filter(|item| item.position > after).chain(queue.items_after(after)) {
        *seen = item.position;
        let Some(room) = rooms.get_mut(item.room) else { continue };
        room.told = Some(item.told.clone());
        room.numbers.note_end(item.block.first_seq() + item.block.messages());
        told.extend(room.tell());
        is_used_up |= room.numbers.is_gated();
        notices.note_unkept(item.room);
    }
    while queue.bytes() > MOST {
        let forgotten = queue.take(1);
        for item in &forgotten {
            queue.release(item);
            notices.note_missing(item.room, item.block.messages());
        }
        if forgotten.is_empty() {
            break;
        }
    }
    (told, is_used_up)
}
