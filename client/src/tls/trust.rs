//! The certificates that a client trusts and shows, and the handshake.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, ConfigBuilder, Error, RootCertStore, WantsVerifier};

use super::TlsError;
use super::verifier::{Verifier, provider};
use crate::address::Address;
use crate::cause::io_name;

/// The name of Bookend in ALPN.
const ALPN: &[u8] = b"bookend";

/// The certificate authorities that a client trusts, and the certificate that it shows.
///
/// Verification cannot be turned off: to trust a hub with a self-signed certificate, use [`with_ca`](Tls::with_ca).
///
/// ```no_run
/// use bookend_client::{Dialler, Tls};
///
/// let tls = Tls::new().with_ca(&std::fs::read("ca.pem")?)?;
/// let dialler = Dialler::new("tls://hub.example".parse()?).with_tls(tls);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// Trusts the operating system's certificate authorities, and shows no certificate.
    #[must_use]
    pub fn new() -> Tls {
        Tls::default()
    }

    /// Trusts only the authorities in `pem`.
    ///
    /// # Errors
    /// `certificate-unreadable`: it contains no certificate, or a broken one.
    pub fn with_ca(mut self, pem: &[u8]) -> Result<Tls, TlsError> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(pem)? {
            roots.add(authority).map_err(|error| unreadable(&error))?;
        }
        self.roots = Some(Arc::new(roots));
        Ok(self)
    }

    /// Shows this certificate, followed by its chain, to a hub that asks for one.
    ///
    /// # Errors
    /// `certificate-unreadable`: `chain` contains no certificate or `key` no private key, both in PEM, or they do not
    /// match.
    pub fn with_identity(mut self, chain: &[u8], key: &[u8]) -> Result<Tls, TlsError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unreadable(&error))?;
        self.identity = Some(Arc::new(Identity { chain, key }));
        self.present(client_config().with_root_certificates(RootCertStore::empty())).map(|_| self)
    }

    /// Requires the hub's certificate to be for this name, rather than for the host that is connected to.
    ///
    /// # Errors
    /// `bad-server-name`: it is neither a DNS name nor an IP address.
    pub fn with_server_name(mut self, name: &str) -> Result<Tls, TlsError> {
        self.server_name = Some(server_name(name)?);
        Ok(self)
    }

    /// The name that the hub's certificate must be for.
    pub(crate) fn expected(&self, address: &Address) -> Result<ServerName<'static>, TlsError> {
        self.server_name.clone().map_or_else(|| server_name(address.host()), Ok)
    }

    /// Loads the operating system's authorities unless others were given. Reads files.
    pub(crate) fn load(&mut self) -> Result<(), TlsError> {
        if self.roots.is_none() {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            // The others are usable if one is unreadable.
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

    /// What [`connect`] needs for one handshake, once the authorities are [loaded](Tls::load).
    pub(crate) fn handshake(&self) -> Result<Handshake, TlsError> {
        let roots = self.roots.clone().unwrap_or_else(|| Arc::new(RootCertStore::empty()));
        let verifier = Arc::new(Verifier::new(roots)?);
        let builder = client_config().dangerous().with_custom_certificate_verifier(verifier.clone());
        let mut config = self.present(builder)?;
        config.alpn_protocols = vec![ALPN.into()];
        Ok(Handshake { config: Arc::new(config), verifier })
    }

    /// Adds the certificate that is shown.
    fn present(&self, builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> Result<ClientConfig, TlsError> {
        match &self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
                .map_err(|error| unreadable(&error)),
            None => Ok(builder.with_no_client_auth()),
        }
    }
}

fn client_config() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has what TLS 1.2 and 1.3 need")
}

/// The configuration of one handshake.
pub(crate) struct Handshake {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
}

/// The handshake, as a client.
pub(crate) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    Handshake { config, verifier }: Handshake,
    name: ServerName<'static>,
    stream: S,
) -> Result<TlsStream<S>, TlsError> {
    let connected = TlsConnector::from(config).connect(name, stream).await;
    connected.map_err(|error| {
        let failed = failed(&error);
        if verifier.misses_issuer() { failed.without_issuer() } else { failed }
    })
}

/// Names the reason why a handshake failed; rustls has no stable names.
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
        "not-tls" => format!("the peer does not speak TLS ({known})"),
        _ => known.to_string(),
    };
    TlsError { name, what }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(unreadable(&"it contains no certificate")),
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
