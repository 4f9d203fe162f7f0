//! The steps on the way to a session.

use std::fmt;
use std::net::SocketAddr;

#[cfg(feature = "proxy")]
use crate::proxy::Proxy;

/// A step on the way, told when it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A host name is looked up: the hub's or the proxy's.
    Resolving(String),
    /// TCP connects to this address; others may be tried beside it.
    Connecting(SocketAddr),
    /// A socket of this machine is connected to.
    Opening(String),
    /// TCP is connected, and the proxy is asked to connect to the hub.
    #[cfg(feature = "proxy")]
    Proxy(Proxy),
    /// TLS shakes hands, and this is the name that the certificate is to be for.
    Tls(String),
    /// The bytes flow, and the HELLOs are exchanged.
    Hello,
    /// The session is open.
    Joined,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Resolving(host) => write!(f, "resolving {host}"),
            Step::Connecting(address) => write!(f, "connecting to {address}"),
            Step::Opening(path) => write!(f, "connecting to {path}"),
            #[cfg(feature = "proxy")]
            Step::Proxy(proxy) => write!(f, "asking {proxy} to connect"),
            Step::Tls(name) => write!(f, "TLS with {name}"),
            Step::Hello => f.write_str("HELLO"),
            Step::Joined => f.write_str("joined"),
        }
    }
}
