//! The transfer by hand.

use std::io;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

const MAX: usize = 64 << 20;

fn framed(stream: TcpStream) -> Framed<TcpStream, LengthDelimitedCodec> {
    Framed::new(stream, LengthDelimitedCodec::builder().max_frame_length(MAX).new_codec())
}

pub(crate) async fn send(stream: TcpStream, body: Bytes, count: u64) -> io::Result<()> {
    let mut framed = framed(stream);
    for _ in 0..count {
        framed.send(body.clone()).await?;
    }
    SinkExt::<Bytes>::close(&mut framed).await
}

pub(crate) async fn receive(stream: TcpStream) -> io::Result<u64> {
    let mut framed = framed(stream);
    let mut received = 0;
    while let Some(body) = framed.next().await {
        received += body?.len() as u64;
    }
    Ok(received)
}
