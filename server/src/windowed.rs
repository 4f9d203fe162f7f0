//! Counts by source, each for one window of time.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::source::Source;

/// With fewer sources, expired counts are not removed.
const SWEEP: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct WindowedCounts {
    by_source: HashMap<Source, WindowedCount>,
    /// With this many sources the expired counts are removed.
    sweep_at: usize,
}

#[derive(Debug)]
struct WindowedCount {
    count: usize,
    expires: Instant,
}

impl WindowedCounts {
    /// Adds one for a source, and returns its count. The first one starts the window.
    pub(crate) fn add(&mut self, source: Source, window: Duration, now: Instant) -> usize {
        if self.by_source.len() >= self.sweep_at.max(SWEEP) {
            self.by_source.retain(|_, count| now < count.expires);
            self.sweep_at = 2 * self.by_source.len();
        }
        let new = || WindowedCount { count: 0, expires: now + window };
        let count = self.by_source.entry(source).or_insert_with(new);
        if now >= count.expires {
            *count = new();
        }
        count.count += 1;
        count.count
    }

    pub(crate) fn of(&self, source: Source, now: Instant) -> usize {
        self.by_source.get(&source).filter(|count| now < count.expires).map_or(0, |count| count.count)
    }
}
