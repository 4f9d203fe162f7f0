//! Whom to trust, whom to be, and the handshake.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use super::TlsError;
use crate::address::Address;
use crate::cause::io_name;

/// The name of Bookend in ALPN.
const ALPN: &[u8] = b"bookend";

/// Whom to trust, and who one is, by certificates.
///
/// There is no way to trust anybody: a hub with a certificate of its own is trusted by [`with_ca`](Tls::with_ca).
#[derive(Clone, Debug, Default)]
pub struct Tls {
    roots: Option<Arc<RootCertStore>>,
    identity: Option<Arc<Identity>>,
    server_name: Option<ServerName<'static>>,
}

#[derive(Debug)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Tls {
    /// Trusts whom the operating system trusts, and shows no certificate.
    #[must_use]
    pub fn new() -> Tls {
        Tls::default()
    }

    /// Trusts the authorities in `pem` and nobody else.
    ///
    /// # Errors
    /// `certificate-unreadable`: there is no certificate in it, or a broken one.
    pub fn with_ca(mut self, pem: &[u8]) -> Result<Tls, TlsError> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(pem)? {
            roots.add(authority).map_err(|error| unreadable(&error))?;
        }
        self.roots = Some(Arc::new(roots));
        Ok(self)
    }

    /// Shows this certificate, its chain behind it, to a hub that asks for one.
    ///
    /// # Errors
    /// `certificate-unreadable`: `chain` has no certificate, or `key` no private key, both in PEM, or they do not fit.
    pub fn with_identity(mut self, chain: &[u8], key: &[u8]) -> Result<Tls, TlsError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unreadable(&error))?;
        self.identity = Some(Arc::new(Identity { chain, key }));
        self.config().map(|_| self)
    }

    /// Expects the hub's certificate to be for this name, and not for the host that is connected to.
    ///
    /// # Errors
    /// `bad-server-name`: it is neither a DNS name nor an IP address.
    pub fn with_server_name(mut self, name: &str) -> Result<Tls, TlsError> {
        self.server_name = Some(server_name(name)?);
        Ok(self)
    }

    /// The name that the hub's certificate is to be for.
    pub(crate) fn expected(&self, address: &Address) -> Result<ServerName<'static>, TlsError> {
        self.server_name.clone().map_or_else(|| server_name(address.host()), Ok)
    }

    /// Asks the operating system whom it trusts, unless that has been said: it reads files.
    pub(crate) fn load(&mut self) -> Result<(), TlsError> {
        if self.roots.is_none() {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            // One that nobody can read does not make the others worthless.
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                let why = found.errors.first().map_or_else(|| "it has none".into(), ToString::to_string);
                return Err(TlsError {
                    name: "no-authorities",
                    what: format!("this machine's certificate authorities: {why}"),
                });
            }
            self.roots = Some(Arc::new(roots));
        }
        Ok(())
    }

    /// What [`connect`] needs, once the authorities are [loaded](Tls::load).
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let roots = self.roots.clone().unwrap_or_else(|| Arc::new(RootCertStore::empty()));
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has what TLS 1.2 and 1.3 need")
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(|error| unreadable(&error))?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.into()];
        Ok(Arc::new(config))
    }
}

/// Shakes hands as a client.
pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: S,
) -> Result<TlsStream<S>, TlsError> {
    TlsConnector::from(config).connect(name, stream).await.map_err(|error| failed(&error))
}

/// The name of what a handshake failed for. rustls has no names of its own.
fn failed(error: &io::Error) -> TlsError {
    let Some(known) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        let name = match error.kind() {
            io::ErrorKind::UnexpectedEof => "connection-reset",
            _ => io_name(error),
        };
        return TlsError { name, what: error.to_string() };
    };
    let name = match known {
        Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "certificate-expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "certificate-not-valid-yet",
            CertificateError::UnknownIssuer => "certificate-unknown-issuer",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "certificate-wrong-name"
            }
            CertificateError::Revoked => "certificate-revoked",
            _ => "certificate-invalid",
        },
        Error::InvalidMessage(_) => "not-tls",
        Error::AlertReceived(_) => "tls-alert",
        _ => "tls-failed",
    };
    let what = match name {
        "not-tls" => format!("what answers does not speak TLS ({known})"),
        _ => known.to_string(),
    };
    TlsError { name, what }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(unreadable(&"there is no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(&error)),
    }
}

fn unreadable(why: &dyn fmt::Display) -> TlsError {
    TlsError { name: "certificate-unreadable", what: why.to_string() }
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsError {
        name: "bad-server-name",
        what: format!("{} is neither a DNS name nor an IP address", bookend::escaped(name)),
    })
}
