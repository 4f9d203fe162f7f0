//! Measures the round trip with PING and PONG.
//!
//! The PINGs that the session sends as keepalive are empty, and are measured too. A PING that is sent to measure carries
//! the time.

use std::time::Duration;

use bookend::{Message, Probe};

/// Every framed connection has one, so it is small: times are microseconds since it was accepted, modulo 2^32.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ping {
    sent: u32,
    awaited: Awaited,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Awaited {
    /// No PING has been sent.
    #[default]
    Never,
    /// The last PING has been answered.
    Nothing,
    /// An empty PONG.
    Empty,
    /// A PONG that carries the time.
    Stamped,
}

/// The payload of a PING that is sent to measure.
pub(super) struct Stamp([u8; 4]);

impl Ping {
    /// The session has sent an empty PING. A PONG does not name its PING, so the first unanswered one counts.
    pub(super) fn sent_empty(&mut self, now: Duration) {
        if self.awaited != Awaited::Empty {
            *self = Ping { sent: micros(now), awaited: Awaited::Empty };
        }
    }

    /// Was the last PING at least `period` ago, or has none been sent?
    pub(super) fn is_due(&self, now: Duration, period: Duration) -> bool {
        self.awaited == Awaited::Never || Duration::from_micros(self.since_sent(now).into()) >= period
    }

    /// The payload of a PING that is sent now.
    pub(super) fn stamped(&mut self, now: Duration) -> Stamp {
        *self = Ping { sent: micros(now), awaited: Awaited::Stamped };
        Stamp(self.sent.to_be_bytes())
    }

    /// The round trip in microseconds, at least 1, if this is the awaited PONG.
    pub(super) fn answered(&mut self, pong: Probe<'_>, now: Duration) -> Option<u32> {
        let is_awaited = match self.awaited {
            Awaited::Never | Awaited::Nothing => false,
            Awaited::Empty => pong.as_bytes().is_empty(),
            Awaited::Stamped => *pong.as_bytes() == self.sent.to_be_bytes(),
        };
        is_awaited.then(|| {
            self.awaited = Awaited::Nothing;
            self.since_sent(now).max(1)
        })
    }

    fn since_sent(&self, now: Duration) -> u32 {
        micros(now).wrapping_sub(self.sent)
    }
}

impl Stamp {
    pub(super) fn message(&self) -> Message<'_> {
        Message::Ping(Probe::new(&self.0).expect("four bytes are within the limit"))
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros() & u128::from(u32::MAX)).expect("the mask leaves 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn probe(bytes: &[u8]) -> Probe<'_> {
        Probe::new(bytes).unwrap()
    }

    #[test]
    fn a_ping_is_small() {
        assert!(size_of::<Ping>() <= 8, "{}", size_of::<Ping>());
    }

    #[test]
    fn only_the_awaited_pong_counts_and_only_once() {
        let mut ping = Ping::default();
        assert_eq!(ping.answered(probe(b""), MS(1)), None, "no PING was sent");
        let Stamp(stamp) = ping.stamped(MS(10));
        assert_eq!(ping.answered(probe(b""), MS(11)), None);
        assert_eq!(ping.answered(probe(b"1234"), MS(11)), None);
        assert_eq!(ping.answered(probe(&stamp), MS(12)), Some(2_000));
        assert_eq!(ping.answered(probe(&stamp), MS(13)), None);
    }

    #[test]
    fn the_first_unanswered_empty_ping_counts() {
        let mut ping = Ping::default();
        ping.sent_empty(MS(1_000));
        ping.sent_empty(MS(31_000));
        assert_eq!(ping.answered(probe(b""), MS(32_000)), Some(31_000_000));
        assert_eq!(ping.answered(probe(b""), MS(33_000)), None);
        ping.sent_empty(MS(61_000));
        assert_eq!(ping.answered(probe(b""), MS(61_000)), Some(1), "at least 1, so that it counts as measured");
    }

    #[test]
    fn a_measurement_is_due_at_first_and_then_once_a_period_even_if_the_clock_wraps() {
        let mut ping = Ping::default();
        let late = Duration::from_micros((1 << 32) - 5);
        assert!(ping.is_due(MS(0), MS(100)));
        let Stamp(stamp) = ping.stamped(late);
        assert!(!ping.is_due(late + MS(99), MS(100)));
        assert_eq!(ping.answered(probe(&stamp), late + MS(50)), Some(50_000));
        assert!(ping.is_due(late + MS(100), MS(100)));
    }
}
