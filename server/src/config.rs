//! What a hub can be told to do otherwise.

use std::time::Duration;

use bookend::{Encoding, Hello, Limits};

use crate::access::Access;

/// The longest body, in bytes, that stays below the longest frame however it is escaped.
const MAX_BODY: u32 = bookend::MAX_LENGTH / 8;

/// The numbers of a hub's defences; the defaults are the specification's, or the project's where it has none.
#[derive(Clone, Debug)]
pub struct Config {
    /// The limits of each framed session.
    pub limits: Limits,
    /// The longest body accepted, in bytes; 256 MiB at most, as text grows when it is converted.
    pub max_body: u32,
    /// The hub's keepalive, in seconds.
    pub keepalive: u16,
    /// How much of what was said a room keeps, in bytes, all its renditions included.
    pub log_bytes: usize,
    /// How long a peer may take nothing of what is to be written to it.
    pub stall: Duration,
    /// Connections that have not said HELLO, or a first line, in all.
    pub waiting: usize,
    /// The same from one address.
    pub waiting_per_address: usize,
    /// Who may do what.
    pub access: Access,
    /// Connections from one address, or one network of IPv6, in ten seconds, as everyone is told of each that comes and
    /// goes; those from this machine are not counted.
    pub arrivals_per_address: usize,
    /// How long the answer to a wrong token is kept back.
    pub token_delay: Duration,
    /// How long a line terminal that may not enter without a token may take to give it.
    pub token_timeout: Duration,
    /// Wrong tokens from one address in `token_window`, after which nobody is let in from there until it is over.
    pub wrong_tokens: usize,
    /// The time in which `wrong_tokens` are counted, from the first one on.
    pub token_window: Duration,
    /// A room with more members is a crowd: who comes and goes is not told (R9.25). It is one no more when half as
    /// many are left.
    pub crowd: usize,
    /// The number of the first message of a room; by the clock if `None`, so that a hub that is started again gives none
    /// that it has given before (R9.32).
    pub first_seq: Option<u64>,
    /// Messages for one member alone that wait to be written to it.
    pub private_frames: usize,
    /// Changes of name or room by one line terminal in ten seconds, as everyone is told of each.
    pub changes: usize,
    /// A TCP connection from which nothing comes for so long is probed by the system, and ends after as long again
    /// without an answer; so does one that leaves what was sent to it unacknowledged for twice as long. 0 is never.
    pub probe: Duration,
    /// Over how long the connections are closed when the hub shuts down, so that not all come back at once.
    pub shut_down_spread: Duration,
    /// Who has not gone after so long, since the shut-down began, is given up.
    pub shut_down_deadline: Duration,
}

impl Config {
    /// The HELLO of a hub with this configuration.
    pub(crate) fn hello(&self) -> Hello {
        Hello::new()
            .with_preferred(Encoding::Binary)
            .with_max_body(self.max_body.min(MAX_BODY))
            .with_keepalive(self.keepalive)
            .with_hub(true)
            .with_software(concat!("bookend-server ", env!("CARGO_PKG_VERSION")))
            .expect("it is a plain line")
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            limits: Limits::default(),
            max_body: 1 << 20,
            keepalive: 30,
            log_bytes: 8 << 20,
            stall: Duration::from_secs(10),
            waiting: 256,
            waiting_per_address: 10,
            arrivals_per_address: 300,
            access: Access::open(),
            token_delay: Duration::from_secs(1),
            token_timeout: Duration::from_secs(30),
            wrong_tokens: 10,
            token_window: Duration::from_secs(60),
            crowd: 256,
            first_seq: None,
            private_frames: 256,
            changes: 10,
            probe: Duration::from_secs(30),
            shut_down_spread: Duration::from_secs(2),
            shut_down_deadline: Duration::from_secs(10),
        }
    }
}
