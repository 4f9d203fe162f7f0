//! A certificate authority for tests, and clients that trust it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bookend_server::{Tls, TlsError, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A certificate authority with a directory for its files, which is removed when this is dropped.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
    directory: PathBuf,
}

/// A certificate and its private key, in PEM.
pub struct KeyPairPem {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}

impl Authority {
    /// A new authority. Its directory contains `ca.pem`, and `cert.pem` and `key.pem` for a hub.
    ///
    /// # Panics
    /// If a file cannot be written.
    #[must_use]
    pub fn new() -> Authority {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("bookend-ca-{}-{number}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        let authority = Authority { issuer: Issuer::new(params, key), root, directory };
        authority.write("ca.pem", &authority.root);
        authority.write_pair(&authority.server());
        authority
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub fn server(&self) -> KeyPairPem {
        self.sign(params("hub"))
    }

    /// A certificate that expired at the end of 2020.
    pub fn expired(&self) -> KeyPairPem {
        let mut params = params("hub");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
        self.sign(params)
    }

    /// A certificate that expires within a day.
    pub fn about_to_expire(&self) -> KeyPairPem {
        let mut params = params("hub");
        params.not_after = (SystemTime::now() + Duration::from_secs(12 * 3600)).into();
        self.sign(params)
    }

    /// A certificate for a client of that name.
    pub fn client(&self, name: &str) -> KeyPairPem {
        let mut params = params(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> KeyPairPem {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        KeyPairPem { certificate, key: key.serialize_pem() }
    }

    /// The path of a file in the directory.
    pub fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().into()
    }

    /// Writes a file in the directory.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.join(name), text).unwrap();
    }

    /// Writes the certificate and key that the hub uses.
    pub fn write_pair(&self, pair: &KeyPairPem) {
        self.write("cert.pem", &pair.certificate);
        self.write("key.pem", &pair.key);
    }

    /// The files for a hub. `clients` is `None` if it requests no client certificate, or whether one is optional.
    pub fn files(&self, clients: Option<bool>) -> TlsFiles {
        TlsFiles {
            certificate: self.directory.join("cert.pem"),
            key: self.directory.join("key.pem"),
            client_ca: clients.map(|_| self.directory.join("ca.pem")),
            client_optional: clients == Some(true),
            handshake_timeout: Duration::from_secs(5),
        }
    }

    /// The TLS configuration of a hub that requests no client certificate.
    ///
    /// # Errors
    /// A file that a test has made wrong.
    pub fn load(&self) -> Result<Tls, TlsError> {
        Tls::from_files(&self.files(None))
    }

    /// The configuration of a client that trusts this authority, and presents a certificate if it has one.
    pub fn trusted(&self, presented: Option<&KeyPairPem>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.root.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        Arc::new(match presented {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        })
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory); // best effort
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
