//! The way to a hub: the name, the addresses, a proxy, TLS; a stream at the end.

mod eyeballs;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::address::Address;
use crate::error::ConnectError;
use crate::place::Place;
use crate::proxy::{Proxy, ProxyError, tunnel};
use crate::step::Step;
use crate::tls::{self, Tls, TlsError};

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

/// Reaches a [`Place`] by TCP, directly or by a [`Proxy`], with TLS or without, or a Unix socket.
///
/// All addresses of a host are tried, IPv6 first and the families in turn, each a quarter of a second after the one
/// before or as soon as that has failed (RFC 8305).
#[derive(Clone, Debug)]
pub struct Dialler {
    place: Place,
    proxy: Option<Proxy>,
    tls: Tls,
    patience: Patience,
}

impl Dialler {
    /// Directly, with the operating system's authorities.
    #[must_use]
    pub fn new(place: Place) -> Dialler {
        Dialler { place, proxy: None, tls: Tls::new(), patience: Patience::default() }
    }

    /// By this proxy, unless it is a Unix socket.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Option<Proxy>) -> Dialler {
        self.proxy = proxy;
        self
    }

    /// With these certificates, where the place wants TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Dialler {
        self.tls = tls;
        self
    }

    /// How long each step may take.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Dialler {
        self.patience = patience;
        self
    }

    /// The proxy that is asked, if there is one; a Unix socket needs none.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| self.place.address().is_some())
    }

    async fn reach(&mut self, tell: &mut (dyn FnMut(Step) + Send)) -> Result<Dialled, ConnectError> {
        match self.place.clone() {
            Place::Unix(path) => self.open(&path, tell).await,
            Place::Tcp(address) => {
                let (stream, local, remote) = self.tcp(&address, tell).await?;
                Ok(Dialled { stream: Stream::new(stream), local, remote })
            }
            Place::Tls(address) => {
                let failed = |error| ConnectError::Tls { place: Place::Tls(address.clone()), peer: None, error };
                let name = self.tls.expected(&address).map_err(failed)?;
                let mut tls = self.tls.clone();
                let loaded = spawn_blocking(move || tls.load().map(|()| tls)).await;
                self.tls = loaded.unwrap_or_else(|_| Err(TlsError::late())).map_err(failed)?;
                let config = self.tls.config().map_err(failed)?;
                let (stream, local, remote) = self.tcp(&address, tell).await?;
                tell(Step::Tls(name.to_str().into_owned()));
                let shaken = timeout(self.patience.tls, tls::connect(config, name, stream)).await;
                let stream = shaken.unwrap_or_else(|_| Err(TlsError::late())).map_err(|error| ConnectError::Tls {
                    place: self.place.clone(),
                    peer: remote,
                    error,
                })?;
                Ok(Dialled { stream: Stream::new(stream), local, remote })
            }
        }
    }

    /// A TCP stream to the hub, by the proxy if there is one, and the addresses of both its ends.
    async fn tcp(
        &self,
        hub: &Address,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<(TcpStream, Option<SocketAddr>, Option<SocketAddr>), ConnectError> {
        let stream = match &self.proxy {
            None => self.direct(hub, tell).await.map_err(|error| match error {
                Unreached::Resolve(error) => ConnectError::Resolve { place: self.place.clone(), error },
                Unreached::Tcp(tried) => ConnectError::Tcp { place: self.place.clone(), tried },
            })?,
            Some(proxy) => self.by_proxy(proxy, hub, tell).await.map_err(|error| ConnectError::Proxy {
                place: self.place.clone(),
                proxy: proxy.clone().into(),
                error,
            })?,
        };
        // Without it a message may wait for the acknowledgement of the one before; it works all the same.
        let _slower = stream.set_nodelay(true);
        let (local, remote) = (stream.local_addr().ok(), stream.peer_addr().ok());
        Ok((stream, local, remote))
    }

    async fn by_proxy(
        &self,
        proxy: &Proxy,
        hub: &Address,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<TcpStream, ProxyError> {
        let stream = self.direct(proxy.address(), tell).await.map_err(|error| match error {
            Unreached::Resolve(error) => ProxyError::Resolve(error),
            Unreached::Tcp(tried) => ProxyError::Tcp(tried),
        })?;
        tell(Step::Proxy(proxy.clone()));
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the proxy takes too long");
        timeout(self.patience.proxy, tunnel(proxy, stream, hub)).await.unwrap_or_else(|_| Err(late().into()))
    }

    async fn direct(&self, address: &Address, tell: &mut (dyn FnMut(Step) + Send)) -> Result<TcpStream, Unreached> {
        tell(Step::Resolving(address.host().into()));
        let found = timeout(self.patience.resolve, lookup_host((address.host(), address.port()))).await;
        let found = found
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the resolver takes too long")))
            .map_err(Unreached::Resolve)?;
        let addresses = eyeballs::in_turn(found);
        if addresses.is_empty() {
            return Err(Unreached::Resolve(io::Error::new(io::ErrorKind::NotFound, "the name has no addresses")));
        }
        let connect = |address| async move {
            let connected = timeout(self.patience.tcp, TcpStream::connect(address)).await;
            connected.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
        };
        eyeballs::first(addresses, connect, |address| tell(Step::Connecting(address))).await.map_err(Unreached::Tcp)
    }

    #[cfg(unix)]
    async fn open(&self, path: &std::path::Path, tell: &mut (dyn FnMut(Step) + Send)) -> Result<Dialled, ConnectError> {
        tell(Step::Opening(self.place.to_string()));
        let opened = timeout(self.patience.tcp, tokio::net::UnixStream::connect(path)).await;
        match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => Ok(Dialled { stream: Stream::new(stream), local: None, remote: None }),
            Err(error) => Err(ConnectError::Unix { place: self.place.clone(), error }),
        }
    }

    #[cfg(not(unix))]
    async fn open(
        &self,
        _path: &std::path::Path,
        _tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<Dialled, ConnectError> {
        let error = io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets");
        Err(ConnectError::Unix { place: self.place.clone(), error })
    }
}

impl Dial for Dialler {
    fn dial<'a>(&'a mut self, tell: &'a mut (dyn FnMut(Step) + Send)) -> BoxFuture<'a, Result<Dialled, ConnectError>> {
        Box::pin(self.reach(tell))
    }

    fn place(&self) -> &Place {
        &self.place
    }
}

/// Why there is no TCP stream.
enum Unreached {
    Resolve(io::Error),
    Tcp(Vec<(SocketAddr, io::Error)>),
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
