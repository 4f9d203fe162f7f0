//! Listeners, and the addresses that they listen on.

#[cfg(feature = "admin")]
mod admin;
mod proxied;
#[cfg(unix)]
mod unix;

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::admission::{Entry, Rejection};
use crate::connection;
use crate::hub::Hub;
use crate::peer::Peer;
use crate::services;
#[cfg(feature = "tls")]
use crate::tls::{self, Tls};

#[cfg(unix)]
pub use unix::UnixListener;

/// How many connections may wait to be accepted. A SYN beyond that is repeated a second later.
const BACKLOG: u32 = 4096;
/// The pause after a failure to accept, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How many bytes the system holds for a peer, besides those that are on their way. Without this limit it holds
/// megabytes, and reports only when a third of them has been taken that it accepts more: a peer that reads steadily, but
/// slowly, then seems to accept nothing for a minute.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 16 << 10;
/// The number of probes of a silent peer.
const PROBES: u32 = 5;
/// The most bytes that are read from a rejected connection.
const DRAIN: usize = 4 << 10;

/// An address to listen on as people write it: a host, and a port as a number or as the name of a service. Port 0 is any
/// free port.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let address: bookend_server::Address = "127.0.0.1:3990".parse().unwrap();
/// assert_eq!(address.resolve().await.unwrap(), ["127.0.0.1:3990".parse().unwrap()]);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: String,
}

/// Why an address cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// This is not `HOST:PORT`.
    NoPort(String),
    /// The services file has no such TCP service.
    UnknownService(String),
    /// Reading the services file or looking up the host failed.
    Io(String, io::Error),
}

impl FromStr for Address {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Address, ListenError> {
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.is_empty() => {
                let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                Ok(Address { host: host.into(), port: port.into() })
            }
            _ => Err(ListenError::NoPort(text.into())),
        }
    }
}

impl Address {
    /// Looks up the socket addresses.
    ///
    /// # Errors
    /// [`ListenError::UnknownService`], [`ListenError::Io`].
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, ListenError> {
        let port = match self.port.parse() {
            Ok(port) => port,
            Err(_) => services::port(&self.port)
                .map_err(|error| ListenError::Io("the services file".into(), error))?
                .ok_or_else(|| ListenError::UnknownService(self.port.clone()))?,
        };
        let found = tokio::net::lookup_host((self.host.as_str(), port))
            .await
            .map_err(|error| ListenError::Io(self.host.clone(), error))?;
        let mut addresses = Vec::new();
        for address in found {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

/// A TCP listener.
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use bookend_server::{Config, Hub, Listener};
///
/// let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await?;
/// println!("listening on {}", listener.address());
/// listener.run(Hub::new(Config::default())).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens on an address; port 0 is any free port.
    ///
    /// # Errors
    /// The error of the system.
    pub async fn bind(address: SocketAddr) -> io::Result<Listener> {
        Listener::bind_as(address, false)
    }

    /// The same for an IPv6 address, without the IPv4 connections that `[::]` otherwise accepts, too: `0.0.0.0` may then
    /// have the same port.
    ///
    /// # Errors
    /// The error of the system.
    pub async fn bind_only_v6(address: SocketAddr) -> io::Result<Listener> {
        Listener::bind_as(address, true)
    }

    /// A socket that already listens, for instance one that systemd hands over.
    ///
    /// # Errors
    /// The error of the system.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Listener { listener: TcpListener::from_std(listener)?, address })
    }

    fn bind_as(address: SocketAddr, only_v6: bool) -> io::Result<Listener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if only_v6 {
            SockRef::from(&socket).set_only_v6(true)?;
        }
        // On Windows it would let another program take over the port.
        if cfg!(unix) {
            socket.set_reuseaddr(true)?;
        }
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok(Listener { listener, address })
    }

    /// The address with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves every connection, forever.
    pub async fn run(self, hub: Hub) {
        let serve = |hub: Hub, stream, peer, entry| connection::serve(&hub, stream, peer, entry);
        self.serve_each(hub, serve, |stream, rejection| reject(&SockRef::from(stream), rejection)).await;
    }

    /// Serves every connection over TLS, forever.
    #[cfg(feature = "tls")]
    pub async fn run_tls(self, hub: Hub, tls: Tls) {
        let serve = move |hub, stream, peer, entry| tls::serve(hub, stream, peer, entry, &tls);
        // Before the handshake it could read no answer.
        self.serve_each(hub, serve, |_stream, _rejection| {}).await;
    }

    /// Serves every connection that is admitted. The others are closed before the next one is accepted, so that however
    /// many there are, they take no descriptors.
    async fn serve_each<S, F>(self, hub: Hub, serve: S, reject: fn(&TcpStream, Rejection))
    where
        S: Fn(Hub, TcpStream, Peer, Entry) -> F + Clone + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        loop {
            let (mut stream, address) = self.accept(&hub).await;
            let hub = hub.with_current_config();
            if hub.is_proxy(address.ip()) {
                let serve = serve.clone();
                tokio::spawn(async move {
                    let Some(peer) = proxied::peer(&hub, &mut stream, address).await else { return };
                    match hub.admit(&peer) {
                        Ok(entry) => Box::pin(serve(hub, stream, peer, entry)).await,
                        Err(rejection) => reject(&stream, rejection),
                    }
                });
                continue;
            }
            let peer = Peer::from(address);
            match hub.admit(&peer) {
                Ok(entry) => drop(tokio::spawn(serve(hub, stream, peer, entry))),
                Err(rejection) => reject(&stream, rejection),
            }
        }
    }

    async fn accept(&self, hub: &Hub) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // People wait for each other's messages: small writes are sent at once.
                    let _ = stream.set_nodelay(true); // it works without, too
                    let _ = probe(&stream, hub.probe()); // it works without, too
                    #[cfg(any(target_os = "linux", target_os = "android"))]
                    let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT); // it works without, too
                    return (stream, address);
                }
                Err(error) => back_off(self.address, error).await,
            }
        }
    }
}

/// Has the system detect within twice `after` that the peer is gone, although a person at a terminal need not send
/// anything.
fn probe(stream: &TcpStream, after: Duration) -> io::Result<()> {
    if after.is_zero() {
        return Ok(());
    }
    let socket = SockRef::from(stream);
    let interval = (after / PROBES).max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(after.max(Duration::from_secs(1))).with_interval(interval);
    socket.set_tcp_keepalive(&keepalive.with_retries(PROBES))?;
    // Without it, unacknowledged bytes would keep the connection open for a quarter of an hour.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(after.saturating_mul(2)))?;
    Ok(())
}

/// Sends why a connection is rejected, as far as the system takes it at once.
fn reject(socket: &SockRef<'_>, rejection: Rejection) {
    let _ = socket.send(&connection::rejection_answer(&rejection)); // best effort, as is the rest
    let _ = socket.shutdown(Shutdown::Write);
    // Unread bytes would cause a reset, which may destroy the answer.
    let _ = socket.recv(&mut [MaybeUninit::uninit(); DRAIN]);
}

/// Waits after a failure to accept; connections remain in the backlog.
async fn back_off(address: impl fmt::Display, error: io::Error) {
    tracing::warn!(%address, detail = %error, "accept-failed");
    tokio::time::sleep(BACK_OFF).await;
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::NoPort(text) => write!(f, "{text}: an address must be HOST:PORT"),
            ListenError::UnknownService(name) => write!(f, "{name}: there is no such port and no such TCP service"),
            ListenError::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for ListenError {}
