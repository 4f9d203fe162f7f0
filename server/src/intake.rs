//! How fast a peer may send: a token bucket for its messages, and one for its bytes.

use std::time::Duration;

use crate::config::Config;

/// A peer that is held back is read again after this time at the earliest, so that a fast one does not wake its task
/// for each message.
const PAUSE: Duration = Duration::from_millis(10);
/// How many messages a new connection may send at once, as a time at the permitted rate: a peer that connects again and
/// again does not get a burst each time. Bytes are limited by its line then.
const FIRST: Duration = Duration::from_secs(1);
/// With fewer messages left in the bucket, only a little is read at a time: the rest would wait in memory.
const FEW: u64 = 1024;

/// What a peer sends, as one bucket for its messages and one for its bytes. Each connection has one, so it is small.
#[derive(Debug)]
pub(crate) struct Intake {
    messages: Bucket,
    bytes: Bucket,
    /// It has been held back at least once.
    was_held: bool,
}

/// How fast a peer may send. A rate of 0 is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Messages or lines per second.
    pub(crate) messages: u64,
    /// Bytes per second.
    pub(crate) bytes: u64,
    /// For how long at a time a peer may send at any speed that adds up to these rates.
    pub(crate) burst: Duration,
}

/// Of what a peer sends too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Excess {
    Messages,
    Bytes,
}

/// A token bucket, as the time at which it will be full again: each token that is taken adds what it takes at the
/// permitted rate.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In nanoseconds.
    full_at: u64,
}

impl Rates {
    /// The rates of a framed peer.
    pub(crate) fn framed(config: &Config) -> Rates {
        let Config { messages_per_second, bytes_per_second, burst, .. } = *config;
        Rates { messages: messages_per_second.into(), bytes: bytes_per_second as u64, burst }
    }

    /// The rates of a line terminal.
    pub(crate) fn terminal(config: &Config) -> Rates {
        Rates { messages: config.lines_per_second.into(), ..Rates::framed(config) }
    }
}

impl Intake {
    /// The buckets of a connection that is accepted at the time 0.
    pub(crate) fn new(burst: Duration) -> Intake {
        let messages = Bucket { full_at: nanoseconds(burst.saturating_sub(FIRST)) };
        Intake { messages, bytes: Bucket { full_at: 0 }, was_held: false }
    }

    /// How many messages may be taken now. The rest of what was read waits.
    pub(crate) fn allowance(&self, rates: Rates, now: Duration) -> u64 {
        self.messages.left(rates.messages, rates.burst, now)
    }

    pub(crate) fn take_messages(&mut self, count: u64, rates: Rates, now: Duration) {
        self.messages.take(count, rates.messages, now);
    }

    pub(crate) fn take_bytes(&mut self, count: u64, rates: Rates, now: Duration) {
        self.bytes.take(count, rates.bytes, now);
    }

    /// Until when nothing more is taken from the peer, because of its messages or its bytes; `None` if something may be
    /// taken now.
    pub(crate) fn held_until(&self, rates: Rates, now: Duration) -> Option<(Duration, Excess)> {
        let messages = self.messages.empty_until(rates.messages, rates.burst, now);
        let bytes = self.bytes.empty_until(rates.bytes, rates.burst, now);
        messages.map(|until| (until, Excess::Messages)).max(bytes.map(|until| (until, Excess::Bytes)))
    }

    /// Should only a little be read at a time?
    pub(crate) fn is_low(&self, rates: Rates, now: Duration) -> bool {
        self.allowance(rates, now) < FEW
    }

    /// Is the peer held back for the first time?
    pub(crate) fn is_held_first(&mut self) -> bool {
        !std::mem::replace(&mut self.was_held, true)
    }
}

impl Bucket {
    fn full_at(self) -> Duration {
        Duration::from_nanos(self.full_at)
    }

    /// Takes `count` tokens, even if there are fewer: the bucket then is empty for longer.
    fn take(&mut self, count: u64, rate: u64, now: Duration) {
        if count > 0
            && let Some(time) = time_of(count, rate)
        {
            self.full_at = nanoseconds(self.full_at().max(now).saturating_add(time));
        }
    }

    /// The tokens in the bucket.
    fn left(&self, rate: u64, burst: Duration, now: Duration) -> u64 {
        let Some(one) = time_of(1, rate) else { return u64::MAX };
        let missing = self.full_at().saturating_sub(now);
        let present = burst.max(one).saturating_sub(missing).as_nanos();
        u64::try_from(present.saturating_mul(rate.into()) / NANOSECONDS).unwrap_or(u64::MAX)
    }

