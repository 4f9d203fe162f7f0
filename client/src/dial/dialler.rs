//! The way by TCP or a Unix socket: the name, the addresses, a proxy, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use tokio::net::{TcpStream, lookup_host};
#[cfg(feature = "tls")]
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Dial, Dialled, Stream, Timeouts, eyeballs};
use crate::address::Address;
use crate::error::ConnectError;
#[cfg(feature = "proxy")]
use crate::proxy::{Proxy, ProxyError, tunnel};
use crate::step::ConnectStep;
use crate::target::Target;
use crate::tls::TlsError;
#[cfg(feature = "tls")]
use crate::tls::{self, Tls};

/// How many bytes the system holds for the hub, besides those that are on their way. Without this limit it holds
/// megabytes, and reports only when a third of them has been taken that it accepts more: a hub that slows this client
/// down then seems to accept nothing for longer than a connection waits.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 16 << 10;

/// Connects to a [`Target`]: by TCP, directly or by a proxy, with or without TLS, or by a Unix socket.
///
/// All addresses of a host are tried, starting with the family that the resolver lists first and alternating between
/// IPv6 and IPv4, each a quarter of a second after the previous one or as soon as that has failed (RFC 8305).
///
/// ```
/// use bookend_client::{Dialler, Target, Timeouts};
/// use std::time::Duration;
///
/// let target: Target = "tls://hub.example".parse()?;
/// let dialler = Dialler::new(target).with_timeouts(Timeouts::new().with_tcp(Duration::from_secs(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dialler {
    target: Target,
    #[cfg(feature = "proxy")]
    proxy: Option<Proxy>,
    #[cfg(feature = "tls")]
    tls: Tls,
    timeouts: Timeouts,
}

impl Dialler {
    /// Connects directly, and trusts the operating system's certificate authorities.
    #[must_use]
    pub fn new(target: Target) -> Dialler {
        Dialler {
            target,
            #[cfg(feature = "proxy")]
            proxy: None,
            #[cfg(feature = "tls")]
            tls: Tls::new(),
            timeouts: Timeouts::default(),
        }
    }

