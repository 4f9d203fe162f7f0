//! Why a hub could not be joined: where it failed, what the fault is called, and what may mend it.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use bookend::ConnectionError;
use bookend::diagnosis::Diagnosis;

use crate::address::Address;

/// How far a client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The host name was looked up.
    Resolve,
    /// TCP connected.
    Tcp,
    /// The HELLOs were exchanged.
    Hello,
    /// The session was open.
    Session,
}

/// Why [`Client::connect`](crate::Client::connect) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host has no address.
    Resolve {
        /// What was looked up.
        address: Address,
        /// Why not.
        error: io::Error,
    },
    /// None of the host's addresses answered.
    Tcp {
        /// What was to be connected to.
        address: Address,
        /// Each address that was tried, and why it failed; at least one.
        tried: Vec<(SocketAddr, io::Error)>,
    },
    /// TCP connected, and what answered is no hub or did not let this client in.
    Join {
        /// What was to be connected to.
        address: Address,
        /// The address that answered.
        peer: SocketAddr,
        /// Why not.
        error: JoinError,
    },
}

/// Why [`Client::join`](crate::Client::join) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// The handshake failed.
    Hello(ConnectionError),
    /// The session was open, and ended before the hub's WELCOME.
    Session(ConnectionError),
    /// The hub closed with code 1000 instead of saying WELCOME.
    Left,
    /// Something else came before the hub's WELCOME, or nothing did (R9.5).
    NoWelcome {
        /// The kind that came first.
        found: Option<u8>,
    },
}

impl ConnectError {
    /// Where it failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            ConnectError::Resolve { .. } => Stage::Resolve,
            ConnectError::Tcp { .. } => Stage::Tcp,
            ConnectError::Join { error, .. } => error.stage(),
        }
    }

    /// The fault's name: SPEC 6's where it has one.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ConnectError::Resolve { .. } => "unknown-host",
            ConnectError::Tcp { tried, .. } => tried.last().map_or("io", |(_, error)| io_name(error)),
            ConnectError::Join { error, .. } => error.name(),
        }
    }

    /// What may mend it.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        match (self, self.name()) {
            (ConnectError::Resolve { .. }, _) => {
                "is the name right? HOST:PORT comes first; a hub on this machine is 127.0.0.1:3990"
            }
            (ConnectError::Tcp { .. }, "connection-refused") => {
                "is the hub running? cargo run --release -p bookend-server"
            }
            (ConnectError::Tcp { .. }, _) => "is the network up, and does every firewall let the port through?",
            (ConnectError::Join { error, .. }, _) => error.mend(),
        }
    }
}

impl JoinError {
    /// What the other side seems to be, or to do wrong; there is a first hypothesis.
    #[must_use]
    pub fn diagnosis(&self) -> Option<&Diagnosis> {
        match self {
            JoinError::Hello(error) | JoinError::Session(error) => match error {
                ConnectionError::Protocol { diagnosis, .. } => {
                    diagnosis.as_deref().filter(|known| known.first().is_some())
                }
                _ => None,
            },
            JoinError::Left | JoinError::NoWelcome { .. } => None,
        }
    }

    /// Where it failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            JoinError::Hello(_) => Stage::Hello,
            JoinError::Session(_) | JoinError::Left | JoinError::NoWelcome { .. } => Stage::Session,
        }
    }

    /// The fault's name: SPEC 6's where it has one.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            JoinError::Hello(error) | JoinError::Session(error) => connection_name(error),
            JoinError::Left => "normal",
            JoinError::NoWelcome { .. } => "no-welcome",
        }
    }

    /// What may mend it.
    #[must_use]
    pub fn mend(&self) -> &'static str {
        if let Some(first) = self.diagnosis().and_then(Diagnosis::first) {
            return first.mend();
        }
        match (self.stage(), self.name()) {
            (_, "try-later") => "the hub is full: try again later",
            (_, "policy") => "the hub refuses this client: is it the name, the room or the token?",
            (_, "version") => "the sides are of different versions: update the older one",
            (_, "bad-canary") => "something in between changes bytes: use a channel that is clean for all 8 bits",
            (Stage::Hello, "bad-start" | "no-close" | "truncated" | "hello-timeout" | "connection-reset") => {
                "what answers there does not speak Bookend, it seems: bookend doctor HOST:PORT may find out what it is"
            }
            (Stage::Hello, _) => "the sides do not agree on the protocol: see SPEC.md, section 4",
            (_, "no-welcome") => "what answers there says that it is a hub and is none: --plain talks to any peer",
            _ => "the hub's log may say more",
        }
    }
}

