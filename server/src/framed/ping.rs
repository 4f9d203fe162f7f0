//! The PING whose PONG is waited for: what a round trip takes.
//!
//! The session's own PINGs, which keep a silent connection alive, are empty and are measured as they go. One that is
//! sent to measure carries the time.

use std::time::Duration;

use bookend::{Message, Probe};

/// Every framed connection has one: times are microseconds since it was accepted, modulo 2^32.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ping {
    sent: u32,
    waits: Waits,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Waits {
    /// No PING was sent yet.
    #[default]
    Never,
    /// For nothing more.
    Answered,
    /// For an empty PONG.
    Empty,
    /// For one that carries the time.
    Stamped,
}

/// What a PING carries that is sent to measure.
pub(super) struct Stamp([u8; 4]);

impl Ping {
    /// The session has sent an empty PING. A PONG does not say which one of several it is for, so the first counts.
    pub(super) fn kept_alive(&mut self, now: Duration) {
        if self.waits != Waits::Empty {
            *self = Ping { sent: micros(now), waits: Waits::Empty };
        }
    }

    /// Is the last PING so long ago, or was there none?
    pub(super) fn is_due(&self, now: Duration, period: Duration) -> bool {
        self.waits == Waits::Never || Duration::from_micros(self.since_sent(now).into()) >= period
    }

    /// What to send now.
    pub(super) fn stamped(&mut self, now: Duration) -> Stamp {
        *self = Ping { sent: micros(now), waits: Waits::Stamped };
        Stamp(self.sent.to_be_bytes())
    }

    /// What the round trip took, in microseconds and not 0, if this is the PONG that was waited for.
    pub(super) fn answered(&mut self, pong: Probe<'_>, now: Duration) -> Option<u32> {
        let is_it = match self.waits {
            Waits::Never | Waits::Answered => false,
            Waits::Empty => pong.as_bytes().is_empty(),
            Waits::Stamped => *pong.as_bytes() == self.sent.to_be_bytes(),
        };
        is_it.then(|| {
            self.waits = Waits::Answered;
            self.since_sent(now).max(1)
        })
    }

    fn since_sent(&self, now: Duration) -> u32 {
        micros(now).wrapping_sub(self.sent)
    }
}

impl Stamp {
    pub(super) fn message(&self) -> Message<'_> {
        Message::Ping(Probe::new(&self.0).expect("four bytes are not too many"))
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros() & u128::from(u32::MAX)).expect("it has 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn probe(bytes: &[u8]) -> Probe<'_> {
        Probe::new(bytes).unwrap()
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Ping>() <= 8, "{}", size_of::<Ping>());
    }

    #[test]
    fn only_the_pong_that_is_waited_for_counts_and_once() {
        let mut ping = Ping::default();
        assert_eq!(ping.answered(probe(b""), MS(1)), None, "nobody asked");
        let Stamp(stamp) = ping.stamped(MS(10));
        assert_eq!(ping.answered(probe(b""), MS(11)), None);
        assert_eq!(ping.answered(probe(b"1234"), MS(11)), None);
        assert_eq!(ping.answered(probe(&stamp), MS(12)), Some(2_000));
        assert_eq!(ping.answered(probe(&stamp), MS(13)), None);
    }

    #[test]
    fn of_empty_pings_the_first_unanswered_one_counts() {
        let mut ping = Ping::default();
        ping.kept_alive(MS(1_000));
        ping.kept_alive(MS(31_000));
        assert_eq!(ping.answered(probe(b""), MS(32_000)), Some(31_000_000));
        assert_eq!(ping.answered(probe(b""), MS(33_000)), None);
        ping.kept_alive(MS(61_000));
        assert_eq!(ping.answered(probe(b""), MS(61_000)), Some(1), "it is known, however short");
    }

    #[test]
    fn it_is_measured_at_once_and_then_once_in_a_period_and_across_the_end_of_the_clock() {
        let mut ping = Ping::default();
        let late = Duration::from_micros((1 << 32) - 5);
        assert!(ping.is_due(MS(0), MS(100)));
        let Stamp(stamp) = ping.stamped(late);
        assert!(!ping.is_due(late + MS(99), MS(100)));
        assert_eq!(ping.answered(probe(&stamp), late + MS(50)), Some(50_000));
        assert!(ping.is_due(late + MS(100), MS(100)));
    }
}
