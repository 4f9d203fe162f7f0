//! The work of a run.

use std::fmt;
use std::io;
use std::time::Duration;

use mio::net::TcpStream;

use crate::payload::MIN_SIZE;
use crate::stream::Stream;

/// The default limit of payload in flight, in bytes: it keeps a server busy, and is less than any server buffers for a
/// member.
const IN_FLIGHT: u64 = 256 << 10;

/// One run.
#[derive(Clone)]
pub struct Plan {
    /// Connections that receive, at least 1.
    pub members: usize,
    /// How many of them, the last ones, read nothing after they have joined.
    pub stalled: usize,
    /// How many of them publish: 1 to 65535, and at most `members` minus `stalled`.
    pub publishers: usize,
    /// Bytes of each payload, at least [`MIN_SIZE`].
    pub size: usize,
    /// Messages of all publishers together that are sent first, verified, but not measured.
    pub warm_up: u64,
    /// When to stop publishing.
    pub until: Until,
    /// Messages per second of all publishers together; `None` publishes as fast as possible.
    pub rate: Option<f64>,
    /// The limit of the messages that some member has not received yet; `None` is 256 KiB of payload.
    pub in_flight: Option<u64>,
    /// The room, channel or subject: a plain line of 1 to 64 bytes (R4.11), such as `bench`.
    pub room: String,
    /// The token of every member, 1 to 255 bytes.
    pub token: Option<Vec<u8>>,
    /// The process ID of the server, if it runs on this machine; its CPU time and memory are then reported.
    pub pid: Option<u32>,
    /// The run gives up missing deliveries when nothing arrives for this long. Also the timeout of connecting.
    pub timeout: Duration,
    /// Every connection is over TLS.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::stream::Tls>,
}

/// When to stop publishing.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// After this number of messages of all publishers together; 0 only connects.
    Messages(u64),
    /// After this time.
    Elapsed(Duration),
}

impl Plan {
    /// 10 members in `room`, one of which publishes 100,000 messages of 64 bytes as fast as possible.
    pub fn new(room: impl Into<String>) -> Plan {
        Plan {
            members: 10,
            stalled: 0,
            publishers: 1,
            size: MIN_SIZE.max(64),
            warm_up: 0,
            until: Until::Messages(100_000),
            rate: None,
            in_flight: None,
            room: room.into(),
            token: None,
            pid: None,
            timeout: Duration::from_secs(10),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// A connection as the members speak over it.
    pub(super) fn stream(&self, socket: TcpStream) -> io::Result<Stream> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Stream::secured(tls, socket);
        }
        Ok(Stream::Plain(socket))
    }

    /// The number of members that read.
    pub(super) fn readers(&self) -> usize {
        self.members.saturating_sub(self.stalled)
    }

    /// How many messages may be in flight.
    pub(super) fn window(&self) -> u64 {
        self.in_flight.unwrap_or((IN_FLIGHT / self.size as u64).max(1))
    }

    /// True if nothing is published.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.until, Until::Messages(0))
    }
}

impl fmt::Debug for Plan {
    /// Everything but the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { members, stalled, publishers, size, until, room, .. } = self;
        let mut shown = f.debug_struct("Plan");
        shown.field("members", members).field("stalled", stalled).field("publishers", publishers);
        shown.field("size", size).field("until", until).field("room", room).finish_non_exhaustive()
    }
}
