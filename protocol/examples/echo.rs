//! An echo service: it returns every message and answers every request.
//!
//! `cargo run -p bookend --example echo` and, beside it, `cargo run -p bookend --example blocking_client`.

use bookend::{Connection, ConnectionError, Hello, Message};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3991".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(async move {
            match serve(stream).await {
                Ok(()) => println!("{peer} left"),
                Err(error) => println!("{peer}: {error}"),
            }
        });
    }
}

async fn serve(stream: TcpStream) -> Result<(), ConnectionError> {
    stream.set_nodelay(true)?;
    let mut connection = Connection::accept(stream, Hello::new()).await?;
    while let Some(message) = connection.next().await? {
        match message {
            Message::Message(payload) => {
                let text = payload.text().map(std::borrow::Cow::into_owned);
                match text {
                    Some(text) => connection.send(&*text).await?,
                    None => {
                        let bytes = payload.as_bytes().to_vec();
                        connection.send(&bytes[..]).await?;
                    }
                }
            }
            Message::Request { id, payload } => {
                // A request may take its time: the answer goes through a guard, and others overtake it.
                let question = payload.text().unwrap_or_default().into_owned();
                let guard = connection.guard(id)?;
                tokio::spawn(async move { guard.reply(&question).await });
            }
            other => println!("ignored: {other:?}"),
        }
    }
    Ok(())
}
