//! What is told of one connection to whoever looks after the hub.

use serde::Serialize;

use crate::counters::By;

/// What a connection has counted of itself. Every idle connection has one: it is kept small.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    /// Messages that it has said.
    pub(crate) messages: u64,
    /// Messages that were written to it.
    pub(crate) deliveries: u64,
    /// When something came last, in seconds since the connection was accepted.
    pub(crate) heard: u32,
    /// The last round trip, in microseconds; 0 is that none has been measured.
    pub(crate) round_trip: u32,
}

/// One connection as it is now.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) connection: u64,
    pub(crate) peer: Box<str>,
    pub(crate) door: &'static str,
    pub(crate) state: &'static str,
    /// `hub` for peers with the hub profile, `plain` for those without, `terminal`.
    pub(crate) kind: Option<&'static str>,
    pub(crate) room: Option<Box<str>>,
    pub(crate) member: Option<u32>,
    pub(crate) name: Option<Box<str>>,
    /// The encoding that text is sent in; `as-sent` if it is not converted.
    pub(crate) encoding: Option<&'static str>,
    pub(crate) software: Option<Box<str>>,
    /// Milliseconds.
    pub(crate) rtt: Option<f64>,
    /// Messages to everyone that have not been written to it.
    pub(crate) behind: u64,
    /// Bytes for it alone that have not been written.
    pub(crate) unwritten: usize,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) messages: u64,
    pub(crate) deliveries: u64,
    /// Messages to everyone that it was told it missed, in this room.
    pub(crate) missed: u64,
    /// In milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) since: u64,
    /// Seconds since something came from it.
    pub(crate) idle: u64,
}

/// A connection that is over, or is closing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Closed {
    #[serde(flatten)]
    pub(crate) report: Report,
    pub(crate) by: &'static str,
    pub(crate) reason: &'static str,
    /// In milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) at: u64,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) by: By,
    /// A name of SPEC 6, or `io`.
    pub(crate) reason: &'static str,
    /// The log has it as a fault.
    pub(crate) is_fault: bool,
}

impl Ending {
    /// The stream broke.
    pub(crate) const IO: Ending = Ending { by: By::Peer, reason: "io", is_fault: true };
    /// The stream ended, without more ado.
    pub(crate) const NO_CLOSE: Ending = Ending { by: By::Peer, reason: "no-close", is_fault: false };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_idle_connection_keeps_is_small() {
        assert!(size_of::<Tally>() <= 40, "{}", size_of::<Tally>());
    }
}
