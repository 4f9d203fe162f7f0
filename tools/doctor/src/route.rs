//! How to connect to a peer, again for each check.

use std::io;
use std::net::SocketAddr;

use bookend_client::{ConnectError, Dial, Dialler, Stream};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::acceptor::Acceptor;
use super::peer_stream::PeerStream;
use super::side::Side;

/// How to connect to a peer.
pub(super) enum Route {
    /// The peer is a server that is reached by TCP alone.
    Tcp(SocketAddr),
    /// The peer is a server that is reached by TLS, a proxy or a Unix socket.
    Dialler(Box<Dialler>),
    /// The peer is a client, which connects to this side.
    Accept(Acceptor),
}

impl Route {
    pub(super) fn side(&self) -> Side {
        match self {
            Route::Tcp(_) | Route::Dialler(_) => Side::Server,
            Route::Accept(_) => Side::Client,
        }
    }

    /// A new connection.
    pub(super) async fn connect(&self, deadline: Instant) -> io::Result<PeerStream> {
        match self {
            Route::Tcp(address) => {
                let connecting = TcpStream::connect(*address);
                let stream = timeout_at(deadline, connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
                stream.set_nodelay(true)?; // separate writes should arrive separately
                Ok(PeerStream { stream: Stream::new(stream), side: Side::Server, process: None })
            }
            Route::Dialler(dialler) => {
                let mut dialler = dialler.clone();
                let dialled = timeout_at(deadline, dialler.dial(&mut |_| {})).await;
                match dialled {
                    Ok(Ok(dialled)) => Ok(PeerStream { stream: dialled.stream, side: Side::Server, process: None }),
                    Ok(Err(ConnectError::Tcp { mut tried, .. })) if !tried.is_empty() => {
                        let (_, error) = tried.remove(0);
                        Err(io::Error::new(error.kind(), error))
                    }
                    Ok(Err(error)) => Err(io::Error::other(error)),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                }
            }
            Route::Accept(acceptor) => acceptor.accept(deadline).await,
        }
    }
}
