//! A crowd: a room that announces its number of members now and then, and not each join and leave (R9.25).

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::waiters::Woken;
use super::{Room, State};
use crate::block::Event;

/// The shortest time between two announcements. Thousands may join within it.
const INTERVAL: Duration = Duration::from_secs(1);
/// While more changes of presence wait for messages that are not written, the room is a crowd; it remains one until half of
/// them can be read.
const MAX_WAITING: usize = 1000;

#[derive(Debug)]
pub(super) struct Crowd {
    /// The number that was announced last, and when.
    announced: usize,
    at: Instant,
    /// A task will announce the next number.
    is_scheduled: bool,
}

/// When to announce a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    /// Count again at this time.
    At(Instant),
    Never,
}

impl Crowd {
    /// A crowd whose number is announced now.
    pub(super) fn new(count: usize) -> Crowd {
        Crowd { announced: count, at: Instant::now(), is_scheduled: false }
    }

    /// When to announce that there are `count` members.
    pub(super) fn count(&mut self, count: usize) -> Due {
        if self.is_scheduled || count.abs_diff(self.announced) * 8 < self.announced {
            return Due::Never;
        }
        let due = self.at + INTERVAL;
        if Instant::now() < due {
            self.is_scheduled = true;
            return Due::At(due);
        }
        *self = Crowd::new(count);
        Due::Now
    }

    /// The same at the scheduled time.
    fn recount(&mut self, count: usize) -> Due {
        self.is_scheduled = false;
        self.count(count)
    }
}

impl State {
    /// Do so many changes of presence wait for messages before them that no more may (R9.25)?
    pub(super) fn has_too_many_changes(&self) -> bool {
        let most = if self.crowd.is_none() { MAX_WAITING } else { MAX_WAITING / 2 };
        self.log.waiting_changes() >= most
    }
}

impl Room {
    /// What the members of a crowd are notified of when one has joined or left, if of anything now.
    pub(super) fn change_of_crowd(self: &Arc<Self>, state: &mut State) -> Option<Event> {
        let count = state.members.len();
        if state.has_too_many_changes() {
            return None; // they are notified when these can be read
        }
        if count <= self.crowd / 2 {
            state.crowd = None;
            return Some(Event::Members(state.members()));
        }
        match state.crowd.as_mut()?.count(count) {
            Due::Now => Some(self.crowd_event(count)),
            Due::At(time) => {
                self.announce_at(time);
                None
            }
            Due::Never => None,
        }
    }

    /// Notifies the members of a crowd of what has changed while too many changes waited.
    pub(super) fn append_late_changes(&self, state: &mut State) -> Woken {
        let count = state.members.len();
        let is_crowd = count > self.crowd / 2;
        state.crowd = is_crowd.then(|| Crowd::new(count));
        let event = if is_crowd { self.crowd_event(count) } else { Event::Members(state.members()) };
        self.append(state, event)
    }

    pub(super) fn crowd_event(&self, count: usize) -> Event {
        Event::Crowd { room: self.name.clone(), count }
    }

    /// Counts the members again at `time`, and announces the number if it still differs.
    pub(super) fn announce_at(self: &Arc<Self>, time: Instant) {
        let room = Arc::downgrade(self);
        // Without a runtime there is no connection to announce it to.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let mut next = Some(time);
                while let Some(time) = next {
                    sleep_until(time).await;
                    next = room.upgrade().and_then(|room| room.announce_if_due());
                }
            });
        }
    }

    /// Announces the number of members if that is due. Returns when to try again.
    fn announce_if_due(&self) -> Option<Instant> {
        let mut state = self.lock();
        let count = state.members.len();
        match state.crowd.as_mut()?.recount(count) {
            Due::Now => {
                let woken = self.append(&mut state, self.crowd_event(count));
                drop(state);
                woken.wake();
                None
            }
            Due::At(time) => Some(time),
            Due::Never => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_number_is_announced_when_it_has_changed_by_an_eighth_and_at_most_once_a_second() {
        let mut crowd = Crowd::new(80);
        let due = Instant::now() + INTERVAL;
        assert_eq!(
            [89, 90, 91, 1000].map(|count| crowd.count(count)),
            [Due::Never, Due::At(due), Due::Never, Due::Never]
        );
        tokio::time::advance(INTERVAL).await;
        assert_eq!(crowd.recount(1000), Due::Now);
        assert_eq!(crowd.count(500), Due::At(due + INTERVAL));
        tokio::time::advance(INTERVAL).await;
        assert_eq!(crowd.recount(999), Due::Never, "the members have come back");
        assert_eq!(crowd.count(500), Due::Now, "long after the last announcement");
    }
}
