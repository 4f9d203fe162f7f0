//! Rooms that everybody has left: they keep their log and their numbers for a while.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{Rooms, State, by_owner};
use crate::lock::lock;

/// The shortest and the longest time between two sweeps.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

impl Rooms {
    /// A room lingers from now on: one task removes all of them in time.
    pub(super) fn sweep_later(&self, state: &mut State) {
        // Without a runtime there is no timer: the rooms are removed after the next one has lingered.
        if state.sweep.as_ref().is_none_or(JoinHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            state.sweep = Some(runtime.spawn(sweep_until_none_lingers(Arc::downgrade(&self.state))));
        }
    }
}

async fn sweep_until_none_lingers(state: Weak<Mutex<State>>) {
    loop {
        let Some(shared) = state.upgrade() else { return };
        let linger = lock(&shared).linger;
        drop(shared);
        sleep((linger / 16).clamp(SHORTEST, LONGEST)).await;
        let Some(shared) = state.upgrade() else { return };
        let mut state = lock(&shared);
        if !state.sweep(Instant::now()) {
            state.sweep = None;
            return;
        }
    }
}

impl State {
    /// Removes what has lingered long enough. Returns whether anything else lingers.
    pub(super) fn sweep(&mut self, now: Instant) -> bool {
        let linger = self.linger;
        let is_over = |since: Instant| now.saturating_duration_since(since) >= linger;
        self.silent.retain(|_, room| !is_over(room.since));
        // A room that begins again could not read what is not written yet.
        let is_written = |entry: &&super::Entry| !entry.room.is_unwritten();
        let over = self.by_name.values().filter(|entry| entry.empty_since.is_some_and(is_over)).filter(is_written);
        for room in over.map(|entry| entry.room.clone()).collect::<Vec<_>>() {
            self.remove(&room);
        }
        !self.silent.is_empty() || self.by_name.values().any(|entry| entry.empty_since.is_some())
    }

    /// Removes at most `count` rooms that linger. The owner of most of them gives way first, and of its rooms the one
    /// that was used least recently.
    pub(super) fn remove_lingering(&mut self, count: usize) {
        let lingering = self.by_name.values().filter(|entry| entry.empty_since.is_some() && !entry.room.is_unwritten());
        let mut owners = by_owner(lingering.map(|entry| entry.room.clone()));
        for _ in 0..count {
            let largest = owners.iter_mut().max_by_key(|rooms| rooms.len());
            let Some(room) = largest.and_then(Vec::pop) else { return };
            self.remove(&room);
        }
    }
}
