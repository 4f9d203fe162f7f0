//! What is to be done.

use std::time::Duration;

/// What is in flight unless it is said otherwise, in bytes of payload: enough to keep a server busy, and less than any
/// keeps for a member.
const IN_FLIGHT: u64 = 256 << 10;

/// One run.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Connections that receive.
    pub(crate) members: usize,
    /// How many of them, the last ones, read nothing once they have joined.
    pub(crate) stalled: usize,
    /// Who publishes: so many.
    pub(crate) publishers: usize,
    /// Bytes of each payload.
    pub(crate) size: usize,
    /// How many messages go before those that are measured, of all publishers together.
    pub(crate) warm_up: u64,
    /// When to stop publishing.
    pub(crate) until: Until,
    /// Messages in a second, by all publishers together; as many as can be if `None`.
    pub(crate) rate: Option<f64>,
    /// Messages that not every member has yet, at most; so many as are good for the size if `None`.
    pub(crate) in_flight: Option<u64>,
    /// The room, or channel, or subject.
    pub(crate) room: String,
    /// What every member shows to a hub that wants a token.
    pub(crate) token: Option<Vec<u8>>,
    /// The server's process, if it runs on this machine.
    pub(crate) pid: Option<u32>,
    /// How long nothing may come before what is missing is given up.
    pub(crate) patience: Duration,
}

/// When to stop publishing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After so many messages of all publishers together.
    Messages(u64),
    /// After so long.
    Elapsed(Duration),
}

impl Plan {
    /// The members that read.
    pub(super) fn readers(&self) -> usize {
        self.members.saturating_sub(self.stalled)
    }

    /// How many messages may be in flight.
    pub(super) fn window(&self) -> u64 {
        self.in_flight.unwrap_or((IN_FLIGHT / self.size as u64).max(1))
    }

    /// Is nothing published?
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.until, Until::Messages(0))
    }
}
