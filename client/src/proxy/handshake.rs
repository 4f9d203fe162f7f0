//! The exchange with a proxy, until its stream leads to the hub.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Credentials, Proxy, ProxyError, Scheme, socks5};
use crate::address::Address;

/// The longest answer of an HTTP proxy, in bytes.
const MAX_ANSWER: usize = 8192;

/// Asks the proxy to connect to `hub`. Afterwards the stream carries the hub's bytes.
pub(crate) async fn tunnel(proxy: &Proxy, mut stream: TcpStream, hub: &Address) -> Result<TcpStream, ProxyError> {
    match proxy.scheme {
        Scheme::Socks5 => socks5::ask(proxy.credentials.as_ref(), &mut stream, hub).await.map(|()| stream),
        Scheme::Http => connect(proxy.credentials.as_ref(), stream, hub).await,
    }
}

async fn connect(who: Option<&Credentials>, mut stream: TcpStream, hub: &Address) -> Result<TcpStream, ProxyError> {
    let mut request = format!("CONNECT {hub} HTTP/1.1\r\nHost: {hub}\r\n");
    if let Some(Credentials { user, password }) = who {
        let both = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
        request.push_str(&format!("Proxy-Authorization: Basic {both}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte: the bytes after the answer are the hub's, which may speak first.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == MAX_ANSWER || answer.len() >= 5 && !answer.starts_with(b"HTTP/") {
            return Err(ProxyError::NotAProxy(format!("the peer is not an HTTP proxy: {}", first_line(&answer))));
        }
        match stream.read_u8().await {
            Ok(byte) => answer.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && answer.is_empty() => {
                return Err(ProxyError::Refused("the proxy closed the connection without an answer".into()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let line = first_line(&answer);
    match line.split(' ').nth(1) {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(stream),
        Some("407") if !offers_basic(&answer) => Err(ProxyError::Method(line)),
        Some("407") => Err(ProxyError::Credentials(line)),
        _ => Err(ProxyError::Refused(line)),
    }
}

/// Whether a 407 offers the scheme Basic, or does not say what it offers.
fn offers_basic(answer: &[u8]) -> bool {
    let answer = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let mut offers = answer.lines().filter_map(|line| line.strip_prefix("proxy-authenticate:")).peekable();
    offers.peek().is_none() || offers.any(|offer| offer.split([',', ' ']).any(|word| word == "basic"))
}

/// The first line of an answer, or the beginning of other bytes.
fn first_line(answer: &[u8]) -> String {
    let line = answer.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(&line[..line.len().min(100)]).into_owned()
}
