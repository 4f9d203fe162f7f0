//! How a listener that other machines can reach is protected.

use std::net::SocketAddr;

use crate::address::ListenAddress;
use crate::credentials::Credentials;
use crate::settings::Settings;

/// The protection of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// None.
    Open,
    /// Tokens, which anybody on the path can read.
    TokensInTheClear,
    /// Encryption, but anybody may join.
    Encrypted,
    /// Encryption, and a token or a certificate.
    Guarded,
}

impl Exposure {
    /// The protection of an address. It is open if a peer without token and certificate may join.
    pub(crate) fn of(address: &ListenAddress, settings: &Settings, credentials: &Credentials) -> Exposure {
        let tls = matches!(address, ListenAddress::Tls(_));
        let certificate_is_needed = tls && settings.tls_client_ca.is_some() && !settings.tls_client_optional;
        let anybody = !certificate_is_needed && credentials.access.without_token(false).enter();
        match (tls, anybody) {
            (false, true) => Exposure::Open,
            (false, false) => Exposure::TokensInTheClear,
            (true, true) => Exposure::Encrypted,
            (true, false) => Exposure::Guarded,
        }
    }

    /// Must `--public` allow it?
    pub(crate) fn needs_public(self) -> bool {
        self != Exposure::Guarded
    }

    /// The protection in words.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Exposure::Open => "there is neither encryption nor authentication",
            Exposure::TokensInTheClear => "tokens travel in the clear",
            Exposure::Encrypted => "anybody may join, although it is encrypted",
            Exposure::Guarded => "it is encrypted, and joining needs a token or a certificate",
        }
    }

    /// Logs it.
    pub(crate) fn log(self, address: impl std::fmt::Display) {
        let detail = self.detail();
        if self.needs_public() {
            tracing::warn!(%address, detail, "public");
        } else {
            tracing::info!(%address, detail, "public");
        }
    }
}

/// Can other machines reach the address?
pub(crate) fn is_public(address: &SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}
