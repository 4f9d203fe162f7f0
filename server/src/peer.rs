//! A peer: the other end of a connection, as the logs, the admission limits and the metrics see it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::counters::Transport;
use crate::source::Source;

/// The other end of a connection: a label for the logs, and what the admission limits count.
#[derive(Clone, Debug)]
pub struct Peer {
    label: Arc<str>,
    origin: Origin,
    is_certified: bool,
    transport: Transport,
}

/// One value, because every connection has it.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Address(IpAddr),
    /// The user of a Unix socket.
    User(u32),
    Unknown,
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

    /// A peer that connected through a Unix socket, and its user if the system reports it.
    #[cfg(unix)]
    pub(crate) fn unix(label: &str, user: Option<u32>) -> Peer {
        Peer { transport: Transport::Unix, origin: user.map_or(Origin::Unknown, Origin::User), ..Peer::from(label) }
    }

    /// A peer whose connection a proxy has passed on.
    pub(crate) fn proxied(address: SocketAddr, proxy: SocketAddr) -> Peer {
        Peer { label: format!("{address}(via {proxy})").into(), ..Peer::from(address) }
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.origin {
            Origin::Address(address) => Some(address),
            Origin::User(_) | Origin::Unknown => None,
        }
    }

    /// What the admission limits count.
    pub(crate) fn source(&self) -> Source {
        match (self.address(), self.origin) {
            (Some(address), _) => Source::of(address),
            (None, Origin::User(user)) => Source::User(user),
            (None, _) => Source::Unknown,
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }
}

impl From<&str> for Peer {
    fn from(label: &str) -> Peer {
        Peer { label: label.into(), origin: Origin::Unknown, is_certified: false, transport: Transport::Other }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        let label = address.to_string().into();
        let origin = Origin::Address(address.ip());
        Peer { label, origin, is_certified: false, transport: Transport::Tcp }
    }
}
