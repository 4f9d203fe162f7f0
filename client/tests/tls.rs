//! TLS to a hub, and why certificates are refused.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::sync::Arc;

use bookend::{Code, Hello};
use bookend_client::{ConnectError, Dialler, Joined, Stage, Tls};
use bookend_testing::hub::Hub;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `name`, valid until the year.
    fn issue(&self, name: &str, until: i32) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.into()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    fn trusted(&self) -> Tls {
        Tls::new().with_ca(self.0.pem().as_bytes()).unwrap()
    }
}

/// A hub that shows a certificate, and requires one from `clients` if that is given. Ends with its first client.
async fn hub((certificate, key): (rcgen::Certificate, KeyPair), clients: Option<&Authority>) -> u16 {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let provider = Arc::new(ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"bookend".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            Hub::welcome(stream, &[]).await.rest().await;
        }
    });
    port
}

async fn joined(place: &str, tls: Tls) -> Result<Joined, ConnectError> {
    let mut dialler = Dialler::new(place.parse().unwrap()).with_tls(tls);
    Joined::dial(&mut dialler, Hello::new().with_hub(true)).await
}

#[tokio::test]
async fn hub_with_a_certificate_from_a_trusted_authority_is_joined() {
    let authority = Authority::new("one");
    let port = hub(authority.issue("127.0.0.1", 2100), None).await;
    let mut joined = joined(&format!("tls://127.0.0.1:{port}"), authority.trusted()).await.unwrap();
    joined.connection().close(Code::NORMAL, "").await.unwrap();
}

#[tokio::test]
async fn expected_certificate_name_can_be_set() {
    let authority = Authority::new("one");
    let port = hub(authority.issue("hub.example", 2100), None).await;
    let tls = authority.trusted().with_server_name("hub.example").unwrap();
    joined(&format!("tls://127.0.0.1:{port}"), tls).await.unwrap();
}

#[tokio::test]
async fn client_certificate_is_sent_to_a_hub_that_requires_one() {
    let authority = Authority::new("one");
    let (certificate, key) = authority.issue("ann", 2100);
    let port = hub(authority.issue("127.0.0.1", 2100), Some(&authority)).await;
    let tls = authority.trusted().with_identity(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    joined(&format!("tls://127.0.0.1:{port}"), tls).await.unwrap();
    let port = hub(authority.issue("127.0.0.1", 2100), Some(&authority)).await;
    let error = joined(&format!("tls://127.0.0.1:{port}"), authority.trusted()).await.unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[tokio::test]
async fn bad_certificate_is_named() {
    let (authority, other) = (Authority::new("one"), Authority::new("another"));
    for (issued, trusted, name) in [
        (authority.issue("127.0.0.1", 2001), authority.trusted(), "certificate-expired"),
        (authority.issue("127.0.0.1", 2100), other.trusted(), "certificate-unknown-issuer"),
        (authority.issue("127.0.0.2", 2100), authority.trusted(), "certificate-wrong-name"),
    ] {
        let port = hub(issued, None).await;
        let error = joined(&format!("tls://127.0.0.1:{port}"), trusted).await.unwrap_err();
        assert_eq!((error.stage(), error.name()), (Stage::Tls, name), "{error}");
        assert!(error.to_string().starts_with(&format!("tls://127.0.0.1:{port}: TLS: {name}: ")), "{error}");
        let misses_issuer = name == "certificate-unknown-issuer";
        assert_eq!(error.to_string().contains("the intermediate certificate is missing"), misses_issuer, "{error}");
    }
}

#[tokio::test]
async fn self_signed_certificate_misses_no_intermediate_one() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().self_signed(&key).unwrap();
    let port = hub((certificate, key), None).await;
    let error = joined(&format!("tls://127.0.0.1:{port}"), Authority::new("one").trusted()).await.unwrap_err();
    assert_eq!(error.name(), "certificate-unknown-issuer", "{error}");
    assert!(!error.to_string().contains("missing"), "{error}");
}

#[tokio::test]
async fn tls_and_plain_text_are_distinguished() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"Bookend hub, and no TLS\r\n").await.unwrap();
        Hub::greet(stream, Hello::new()).await;
    });
    let authority = Authority::new("one");
    let error = joined(&format!("tls://127.0.0.1:{port}"), authority.trusted()).await.unwrap_err();
    assert_eq!((error.stage(), error.name()), (Stage::Tls, "not-tls"), "{error}");
    let port = hub(authority.issue("127.0.0.1", 2100), None).await;
    let error = joined(&format!("127.0.0.1:{port}"), Tls::new()).await.unwrap_err();
    assert!(error.to_string().contains("foreign-tls"), "{error}");
    assert!(error.fix().contains("tls://"), "{}", error.fix());
}

#[test]
fn malformed_certificate_is_refused() {
    let (authority, other) = (Authority::new("one"), Authority::new("another"));
    let (certificate, _) = authority.issue("ann", 2100);
    let (_, key) = other.issue("bob", 2100);
    assert_eq!(Tls::new().with_ca(b"nothing").unwrap_err().name(), "certificate-unreadable");
    assert_eq!(Tls::new().with_server_name("a b").unwrap_err().name(), "bad-server-name");
    for (chain, key) in [(certificate.pem(), String::new()), (certificate.pem(), key.serialize_pem())] {
        let error = Tls::new().with_identity(chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(error.name(), "certificate-unreadable");
    }
}
