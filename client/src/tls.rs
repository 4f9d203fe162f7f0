//! TLS on the way to a hub.

#[cfg(feature = "tls")]
mod trust;
#[cfg(feature = "tls")]
mod verifier;

use std::fmt;

#[cfg(feature = "tls")]
pub use trust::Tls;
#[cfg(feature = "tls")]
pub(crate) use trust::connect;

/// What an unknown issuer may mean, besides that it is not trusted.
const WITHOUT_ISSUER: &str = "; the hub presents its certificate without that of the issuer: if that is an intermediate \
    authority, the intermediate certificate is missing in the hub's tls.certificate";

/// Why TLS failed: a stable name, and what happened.
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

    /// The same, if the hub presented no certificate of the unknown issuer.
    #[cfg(feature = "tls")]
    pub(crate) fn without_issuer(self) -> TlsError {
        TlsError { what: self.what + WITHOUT_ISSUER, ..self }
    }

    /// May the hub have forgotten an intermediate certificate?
    pub(crate) fn misses_issuer(&self) -> bool {
        self.what.ends_with(WITHOUT_ISSUER)
    }

    /// Whether it will fail the next time too: trying again does not change a certificate.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(self.name, "timed-out" | "connection-reset" | "unreachable" | "io")
    }

    #[cfg(feature = "tls")]
    pub(crate) fn late() -> TlsError {
        TlsError { name: "timed-out", what: "the TLS handshake did not finish in time".into() }
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
