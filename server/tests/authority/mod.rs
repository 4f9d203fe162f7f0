//! Certificates for tests, and clients that trust them.

#![allow(dead_code, reason = "each test program needs its part")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bookend_server::{Tls, TlsError, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Whoever signs certificates, and a directory for them, removed at the end.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: String,
    directory: PathBuf,
}

/// A certificate and its key, in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
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
    pub(crate) fn server(&self) -> Pair {
        self.sign(params("hub"))
    }

    /// One that was valid until the end of 2020.
    pub(crate) fn expired(&self) -> Pair {
        let mut params = params("hub");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
        self.sign(params)
    }

    /// One for a client of that name.
    pub(crate) fn client(&self, name: &str) -> Pair {
        let mut params = params(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().into()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.join(name), text).unwrap();
    }

    /// Puts a pair where the hub looks for its own.
    pub(crate) fn write_pair(&self, pair: &Pair) {
        self.write("cert.pem", &pair.certificate);
        self.write("key.pem", &pair.key);
    }

    /// The hub's files; clients show a certificate if `clients` says whether they need not.
    pub(crate) fn files(&self, clients: Option<bool>) -> TlsFiles {
        TlsFiles {
            certificate: self.directory.join("cert.pem"),
            key: self.directory.join("key.pem"),
            client_ca: clients.map(|_| self.directory.join("ca.pem")),
            client_optional: clients == Some(true),
            handshake_timeout: Duration::from_secs(5),
        }
    }

    pub(crate) fn load(&self) -> Result<Tls, TlsError> {
        Tls::from_files(&self.files(None))
    }

    /// What a client goes by that trusts this authority, and shows a certificate if it has one.
    pub(crate) fn trusted(&self, shown: Option<&Pair>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.root.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        Arc::new(match shown {
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
        let _best_effort = fs::remove_dir_all(&self.directory);
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
