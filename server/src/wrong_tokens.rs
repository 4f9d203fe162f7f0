//! Wrong tokens: how long the answer to each is delayed, and how many may wait for it.
//!
//! They are counted by source, and slow down only each other: every token is checked when it arrives, and a right one is
//! accepted however many wrong ones came from the same source.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;
use crate::quota::{Quota, Share};
use crate::source::Source;
use crate::windowed::WindowedCounts;

#[derive(Debug, Default)]
pub(crate) struct WrongTokens {
    counts: Mutex<WindowedCounts>,
    delayed: Quota<Source>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct WrongTokenLimits {
    /// The delay of the first answer in a window. Each further one is delayed twice as long.
    pub(crate) delay: Duration,
    /// No answer is delayed longer, unless `delay` is.
    pub(crate) max_delay: Duration,
    pub(crate) window: Duration,
    /// The most answers of one source that are delayed at one time.
    pub(crate) max_delayed: usize,
}

/// An answer that is due after a delay; it counts as delayed until this is dropped.
#[derive(Debug)]
pub(crate) struct DelayedAnswer {
    pub(crate) delay: Duration,
    _share: Option<Share<Source>>,
}

impl WrongTokens {
    /// Counts a wrong token. `None` if too many answers are delayed already: the peer is not to wait for this one.
    pub(crate) fn count(&self, source: Source, limits: &WrongTokenLimits) -> Option<DelayedAnswer> {
        if source == Source::Unknown {
            return Some(DelayedAnswer { delay: limits.delay, _share: None });
        }
        let count = lock(&self.counts).add(source, limits.window, Instant::now());
        let share = self.delayed.take(source, usize::MAX, limits.max_delayed).ok()?;
        let doublings = u32::try_from(count - 1).unwrap_or(u32::MAX).min(16);
        let longest = limits.max_delay.max(limits.delay);
        let delay = limits.delay.saturating_mul(1 << doublings).min(longest);
        Some(DelayedAnswer { delay, _share: Some(share) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_answer_is_delayed_twice_as_long_up_to_a_limit_until_the_window_ends() {
        let seconds = Duration::from_secs;
        let limits = WrongTokenLimits { delay: seconds(1), max_delay: seconds(5), window: seconds(60), max_delayed: 2 };
        let (wrong, here) = (WrongTokens::default(), Source::User(1));
        for delay in [1, 2, 4, 5, 5] {
            assert_eq!(wrong.count(here, &limits).unwrap().delay, seconds(delay));
        }
        for _ in 0..100 {
            wrong.count(here, &limits);
        }
        assert_eq!(wrong.count(Source::User(2), &limits).unwrap().delay, seconds(1), "another source");
        let waiting = [wrong.count(here, &limits).unwrap(), wrong.count(here, &limits).unwrap()];
        assert!(wrong.count(here, &limits).is_none(), "two wait");
        drop(waiting);
        assert!(wrong.count(here, &limits).is_some());
        tokio::time::advance(seconds(60)).await;
        assert_eq!(wrong.count(here, &limits).unwrap().delay, seconds(1));
    }
}
