//! TLS on the way to a hub.

#[cfg(feature = "tls")]
mod trust;

use std::fmt;

#[cfg(feature = "tls")]
pub use trust::Tls;
#[cfg(feature = "tls")]
pub(crate) use trust::connect;

/// Why there is no TLS: a name that does not change, and what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    name: &'static str,
    what: String,
}

impl TlsError {
    /// The fault's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Will it be so the next time too? What the certificates are does not change by trying again.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(self.name, "timed-out" | "connection-reset" | "unreachable" | "io")
    }

    #[cfg(feature = "tls")]
    pub(crate) fn late() -> TlsError {
        TlsError { name: "timed-out", what: "the TLS handshake takes too long".into() }
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn unsupported() -> TlsError {
        TlsError { name: "unsupported", what: "this program was built without TLS".into() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

impl std::error::Error for TlsError {}
