//! From an accepted connection to one that speaks TLS, or to the reason why not.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::StartHandshake;
use tokio_rustls::rustls::server::{Accepted, Acceptor};
use tokio_rustls::rustls::{self, CertificateError, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::{Terms, Tls, plaintext};
use crate::certificate::Certificate;
use crate::connection;
use crate::hub::Hub;
use crate::peer::Peer;

/// What is read of a ClientHello at a time, in bytes; it is 2 KiB long at most, mostly.
const READ: usize = 2 << 10;
/// A TLS record that holds a handshake, version 3.
const RECORD: [u8; 2] = [0x16, 0x03];

/// Why there is no TLS.
struct Failure<S> {
    stream: Option<S>,
    cause: &'static str,
    detail: String,
    /// How the bytes begin that are no TLS.
    input: Vec<u8>,
    /// What is to be said in their tongue.
    answer: Vec<u8>,
}

impl Hub {
    /// Serves one connection that begins with a TLS handshake, until it has ended. It counts against the admission
    /// limits from the first byte on.
    pub fn serve_tls<S, P>(&self, stream: S, peer: P, tls: &Tls) -> impl Future<Output = ()> + use<S, P>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        P: Into<Peer>,
    {
        // Boxed, so that the memory of the handshake is freed with it.
        let handshake = Box::pin(begin(self.with_current_config(), stream, peer.into(), tls.current()));
        async move {
            if let Some(connection) = handshake.await {
                connection.await;
            }
        }
    }
}

type Serving<F> = Pin<Box<F>>;

/// Shakes hands, and is ready to serve the peer then.
async fn begin<S>(hub: Hub, stream: S, peer: Peer, terms: Arc<Terms>) -> Option<Serving<impl Future<Output = ()>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ticket = match hub.admit(&peer) {
        Ok(ticket) => ticket,
        Err(shut) => {
            // There is nothing that it could read.
            tracing::info!(peer = peer.label(), fault = "try-later", detail = shut.reason(), "refuse");
            return None;
        }
    };
    match shake_hands(stream, &terms).await {
        Ok(stream) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = shown.and_then(|shown| Certificate::from_der(shown).ok());
            let peer = match (shown, certificate) {
                (None, _) => peer,
                (Some(_), None) => peer.certified("?"),
                (Some(_), Some(certificate)) => {
                    let (subject, fingerprint) = (certificate.subject(), certificate.fingerprint());
                    tracing::info!(peer = peer.label(), subject, fingerprint, "client-certificate");
                    peer.certified(&certificate.label())
                }
            };
            Some(Box::pin(connection::serve(&hub, stream, peer, Some(ticket))))
        }
        Err(Failure { stream, cause, detail, input, answer }) => {
            let (peer, input) = (peer.label(), input.escape_ascii());
            tracing::info!(peer, cause, detail, %input, "tls-failed");
            if let Some(stream) = stream {
                let limits = &hub.config().limits;
                let _best_effort = timeout(limits.close_timeout, part(stream, &answer, limits.drain)).await;
            }
            None
        }
    }
}

async fn shake_hands<S>(mut stream: S, terms: &Terms) -> Result<TlsStream<S>, Failure<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = Instant::now() + terms.handshake_timeout;
    let mut silent = true;
    match timeout_at(deadline, client_hello(&mut stream, &mut silent)).await {
        Err(_) if silent => {
            let answer = plaintext::line();
            Err(Failure { answer, ..Failure::new(Some(stream), "timeout", "nothing has come".into()) })
        }
        Err(_) => Err(Failure::new(Some(stream), "timeout", "no whole ClientHello has come".into())),
        Ok(Err(failure)) => Err(Failure { stream: Some(stream), ..failure }),
        Ok(Ok(accepted)) => finish(accepted, stream, terms.config.clone(), deadline).await,
    }
}

/// Reads what the client says first.
async fn client_hello<S, T>(stream: &mut S, silent: &mut bool) -> Result<Accepted, Failure<T>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut acceptor = Acceptor::default();
    let mut buffer = vec![0; READ];
    loop {
        let count = match stream.read(&mut buffer).await {
            Ok(0) => return Err(Failure::of(&ErrorKind::UnexpectedEof.into())),
            Ok(count) => count,
            Err(error) => return Err(Failure::of(&error)),
        };
        let mut bytes = &buffer[..count];
        if std::mem::take(silent) && !RECORD.starts_with(&bytes[..count.min(RECORD.len())]) {
            let plaintext::Client { detail, answer, quoted } = plaintext::judge(bytes);
            return Err(Failure { input: quoted.to_vec(), answer, ..Failure::new(None, "not-tls", detail) });
        }
        while !bytes.is_empty() {
            let used = acceptor.read_tls(&mut bytes).map_err(|error| Failure::of(&error))?;
            match acceptor.accept() {
                Ok(None) if used > 0 => {}
                // What was read behind it is kept with it.
                Ok(Some(accepted)) if bytes.is_empty() => return Ok(accepted),
                Ok(_) => return Err(Failure::new(None, "bad-message", "the ClientHello is too long".into())),
                Err((error, mut alert)) => {
                    let mut answer = Vec::new();
                    alert.write_all(&mut answer).expect("memory takes all");
                    return Err(Failure { answer, ..Failure::of(&io::Error::other(error)) });
                }
            }
        }
    }
}

async fn finish<S>(
    accepted: Accepted,
    stream: S,
    config: Arc<ServerConfig>,
    deadline: Instant,
) -> Result<TlsStream<S>, Failure<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let accepting = StartHandshake::from_parts(accepted, stream).into_stream(config).into_fallible();
    match timeout_at(deadline, accepting).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err((error, stream))) => Err(Failure { stream: Some(stream), ..Failure::of(&error) }),
        Err(_) => Err(Failure::new(None, "timeout", "the handshake has not come to its end".into())),
    }
}

/// Says the last word, and reads until the peer has heard it: unread bytes would turn into a reset that destroys it.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &[u8], drain: usize) -> io::Result<()> {
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    let mut buffer = vec![0; READ];
    let mut discarded = 0;
    while discarded < drain {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => discarded += count,
        }
    }
    Ok(())
}

impl<S> Failure<S> {
    fn new(stream: Option<S>, cause: &'static str, detail: String) -> Failure<S> {
        Failure { stream, cause, detail, input: Vec::new(), answer: Vec::new() }
    }

    fn of(error: &io::Error) -> Failure<S> {
        let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let cause = match of_tls {
            Some(error) => cause(error),
            None if error.kind() == ErrorKind::UnexpectedEof => "closed",
            None => "io",
        };
        Failure::new(None, cause, error.to_string())
    }
}

/// The name of what went wrong.
fn cause(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::NoCertificatesPresented => "no-certificate",
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "certificate-expired"
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => "certificate-unknown-issuer",
        rustls::Error::InvalidCertificate(_) => "certificate-refused",
        rustls::Error::NoApplicationProtocol => "no-application-protocol",
        rustls::Error::PeerIncompatible(_) => "incompatible",
        // Mostly it does not trust the hub's certificate.
        rustls::Error::AlertReceived(_) => "refused-by-peer",
        _ => "bad-message",
    }
}
