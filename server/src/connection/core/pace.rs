//! How slowly a peer may take what waits to be written.

use std::time::Duration;

use crate::config::Config;

/// How many times [`Config::stall`] a peer that takes some bytes may take none at most. A system reports that a stream
/// accepts bytes again only when much of its buffer is free, and a peer's system accepts them in pieces of up to 150 kB:
/// a steady reader then seems to pause.
const MOST: u32 = 3;

/// The time that a peer has left while bytes wait for it: at first [`Config::stall`], and each byte that it takes adds
/// what it may need for one more at [`Config::read_rate`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// When it has been too slow; `None` if nothing waits.
    until: Option<Duration>,
}

impl Pace {
    pub(super) const NEW: Pace = Pace { until: None };

    /// The stream accepts no bytes now.
    pub(super) fn blocked(&mut self, config: &Config, now: Duration) {
        self.until.get_or_insert(now.saturating_add(config.stall));
    }

    /// The stream has accepted bytes.
    pub(super) fn wrote(&mut self, count: usize, config: &Config, now: Duration) {
        if let Some(until) = &mut self.until {
            let most = now.saturating_add(config.stall.saturating_mul(MOST));
            let earned = Duration::from_secs(count as u64) / config.read_rate.max(1);
            *until = until.saturating_add(earned).min(most);
        }
    }

    /// Nothing waits any more.
    pub(super) fn caught_up(&mut self) {
        self.until = None;
    }

    /// When the peer will have been too slow.
    pub(super) fn until(&self) -> Option<Duration> {
        self.until
    }

    /// Has the peer been too slow?
    pub(super) fn is_too_slow(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: fn(u64) -> Duration = Duration::from_secs;

    /// When a peer is too slow that takes `count` bytes in every `period` seconds; `None` if it never is in ten minutes.
    fn ends(count: usize, period: u64) -> Option<u64> {
        let config = Config { stall: SECONDS(10), read_rate: 1000, ..Config::default() };
        let mut pace = Pace::NEW;
        pace.blocked(&config, SECONDS(0));
        for second in 1..600 {
            if pace.is_too_slow(SECONDS(second)) {
                return Some(second);
            }
            if second % period == 0 {
                pace.wrote(count, &config, SECONDS(second));
                pace.blocked(&config, SECONDS(second));
            }
        }
        None
    }

    #[test]
    fn a_peer_that_takes_nothing_is_too_slow_after_the_time() {
        assert_eq!(ends(0, 1), Some(10));
    }

    #[test]
    fn a_peer_at_the_rate_is_never_too_slow_however_large_its_pieces() {
        for period in [1, 5, 9] {
            assert_eq!(ends(1000 * usize::try_from(period).unwrap(), period), None);
        }
    }

    #[test]
    fn a_peer_below_the_rate_is_too_slow_in_the_end_although_it_takes_some() {
        assert_eq!(ends(1, 1), Some(11));
        assert_eq!(ends(900, 1), Some(91), "a tenth too slow: ten times as long");
        assert_eq!(ends(100, 9), Some(11));
    }

    #[test]
    fn a_peer_that_has_taken_much_may_pause_three_times_as_long() {
        let config = Config { stall: SECONDS(10), read_rate: 1000, ..Config::default() };
        let mut pace = Pace::NEW;
        pace.wrote(1 << 30, &config, SECONDS(1));
        pace.blocked(&config, SECONDS(2));
        assert_eq!(pace.until(), Some(SECONDS(12)), "what was taken before counts for nothing");
        pace.wrote(1 << 30, &config, SECONDS(5));
        assert_eq!(pace.until(), Some(SECONDS(35)));
        pace.caught_up();
        assert_eq!(pace.until(), None);
    }
}
