//! Why a hub could not be joined: the stage that failed, the fault's name, and a suggested fix.

mod join;
mod refusal;
mod send;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::cause::{Beside, io_name, tried};
#[cfg(feature = "proxy")]
use crate::proxy::{Proxy, ProxyError};
use crate::step::ConnectStep;
use crate::target::Target;
use crate::tls::TlsError;
pub use join::JoinError;
pub use send::SendError;

/// How far a client got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// Looking up the host name.
    Resolve,
    /// Connecting by TCP, or to a Unix socket.
    Tcp,
    /// Asking a proxy to connect.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The exchange of HELLOs.
    Hello,
    /// The open session.
    Session,
}

/// Why no hub was joined, or why the session with it ended.
///
/// `Display` is one line: target, stage, name and detail; of several hosts, of each.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use bookend_client::{Dialler, Hello, Joined};
///
/// let mut dialler = Dialler::new("localhost:1".parse()?);
/// if let Err(error) = Joined::dial(&mut dialler, Hello::new()).await {
///     assert_eq!(error.name(), "connection-refused");
///     eprintln!("{error}\n{}", error.fix());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The operating system provides no thread, or no sockets.
    System {
        /// The target of the attempt.
        target: Target,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// The host has no address.
    Resolve {
        /// The target of the attempt.
        target: Target,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// The whole attempt took longer than [`Options::with_timeout`](crate::Options::with_timeout) allows.
    TimedOut {
        /// The target of the attempt.
        target: Target,
        /// The step that was under way.
        step: Box<ConnectStep>,
        /// How long the attempt may take.
        timeout: Duration,
    },
    /// None of the host's addresses accepted a connection.
    Tcp {
        /// The target of the attempt.
        target: Target,
        /// Each address that was tried, and why it failed; at least one.
        tried: Vec<(SocketAddr, Arc<io::Error>)>,
    },
    /// The Unix socket cannot be opened.
    Unix {
        /// The target of the attempt.
        target: Target,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// The proxy did not connect to the hub.
    #[cfg(feature = "proxy")]
    Proxy {
        /// The target of the attempt.
        target: Target,
        /// The proxy.
        proxy: Box<Proxy>,
        /// Why not.
        error: ProxyError,
    },
    /// The TLS handshake failed, or one side does not trust the other.
    Tls {
        /// The target of the attempt.
        target: Target,
        /// The address that accepted the connection, if one did.
        peer: Option<SocketAddr>,
        /// Why not.
        error: TlsError,
    },
    /// None of several hosts was joined.
    All {
        /// Why not, in the order in which they were tried; at least two.
        errors: Vec<ConnectError>,
    },
    /// The stream is connected, but the peer is not a hub, did not admit this client, or ended the session.
    Join {
        /// The target of the attempt.
        target: Target,
        /// The address that accepted the connection, if it has one.
        peer: Option<SocketAddr>,
        /// Why not.
        error: JoinError,
    },
}

impl ConnectError {
    /// Of one host, its error; of several, all.
    pub(crate) fn of_all(mut errors: Vec<ConnectError>) -> ConnectError {
        match errors.len() {
            1 => errors.remove(0),
            _ => ConnectError::All { errors },
        }
    }

    /// Of several hosts, the error of the one with which the client got furthest: the last of those.
    fn furthest(&self) -> &ConnectError {
        match self {
            ConnectError::All { errors } => {
                errors.iter().max_by_key(|error| error.stage()).map_or(self, ConnectError::furthest)
            }
            _ => self,
        }
    }

    /// The stage that failed; of several hosts, the furthest.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self.furthest() {
            ConnectError::All { .. } => Stage::Resolve, // there is none without errors
            ConnectError::System { .. } | ConnectError::Resolve { .. } => Stage::Resolve,
            ConnectError::Tcp { .. } | ConnectError::Unix { .. } => Stage::Tcp,
            #[cfg(feature = "proxy")]
            ConnectError::Proxy { .. } => Stage::Proxy,
            ConnectError::Tls { .. } => Stage::Tls,
            ConnectError::Join { error, .. } => error.stage(),
            ConnectError::TimedOut { step, .. } => match **step {
                ConnectStep::Resolving(_) => Stage::Resolve,
                ConnectStep::Connecting(_) | ConnectStep::Opening(_) => Stage::Tcp,
                #[cfg(feature = "proxy")]
                ConnectStep::Proxy(_) => Stage::Proxy,
                ConnectStep::Tls(_) => Stage::Tls,
                ConnectStep::Hello => Stage::Hello,
                ConnectStep::Joined => Stage::Session,
            },
        }
    }

    /// The fault's name: SPEC 6's if it has one. Of several hosts, that of the one with which the client got furthest.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.furthest() {
            ConnectError::All { .. } => "io",
            ConnectError::Resolve { .. } => "unknown-host",
            ConnectError::Tcp { tried, .. } => tried.last().map_or("io", |(_, error)| io_name(error)),
            ConnectError::System { error, .. } | ConnectError::Unix { error, .. } => io_name(error),
            #[cfg(feature = "proxy")]
            ConnectError::Proxy { error, .. } => error.name(),
            ConnectError::Tls { error, .. } => error.name(),
            ConnectError::Join { error, .. } => error.name(),
            ConnectError::TimedOut { .. } => "timed-out",
        }
    }

    /// What may fix it.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match (self.furthest(), self.name()) {
            (ConnectError::All { .. }, _) => "is the network up?",
            (ConnectError::TimedOut { .. }, _) => match self.stage() {
                Stage::Resolve => "is the name right, and does the resolver answer?",
                Stage::Tcp => "is the network up, and does every firewall let the port through?",
                Stage::Proxy => "can the proxy reach the hub? NO_PROXY lists hosts that need no proxy",
                Stage::Tls => "is this a TLS port? without tls:// the connection is plain TCP",
                Stage::Hello | Stage::Session => NOT_BOOKEND,
            },
            (ConnectError::Resolve { .. }, _) => {
                "is the name right? HOST:PORT comes first; a hub on this machine is 127.0.0.1:3990"
            }
            (ConnectError::Tcp { .. }, "connection-refused") => {
                "is the hub running? bookend-server starts one; --wait TIME waits for it"
            }
            (ConnectError::Tcp { .. }, _) => "is the network up, and does every firewall let the port through?",
            (ConnectError::System { .. }, _) => "has this machine reached its limit of threads or open files?",
            (ConnectError::Unix { .. }, _) => {
                "is the hub running with that socket, and do you have permission to open it?"
            }
            #[cfg(feature = "proxy")]
            (ConnectError::Proxy { proxy, error, .. }, _) => proxy.fix(error),
            (ConnectError::Tls { .. }, "unsupported") => "build it with the feature `tls` of bookend-client",
            (ConnectError::Tls { .. }, "not-tls") => "is this a TLS port? without tls:// the connection is plain TCP",
            (ConnectError::Tls { error, .. }, "certificate-unknown-issuer") if error.misses_issuer() => {
                "append the intermediate certificate to the file tls.certificate of the hub, or name a private authority with --ca"
            }
            (ConnectError::Tls { .. }, "certificate-unknown-issuer") => {
                "which authority issued the hub's certificate? name a private authority with --ca"
            }
            (ConnectError::Tls { .. }, "certificate-wrong-name") => "the hub's certificate is for another host name",
            (ConnectError::Tls { .. }, "certificate-expired") => {
                "the hub needs a new certificate; or is this machine's clock wrong?"
            }
            (ConnectError::Tls { .. }, "certificate-invalid") => {
                "is it a server certificate, not that of a certificate authority (CA:TRUE)?"
            }
            (ConnectError::Tls { .. }, _) => "the hub's log may say more",
            (ConnectError::Join { target: Target::Tcp(_), error, .. }, _) if error.is_tls() => {
                "this is a TLS port: write tls://HOST:PORT"
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
            ConnectError::System { target, error }
            | ConnectError::Resolve { target, error }
            | ConnectError::Unix { target, error } => {
                write!(f, "{target}: {stage}: {name}: {error}")
            }
            ConnectError::Tcp { target, tried: all } => {
                write!(f, "{target}: {stage}: {name}: ")?;
                tried(f, all, Some(target))
            }
            #[cfg(feature = "proxy")]
            ConnectError::Proxy { target, proxy, error } => write!(f, "{target}: {stage}: {name}: {proxy}: {error}"),
            ConnectError::TimedOut { target, step, timeout } => {
                write!(f, "{target}: {stage}: {name}: ")?;
                match **step {
                    ConnectStep::Hello | ConnectStep::Joined => {
                        write!(f, "no HELLO and WELCOME arrived within {timeout:?}")
                    }
                    _ => write!(f, "{step} took longer than {timeout:?}"),
                }
            }
            ConnectError::Tls { target, peer, error } => {
                write!(f, "{target}: {}{stage}: {error}", Beside(*peer, target))
            }
            ConnectError::Join { target, peer, error } => write!(f, "{target}: {}{error}", Beside(*peer, target)),
            ConnectError::All { errors } => {
                for (index, error) in errors.iter().enumerate() {
                    write!(f, "{}{error}", if index == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConnectError::System { error, .. }
            | ConnectError::Resolve { error, .. }
            | ConnectError::Unix { error, .. } => Some(&**error),
            #[cfg(feature = "proxy")]
            ConnectError::Proxy { error, .. } => Some(error),
            ConnectError::Tls { error, .. } => Some(error),
            ConnectError::Tcp { tried, .. } => tried.last().map(|(_, error)| &**error as _),
            ConnectError::Join { error, .. } => Some(error),
            ConnectError::All { .. } => self.furthest().source(),
            ConnectError::TimedOut { .. } => None,
        }
    }
}

const NOT_BOOKEND: &str = "the peer does not seem to speak Bookend: bookend doctor HOST:PORT may identify it";
