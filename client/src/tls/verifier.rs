//! Verifies the hub's certificate, and notes whether it is alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::TlsError;

/// The verification of rustls for one handshake.
#[derive(Debug)]
pub(super) struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    /// An authority that is not known issued the certificate, and the hub presents no certificate of it.
    misses_issuer: AtomicBool,
}

impl Verifier {
    pub(super) fn new(roots: Arc<RootCertStore>) -> Result<Verifier, TlsError> {
        let inner = webpki(roots)
            .map_err(|error| TlsError { name: "no-authorities", what: format!("no authority is trusted: {error}") })?;
        Ok(Verifier { inner, misses_issuer: AtomicBool::new(false) })
    }

    /// May the hub have forgotten an intermediate certificate?
    pub(super) fn misses_issuer(&self) -> bool {
        self.misses_issuer.load(Ordering::Relaxed)
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn webpki(roots: Arc<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>, impl std::fmt::Display> {
    WebPkiServerVerifier::builder_with_provider(roots, provider()).build()
}

/// Did an authority issue the certificate, rather than its owner? As its own authority it then has no issuer.
fn is_issued(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> bool {
    let mut itself = RootCertStore::empty();
    let Ok(()) = itself.add(certificate.clone().into_owned()) else { return false };
    let Ok(verifier) = webpki(Arc::new(itself)) else { return false };
    let verified = verifier.verify_server_cert(certificate, &[], name, &[], now);
    matches!(verified, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(certificate, intermediates, name, ocsp, now);
        if matches!(verified, Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))) {
            let misses = intermediates.is_empty() && is_issued(certificate, name, now);
            self.misses_issuer.store(misses, Ordering::Relaxed);
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
