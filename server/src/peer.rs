//! A peer: the other end of a connection, as the logs, the admission limits and the metrics see it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::counters::Transport;

/// The other end of a connection: a label for the logs, and the address that the admission limits count, if it has one.
#[derive(Clone, Debug)]
pub struct Peer {
    label: Arc<str>,
    address: Option<IpAddr>,
    is_certified: bool,
    transport: Transport,
}

impl Peer {
    /// Has it presented a client certificate that the hub trusts?
    #[must_use]
    pub fn is_certified(&self) -> bool {
        self.is_certified
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The same peer after it has presented a certificate for `subject`.
    #[cfg(feature = "tls")]
    pub(crate) fn certified(self, subject: &str) -> Peer {
        let label = format!("{}({subject})", self.label);
        Peer { label: label.into(), is_certified: true, ..self }
    }

    /// A peer that connected through a Unix socket.
    #[cfg(unix)]
    pub(crate) fn unix(label: &str) -> Peer {
        Peer { transport: Transport::Unix, ..Peer::from(label) }
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }
}

impl From<&str> for Peer {
    fn from(label: &str) -> Peer {
        Peer { label: label.into(), address: None, is_certified: false, transport: Transport::Other }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        let label = address.to_string().into();
        Peer { label, address: Some(address.ip()), is_certified: false, transport: Transport::Tcp }
    }
}
