//! TLS: the certificate of the hub, and which clients it accepts.

mod handshake;
mod plaintext;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoClientAuth, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::certificate::Certificate;
use crate::lock::lock;

pub(crate) use handshake::serve;

/// The ALPN name of Bookend. A client that offers no names is accepted; a client that offers only others, such as a
/// browser, is not.
const ALPN: &[u8] = b"bookend";

/// The files that TLS needs.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate of the hub, followed by intermediate certificates, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// The roots for client certificates, in PEM. Without it the hub requests none.
    pub client_ca: Option<PathBuf>,
    /// May a client present no certificate?
    pub client_optional: bool,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
}

/// The TLS configuration for new connections. Clones share it.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use bookend_server::{Config, Hub, Listener, Tls, TlsFiles};
///
/// let tls = Tls::from_files(&TlsFiles {
///     certificate: "cert.pem".into(),
///     key: "key.pem".into(),
///     client_ca: None,
///     client_optional: false,
///     handshake_timeout: Duration::from_secs(5),
/// })?;
/// let listener = Listener::bind("127.0.0.1:0".parse()?).await?;
/// listener.run_tls(Hub::new(Config::default()), tls).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Tls(Arc<Mutex<Arc<Loaded>>>);

#[derive(Debug)]
struct Loaded {
    config: Arc<ServerConfig>,
    handshake_timeout: Duration,
    /// What it presents: the certificate of the hub, and what follows it.
    chain: Vec<Certificate>,
}

/// The file that has a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFile {
    /// [`TlsFiles::certificate`].
    Certificate,
    /// [`TlsFiles::key`].
    Key,
    /// [`TlsFiles::client_ca`].
    ClientCa,
}

/// Why TLS cannot be used with these files.
#[derive(Debug)]
pub struct TlsError {
    file: TlsFile,
    path: PathBuf,
    why: String,
}

impl Tls {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// A file cannot be read, the certificate is not valid now, or the key does not match it.
    pub fn from_files(files: &TlsFiles) -> Result<Tls, TlsError> {
        Loaded::load(files).map(|loaded| Tls(Arc::new(Mutex::new(Arc::new(loaded)))))
    }

    /// Uses the configuration of `other` for new connections. Open connections are unaffected.
    pub fn replace(&self, other: &Tls) {
        let loaded = other.current();
        *lock(&self.0) = loaded;
    }

    /// The certificate of the hub.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.current().chain[0].clone()
    }

    /// When the first certificate of the chain expires.
    ///
    /// # Panics
    /// Never: a chain has at least one certificate.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.current().chain.iter().map(Certificate::expires).min().expect("a chain has at least one certificate")
    }

    /// What is wrong with the chain of certificates for clients that verify it, although the hub can use it: a missing
    /// intermediate certificate, or a wrong or expired one.
    #[must_use]
    pub fn chain_fault(&self) -> Option<String> {
        Certificate::chain_fault(&self.current().chain, SystemTime::now())
    }

    fn current(&self) -> Arc<Loaded> {
        lock(&self.0).clone()
    }
}

impl Loaded {
    fn load(files: &TlsFiles) -> Result<Loaded, TlsError> {
        let of_certificate = |why: String| TlsError::new(TlsFile::Certificate, &files.certificate, why);
        let of_key = |why: String| TlsError::new(TlsFile::Key, &files.key, why);
        let chain = certificates(&files.certificate).map_err(of_certificate)?;
        let parsed: Vec<_> =
            chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>().map_err(of_certificate)?;
        parsed[0].check(SystemTime::now()).map_err(of_certificate)?; // certificates() returns at least one
        let key = fs::read(&files.key).map_err(|error| of_key(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| of_key(show_pem(&error, "private key")))?;

        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider supports the default versions");
        let verifier = match &files.client_ca {
            None => Arc::new(NoClientAuth),
            Some(path) => {
                let of_ca = |why: String| TlsError::new(TlsFile::ClientCa, path, why);
                let mut roots = RootCertStore::empty();
                for root in certificates(path).map_err(of_ca)? {
                    roots.add(root).map_err(|error| of_ca(error.to_string()))?;
                }
                let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let builder = if files.client_optional { builder.allow_unauthenticated() } else { builder };
                builder.build().map_err(|error| of_ca(error.to_string()))?
            }
        };
        let config = builder.with_client_cert_verifier(verifier).with_single_cert(chain, key);
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                of_key(format!("the key does not belong to the certificate in {}", files.certificate.display()))
            }
            rustls::Error::InvalidCertificate(_) => of_certificate(error.to_string()),
            error => of_key(error.to_string()),
        })?;
        config.alpn_protocols = vec![ALPN.into()];
        Ok(Loaded { config: Arc::new(config), handshake_timeout: files.handshake_timeout, chain: parsed })
    }
}

/// The certificates in a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = fs::read(path).map_err(|error: io::Error| error.to_string())?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match certificates.map_err(|error| show_pem(&error, "certificate"))? {
        none if none.is_empty() => Err(show_pem(&pem::Error::NoItemsFound, "certificate")),
        certificates => Ok(certificates),
    }
}

/// A fault in PEM, without quoting it: it may be part of a key.
fn show_pem(error: &pem::Error, wanted: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("it contains no {wanted} in PEM"),
        pem::Error::MissingSectionEnd { .. } => format!("the {wanted} has no END line"),
        pem::Error::Base64Decode(_) => format!("the {wanted} is not base64"),
        _ => format!("the {wanted} is not PEM"),
    }
}

impl TlsError {
    fn new(file: TlsFile, path: &Path, why: String) -> TlsError {
        TlsError { file, path: path.into(), why }
    }

    /// The file that has a fault.
    #[must_use]
    pub fn file(&self) -> TlsFile {
        self.file
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for TlsError {}
