//! The transfer with Bookend.

use std::io;

use bookend::{Code, Connection, Hello, Message};
use bytes::Bytes;
use tokio::net::TcpStream;

fn hello() -> Hello {
    Hello::new().with_max_body(64 << 20)
}

pub(crate) async fn send(stream: TcpStream, body: Bytes, count: u64) -> io::Result<()> {
    let mut connection = Connection::connect(stream, hello()).await.map_err(io::Error::other)?;
    for _ in 0..count {
        connection.send(&body).await.map_err(io::Error::other)?;
    }
    connection.close(Code::NORMAL, "").await.map_err(io::Error::other)
}

pub(crate) async fn receive(stream: TcpStream) -> io::Result<u64> {
    let mut connection = Connection::accept(stream, hello()).await.map_err(io::Error::other)?;
    let mut received = 0;
    while let Some(message) = connection.next().await.map_err(io::Error::other)? {
        if let Message::Message(payload) = message {
            received += payload.as_bytes().len() as u64;
        }
    }
    Ok(received)
}
