//! How a peer is reached, again for each check.

use std::io;
use std::net::SocketAddr;

use bookend_client::{ConnectError, Dial, Dialler, Stream};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::acceptor::Acceptor;
use super::reached::Reached;
use super::side::Side;

/// How connections to a peer come about.
pub(super) enum Way {
    /// It is a server, and nothing stands between.
    Dial(SocketAddr),
    /// It is a server behind TLS or a proxy, or at a Unix socket.
    Through(Box<Dialler>),
    /// It is a client.
    Accept(Acceptor),
}

impl Way {
    pub(super) fn side(&self) -> Side {
        match self {
            Way::Dial(_) | Way::Through(_) => Side::Server,
            Way::Accept(_) => Side::Client,
        }
    }

    /// A new connection.
    pub(super) async fn reach(&self, deadline: Instant) -> io::Result<Reached> {
        match self {
            Way::Dial(address) => {
                let connecting = TcpStream::connect(*address);
                let stream = timeout_at(deadline, connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
                stream.set_nodelay(true)?; // what is sent apart is to arrive apart
                Ok(Reached { stream: Stream::new(stream), side: Side::Server, process: None })
            }
            Way::Through(dialler) => {
                let mut dialler = dialler.clone();
                let dialled = timeout_at(deadline, dialler.dial(&mut |_| {})).await;
                match dialled {
                    Ok(Ok(dialled)) => Ok(Reached { stream: dialled.stream, side: Side::Server, process: None }),
                    Ok(Err(ConnectError::Tcp { mut tried, .. })) if !tried.is_empty() => Err(tried.remove(0).1),
                    Ok(Err(error)) => Err(io::Error::other(error)),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                }
            }
            Way::Accept(acceptor) => acceptor.accept(deadline).await,
        }
    }
}
