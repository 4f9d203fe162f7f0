//! The PROXY protocol: who the peer behind a proxy is, and who may say so.

use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Hello};
use bookend_server::{Config, Hub, Listener};
use bookend_testing::{Authority, HANG_TIMEOUT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::peer::{config, hello};

/// A hub that listens on a port of this machine, and expects headers from these networks.
struct Listening {
    hub: Hub,
    address: std::net::SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    async fn start(proxies: &[&str], change: Config) -> Listening {
        let proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let hub = Hub::new(Config { proxies, ..change });
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address();
        Listening { task: tokio::spawn(listener.run(hub.clone())), hub, address }
    }

    /// A connection that begins with a header.
    async fn connect(&self, header: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(header).await.unwrap();
        stream
    }

    async fn join(&self, header: &[u8], hello: Hello) -> Result<Connection<TcpStream>, ConnectionError> {
        timeout(HANG_TIMEOUT, Connection::connect(self.connect(header).await, hello)).await.expect("an answer")
    }

    /// The addresses of all connections.
    async fn peers(&self) -> Vec<String> {
        self.hub.connections().await.connections.into_iter().map(|report| report.peer.to_string()).collect()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A header of version 2 for IPv4.
fn v2(command: u8, source: [u8; 4], more: &[u8]) -> Vec<u8> {
    let length = u16::try_from(12 + more.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, 0x11][..], &length, &source, &[10, 0, 0, 1], &[0xC8, 0x22, 0x0F, 0x96], more]
        .concat()
}

async fn rest(mut stream: TcpStream) -> String {
    let mut read = Vec::new();
    let _ = timeout(HANG_TIMEOUT, stream.read_to_end(&mut read)).await.expect("it ends"); // it may be reset
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn the_peer_is_the_client_that_the_header_names() {
    let listening = Listening::start(&["10.0.0.0/8", "127.0.0.1/32"], config()).await;
    let mut members = Vec::new();
    for (name, header) in [
        ("v1", b"PROXY TCP4 192.0.2.7 10.0.0.1 51234 3990\r\n".to_vec()),
        ("v6", b"PROXY TCP6 2001:db8::7 2001:db8::1 51234 3990\r\n".to_vec()),
        ("v2", v2(0x21, [192, 0, 2, 7], b"\xE0\x00\x03abc")),
        ("local", v2(0x20, [192, 0, 2, 7], b"")),
        ("unknown", b"PROXY UNKNOWN\r\n".to_vec()),
    ] {
        members.push(listening.join(&header, hello(name)).await.unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    let peers = listening.peers().await;
    let proxied: Vec<_> = peers.iter().map(|peer| peer.split_once("(via 127.0.0.1:").unwrap_or((peer, "")).0).collect();
    assert_eq!(proxied[..3], ["192.0.2.7:51234", "[2001:db8::7]:51234", "192.0.2.7:51234"]);
    assert!(proxied[3..].iter().all(|peer| peer.starts_with("127.0.0.1:")), "{peers:?}");
}

#[tokio::test]
async fn limits_count_the_clients_behind_a_proxy_and_not_the_proxy() {
    let change = Config { connections_per_address: 1, waiting_per_address: 1, arrivals_per_address: 3, ..config() };
    let listening = Listening::start(&["127.0.0.0/8"], change).await;
    let header = |host: u8| v2(0x21, [192, 0, 2, host], b"");
    let mut members = Vec::new();
    for host in 1..=20 {
        members.push(listening.join(&header(host), hello(&format!("m{host}"))).await.unwrap());
    }
    let refused = listening.join(&header(7), hello("again")).await;
    let Err(ConnectionError::Closed { code: Code::TRY_LATER, reason, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(reason, "try-later: too many connections from this address");
}

#[tokio::test]
async fn a_header_from_elsewhere_is_refused_by_name() {
    let listening = Listening::start(&["10.0.0.0/8"], config()).await;
    for header in [&b"PROXY TCP4 192.0.2.7 192.0.2.1 51234 3990\r\n/whoami\r\n"[..], &v2(0x21, [192, 0, 2, 7], b"")] {
        let answer = rest(listening.connect(header).await).await;
        let last = "\r\n! bad-start: foreign-proxy-protocol: a PROXY protocol header from an address that is not in door.proxies\r\n";
        assert!(answer.ends_with(last), "{answer}");
    }
    let metrics = listening.hub.metrics();
    assert!(metrics.contains("\nbookend_connections_refused_total{reason=\"proxy-header\"} 2\n"), "{metrics}");
    listening.join(b"", hello("ann")).await.expect("without a header it is welcome");
}

#[tokio::test]
async fn a_proxy_must_send_a_header_in_time() {
    let listening = Listening::start(&["127.0.0.1/32"], config()).await;
    let advice = "! policy: this hub expects a PROXY protocol header from this address (door.proxies)\r\n";
    assert_eq!(rest(listening.connect(b"hello\r\n").await).await, advice);
    for wrong in [&v2(0x21, [192, 0, 2, 7], &[0; 5000])[..], b"PROXY TCP4 here there 1 2\r\n"] {
        assert_eq!(rest(listening.connect(wrong).await).await, "");
    }
    refused_all(&listening, 3).await;
    let limits = bookend::Limits::new().with_hello_timeout(Duration::from_millis(100));
    let brief = Listening::start(&["127.0.0.1/32"], Config { limits, ..config() }).await;
    for incomplete in [&b""[..], b"PROXY TCP4 192.0.2.7", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0C"] {
        assert_eq!(rest(brief.connect(incomplete).await).await, "", "{}", incomplete.escape_ascii());
    }
    refused_all(&brief, 3).await;
}

/// Asserts that nobody was admitted, and how many were refused for their header.
async fn refused_all(listening: &Listening, count: u32) {
    assert!(listening.peers().await.is_empty());
    let metrics = listening.hub.metrics();
    let line = format!("\nbookend_connections_refused_total{{reason=\"proxy-header\"}} {count}\n");
    assert!(metrics.contains(&line), "{metrics}");
}

#[tokio::test]
async fn the_header_precedes_the_tls_handshake() {
    let authority = Authority::new();
    let hub = Hub::new(Config { proxies: vec!["127.0.0.1/32".parse().unwrap()], ..config() });
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address();
    let running = tokio::spawn(listener.run_tls(hub.clone(), authority.load().unwrap()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&v2(0x21, [192, 0, 2, 7], b"")).await.unwrap();
    let connector = TlsConnector::from(authority.trusted(None));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let _ann = Connection::connect(stream, hello("ann")).await.unwrap();
    let peers = hub.connections().await.connections;
    assert!(peers[0].peer.starts_with("192.0.2.7:51234(via 127.0.0.1:"), "{peers:?}");
    running.abort();
}
