//! The way to a hub, and the stream at its end.

mod dialler;
mod eyeballs;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::ConnectError;
use crate::place::Place;
use crate::step::Step;
pub use dialler::Dialler;

/// Whatever carries a session's bytes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A stream of bytes to a hub: TCP, TLS, a Unix socket, or what somebody else's [`Dial`] has made.
pub struct Stream(Box<dyn Io>);

/// What was reached.
#[derive(Debug)]
pub struct Dialled {
    /// The stream.
    pub stream: Stream,
    /// This side's address, where there is one.
    pub local: Option<SocketAddr>,
    /// The address that was connected to: the proxy's, if there is one.
    pub remote: Option<SocketAddr>,
}

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Looking up a name: 10 s by default.
    pub resolve: Duration,
    /// Connecting to one address: 10 s.
    pub tcp: Duration,
    /// What is said to a proxy, which connects to the hub meanwhile: 20 s.
    pub proxy: Duration,
    /// The TLS handshake: 10 s.
    pub tls: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let seconds = Duration::from_secs;
        Patience { resolve: seconds(10), tcp: seconds(10), proxy: seconds(20), tls: seconds(10) }
    }
}

/// Reaches a hub, again and again. A test, or a program with a way of its own, may bring another than [`Dialler`].
pub trait Dial: Send + 'static {
    /// Makes a new stream, and tells of the steps. Nothing but time is lost if the future is dropped.
    ///
    /// # Errors
    /// [`ConnectError`], which names the stage.
    fn dial<'a>(&'a mut self, tell: &'a mut (dyn FnMut(Step) + Send)) -> BoxFuture<'a, Result<Dialled, ConnectError>>;

    /// What is dialled, for messages.
    fn place(&self) -> &Place;
}

impl Stream {
    /// A stream that carries a session's bytes.
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
