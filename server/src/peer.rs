//! A peer: the other end of a connection, as the logs, the admission limits and the metrics see it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::counters::Transport;
use crate::source::Source;

/// The other end of a connection: a label for the logs, and what the admission limits count.
#[derive(Clone, Debug)]
pub struct Peer {
    label: Arc<Label>,
    origin: Origin,
    transport: Transport,
}

/// One value, because every connection has it.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Address(IpAddr),
    /// The user of a Unix socket.
    #[cfg_attr(not(unix), allow(dead_code, reason = "there are no Unix sockets"))]
    User(u32),
    Unknown,
}

#[derive(Debug)]
struct Label {
    text: Box<str>,
    /// The fingerprint of its certificate; empty if the certificate cannot be read.
    certificate: Option<Box<str>>,
}

impl Peer {
    /// Has it presented a client certificate that the hub trusts?
    #[must_use]
    pub fn is_certified(&self) -> bool {
        self.label.certificate.is_some()
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label.text
    }

    /// The fingerprint of its certificate, if it has presented one.
    pub(crate) fn certificate(&self) -> Option<&str> {
        self.label.certificate.as_deref().filter(|fingerprint| !fingerprint.is_empty())
    }

    /// The same peer after it has presented a certificate for `subject`.
    #[cfg(feature = "tls")]
    pub(crate) fn certified(self, subject: &str, fingerprint: &str) -> Peer {
        let text = format!("{}({subject})", self.label.text).into();
        Peer { label: Arc::new(Label { text, certificate: Some(fingerprint.into()) }), ..self }
    }

    fn new(label: &str, origin: Origin, transport: Transport) -> Peer {
        Peer { label: Arc::new(Label { text: label.into(), certificate: None }), origin, transport }
    }

    /// A peer that connected through a Unix socket, and its user if the system reports it.
    #[cfg(unix)]
    pub(crate) fn unix(label: &str, user: Option<u32>) -> Peer {
        Peer { transport: Transport::Unix, origin: user.map_or(Origin::Unknown, Origin::User), ..Peer::from(label) }
    }

    /// A peer whose connection a proxy has passed on.
    pub(crate) fn proxied(address: SocketAddr, proxy: SocketAddr) -> Peer {
        Peer::new(&format!("{address}(via {proxy})"), Origin::Address(address.ip()), Transport::Tcp)
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.origin {
            Origin::Address(address) => Some(address),
            Origin::User(_) | Origin::Unknown => None,
        }
    }

    /// What the admission limits count.
    pub(crate) fn source(&self) -> Source {
        match self.origin {
            Origin::Address(address) => Source::of(address),
            Origin::User(user) => Source::User(user),
            Origin::Unknown => Source::Unknown,
        }
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }
}

impl From<&str> for Peer {
    fn from(label: &str) -> Peer {
        Peer::new(label, Origin::Unknown, Transport::Other)
    }
}

impl From<SocketAddr> for Peer {
    /// An IPv4 address that a listener of both families reports as an IPv6 one is shown as itself.
    fn from(mut address: SocketAddr) -> Peer {
        if address.ip().to_canonical().is_ipv4() {
            address.set_ip(address.ip().to_canonical());
        }
        Peer::new(&address.to_string(), Origin::Address(address.ip()), Transport::Tcp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_has_one_form() {
        for (address, label) in [
            ("[::ffff:192.0.2.7]:50412", "192.0.2.7:50412"),
            ("192.0.2.7:50412", "192.0.2.7:50412"),
            ("[fe80::1%3]:50412", "[fe80::1%3]:50412"),
        ] {
            assert_eq!(Peer::from(address.parse::<SocketAddr>().unwrap()).label(), label);
        }
    }
}
