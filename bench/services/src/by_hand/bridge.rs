//! The service of the HTTP bridge by hand.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::calls::{self, CallError, Caller};
use crate::bridge::{Calls, Failure, answer};

pub(crate) async fn serve(stream: TcpStream) -> io::Result<()> {
    calls::serve(stream, async |request| Ok(answer(&request))).await
}

pub(crate) async fn connect(stream: TcpStream) -> io::Result<Caller> {
    Ok(Caller::new(stream))
}

impl Calls for Caller {
    async fn call(&self, request: Bytes) -> Result<Bytes, Failure> {
        self.call(request, Duration::from_secs(5)).await.map_err(|error| match error {
            CallError::Refused(reason) => Failure::Refused(reason),
            CallError::Late => Failure::Late,
            CallError::Gone => Failure::Gone,
        })
    }
}
