//! The session's clock and counters: keepalive, deadlines, floods (SPEC 7 and 8).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::num::NonZeroU64;
use core::time::Duration;

use super::{Limits, State};
use crate::fault::Fault;
use crate::shared::Shared;

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Ping,
    Drained,
    Fault(Fault),
}

#[derive(Debug)]
pub(super) struct Watch {
    limits: Shared<Limits>,
    /// This side's promise: a byte at least every so many seconds; 0 promises nothing.
    keepalive: u16,
    /// The peer's promise, likewise.
    peer_keepalive: u16,
    /// When the HELLO or the drain must have ended.
    until: Duration,
    last_sent: Duration,
    last_heard: Duration,
    /// Bytes of the stream that have arrived.
    received: u64,
    partial: Option<Partial>,
    pings: Recent,
    empty_frames: Recent,
}

/// The frame in progress.
#[derive(Debug)]
struct Partial {
    offset: u64,
    expected: Option<NonZeroU64>,
    deadline: Duration,
}

impl Watch {
    pub(super) fn new(limits: Shared<Limits>, keepalive: u16, now: Duration) -> Watch {
        Watch {
            keepalive,
            peer_keepalive: 0,
            until: now.saturating_add(limits.hello_timeout),
            last_sent: now,
            last_heard: now,
            received: 0,
            partial: None,
            pings: Recent::default(),
            empty_frames: Recent::default(),
            limits,
        }
    }

    pub(super) fn opened(&mut self, peer_keepalive: u16, received: u64, now: Duration) {
        self.peer_keepalive = peer_keepalive;
        self.last_sent = now;
        self.last_heard = now;
        self.received = received;
    }

    /// How much to drain after CLOSE, in bytes.
    pub(super) fn drain(&self) -> usize {
        self.limits.drain
    }

    pub(super) fn evidence_timeout(&self) -> Duration {
        self.limits.evidence_timeout
    }

    #[cfg(feature = "std")]
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn closing(&mut self, now: Duration) {
        self.until = now.saturating_add(self.limits.close_timeout);
    }

    /// `total` bytes of the stream have arrived.
    #[inline]
    pub(super) fn received(&mut self, total: u64, now: Duration) {
        if total > self.received {
            self.received = total;
            self.last_heard = now;
        }
    }

    /// How many of the bytes that have arrived follow the first `used`.
    pub(super) fn unused(&self, used: u64) -> usize {
        usize::try_from(self.received.saturating_sub(used)).unwrap_or(usize::MAX)
    }

    /// As [`received`](Watch::received), for bytes that are judged later: the frame in progress is not late if they complete
    /// what is awaited.
    #[cfg(feature = "std")]
    pub(super) fn read(&mut self, total: u64, now: Duration) {
        self.received(total, now);
        let header = crate::frame::HEADER_LENGTH as u64;
        self.partial.take_if(|partial| total >= partial.offset + partial.expected.map_or(header, NonZeroU64::get));
    }

    /// This side does not read at the moment: the peer's silence means nothing.
    pub(super) fn not_reading(&mut self, now: Duration) {
        self.last_heard = now;
        self.partial = None;
    }

    #[inline]
    pub(super) fn sent(&mut self, now: Duration) {
        self.last_sent = now;
    }

    /// Everything that has arrived has been judged; the frame at `offset` has begun if more has arrived, and is not
    /// complete. It has `expected` bytes, which is known once its header has arrived.
    pub(super) fn partial(&mut self, offset: u64, expected: Option<u64>, now: Duration) {
        if self.received <= offset {
            self.partial = None;
            return;
        }
        let expected_length = expected.and_then(NonZeroU64::new);
        match &self.partial {
            Some(partial) if partial.offset == offset && partial.expected == expected_length => {}
            _ => {
                let rate = u64::from(self.limits.body_rate.max(1));
                let body = expected.map_or(0, |expected| (expected - crate::frame::OVERHEAD as u64) * 1000 / rate);
                let timeout = self.limits.header_timeout.saturating_add(Duration::from_millis(body));
                let deadline = now.saturating_add(timeout);
                self.partial = Some(Partial { offset, expected: expected_length, deadline });
            }
        }
    }

