//! The time of a blocking connection, and how often it asks a stream that does not wait.

use std::time::{Duration, Instant};

/// The time since the connection began.
pub(super) struct Clock {
    start: Instant,
    /// The time of a test, which passes only while something waits.
    #[cfg(test)]
    pub(super) model: Option<super::model::Time>,
}

/// How long to pause after a turn in which nothing moved and nothing waited.
#[derive(Debug, Default)]
pub(super) struct Pace {
    has_moved: bool,
    /// Turns in a row without a byte.
    idle: u32,
}

/// A turn that took this long has waited.
const WAITED: Duration = Duration::from_millis(1);
/// The longest pause is this power of two, in milliseconds.
const LONGEST_PAUSE: u32 = 4;

impl Clock {
    pub(super) fn new() -> Clock {
        Clock {
            start: Instant::now(),
            #[cfg(test)]
            model: None,
        }
    }

    pub(super) fn now(&self) -> Duration {
        #[cfg(test)]
        if let Some(model) = &self.model {
            return model.now();
        }
        self.start.elapsed()
    }

    fn pause(&self, pause: Duration) {
        #[cfg(test)]
        if let Some(model) = &self.model {
            return model.pass(pause);
        }
        std::thread::sleep(pause);
    }
}

impl Pace {
    /// The stream took or gave `count` bytes.
    pub(super) fn moved(&mut self, count: usize) {
        self.has_moved |= count > 0;
    }

    /// Pauses after a turn that began at `began`, unless it moved bytes or the stream waited itself.
    pub(super) fn rest(&mut self, clock: &Clock, began: Duration, remaining: Duration) {
        let has_moved = std::mem::take(&mut self.has_moved);
        if has_moved || clock.now().saturating_sub(began) >= WAITED {
            self.idle = 0;
            return;
        }
        let pause = Duration::from_millis(1 << self.idle.min(LONGEST_PAUSE));
        self.idle += u32::from(self.idle < LONGEST_PAUSE);
        clock.pause(pause.min(remaining));
    }
}
