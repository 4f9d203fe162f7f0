//! The key-value store by hand.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

use super::calls::{self, CallError, Caller};
use crate::key_value::{Client, Store};

pub(crate) async fn serve(stream: server::TlsStream<TcpStream>, store: Store) -> io::Result<()> {
    calls::serve(stream, async |request| store.answer(&request).map_err(str::to_owned)).await
}

pub(crate) async fn connect(stream: client::TlsStream<TcpStream>) -> io::Result<Caller> {
    Ok(Caller::new(stream))
}

impl Client for Caller {
    async fn call(&self, request: Bytes) -> io::Result<Bytes> {
        self.call(request, Duration::from_secs(5)).await.map_err(|error| match error {
            CallError::Refused(reason) => io::Error::other(reason),
            CallError::Late => io::ErrorKind::TimedOut.into(),
            CallError::Gone => io::ErrorKind::BrokenPipe.into(),
        })
    }

    async fn close(self) -> io::Result<()> {
        self.close().await;
        Ok(())
    }
}