    #[cfg(feature = "proxy")]
    /// Connects by this proxy, unless the target is a Unix socket.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Option<Proxy>) -> Dialler {
        self.proxy = proxy;
        self
    }

    #[cfg(feature = "tls")]
    /// Uses these certificates if the target uses TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Dialler {
        self.tls = tls;
        self
    }

    /// How long each step may take.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Dialler {
        self.timeouts = timeouts;
        self
    }

    #[cfg(feature = "proxy")]
    /// The proxy that is used; none for a Unix socket.
    #[must_use]
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| self.target.address().is_some())
    }

    async fn reach(&mut self, report: &mut (dyn FnMut(ConnectStep) + Send)) -> Result<Dialled, ConnectError> {
        match self.target.clone() {
            Target::Unix(path) => self.open(&path, report).await,
            Target::Tcp(address) => {
                let (stream, local, remote) = self.tcp(&address, report).await?;
                Ok(Dialled::new(Stream::new(stream)).with_addresses(local, remote))
            }
            Target::Tls(address) => self.secure(&address, report).await,
        }
    }

    #[cfg(feature = "tls")]
    async fn secure(
        &mut self,
        address: &Address,
        report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<Dialled, ConnectError> {
        let failed = |peer, error| ConnectError::Tls { target: Target::Tls(address.clone()), peer, error };
        let name = self.tls.expected(address).map_err(|error| failed(None, error))?;
        let mut tls = self.tls.clone();
        // It reads files.
        let loaded = spawn_blocking(move || tls.load().map(|()| tls)).await;
        self.tls = loaded.unwrap_or_else(|_| Err(TlsError::late())).map_err(|error| failed(None, error))?;
        let handshake = self.tls.handshake().map_err(|error| failed(None, error))?;
        let (stream, local, remote) = self.tcp(address, report).await?;
        report(ConnectStep::Tls(name.to_str().into_owned()));
        let shaken = timeout(self.timeouts.tls, tls::connect(handshake, name, stream)).await;
        let stream = shaken.unwrap_or_else(|_| Err(TlsError::late())).map_err(|error| failed(remote, error))?;
        Ok(Dialled::new(Stream::new(stream)).with_addresses(local, remote))
    }

    #[cfg(not(feature = "tls"))]
    async fn secure(
        &mut self,
        address: &Address,
        _report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<Dialled, ConnectError> {
        Err(ConnectError::Tls { target: Target::Tls(address.clone()), peer: None, error: TlsError::unsupported() })
    }

    /// A TCP stream to the hub, by the proxy if there is one, and the addresses of both ends.
    async fn tcp(
        &self,
        hub: &Address,
        report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<(TcpStream, Option<SocketAddr>, Option<SocketAddr>), ConnectError> {
        let stream = self.proxied(hub, report).await?;
        // If it fails, a message may wait for the acknowledgement of the previous one.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT); // it works without, too
        let (local, remote) = (stream.local_addr().ok(), stream.peer_addr().ok());
        Ok((stream, local, remote))
    }

    #[cfg(feature = "proxy")]
    async fn proxied(
        &self,
        hub: &Address,
        report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<TcpStream, ConnectError> {
        let Some(proxy) = &self.proxy else { return self.unproxied(hub, report).await };
        self.by_proxy(proxy, hub, report).await.map_err(|error| ConnectError::Proxy {
            target: self.target.clone(),
            proxy: proxy.clone().into(),
            error,
        })
    }

    #[cfg(not(feature = "proxy"))]
    async fn proxied(
        &self,
        hub: &Address,
        report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<TcpStream, ConnectError> {
        self.unproxied(hub, report).await
    }

    async fn unproxied(
        &self,
        hub: &Address,
        report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<TcpStream, ConnectError> {
        self.direct(hub, report).await.map_err(|error| match error {
            Unreached::Resolve(error) => ConnectError::Resolve { target: self.target.clone(), error: error.into() },
            Unreached::Tcp(tried) => ConnectError::Tcp { target: self.target.clone(), tried },
        })
    }

    #[cfg(feature = "proxy")]
    async fn by_proxy(
        &self,
        proxy: &Proxy,
        hub: &Address,
        report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<TcpStream, ProxyError> {
        let stream = self.direct(proxy.address(), report).await.map_err(|error| match error {
            Unreached::Resolve(error) => ProxyError::Resolve(error.into()),
            Unreached::Tcp(tried) => ProxyError::Tcp(tried),
        })?;
        report(ConnectStep::Proxy(proxy.clone()));
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the proxy did not answer in time");
        timeout(self.timeouts.proxy, tunnel(proxy, stream, hub)).await.unwrap_or_else(|_| Err(late().into()))
    }

    async fn direct(
        &self,
        address: &Address,
        report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<TcpStream, Unreached> {
        report(ConnectStep::Resolving(address.host().into()));
        let found = timeout(self.timeouts.resolve, lookup_host((address.host(), address.port()))).await;
        let found = found
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the resolver did not answer in time")))
            .map_err(Unreached::Resolve)?;
        let addresses = eyeballs::in_turn(found);
        if addresses.is_empty() {
            return Err(Unreached::Resolve(io::Error::new(io::ErrorKind::NotFound, "the name has no addresses")));
        }
        let connect = |address| async move {
            let connected = timeout(self.timeouts.tcp, TcpStream::connect(address)).await;
            connected.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
        };
        eyeballs::first(addresses, connect, |address| report(ConnectStep::Connecting(address)))
            .await
            .map_err(Unreached::Tcp)
    }

    #[cfg(unix)]
    async fn open(
        &self,
        path: &std::path::Path,
        report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<Dialled, ConnectError> {
        report(ConnectStep::Opening(self.target.to_string()));
        let opened = timeout(self.timeouts.tcp, tokio::net::UnixStream::connect(path)).await;
        match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => Ok(Dialled::new(Stream::new(stream))),
            Err(error) => Err(ConnectError::Unix { target: self.target.clone(), error: error.into() }),
        }
    }

    #[cfg(not(unix))]
    async fn open(
        &self,
        _path: &std::path::Path,
        _report: &mut (dyn FnMut(ConnectStep) + Send),
    ) -> Result<Dialled, ConnectError> {
        let error = io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets");
        Err(ConnectError::Unix { target: self.target.clone(), error: error.into() })
    }
}

impl Dial for Dialler {
    fn dial<'a>(
        &'a mut self,
        report: &'a mut (dyn FnMut(ConnectStep) + Send),
    ) -> BoxFuture<'a, Result<Dialled, ConnectError>> {
        Box::pin(self.reach(report))
    }

    fn target(&self) -> &Target {
        &self.target
    }
}

/// Why there is no TCP stream.
enum Unreached {
    Resolve(io::Error),
    Tcp(Vec<(SocketAddr, Arc<io::Error>)>),
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
