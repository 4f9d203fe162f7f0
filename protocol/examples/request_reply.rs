//! Several requests in flight, whose answers arrive in another order; both sides in one program.
//!
//! `cargo run -p bookend --example request_reply`

use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Hello, Message};
use tokio::io::DuplexStream;

#[tokio::main]
async fn main() -> Result<(), ConnectionError> {
    let (near, far) = tokio::io::duplex(64 << 10); // any AsyncRead + AsyncWrite: a TcpStream, TLS, a pipe
    let server = tokio::spawn(serve(far));
    let mut connection = Connection::connect(near, Hello::new()).await?;
    let handle = connection.handle();
    let driver = tokio::spawn(async move { connection.next().await.map(|message| assert!(message.is_none())) });

    let (slow, fast, wrong) = tokio::join!(
        handle.request("300", Duration::from_secs(5)),
        handle.request("100", Duration::from_secs(5)),
        handle.request("soon", Duration::from_secs(5)),
    );
    println!("300: {:?}\n100: {:?}\nsoon: {}", slow?, fast?, wrong.expect_err("is no number"));

    handle.close(Code::NORMAL, "").await;
    driver.await.expect("the driver ends")?;
    server.await.expect("the server ends")
}

/// Answers a number of milliseconds after as many milliseconds.
async fn serve(stream: DuplexStream) -> Result<(), ConnectionError> {
    let mut connection = Connection::accept(stream, Hello::new()).await?;
    let handle = connection.handle();
    while let Some(message) = connection.next().await? {
        let Message::Request { id, payload } = message else { continue };
        match payload.text().and_then(|text| text.parse().ok()) {
            Some(delay) => {
                let handle = handle.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                    handle.reply(id, &*format!("waited {delay} ms")).await
                });
            }
            None => connection.refuse(Some(id), Code::POLICY, "send a number of milliseconds").await?,
        }
    }
    Ok(())
}
