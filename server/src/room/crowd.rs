//! A crowd: a room in which how many are here is told now and then, and not who comes and goes (R9.25).

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::{Room, wake};
use crate::block::Told;

/// The time between one number that all are told and the next, at least. Thousands may come within it.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Crowd {
    /// How many were told to be here last, and when.
    told: usize,
    at: Instant,
    /// It has been seen to that the next number is told in time.
    is_due: bool,
}

/// When a number is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Now,
    /// It is to be looked at again then.
    Then(Instant),
    /// There is no need to.
    Never,
}

impl Crowd {
    /// All are told that so many are here.
    pub(super) fn new(here: usize) -> Crowd {
        Crowd { told: here, at: Instant::now(), is_due: false }
    }

    /// So many are here now: when is that to be told?
    pub(super) fn count(&mut self, here: usize) -> When {
        if self.is_due || here.abs_diff(self.told) * 8 < self.told {
            return When::Never;
        }
        let due = self.at + PAUSE;
        if Instant::now() < due {
            self.is_due = true;
            return When::Then(due);
        }
        *self = Crowd::new(here);
        When::Now
    }

    /// The time has come to look again.
    fn look_again(&mut self, here: usize) -> When {
        self.is_due = false;
        self.count(here)
    }
}

impl Room {
    /// How many are here, for a crowd.
    pub(super) fn number(&self, here: usize) -> Told {
        Told::Crowd { room: self.name.clone(), here }
    }

    /// Sees to it that the number is told then, if it is still to be.
    pub(super) fn look_again_at(self: &Arc<Self>, time: Instant) {
        let room = Arc::downgrade(self);
        // Without a runtime no connection is there to be told anything.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let mut next = Some(time);
                while let Some(time) = next {
                    sleep_until(time).await;
                    next = room.upgrade().and_then(|room| room.look_again());
                }
            });
        }
    }

    /// Tells how many are here if that is due now. It may be due at another time.
    fn look_again(&self) -> Option<Instant> {
        let mut state = self.lock();
        let here = state.members.len();
        match state.crowd.as_mut()?.look_again(here) {
            When::Now => {
                let sleepers = self.append(&mut state, self.number(here));
                drop(state);
                wake(sleepers);
                None
            }
            When::Then(time) => Some(time),
            When::Never => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_number_is_told_when_it_has_changed_by_an_eighth_and_no_more_than_once_a_second() {
        let mut crowd = Crowd::new(80);
        let due = Instant::now() + PAUSE;
        assert_eq!(
            [89, 90, 91, 1000].map(|here| crowd.count(here)),
            [When::Never, When::Then(due), When::Never, When::Never]
        );
        tokio::time::advance(PAUSE).await;
        assert_eq!(crowd.look_again(1000), When::Now);
        assert_eq!(crowd.count(500), When::Then(due + PAUSE));
        tokio::time::advance(PAUSE).await;
        assert_eq!(crowd.look_again(999), When::Never, "they have come back");
        assert_eq!(crowd.count(500), When::Now, "long after the last number");
    }
}
