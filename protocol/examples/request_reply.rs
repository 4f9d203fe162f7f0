//! Several requests in flight, whose answers arrive in another order; both sides in one program.
//!
//! `cargo run -p bookend --example request_reply`

use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Hello, OwnedPayload, Refused};
use tokio::io::DuplexStream;

#[tokio::main]
async fn main() -> Result<(), ConnectionError> {
    let (near, far) = tokio::io::duplex(64 << 10); // any AsyncRead + AsyncWrite: a TcpStream, TLS, a pipe
    let server = tokio::spawn(serve(far));
    let (_receiver, handle, driver) = Connection::connect(near, Hello::new()).await?.split();
    let driver = tokio::spawn(driver);

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
    let connection = Connection::accept(stream, Hello::new()).await?;
    let answer = async |question: OwnedPayload| {
        let delay = question.text().and_then(|text| text.parse().ok());
        let delay: u64 = delay.ok_or_else(|| Refused::new(Code::POLICY, "send a number of milliseconds"))?;
        tokio::time::sleep(Duration::from_millis(delay)).await;
        Ok(format!("waited {delay} ms"))
    };
    connection.serve(answer).await
}
