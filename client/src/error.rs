//! Why a hub could not be joined: where it failed, what the fault is called, and what may fix it.

mod join;
mod send;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::cause::{Beside, io_name, tried};
use crate::place::Place;
#[cfg(feature = "proxy")]
use crate::proxy::{Proxy, ProxyError};
use crate::step::Step;
use crate::tls::TlsError;
pub use join::JoinError;
pub use send::SendError;

/// How far a client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The host name was looked up, if it came to that.
    Resolve,
    /// TCP connected, or a Unix socket was opened.
    Tcp,
    /// A proxy was asked to connect.
    Proxy,
    /// TLS shook hands.
    Tls,
    /// The HELLOs were exchanged.
    Hello,
    /// The session was open.
    Session,
}

/// Why no hub was joined, or why the session with it ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// This machine gives no thread, or no sockets.
    System {
        /// What was to be connected to.
        place: Place,
        /// Why not.
        error: io::Error,
    },
    /// The host has no address.
    Resolve {
        /// What was looked up.
        place: Place,
        /// Why not.
        error: io::Error,
    },
    /// The attempt took longer than it may in all.
    Late {
        /// What was to be connected to.
        place: Place,
        /// What was going on.
        step: Box<Step>,
        /// How long it may take.
        patience: Duration,
    },
    /// None of the host's addresses answered.
    Tcp {
        /// What was to be connected to.
        place: Place,
        /// Each address that was tried, and why it failed; at least one.
        tried: Vec<(SocketAddr, io::Error)>,
    },
    /// The Unix socket cannot be opened.
    Unix {
        /// Which one.
        place: Place,
        /// Why not.
        error: io::Error,
    },
    /// The proxy did not lead to the hub.
    #[cfg(feature = "proxy")]
    Proxy {
        /// What was to be connected to.
        place: Place,
        /// By which proxy.
        proxy: Box<Proxy>,
        /// Why not.
        error: ProxyError,
    },
    /// TLS was not agreed on, or one side does not trust the other.
    Tls {
        /// What was to be connected to.
        place: Place,
        /// The address that answered, if it came to that.
        peer: Option<SocketAddr>,
        /// Why not.
        error: TlsError,
    },
    /// The bytes flow, and what answered is no hub, did not let this client in, or has ended the session.
    Join {
        /// What was to be connected to.
        place: Place,
        /// The address that answered, where there is one.
        peer: Option<SocketAddr>,
        /// Why not.
        error: JoinError,
    },
}

