//! Reports about one connection, for operators.

use crate::counters::Side;

/// What a connection counts. Every idle connection has one, so it is small.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionCounts {
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    /// Messages that it sent.
    pub(crate) messages: u64,
    /// Messages that were written to it.
    pub(crate) deliveries: u64,
    /// When the last byte was read, in seconds since the connection was accepted.
    pub(crate) last_read: u32,
    /// The last round trip, in microseconds; 0 if none has been measured.
    pub(crate) round_trip: u32,
}

/// One connection as it is now.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
pub struct ConnectionReport {
    /// Its number, which no other connection of this hub has had.
    pub connection: u64,
    /// The label of the peer: its address, or what it connected through.
    pub peer: Box<str>,
    /// `tcp`, `unix` or `other`.
    pub door: &'static str,
    /// `waiting`, `member` or `closing`.
    pub state: &'static str,
    /// `hub` for a peer with the hub profile, `plain` for a peer without it, `terminal`.
    pub kind: Option<&'static str>,
    /// The name of its room.
    pub room: Option<Box<str>>,
    /// The number of the member.
    pub member: Option<u32>,
    /// The name of the member.
    pub name: Option<Box<str>>,
    /// The encoding in which text is sent to it; `as-sent` if text is not converted.
    pub encoding: Option<&'static str>,
    /// The software that it named in HELLO.
    pub software: Option<Box<str>>,
    /// The last round trip, in milliseconds.
    pub rtt: Option<f64>,
    /// Messages to everyone that have not been written to it.
    pub behind: u64,
    /// Bytes for it alone that have not been written.
    pub unwritten: usize,
    /// Bytes that were read from it.
    pub bytes_received: u64,
    /// Bytes that were written to it.
    pub bytes_sent: u64,
    /// Messages that it sent.
    pub messages: u64,
    /// Messages that were written to it.
    pub deliveries: u64,
    /// Messages to everyone in this room that GAP reported to it as missed.
    pub missed: u64,
    /// When it was accepted, in milliseconds since 1970-01-01T00:00:00Z.
    pub since: u64,
    /// Seconds since the last byte was read from it.
    pub idle: u64,
}

/// A connection that has ended, or is closing.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "admin", derive(serde::Serialize))]
pub struct ClosedReport {
    /// The connection as it was at its end.
    #[cfg_attr(feature = "admin", serde(flatten))]
    pub report: ConnectionReport,
    /// Which side ended it: `hub` or `peer`.
    pub by: &'static str,
    /// Why: a name of SPEC 6, or `io`.
    pub reason: &'static str,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CloseReason {
    pub(crate) by: Side,
    /// A name of SPEC 6, or `io`.
    pub(crate) name: &'static str,
    /// Is it logged as a fault?
    pub(crate) is_fault: bool,
}

impl CloseReason {
    /// The stream failed.
    pub(crate) const IO: CloseReason = CloseReason { by: Side::Peer, name: "io", is_fault: true };
    /// The stream ended without CLOSE.
    pub(crate) const NO_CLOSE: CloseReason = CloseReason { by: Side::Peer, name: "no-close", is_fault: false };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_an_idle_connection_are_small() {
        assert!(size_of::<ConnectionCounts>() <= 40, "{}", size_of::<ConnectionCounts>());
    }
}
