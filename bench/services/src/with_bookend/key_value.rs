//! The key-value store with Bookend.

use std::io;
use std::time::Duration;

use bookend::{Code, Connection, Handle, Hello, OwnedPayload, Refused};
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

use super::bytes;
use crate::key_value::{Client, Store};

pub(crate) async fn serve(stream: server::TlsStream<TcpStream>, store: Store) -> io::Result<()> {
    let connection = Connection::accept(stream, Hello::new()).await.map_err(io::Error::other)?;
    let answer = async |request: OwnedPayload| {
        store.answer(&request.into_bytes()).map_err(|why| Refused::new(Code::POLICY, why))
    };
    connection.serve(answer).await.map_err(io::Error::other)
}

pub(crate) async fn connect(stream: client::TlsStream<TcpStream>) -> io::Result<Handle> {
    let connection = Connection::connect(stream, Hello::new()).await.map_err(io::Error::other)?;
    let (_, handle, driver) = connection.split();
    tokio::spawn(driver);
    Ok(handle)
}

impl Client for Handle {
    async fn call(&self, request: Bytes) -> io::Result<Bytes> {
        let reply = self.request(&request, Duration::from_secs(5)).await.map_err(io::Error::other)?;
        Ok(bytes(reply))
    }

    async fn close(self) -> io::Result<()> {
        Handle::close(&self, Code::NORMAL, "").await;
        self.closed().await;
        Ok(())
    }
}
