//! The service of the HTTP bridge with Bookend.

use std::io;
use std::time::Duration;

use bookend::{Connection, ConnectionError, Handle, Hello, OwnedPayload};
use bytes::Bytes;
use tokio::net::TcpStream;

use super::bytes;
use crate::bridge::{Calls, Failure, answer};

pub(crate) async fn serve(stream: TcpStream) -> io::Result<()> {
    let connection = Connection::accept(stream, Hello::new()).await.map_err(io::Error::other)?;
    let served = connection.serve(async |request: OwnedPayload| Ok(answer(request.as_bytes())));
    served.await.map_err(io::Error::other)
}

pub(crate) async fn connect(stream: TcpStream) -> io::Result<Handle> {
    let connection = Connection::connect(stream, Hello::new()).await.map_err(io::Error::other)?;
    let (_, handle, driver) = connection.split();
    tokio::spawn(driver);
    Ok(handle)
}

impl Calls for Handle {
    async fn call(&self, request: Bytes) -> Result<Bytes, Failure> {
        match self.request(&request, Duration::from_secs(5)).await {
            Ok(reply) => Ok(bytes(reply)),
            Err(ConnectionError::Refused { reason, .. }) => Err(Failure::Refused(reason)),
            Err(ConnectionError::Timeout) => Err(Failure::Late),
            Err(_) => Err(Failure::Gone),
        }
    }
}
