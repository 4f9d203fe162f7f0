//! The configuration of a hub.

use std::time::Duration;

use bookend::{Encoding, Hello, Limits};
use ipnet::IpNet;

use crate::access::Access;

/// The longest body, in bytes, that still fits into a frame when all of it is escaped.
const MAX_BODY: u32 = bookend::MAX_LENGTH / 8;
/// How long after a fault to wait for bytes that show the mistake, so that its name does not depend on how TCP cut them.
const EVIDENCE_TIMEOUT: Duration = Duration::from_millis(250);

/// The limits and timeouts of a hub. Defaults are those of SPEC.md, or of this project where SPEC.md has none. Sizes
/// are in bytes. [`Hub::reconfigure`](crate::Hub::reconfigure) replaces them.
///
/// ```
/// use bookend_server::Config;
///
/// let config = Config { max_body: 64 << 10, waiting: 1000, ..Config::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The limits of each framed session.
    pub limits: Limits,
    /// The longest body that is accepted, in bytes, from 1,024 to 256 MiB: text may grow when it is converted. Other
    /// values are clamped.
    pub max_body: u32,
    /// How many requests of a client may be unanswered, as the hub's HELLO says (R3.16). The hub refuses each at once.
    pub requests: u32,
    /// The hub's keepalive, in seconds; 0 promises nothing.
    pub keepalive: u16,
    /// How many bytes of messages a room keeps, including their renderings.
    pub log_bytes: usize,
    /// How many bytes all rooms keep together. If they keep more, the oldest messages of some are removed: of the address
    /// whose rooms keep most, those of the room that was used least recently.
    pub log_memory: usize,
    /// The most rooms besides the lobby. Rooms that everybody has left give way.
    pub rooms: usize,
    /// How long a room that has had a message is kept after everybody has left it.
    pub linger: Duration,
    /// How long a peer may accept no bytes before it is closed as a slow consumer; up to three times as long if it has
    /// accepted some since bytes began to wait.
    pub stall: Duration,
    /// The least number of bytes per second that a peer must accept on average while some wait; if it falls short for
    /// as long as `stall`, it is closed as a slow consumer. 0 counts as 1.
    pub read_rate: u32,
    /// How many frames per second a framed peer may send on average. The hub reads no faster than that. 0 is no limit.
    pub messages_per_second: u32,
    /// How many lines per second a line terminal may send on average. 0 is no limit.
    pub lines_per_second: u32,
    /// How many bytes per second a peer may send on average. 0 is no limit.
    pub bytes_per_second: usize,
    /// A peer that has sent less may send at once what these rates allow it in this time; a new one, messages or lines
    /// of one second.
    pub burst: Duration,
    /// A connection that sends nothing for this time is taken for a line terminal.
    pub terminal_silence: Duration,
    /// The most connections in all. No address and no local user has more than half of them, and an address of this machine
    /// three quarters.
    pub connections: usize,
    /// The most connections from one IPv4 address or one /64 network of IPv6. Connections from this machine are limited only
    /// by `connections`.
    pub connections_per_address: usize,
    /// The most connections that use one token.
    pub connections_per_token: usize,
    /// The most connections that have not sent HELLO or a first line, for TCP and Unix sockets separately. A newcomer
    /// beyond that takes the place of another one.
    pub waiting: usize,
    /// The same for one IPv4 address, one /64 network of IPv6, or one user of a Unix socket.
    pub waiting_per_address: usize,
    /// The networks of proxies. A [`Listener`](crate::Listener) expects a header of the PROXY protocol from them.
    pub proxies: Vec<IpNet>,
    /// The tokens, and the rights of peers without a token.
    pub access: Access,
    /// The most connections from one IPv4 address or one /64 network of IPv6 in ten seconds. Connections from this machine
    /// are not counted.
    pub arrivals_per_address: usize,
    /// How long the answer to a wrong token is delayed. Each further one from the same address in `token_window` is delayed
    /// twice as long.
    pub token_delay: Duration,
    /// The longest delay of such an answer, unless `token_delay` is longer.
    pub token_max_delay: Duration,
    /// How long a line terminal that needs a token has to send it.
    pub token_timeout: Duration,
    /// The most wrong tokens from one address that wait for their answers; a further one is answered at once. A right one is
    /// always accepted.
    pub wrong_tokens: usize,
    /// The window in which the wrong tokens of an address are counted for `token_delay`; it starts with the first one.
    pub token_window: Duration,
    /// A room with more members is a crowd, in which joins and leaves are not announced (R9.25), until half as many are
    /// left.
    pub crowd: usize,
    /// The most messages in one answer to a member that asks for what the room has kept (R9.44). At least 1.
    pub history_page: usize,
    /// How many messages a line terminal that joins is shown of what was said before.
    pub recent: usize,
    /// The number of the first message of a room. `None` takes it from the clock, so that a restarted hub does not reuse
    /// numbers (R9.32).
    pub first_seq: Option<u64>,
    /// How long a member may take to answer a PING when its name is asked for (R9.40), or after a private message (R9.41).
    /// With 0, neither is done.
    pub answer: Duration,
    /// The most private messages that may wait for one member.
    pub private_frames: usize,
    /// The most changes of name or room by one line terminal in ten seconds. Everyone is notified of each.
    pub changes: usize,
    /// The system probes a TCP connection after this time without a byte, and ends it after the same time without an
    /// answer, or after twice the time without an acknowledgement. 0 disables this.
    pub probe: Duration,
    /// The time over which connections are closed when the hub shuts down, so that not all reconnect at once.
    pub shut_down_spread: Duration,
    /// Connections that are still open this long after the shut-down started are given up.
    pub shut_down_deadline: Duration,
}

impl Config {
    /// The HELLO of a hub with this configuration.
    pub(crate) fn hello(&self) -> Hello {
        let hello = Hello::new()
            .with_preferred(Encoding::Binary)
            .with_max_body(self.max_body.min(MAX_BODY))
            .with_keepalive(self.keepalive)
            .with_hub(true)
            .with_software(concat!("bookend-server ", env!("CARGO_PKG_VERSION")))
            .expect("a version is a line");
        if self.requests == Hello::DEFAULT_REQUESTS { hello } else { hello.with_requests(self.requests) }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            limits: Limits::default().with_evidence_timeout(EVIDENCE_TIMEOUT),
            max_body: 1 << 20,
            requests: Hello::DEFAULT_REQUESTS,
            keepalive: 30,
            log_bytes: 8 << 20,
            log_memory: 256 << 20,
            rooms: 10_000,
            linger: Duration::from_secs(600),
            stall: Duration::from_secs(10),
            read_rate: 256,
            messages_per_second: 10_000,
            lines_per_second: 50,
            bytes_per_second: 8 << 20,
            burst: Duration::from_secs(10),
            terminal_silence: Duration::from_secs(2),
            connections: 1 << 16,
            connections_per_address: 128,
            connections_per_token: 128,
            waiting: 256,
            waiting_per_address: 10,
            proxies: Vec::new(),
            arrivals_per_address: 300,
            access: Access::open(),
            token_delay: Duration::from_secs(1),
            token_max_delay: Duration::from_secs(16),
            token_timeout: Duration::from_secs(30),
            wrong_tokens: 10,
            token_window: Duration::from_secs(60),
            crowd: 256,
            history_page: 200,
            recent: 0,
            first_seq: None,
            answer: Duration::from_secs(3),
            private_frames: 256,
            changes: 10,
            probe: Duration::from_secs(30),
            shut_down_spread: Duration::from_secs(2),
            shut_down_deadline: Duration::from_secs(10),
        }
    }
}
