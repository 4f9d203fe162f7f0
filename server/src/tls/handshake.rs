//! The TLS handshake of an accepted connection.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::StartHandshake;
use tokio_rustls::rustls::server::{Accepted, Acceptor};
use tokio_rustls::rustls::{self, CertificateError, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::{Loaded, Tls, plaintext};
use crate::admission::{Entry, Rejection};
use crate::certificate::Certificate;
use crate::connection;
use crate::counters::{ConnectionState, Transport};
use crate::hub::Hub;
use crate::peer::Peer;
use crate::terminal::{EXAMINED, PAUSE};

/// How many bytes of a ClientHello are read at a time; it rarely is longer than 2 KiB.
const READ: usize = 2 << 10;
/// The start of a TLS record that contains a handshake.
const RECORD: [u8; 2] = [0x16, 0x03];

/// Why the handshake failed.
struct Failure<S> {
    stream: Option<S>,
    cause: &'static str,
    detail: String,
    /// The first bytes as the log quotes them, if they are not TLS.
    input: String,
    /// The answer in the protocol of the peer.
    answer: Vec<u8>,
    /// The peer has left without a byte.
    is_silent: bool,
}

impl Hub {
    /// Serves one connection that begins with a TLS handshake, until it has ended. It counts against the admission
    /// limits from this call on.
    pub fn serve_tls<S, P>(&self, stream: S, peer: P, tls: &Tls) -> impl Future<Output = ()> + use<S, P>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        P: Into<Peer>,
    {
        let (hub, peer) = (self.with_current_config(), peer.into());
        // Before the handshake a rejected peer could read no answer.
        let admitted = hub.admit(&peer).ok();
        let served = admitted.map(|entry| serve(hub, stream, peer, entry, tls));
        async move {
            if let Some(served) = served {
                served.await;
            }
        }
    }
}

/// Serves one admitted connection.
pub(crate) fn serve<S>(hub: Hub, stream: S, peer: Peer, entry: Entry, tls: &Tls) -> impl Future<Output = ()> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Boxed, so that the memory of the handshake is freed with it.
    let handshake = Box::pin(begin(hub, stream, peer, entry, tls.current()));
    async move {
        if let Some(connection) = handshake.await {
            connection.await;
        }
    }
}

/// A connection that is waiting in the metrics, until this is dropped.
struct Waiting<'a> {
    hub: &'a Hub,
    transport: Transport,
}

impl Waiting<'_> {
    fn new(hub: &Hub, transport: Transport) -> Waiting<'_> {
        hub.counters().changed(transport, None, Some(ConnectionState::Waiting));
        Waiting { hub, transport }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.hub.counters().changed(self.transport, Some(ConnectionState::Waiting), None);
    }
}

type BoxedConnection<F> = Pin<Box<F>>;

/// Does the handshake. Returns the future that serves the peer.
async fn begin<S>(
    hub: Hub,
    stream: S,
    peer: Peer,
    mut entry: Entry,
    loaded: Arc<Loaded>,
) -> Option<BoxedConnection<impl Future<Output = ()>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let waiting = Waiting::new(&hub, peer.transport());
    let secured = handshake(stream, &loaded, &mut entry).await;
    drop(waiting);
    let Some(secured) = secured else {
        hub.log_rejection(&peer, &Rejection::GaveWay);
        return None;
    };
    match secured {
        Ok(stream) => {
            let presented = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = presented.and_then(|presented| Certificate::from_der(presented).ok());
            let peer = match (presented, certificate) {
                (None, _) => peer,
                (Some(_), None) => peer.certified("?", ""),
                (Some(_), Some(certificate)) => {
                    let (subject, fingerprint) = (certificate.subject(), certificate.fingerprint());
                    tracing::info!(peer = peer.label(), subject, fingerprint, "client-certificate");
                    peer.certified(&certificate.label(), fingerprint)
                }
            };
            Some(Box::pin(connection::serve(&hub, stream, peer, entry)))
        }
        Err(Failure { is_silent: true, .. }) => {
            hub.log_silent(&peer);
            None
        }
        Err(Failure { stream, cause, detail, input, answer, is_silent: false }) => {
            hub.counters().handshakes_failed.count(cause);
            let peer = peer.label();
            tracing::info!(peer, cause, detail, %input, "tls-failed");
            if let Some(stream) = stream {
                let limits = &hub.config().limits;
                let answering = send_and_drain(stream, &answer, limits.drain);
                let _ = timeout(limits.close_timeout, answering).await; // best effort
            }
            None
        }
    }
}

/// `None` if a newer connection took the place of this one.
async fn handshake<S>(mut stream: S, loaded: &Loaded, entry: &mut Entry) -> Option<Result<TlsStream<S>, Failure<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = Instant::now() + loaded.handshake_timeout;
    let mut silent = true;
    let read = entry.before_loss(timeout_at(deadline, client_hello(&mut stream, &mut silent))).await?;
    Some(match read {
        Err(_) if silent => {
            let answer = plaintext::line();
            Err(Failure { answer, ..Failure::new(Some(stream), "timeout", "no bytes arrived".into()) })
        }
        Err(_) => Err(Failure::new(Some(stream), "timeout", "the ClientHello is incomplete".into())),
        Ok(Err(failure)) => Err(Failure { stream: Some(stream), is_silent: silent, ..failure }),
        Ok(Ok(accepted)) => {
            entry.set_active();
            return entry.before_loss(finish(accepted, stream, loaded.config.clone(), deadline)).await;
        }
    })
}

/// Reads the ClientHello.
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
            let first = first_bytes(stream, bytes).await;
            let plaintext::PlaintextPeer { detail, answer, quoted } = plaintext::identify(&first);
            return Err(Failure { input: quoted, answer, ..Failure::new(None, "not-tls", detail) });
        }
        while !bytes.is_empty() {
            let used = acceptor.read_tls(&mut bytes).map_err(|error| Failure::of(&error))?;
            match acceptor.accept() {
                Ok(None) if used > 0 => {}
                // What was read after it is kept with it.
                Ok(Some(accepted)) if bytes.is_empty() => return Ok(accepted),
                Ok(_) => return Err(Failure::new(None, "bad-message", "the ClientHello is too long".into())),
                Err((error, mut alert)) => {
                    let mut answer = Vec::new();
                    alert.write_all(&mut answer).expect("writing to a Vec cannot fail");
                    return Err(Failure { answer, ..Failure::of(&io::Error::other(error)) });
                }
            }
        }
    }
}

/// The first bytes of a peer that does not speak TLS, until it pauses: its name must not depend on how TCP cut them.
async fn first_bytes<S: AsyncRead + Unpin>(stream: &mut S, begun: &[u8]) -> Vec<u8> {
    let mut first = begun.to_vec();
    while first.len() < EXAMINED && matches!(timeout(PAUSE, stream.read_buf(&mut first)).await, Ok(Ok(1..))) {}
    first
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
        Err(_) => Err(Failure::new(None, "timeout", "the handshake is incomplete".into())),
    }
}

/// Sends the last answer, and reads until the peer closes: unread bytes would cause a reset that destroys the answer.
async fn send_and_drain<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answer: &[u8],
    drain: usize,
) -> io::Result<()> {
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
        Failure { stream, cause, detail, input: String::new(), answer: Vec::new(), is_silent: false }
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

/// The name of a cause.
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
        // Usually the peer does not trust the certificate of the hub.
        rustls::Error::AlertReceived(_) => "refused-by-peer",
        _ => "bad-message",
    }
}
