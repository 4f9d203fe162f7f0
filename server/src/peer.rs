//! A peer: the other end of a connection, as the logs, the admission limits and the metrics see it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::counters::Transport;

/// The other end of a connection: a label for the logs, and the address that the admission limits count, if it has one.
#[derive(Clone, Debug)]
pub struct Peer {
    label: Arc<Label>,
    address: Option<IpAddr>,
    transport: Transport,
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

    fn new(label: &str, address: Option<IpAddr>, transport: Transport) -> Peer {
        Peer { label: Arc::new(Label { text: label.into(), certificate: None }), address, transport }
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
        Peer::new(label, None, Transport::Other)
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        Peer::new(&address.to_string(), Some(address.ip()), Transport::Tcp)
    }
}