    /// A frame that is neither PING nor PONG arrived.
    #[inline]
    pub(super) fn other_frame(&mut self) {
        if self.pings.0.is_some() {
            self.pings.0 = None;
        }
    }

    pub(super) fn ping(&mut self, now: Duration) -> Result<(), Fault> {
        let Limits { pings, ping_window, .. } = *self.limits;
        if self.pings.add(now, ping_window, pings) > pings as usize { Err(Fault::PingFlood) } else { Ok(()) }
    }

    pub(super) fn empty_frame(&mut self, now: Duration) -> Result<(), Fault> {
        let limit = self.limits.empty_frames;
        if self.empty_frames.add(now, Duration::from_secs(1), limit) > limit as usize {
            Err(Fault::EmptyFlood)
        } else {
            Ok(())
        }
    }

    /// When something is due; never for a limit of [`Duration::MAX`].
    pub(super) fn deadline(&self, state: State) -> Option<Duration> {
        let deadline = match state {
            State::Greeting | State::Closing => Some(self.until),
            State::Open => {
                let ping = period(self.keepalive).map(|period| self.last_sent.saturating_add(period));
                let frame = self.partial.as_ref().map(|partial| partial.deadline);
                [ping, self.idle_due(), frame].into_iter().flatten().min()
            }
            State::Closed => None,
        };
        deadline.filter(|&deadline| deadline < Duration::MAX)
    }

    pub(super) fn due(&self, state: State, now: Duration) -> Option<Due> {
        match state {
            State::Greeting => (now >= self.until).then_some(Due::Fault(Fault::HelloTimeout)),
            State::Closing => (now >= self.until).then_some(Due::Drained),
            State::Open => self.due_while_open(now),
            State::Closed => None,
        }
    }

    fn due_while_open(&self, now: Duration) -> Option<Due> {
        let idle = self.idle_due();
        let partial = self.partial.as_ref().filter(|partial| now >= partial.deadline);
        if let Some(&Partial { offset, expected, deadline }) = partial
            && idle.is_none_or(|idle| deadline <= idle)
        {
            let expected = expected.map(NonZeroU64::get);
            return Some(Due::Fault(Fault::FrameTimeout { arrived: self.received - offset, expected }));
        }
        if idle.is_some_and(|idle| now >= idle) {
            return Some(Due::Fault(Fault::Idle { seconds: now.saturating_sub(self.last_heard).as_secs() }));
        }
        let quiet = now.saturating_sub(self.last_sent);
        period(self.keepalive).is_some_and(|period| quiet >= period).then_some(Due::Ping)
    }

    /// When the peer will have been silent for twice the keepalive that it promised.
    fn idle_due(&self) -> Option<Duration> {
        period(self.peer_keepalive).map(|period| self.last_heard.saturating_add(period * 2))
    }
}

fn period(seconds: u16) -> Option<Duration> {
    (seconds != 0).then(|| Duration::from_secs(seconds.into()))
}

/// Recent events; it takes memory only while there are some.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "a pointer in each session, not four words")]
struct Recent(Option<Box<VecDeque<Duration>>>);

impl Recent {
    /// How many events the `window` that ends now holds, this one included, counted to `limit` + 1.
    fn add(&mut self, now: Duration, window: Duration, limit: u32) -> usize {
        let events = self.0.get_or_insert_default();
        while events.front().is_some_and(|&first| now.saturating_sub(first) >= window) {
            events.pop_front();
        }
        if events.len() <= limit as usize {
            events.push_back(now);
        }
        events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_timeout_sets_no_deadline() {
        // [R7.6] [R7.10] [R7.11]
        let now = Duration::from_secs(1);
        let never = Duration::MAX;
        let limits = Limits { hello_timeout: never, header_timeout: never, close_timeout: never, ..Limits::default() };
        let mut watch = Watch::new(limits.into(), 0, now);
        assert_eq!((watch.due(State::Greeting, now), watch.deadline(State::Greeting)), (None, None));
        watch.opened(0, 0, now);
        watch.received(8, now);
        watch.partial(0, Some(1 << 20), now);
        assert_eq!((watch.due(State::Open, now), watch.deadline(State::Open)), (None, None));
        watch.closing(now);
        assert_eq!((watch.due(State::Closing, now), watch.deadline(State::Closing)), (None, None));
    }
}