impl ConnectError {
    /// Where it failed.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            ConnectError::System { .. } | ConnectError::Resolve { .. } => Stage::Resolve,
            ConnectError::Tcp { .. } | ConnectError::Unix { .. } => Stage::Tcp,
            #[cfg(feature = "proxy")]
            ConnectError::Proxy { .. } => Stage::Proxy,
            ConnectError::Tls { .. } => Stage::Tls,
            ConnectError::Join { error, .. } => error.stage(),
            ConnectError::Late { step, .. } => match **step {
                Step::Resolving(_) => Stage::Resolve,
                Step::Connecting(_) | Step::Opening(_) => Stage::Tcp,
                #[cfg(feature = "proxy")]
                Step::Proxy(_) => Stage::Proxy,
                Step::Tls(_) => Stage::Tls,
                Step::Hello => Stage::Hello,
                Step::Joined => Stage::Session,
            },
        }
    }

    /// The fault's name: SPEC 6's where it has one.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ConnectError::Resolve { .. } => "unknown-host",
            ConnectError::Tcp { tried, .. } => tried.last().map_or("io", |(_, error)| io_name(error)),
            ConnectError::System { error, .. } | ConnectError::Unix { error, .. } => io_name(error),
            #[cfg(feature = "proxy")]
            ConnectError::Proxy { error, .. } => error.name(),
            ConnectError::Tls { error, .. } => error.name(),
            ConnectError::Join { error, .. } => error.name(),
            ConnectError::Late { .. } => "timed-out",
        }
    }

    /// What may fix it.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match (self, self.name()) {
            (ConnectError::Late { .. }, _) => match self.stage() {
                Stage::Resolve => "is the name right, and does the resolver answer?",
                Stage::Tcp => "is the network up, and does every firewall let the port through?",
                Stage::Proxy => "does the proxy reach the hub? NO_PROXY lists hosts that need no proxy",
                Stage::Tls => "is it a port for TLS? without tls:// in front it is plain TCP",
                Stage::Hello | Stage::Session => NOT_BOOKEND,
            },
            (ConnectError::Resolve { .. }, _) => {
                "is the name right? HOST:PORT comes first; a hub on this machine is 127.0.0.1:3990"
            }
            (ConnectError::Tcp { .. }, "connection-refused") => {
                "is the hub running? cargo run --release -p bookend-server"
            }
            (ConnectError::Tcp { .. }, _) => "is the network up, and does every firewall let the port through?",
            (ConnectError::System { .. }, _) => "has this machine threads and sockets left, and may you have them?",
            (ConnectError::Unix { .. }, _) => "is the hub running, with that socket, and may you open it?",
            #[cfg(feature = "proxy")]
            (ConnectError::Proxy { .. }, "proxy-credentials") => {
                "the proxy wants a user and a password: socks5://USER:PASSWORD@HOST:PORT"
            }
            #[cfg(feature = "proxy")]
            (ConnectError::Proxy { .. }, "proxy-refused") => {
                "does the proxy reach the hub, and may it? NO_PROXY lists hosts that need no proxy"
            }
            #[cfg(feature = "proxy")]
            (ConnectError::Proxy { .. }, _) => "is the proxy the right one? ALL_PROXY and HTTPS_PROXY name one",
            (ConnectError::Tls { .. }, "unsupported") => "build it with the feature `tls` of bookend-client",
            (ConnectError::Tls { .. }, "not-tls") => "is it a port for TLS? without tls:// in front it is plain TCP",
            (ConnectError::Tls { .. }, "certificate-unknown-issuer") => {
                "who has issued the hub's certificate? an authority of your own has to be named (--ca)"
            }
            (ConnectError::Tls { .. }, "certificate-wrong-name") => "the hub's certificate is for another host name",
            (ConnectError::Tls { .. }, "certificate-expired") => {
                "the hub needs a new certificate; or is this machine's clock wrong?"
            }
            (ConnectError::Tls { .. }, "certificate-invalid") => {
                "is it a certificate for a server, and not the one of an authority (CA:TRUE)?"
            }
            (ConnectError::Tls { .. }, _) => "the hub's log may say more",
            (ConnectError::Join { place: Place::Tcp(_), error, .. }, _) if error.is_tls() => {
                "this is TLS: tls:// in front of HOST:PORT speaks it"
            }
            (ConnectError::Join { error, .. }, _) => error.fix(),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Resolve => "resolve",
            Stage::Tcp => "TCP",
            Stage::Proxy => "proxy",
            Stage::Tls => "TLS",
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
            ConnectError::System { place, error }
            | ConnectError::Resolve { place, error }
            | ConnectError::Unix { place, error } => {
                write!(f, "{place}: {stage}: {name}: {error}")
            }
            ConnectError::Tcp { place, tried: all } => {
                write!(f, "{place}: {stage}: {name}: ")?;
                tried(f, all, Some(place))
            }
            #[cfg(feature = "proxy")]
            ConnectError::Proxy { place, proxy, error } => write!(f, "{place}: {stage}: {name}: {proxy}: {error}"),
            ConnectError::Late { place, step, patience } => {
                write!(f, "{place}: {stage}: {name}: ")?;
                match **step {
                    Step::Hello | Step::Joined => write!(f, "no HELLO and WELCOME came within {patience:?}"),
                    _ => write!(f, "{step} took longer than {patience:?}"),
                }
            }
            ConnectError::Tls { place, peer, error } => write!(f, "{place}: {}{stage}: {error}", Beside(*peer, place)),
            ConnectError::Join { place, peer, error } => write!(f, "{place}: {}{error}", Beside(*peer, place)),
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConnectError::System { error, .. }
            | ConnectError::Resolve { error, .. }
            | ConnectError::Unix { error, .. } => Some(error),
            #[cfg(feature = "proxy")]
            ConnectError::Proxy { error, .. } => Some(error),
            ConnectError::Tls { error, .. } => Some(error),
            ConnectError::Tcp { tried, .. } => tried.last().map(|(_, error)| error as _),
            ConnectError::Join { error, .. } => Some(error),
            ConnectError::Late { .. } => None,
        }
    }
}

const NOT_BOOKEND: &str =
    "what answers there does not speak Bookend, it seems: bookend doctor HOST:PORT may find out what it is";
