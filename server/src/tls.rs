//! TLS at the door: what the hub shows, and which clients it takes.

mod handshake;
mod plaintext;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoClientAuth, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::certificate::Certificate;

/// The name of Bookend in ALPN. A client that names none is taken, one that names others only is not: a browser, say.
const ALPN: &[u8] = b"bookend";

/// What TLS is made of.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The hub's certificate and those between it and a root, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// The roots of the certificates that clients show, in PEM; without it none is asked for.
    pub client_ca: Option<PathBuf>,
    /// May a client show none?
    pub client_optional: bool,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
}

/// TLS as it is spoken to whoever comes. Its clones are the same.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Mutex<Arc<Terms>>>);

#[derive(Debug)]
struct Terms {
    config: Arc<ServerConfig>,
    handshake_timeout: Duration,
    certificate: Certificate,
}

/// Which file is wrong.
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

/// Why there is no TLS with these files.
#[derive(Debug)]
pub struct TlsError {
    file: TlsFile,
    path: PathBuf,
    why: String,
}

impl Tls {
    /// Reads the files and judges them.
    ///
    /// # Errors
    /// A file that cannot be read, a certificate that is not valid now, a key that does not fit.
    pub fn load(files: &TlsFiles) -> Result<Tls, TlsError> {
        Terms::load(files).map(|terms| Tls(Arc::new(Mutex::new(Arc::new(terms)))))
    }

    /// Speaks as `other` does from now on; whoever is connected stays so.
    pub fn replace(&self, other: &Tls) {
        let terms = other.current();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = terms;
    }

    /// The hub's own certificate.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.current().certificate.clone()
    }

    fn current(&self) -> Arc<Terms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Terms {
    fn load(files: &TlsFiles) -> Result<Terms, TlsError> {
        let of_certificate = |why: String| TlsError::new(TlsFile::Certificate, &files.certificate, why);
        let of_key = |why: String| TlsError::new(TlsFile::Key, &files.key, why);
        let chain = certificates(&files.certificate).map_err(of_certificate)?;
        let first = chain.first().expect("there is one at least");
        let certificate = Certificate::from_der(first).map_err(of_certificate)?;
        certificate.judge(SystemTime::now()).map_err(of_certificate)?;
        let key = fs::read(&files.key).map_err(|error| of_key(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| of_key(show_pem(&error, "private key")))?;

        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for them");
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
                of_key(format!("the key is not that of the certificate in {}", files.certificate.display()))
            }
            rustls::Error::InvalidCertificate(_) => of_certificate(error.to_string()),
            error => of_key(error.to_string()),
        })?;
        config.alpn_protocols = vec![ALPN.into()];
        Ok(Terms { config: Arc::new(config), handshake_timeout: files.handshake_timeout, certificate })
    }
}

/// The certificates in a file, one at least.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = fs::read(path).map_err(|error: io::Error| error.to_string())?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match certificates.map_err(|error| show_pem(&error, "certificate"))? {
        none if none.is_empty() => Err(show_pem(&pem::Error::NoItemsFound, "certificate")),
        certificates => Ok(certificates),
    }
}

/// Says what is wrong with PEM, but not what stands there: it may be half a key.
fn show_pem(error: &pem::Error, wanted: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("there is no {wanted} in PEM in it"),
        pem::Error::MissingSectionEnd { .. } => format!("the {wanted} has no END line"),
        pem::Error::Base64Decode(_) => format!("the {wanted} is not base64"),
        _ => format!("the {wanted} is not PEM"),
    }
}

impl TlsError {
    fn new(file: TlsFile, path: &Path, why: String) -> TlsError {
        TlsError { file, path: path.into(), why }
    }

    /// Which file is wrong.
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