/// The name of a fault of a connection: SPEC 6's where it has one.
fn connection_name(error: &ConnectionError) -> &'static str {
    match error {
        ConnectionError::Protocol { error, .. } => error.name(),
        ConnectionError::Closed { code, .. } | ConnectionError::Refused { code, .. } => code.name().unwrap_or("closed"),
        ConnectionError::Timeout => "timed-out",
        ConnectionError::Io(error) => io_name(error),
        _ => "failed",
    }
}

fn io_name(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection-refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            "connection-reset"
        }
        io::ErrorKind::TimedOut => "timed-out",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            "unreachable"
        }
        io::ErrorKind::PermissionDenied => "not-permitted",
        _ => "io",
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Resolve => "resolve",
            Stage::Tcp => "TCP",
            Stage::Hello => "HELLO",
            Stage::Session => "session",
        })
    }
}

impl fmt::Display for ConnectError {
    /// One line: address, stage, name and detail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stage, name) = (self.stage(), self.name());
        match self {
            ConnectError::Resolve { address, error } => write!(f, "{address}: {stage}: {name}: {error}"),
            ConnectError::Tcp { address, tried } => {
                write!(f, "{address}: {stage}: {name}")?;
                let mut mark = ": ";
                for (peer, error) in tried {
                    write!(f, "{mark}{}{error}", Beside(peer, address))?;
                    mark = "; ";
                }
                Ok(())
            }
            ConnectError::Join { address, peer, error } => {
                write!(f, "{address}: {}{error}", Beside(peer, address))
            }
        }
    }
}

/// One of the addresses that a host has, unless that is what was asked for.
struct Beside<'a>(&'a SocketAddr, &'a Address);

impl fmt::Display for Beside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Beside(peer, address) = self;
        if peer.to_string() == address.to_string() { Ok(()) } else { write!(f, "{peer}: ") }
    }
}

impl fmt::Display for JoinError {
    /// One line: stage, name and detail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stage, name) = (self.stage(), self.name());
        match self {
            JoinError::Hello(ConnectionError::Protocol { error, .. })
            | JoinError::Session(ConnectionError::Protocol { error, .. }) => match self.diagnosis() {
                Some(diagnosis) => write!(f, "{stage}: {name}: {}", Seen(diagnosis)),
                None => write!(f, "{stage}: {error}"), // which begins with its name
            },
            JoinError::Hello(error) | JoinError::Session(error) => write!(f, "{stage}: {name}: {error}"),
            JoinError::Left => write!(f, "{stage}: {name}: the hub closed the session at once"),
            JoinError::NoWelcome { found: Some(kind) } => {
                write!(f, "{stage}: {name}: a hub sends WELCOME first, but kind {kind:02x} came")
            }
            JoinError::NoWelcome { found: None } => write!(f, "{stage}: {name}: the hub does not say WELCOME"),
        }
    }
}

/// What was seen of a mistake, and its names.
struct Seen<'a>(&'a Diagnosis);

impl fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.0.hypotheses().split_first() else { return Ok(()) };
        f.write_str(first.name())?;
        for other in others.iter().filter(|other| other.confidence() == first.confidence()) {
            write!(f, " or {}", other.name())?;
        }
        write!(f, " ({}): {}", first.confidence(), first.seen())
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConnectError::Resolve { error, .. } => Some(error),
            ConnectError::Tcp { tried, .. } => tried.last().map(|(_, error)| error as _),
            ConnectError::Join { error, .. } => Some(error),
        }
    }
}

impl std::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            JoinError::Hello(error) | JoinError::Session(error) => Some(error),
            JoinError::Left | JoinError::NoWelcome { .. } => None,
        }
    }
}
