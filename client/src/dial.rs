//! The way to a hub, and the stream at its end.

mod dialler;
mod diallers;
mod eyeballs;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::ConnectError;
use crate::step::ConnectStep;
use crate::target::Target;
pub use dialler::Dialler;
pub use diallers::Diallers;

/// A stream that can carry a session's bytes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A byte stream to a hub: TCP, TLS, a Unix socket, or the stream of another [`Dial`].
pub struct Stream(Box<dyn Io>);

/// A connected stream.
#[derive(Debug)]
#[non_exhaustive]
pub struct Dialled {
    /// The stream.
    pub stream: Stream,
    /// This side's address, if it has one.
    pub local: Option<SocketAddr>,
    /// The address that was connected to: the proxy's if a proxy is used.
    pub remote: Option<SocketAddr>,
}

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// Looking up a name: 10 s by default.
    pub resolve: Duration,
    /// Connecting to one address: 10 s.
    pub tcp: Duration,
    /// The exchange with a proxy, in which it connects to the hub: 20 s.
    pub proxy: Duration,
    /// The TLS handshake: 10 s.
    pub tls: Duration,
}

impl Timeouts {
    /// The defaults.
    #[must_use]
    pub fn new() -> Timeouts {
        let seconds = Duration::from_secs;
        Timeouts { resolve: seconds(10), tcp: seconds(10), proxy: seconds(20), tls: seconds(10) }
    }

    /// Sets [`resolve`](Timeouts::resolve).
    #[must_use]
    pub fn with_resolve(mut self, resolve: Duration) -> Timeouts {
        self.resolve = resolve;
        self
    }

    /// Sets [`tcp`](Timeouts::tcp).
    #[must_use]
    pub fn with_tcp(mut self, tcp: Duration) -> Timeouts {
        self.tcp = tcp;
        self
    }

    /// Sets [`proxy`](Timeouts::proxy).
    #[must_use]
    pub fn with_proxy(mut self, proxy: Duration) -> Timeouts {
        self.proxy = proxy;
        self
    }

    /// Sets [`tls`](Timeouts::tls).
    #[must_use]
    pub fn with_tls(mut self, tls: Duration) -> Timeouts {
        self.tls = tls;
        self
    }
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts::new()
    }
}

impl Dialled {
    /// A stream without addresses.
    #[must_use]
    pub fn new(stream: Stream) -> Dialled {
        Dialled { stream, local: None, remote: None }
    }

    /// Sets both addresses.
    #[must_use]
    pub fn with_addresses(mut self, local: Option<SocketAddr>, remote: Option<SocketAddr>) -> Dialled {
        (self.local, self.remote) = (local, remote);
        self
    }
}

/// Connects to a hub as often as it is asked. [`Dialler`] is the usual one; a test, or a program with its own
/// transport, may implement another.
pub trait Dial: Send + 'static {
    /// Connects a new stream, and reports the steps. Cancel-safe: dropping the future loses only time.
    ///
    /// # Errors
    /// [`ConnectError`], which names the stage.
    fn dial<'a>(
        &'a mut self,
        report: &'a mut (dyn FnMut(ConnectStep) + Send),
    ) -> BoxFuture<'a, Result<Dialled, ConnectError>>;

    /// What it connects to, for error messages: what the last [`dial`](Dial::dial) was for, if there are several.
    fn target(&self) -> &Target;

    /// How many targets it has: so many dials in a row try each of them once.
    fn target_count(&self) -> usize {
        1
    }
}

impl Stream {
    /// Wraps a stream.
    #[must_use]
    pub fn new(stream: impl Io + 'static) -> Stream {
        Stream(Box::new(stream))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, space)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}
