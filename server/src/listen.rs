//! The door: where the hub listens, and the connections that come.

#[cfg(feature = "admin")]
mod admin;
#[cfg(unix)]
mod unix;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::hub::Hub;
use crate::services;
#[cfg(feature = "tls")]
use crate::tls::Tls;

#[cfg(unix)]
pub use unix::UnixListener;

/// Connections that may wait to be accepted: a packet that finds no room is sent again a second later.
const BACKLOG: u32 = 4096;
/// After a failure to accept, such as too many open files, nothing is tried for so long.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Probes of a silent peer, evenly over the time that it has to answer.
const PROBES: u32 = 5;

/// Where to listen, as people write it: a host and a port, either as a number, 0 for any that is free, or by the name
/// of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: String,
}

/// Why the hub does not listen.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// No `HOST:PORT`.
    NoPort(String),
    /// A service that the services file does not have.
    UnknownService(String),
    /// The services file, the host name, or the address.
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
    /// The socket addresses that it stands for.
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

/// A port that the hub listens on.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Listens on an address; port 0 takes one that is free.
    ///
    /// # Errors
    /// Why the system refuses it.
    pub async fn bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // On Windows it would let somebody else take the port.
        if cfg!(unix) {
            socket.set_reuseaddr(true)?;
        }
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok(Listener { listener, address })
    }

    /// The address, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves every connection that comes, for ever.
    pub async fn run(self, hub: Hub) {
        loop {
            let (stream, address) = self.accept(&hub).await;
            tokio::spawn(hub.serve(stream, address));
        }
    }

    /// Serves every connection that comes and speaks TLS, for ever.
    #[cfg(feature = "tls")]
    pub async fn run_tls(self, hub: Hub, tls: Tls) {
        loop {
            let (stream, address) = self.accept(&hub).await;
            tokio::spawn(hub.serve_tls(stream, address, &tls));
        }
    }

    async fn accept(&self, hub: &Hub) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Members wait for each other's words: what is small goes out at once.
                    let _without = stream.set_nodelay(true);
                    let _without = probe(&stream, hub.probe());
                    return (stream, address);
                }
                Err(error) => back_off(self.address, error).await,
            }
        }
    }
}

/// Has the system find out whether somebody is still at the other end: within twice `after`, though whoever sits at a
/// line terminal owes the hub no byte.
fn probe(stream: &TcpStream, after: Duration) -> io::Result<()> {
    if after.is_zero() {
        return Ok(());
    }
    let socket = SockRef::from(stream);
    let interval = (after / PROBES).max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(after.max(Duration::from_secs(1))).with_interval(interval);
    socket.set_tcp_keepalive(&keepalive.with_retries(PROBES))?;
    // Else what was sent and not acknowledged would keep the connection for a quarter of an hour.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(after.saturating_mul(2)))?;
    Ok(())
}

/// Nothing could be accepted: who waits is accepted later.
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
            ListenError::NoPort(text) => write!(f, "{text}: an address is HOST:PORT"),
            ListenError::UnknownService(name) => write!(f, "{name}: no such port, and no such service for tcp"),
            ListenError::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

impl std::error::Error for ListenError {}
