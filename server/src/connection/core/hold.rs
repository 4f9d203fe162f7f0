//! Holding a peer back that sends faster than it may: nothing is read from it for a while, and the stream makes it wait.
//!
//! Nothing is refused, and the time does not count as silence of the peer (R8.6).

use super::{ConnectionCore, PeerKind, Phase};
use crate::intake::{Excess, Rates};

impl ConnectionCore {
    pub(super) fn rates(&self) -> Rates {
        let config = self.client.hub().config();
        match self.kind {
            PeerKind::Terminal(_) => Rates::terminal(config),
            PeerKind::Framed(_) | PeerKind::Unknown { .. } => Rates::framed(config),
        }
    }

    /// Should only a little be read at a time? The rest would wait in memory.
    pub(in crate::connection) fn reads_little(&self) -> bool {
        self.intake.is_low(self.rates(), self.now)
    }

    /// `count` bytes have been read.
    pub(in crate::connection) fn count_read(&mut self, count: usize) {
        self.client.counts.bytes_received += count as u64;
        self.client.counts.last_read = u32::try_from(self.now.as_secs()).unwrap_or(u32::MAX);
        self.client.set_active();
        if let PeerKind::Framed(framed) = &mut self.kind {
            framed.heard();
        }
        self.client.hub().counters().received(count);
        self.intake.take_bytes(count as u64, self.rates(), self.now);
        self.hold_if_fast();
    }

    /// `count` messages have been taken.
    pub(super) fn count_messages(&mut self, count: u64) {
        self.intake.take_messages(count, self.rates(), self.now);
        self.hold_if_fast();
    }

    /// Holds the peer back if it has sent too much.
    fn hold_if_fast(&mut self) {
        let Phase::Open { .. } = self.phase else { return };
        let Some((until, excess)) = self.intake.held_until(self.rates(), self.now) else { return };
        if self.hold.is_none() {
            let limit = match (excess, &self.kind) {
                (Excess::Bytes, _) => "bytes",
                (Excess::Messages, PeerKind::Terminal(_)) => "lines",
                (Excess::Messages, _) => "messages",
            };
            self.client.hub().counters().throttled.count(limit);
            if self.intake.is_held_first() {
                tracing::info!(peer = self.client.peer().label(), limit, "throttle");
            }
        }
        self.hold = Some(until);
    }

    /// Ends the hold if it is over.
    pub(super) fn end_hold(&mut self) {
        if self.hold.is_some_and(|until| self.now >= until) {
            self.excuse_silence();
            self.hold = None;
        }
        if self.is_congested && !self.client.is_congested() {
            self.excuse_silence();
            self.is_congested = false;
        }
    }

    /// Nothing was read until now, so the peer was not silent.
    pub(super) fn excuse_silence(&mut self) {
        if let PeerKind::Framed(framed) = &mut self.kind {
            framed.excuse_silence(self.client.hub().config().answer, self.now);
        }
    }
}
