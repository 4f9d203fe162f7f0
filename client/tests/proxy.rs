//! Connecting through proxies, and the errors when that fails.

#![cfg(feature = "proxy")]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use bookend::{Code, Hello};
use bookend_client::{ConnectError, Dialler, Joined, Proxy, Stage};
use bookend_testing::hub::Hub;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A hub on its own port, which ends with its first client.
async fn hub() -> (u16, JoinHandle<Option<Code>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hub = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // The hub's first bytes must not be taken for the proxy's.
        stream.write_all(b"a hub\r\n").await.unwrap();
        Hub::welcome(stream, &[]).await.rest().await.1
    };
    (port, tokio::spawn(hub))
}

/// A proxy for one client: it reads and writes as `script` says, in turn, then connects to `port`, or closes.
async fn proxy(script: Vec<(&'static [u8], &'static [u8])>, port: Option<u16>) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let proxy = async move {
        let (mut client, _) = listener.accept().await.unwrap();
        for (expected, answer) in script {
            let mut read = vec![0; expected.len()];
            client.read_exact(&mut read).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(expected));
            client.write_all(answer).await.unwrap();
        }
        if let Some(port) = port {
            let mut hub = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            copy_bidirectional(&mut client, &mut hub).await.unwrap();
        }
    };
    (own, tokio::spawn(proxy))
}

async fn joined(proxy: &str) -> Result<Joined, ConnectError> {
    let proxy: Proxy = proxy.parse().unwrap();
    let mut dialler = Dialler::new("hub.example:7".parse().unwrap()).with_proxy(Some(proxy));
    Joined::dial(&mut dialler, Hello::new().with_hub(true)).await
}

#[tokio::test]
async fn socks5_connects_by_name_with_user_and_password() {
    let (port, hub) = hub().await;
    let script: Vec<(&[u8], &[u8])> = vec![
        (b"\x05\x02\x00\x02", b"\x05\x02"),
        (b"\x01\x03ann\x04p@ss", b"\x01\x00"),
        (b"\x05\x01\x00\x03\x0bhub.example\x00\x07", b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
    ];
    let (gate, proxy) = proxy(script, Some(port)).await;
    let mut joined = joined(&format!("socks5://ann:p%40ss@127.0.0.1:{gate}")).await.unwrap();
    assert!(joined.welcome().is_some());
    joined.connection().close(Code::NORMAL, "").await.unwrap();
    drop(joined);
    assert_eq!(hub.await.unwrap(), Some(Code::NORMAL));
    proxy.await.unwrap();
}

#[tokio::test]
async fn http_connect_leaves_the_hubs_first_bytes_to_the_session() {
    let (port, hub) = hub().await;
    let asked = b"CONNECT hub.example:7 HTTP/1.1\r\nHost: hub.example:7\r\nProxy-Authorization: Basic YW5uOng=\r\n\r\n";
    let script: Vec<(&[u8], &[u8])> = vec![(asked, b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n")];
    let (gate, proxy) = proxy(script, Some(port)).await;
    let mut joined = joined(&format!("http://ann:x@127.0.0.1:{gate}")).await.unwrap();
    joined.connection().close(Code::NORMAL, "").await.unwrap();
    drop(joined);
    assert_eq!(hub.await.unwrap(), Some(Code::NORMAL));
    proxy.await.unwrap();
}

#[tokio::test]
async fn proxy_that_cannot_reach_the_hub_is_quoted() {
    let asked: &[u8] = b"CONNECT hub.example:7 HTTP/1.1\r\nHost: hub.example:7\r\n\r\n";
    let to_socks: &[u8] = b"\x05\x01\x00\x03\x0bhub.example\x00\x07";
    type Script = Vec<(&'static [u8], &'static [u8])>;
    let scripts: [(&str, Script, &str, &str); 7] = [
        ("http", vec![(asked, b"HTTP/1.1 407 Who are you?\r\n\r\n")], "proxy-credentials", "407 Who are you?"),
        ("http", vec![(asked, b"HTTP/1.1 502 Bad\x1b\r\n\r\n")], "proxy-refused", "502 Bad\\u{1b}"),
        ("http", vec![(asked, b"Bookend hub\r\n")], "not-a-proxy", "not an HTTP proxy: Book"),
        ("http", vec![(asked, b"")], "proxy-refused", "without an answer"),
        ("socks5", vec![(b"\x05\x01\x00", b"\x05\xff")], "proxy-credentials", "requires a user and a password"),
        (
            "socks5",
            vec![(b"\x05\x01\x00", b"\x05\x00"), (to_socks, b"\x05\x05\x00\x01\0\0\0\0\0\0")],
            "proxy-refused",
            "connection refused",
        ),
        ("socks5", vec![(b"\x05\x01\x00", b"HTTP/1.1 400")], "not-a-proxy", "not a SOCKS5 proxy"),
    ];
    for (scheme, script, name, detail) in scripts {
        let (gate, proxy) = proxy(script, None).await;
        let error = joined(&format!("{scheme}://127.0.0.1:{gate}")).await.unwrap_err();
        assert_eq!((error.stage(), error.name()), (Stage::Proxy, name), "{error}");
        let begin = format!("hub.example:7: proxy: {name}: {scheme}://127.0.0.1:{gate}: ");
        assert!(error.to_string().starts_with(&begin) && error.to_string().contains(detail), "{error}");
        proxy.await.unwrap();
    }
}

#[tokio::test]
async fn absent_proxy_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gate = listener.local_addr().unwrap().port();
    drop(listener);
    let error = joined(&format!("socks5://127.0.0.1:{gate}")).await.unwrap_err();
    assert_eq!((error.stage(), error.name()), (Stage::Proxy, "connection-refused"));
    assert!(error.to_string().contains(&format!("socks5://127.0.0.1:{gate}: 127.0.0.1:{gate}: ")), "{error}");
}
