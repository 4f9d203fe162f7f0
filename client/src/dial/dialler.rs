//! The way by TCP or a Unix socket: the name, the addresses, a proxy, TLS.

use std::io;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use tokio::net::{TcpStream, lookup_host};
#[cfg(feature = "tls")]
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Dial, Dialled, Patience, Stream, eyeballs};
use crate::address::Address;
use crate::error::ConnectError;
use crate::place::Place;
#[cfg(feature = "proxy")]
use crate::proxy::{Proxy, ProxyError, tunnel};
use crate::step::Step;
use crate::tls::TlsError;
#[cfg(feature = "tls")]
use crate::tls::{self, Tls};

/// Reaches a [`Place`] by TCP, directly or by a [`Proxy`], with TLS or without, or a Unix socket.
///
/// All addresses of a host are tried, IPv6 first and the families in turn, each a quarter of a second after the one
/// before or as soon as that has failed (RFC 8305).
#[derive(Clone, Debug)]
pub struct Dialler {
    place: Place,
    #[cfg(feature = "proxy")]
    proxy: Option<Proxy>,
    #[cfg(feature = "tls")]
    tls: Tls,
    patience: Patience,
}

impl Dialler {
    /// Directly, with the operating system's authorities.
    #[must_use]
    pub fn new(place: Place) -> Dialler {
        Dialler {
            place,
            #[cfg(feature = "proxy")]
            proxy: None,
            #[cfg(feature = "tls")]
            tls: Tls::new(),
            patience: Patience::default(),
        }
    }

    #[cfg(feature = "proxy")]
    /// By this proxy, unless it is a Unix socket.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Option<Proxy>) -> Dialler {
        self.proxy = proxy;
        self
    }

    #[cfg(feature = "tls")]
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

    #[cfg(feature = "proxy")]
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
            Place::Tls(address) => self.secure(&address, tell).await,
        }
    }

    #[cfg(feature = "tls")]
    async fn secure(
        &mut self,
        address: &Address,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<Dialled, ConnectError> {
        let failed = |peer, error| ConnectError::Tls { place: Place::Tls(address.clone()), peer, error };
        let name = self.tls.expected(address).map_err(|error| failed(None, error))?;
        let mut tls = self.tls.clone();
        // It reads files.
        let loaded = spawn_blocking(move || tls.load().map(|()| tls)).await;
        self.tls = loaded.unwrap_or_else(|_| Err(TlsError::late())).map_err(|error| failed(None, error))?;
        let config = self.tls.config().map_err(|error| failed(None, error))?;
        let (stream, local, remote) = self.tcp(address, tell).await?;
        tell(Step::Tls(name.to_str().into_owned()));
        let shaken = timeout(self.patience.tls, tls::connect(config, name, stream)).await;
        let stream = shaken.unwrap_or_else(|_| Err(TlsError::late())).map_err(|error| failed(remote, error))?;
        Ok(Dialled { stream: Stream::new(stream), local, remote })
    }

    #[cfg(not(feature = "tls"))]
    async fn secure(
        &mut self,
        address: &Address,
        _tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<Dialled, ConnectError> {
        Err(ConnectError::Tls { place: Place::Tls(address.clone()), peer: None, error: TlsError::unsupported() })
    }

    /// A TCP stream to the hub, by the proxy if there is one, and the addresses of both its ends.
    async fn tcp(
        &self,
        hub: &Address,
        tell: &mut (dyn FnMut(Step) + Send),
    ) -> Result<(TcpStream, Option<SocketAddr>, Option<SocketAddr>), ConnectError> {
        let stream = self.proxied(hub, tell).await?;
        // Without it a message may wait for the acknowledgement of the one before; it works all the same.
        let _slower = stream.set_nodelay(true);
        let (local, remote) = (stream.local_addr().ok(), stream.peer_addr().ok());
        Ok((stream, local, remote))
    }

    #[cfg(feature = "proxy")]
    async fn proxied(&self, hub: &Address, tell: &mut (dyn FnMut(Step) + Send)) -> Result<TcpStream, ConnectError> {
        let Some(proxy) = &self.proxy else { return self.unproxied(hub, tell).await };
        self.by_proxy(proxy, hub, tell).await.map_err(|error| ConnectError::Proxy {
            place: self.place.clone(),
            proxy: proxy.clone().into(),
            error,
        })
    }

    #[cfg(not(feature = "proxy"))]
    async fn proxied(&self, hub: &Address, tell: &mut (dyn FnMut(Step) + Send)) -> Result<TcpStream, ConnectError> {
        self.unproxied(hub, tell).await
    }

    async fn unproxied(&self, hub: &Address, tell: &mut (dyn FnMut(Step) + Send)) -> Result<TcpStream, ConnectError> {
        self.direct(hub, tell).await.map_err(|error| match error {
            Unreached::Resolve(error) => ConnectError::Resolve { place: self.place.clone(), error },
            Unreached::Tcp(tried) => ConnectError::Tcp { place: self.place.clone(), tried },
        })
    }

    #[cfg(feature = "proxy")]
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

#[cfg(all(test, not(feature = "tls")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tls_address_fails_with_the_reason_in_a_build_without_tls() {
        let mut dialler = Dialler::new("tls://127.0.0.1:1".parse().unwrap());
        let error = dialler.dial(&mut |_| {}).await.unwrap_err();
        assert_eq!(error.to_string(), "tls://127.0.0.1:1: TLS: unsupported: this program was built without TLS");
        assert_eq!(error.fix(), "build it with the feature `tls` of bookend-client");
    }
}
