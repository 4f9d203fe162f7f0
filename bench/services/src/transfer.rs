//! 2 GiB from one side to the other, in bodies of one length.

use std::io;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};

const TOTAL: u64 = 2 << 30;

/// Sends the body `count` times, receives bodies, and returns how many bytes arrived.
pub(crate) fn run<Sending, Receiving>(
    body: usize,
    send: impl Fn(TcpStream, Bytes, u64) -> Sending + Send + 'static,
    receive: impl Fn(TcpStream) -> Receiving,
) -> io::Result<()>
where
    Sending: Future<Output = io::Result<()>> + Send + 'static,
    Receiving: Future<Output = io::Result<u64>>,
{
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let sender = tokio::spawn(send(stream, Bytes::from(vec![0x5A; body]), TOTAL / body as u64));
        let received = receive(listener.accept().await?.0).await?;
        sender.await??;
        if received == TOTAL { Ok(()) } else { Err(io::Error::other(format!("{received} bytes arrived"))) }
    })
}