    /// If no token is left, when it will have been worth waiting for some.
    fn empty_until(&self, rate: u64, burst: Duration, now: Duration) -> Option<Duration> {
        let one = time_of(1, rate)?;
        let burst = burst.max(one);
        let is_empty = self.full_at().saturating_sub(now).saturating_add(one) > burst;
        is_empty.then(|| self.full_at().saturating_add(one.max(PAUSE.min(burst))).saturating_sub(burst))
    }
}

const NANOSECONDS: u128 = 1_000_000_000;

/// How long `count` tokens take, rounded up; `None` if the rate is unlimited.
fn time_of(count: u64, rate: u64) -> Option<Duration> {
    if rate == 0 {
        return None;
    }
    let time = (u128::from(count) * NANOSECONDS).div_ceil(rate.into());
    Some(Duration::from_nanos(u64::try_from(time).unwrap_or(u64::MAX)))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    const RATES: Rates = Rates { messages: 100, bytes: 1 << 20, burst: ms(500) };

    #[test]
    fn it_is_small() {
        assert!(size_of::<Intake>() <= 24, "{}", size_of::<Intake>());
    }

    #[test]
    fn a_new_connection_begins_with_little_and_earns_the_burst() {
        let long = Rates { burst: ms(10_000), ..RATES };
        for (at, messages) in [(0, 100), (100, 110), (9_000, 1000), (60_000, 1000)] {
            assert_eq!(Intake::new(long.burst).allowance(long, ms(at)), messages, "after {at} ms");
        }
        assert_eq!(Intake::new(RATES.burst).allowance(RATES, ms(0)), 50, "a burst is no more than that");
    }

    #[test]
    fn a_burst_is_taken_at_once_and_then_the_rate() {
        let mut intake = Intake::new(RATES.burst);
        let (mut now, mut taken) = (ms(10_000), 0);
        let start = now;
        while now < start + ms(2_000) {
            let allowed = intake.allowance(RATES, now);
            assert!(allowed > 0, "something may be taken when the wait is over");
            intake.take_messages(allowed, RATES, now);
            taken += allowed;
            let (until, excess) = intake.held_until(RATES, now).expect("the bucket is empty");
            assert!(until >= now + PAUSE && excess == Excess::Messages);
            now = until;
        }
        assert!((249..=250).contains(&taken), "half a second at once, and two seconds: {taken}");
        now += ms(60_000);
        assert_eq!(intake.allowance(RATES, now), 50, "rest fills the bucket, and no more");
    }

    #[test]
    fn a_token_that_is_left_may_be_taken_and_debt_is_waited_for() {
        let mut intake = Intake::new(Duration::ZERO);
        intake.take_messages(49, RATES, ms(0));
        assert_eq!((intake.allowance(RATES, ms(0)), intake.held_until(RATES, ms(0))), (1, None));
        intake.take_bytes(2 << 20, RATES, ms(0));
        assert_eq!(intake.held_until(RATES, ms(0)), Some((ms(1_510), Excess::Bytes)), "2 s of bytes, less the burst");
        assert_eq!(intake.held_until(RATES, ms(1_510)), None);
    }

    #[test]
    fn a_token_that_takes_longer_than_the_burst_is_given_all_the_same() {
        let slow = Rates { messages: 1, ..RATES };
        let mut intake = Intake::new(Duration::ZERO);
        assert_eq!((intake.allowance(slow, ms(5)), intake.held_until(slow, ms(5))), (1, None));
        intake.take_messages(1, slow, ms(5));
        assert_eq!(intake.held_until(slow, ms(5)), Some((ms(1_005), Excess::Messages)));
        assert_eq!(intake.allowance(slow, ms(1_005)), 1);
    }

    #[test]
    fn a_rate_of_zero_is_no_limit_and_no_rate_overflows() {
        let mut intake = Intake::new(Duration::ZERO);
        let none = Rates { messages: 0, bytes: 0, burst: ms(100) };
        intake.take_messages(u64::MAX, none, ms(0));
        intake.take_bytes(u64::MAX, none, ms(0));
        assert_eq!((intake.allowance(none, ms(0)), intake.held_until(none, ms(0))), (u64::MAX, None));
        for rate in [1, 7, 1_000_000_000, u64::MAX] {
            let rates = Rates { messages: rate, bytes: rate, burst: Duration::MAX };
            let mut intake = Intake::new(Duration::ZERO);
            intake.take_messages(u64::MAX, rates, ms(1));
            intake.take_messages(u64::MAX, rates, ms(1));
            let _ = (intake.allowance(rates, ms(1)), intake.held_until(rates, ms(1)), intake.is_low(rates, ms(1)));
        }
    }
}
