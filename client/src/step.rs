//! The steps on the way to a session.

use std::fmt;
use std::net::SocketAddr;

#[cfg(feature = "proxy")]
use crate::proxy::Proxy;

/// A step on the way to a session, reported when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectStep {
    /// Looking up a host name: the hub's or the proxy's.
    Resolving(String),
    /// Connecting by TCP to this address; others may be tried at the same time.
    Connecting(SocketAddr),
    /// Connecting to a Unix socket.
    Opening(String),
    /// TCP is connected, and the proxy is asked to connect to the hub.
    #[cfg(feature = "proxy")]
    Proxy(Proxy),
    /// The TLS handshake; the certificate must be for this name.
    Tls(String),
    /// The stream is connected, and the HELLOs are exchanged.
    Hello,
    /// The session is open.
    Joined,
}

impl fmt::Display for ConnectStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectStep::Resolving(host) => write!(f, "resolving {host}"),
            ConnectStep::Connecting(address) => write!(f, "connecting to {address}"),
            ConnectStep::Opening(path) => write!(f, "connecting to {path}"),
            #[cfg(feature = "proxy")]
            ConnectStep::Proxy(proxy) => write!(f, "asking {proxy} to connect"),
            ConnectStep::Tls(name) => write!(f, "TLS with {name}"),
            ConnectStep::Hello => f.write_str("HELLO"),
            ConnectStep::Joined => f.write_str("joined"),
        }
    }
}
