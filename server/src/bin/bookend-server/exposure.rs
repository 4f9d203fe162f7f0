//! What other machines find at a place that they can reach.

use std::net::SocketAddr;

use crate::keys::Keys;
use crate::place::Place;
use crate::settings::Settings;

/// What stands between them and the rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// Nothing.
    Open,
    /// Tokens, which whoever is on the way can read.
    TokensInTheClear,
    /// Encryption, but anybody may enter.
    Encrypted,
    /// Encryption, and a token or a certificate.
    Guarded,
}

impl Exposure {
    /// Judges a place: somebody without a token and without a certificate is anybody.
    pub(crate) fn of(place: &Place, settings: &Settings, keys: &Keys) -> Exposure {
        let tls = matches!(place, Place::Tls(_));
        let certificate_is_needed = tls && settings.tls_client_ca.is_some() && !settings.tls_client_optional;
        let anybody = !certificate_is_needed && keys.access.without_token(false).enter();
        match (tls, anybody) {
            (false, true) => Exposure::Open,
            (false, false) => Exposure::TokensInTheClear,
            (true, true) => Exposure::Encrypted,
            (true, false) => Exposure::Guarded,
        }
    }

    /// Is it to be allowed by name?
    pub(crate) fn needs_leave(self) -> bool {
        self != Exposure::Guarded
    }

    /// In words.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Exposure::Open => "there is neither encryption nor authentication",
            Exposure::TokensInTheClear => "tokens travel in the clear",
            Exposure::Encrypted => "anybody may enter, although it is encrypted",
            Exposure::Guarded => "it is encrypted, and nobody enters without a token or a certificate",
        }
    }

    /// Says so in the log.
    pub(crate) fn log(self, address: impl std::fmt::Display) {
        let detail = self.detail();
        if self.needs_leave() {
            tracing::warn!(%address, detail, "public");
        } else {
            tracing::info!(%address, detail, "public");
        }
    }
}

/// Can other machines reach it?
pub(crate) fn is_public(address: &SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}
