//! The syncing thread: it makes what was written safe, in groups, and keeps the log short.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::opening::checkpoint;
use super::schema;
use super::shared::Shared;
use crate::lock::lock;

/// The log is copied into the database when it is longer, in bytes.
const LOG: u64 = 4 << 20;
/// The bytes of a page in the log.
const FRAME: u64 = schema::PAGE + 24;
/// How often there is a sync if nobody waits for it.
const UNHURRIED: Duration = Duration::from_secs(1);
/// How long a room may wait for a ceiling, at most.
const GATED: Duration = Duration::from_millis(10);

/// What the thread does, until the store is closed.
pub(super) fn run(shared: &Shared) {
    let (mut last, mut copy_at) = (None, LOG);
    while wait(shared, last) {
        last = Some(Instant::now());
        sync(shared, &mut copy_at);
    }
}

/// Waits until there is something to sync, and the time of the next sync has come. Returns `false` at the end.
fn wait(shared: &Shared, last: Option<Instant>) -> bool {
    let mut state = shared.lock();
    loop {
        if state.is_closed {
            return false;
        }
        let mut timeout = Duration::from_secs(3600);
        if state.commits > state.synced_commits && !state.sync_failed {
            let interval = match state.config.sync {
                None if state.rooms.is_gated() => GATED,
                sync => sync.unwrap_or(UNHURRIED),
            };
            let due = last.map_or_else(Instant::now, |last| last + interval);
            timeout = due.saturating_duration_since(Instant::now());
            if timeout.is_zero() {
                return true;
            }
        }
        let woken = shared.sync.wait_timeout(state, timeout);
        state = woken.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Makes what was written safe. The log is copied when it has about `copy_at` bytes.
pub(super) fn sync(shared: &Shared, copy_at: &mut u64) {
    let _io = lock(&shared.io);
    let (commit, position, log, log_bytes) = {
        let state = shared.lock();
        if state.is_closed || state.sync_failed {
            return;
        }
        (state.commits, state.committed, state.log.clone(), state.log_bytes)
    };
    let started = Instant::now();
    if let Err(error) = shared.disk.sync(&log) {
        return fail(shared, &error);
    }
    shared.lock().sync_time = started.elapsed();
    shared.is_synced(commit, position);
    if log_bytes < *copy_at - LOG {
        *copy_at = LOG; // it has begun anew
    } else if log_bytes > *copy_at {
        *copy_at = log_bytes + LOG;
        copy_log(shared);
    }
}

/// Copies the log into the database, so that it begins anew when nothing is written meanwhile.
fn copy_log(shared: &Shared) {
    let copied = schema::connect_to_read(&shared.path).and_then(|connection| checkpoint(&connection, "PASSIVE"));
    match copied {
        // Its length, from which blocks that were written meanwhile are missing. If all of it was copied and nothing was
        // written, the next block begins it anew.
        Ok(frames) => shared.lock().log_bytes = frames * FRAME,
        Err(error) => fail(shared, &error),
    }
}

/// What was not synced may be lost, although a later sync succeeds: the writing thread repairs that.
fn fail(shared: &Shared, error: &dyn std::error::Error) {
    tracing::error!(path = %shared.path.display(), detail = %error, "history-sync-failed");
    shared.lock().sync_failed = true;
    shared.work.notify_all();
}
