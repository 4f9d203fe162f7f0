//! TLS: handshakes, certificates, and limits before the handshake.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Message};
use bookend_server::{BanTarget, Hub, Tls, TlsFile};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

use crate::peer::{Peer, hello, hub};
use bookend_testing::Authority;

/// A connection from an address, on which nothing has been read or written.
fn connect(hub: &Hub, tls: &Tls, address: &str) -> DuplexStream {
    connect_over(hub, tls, address, 1 << 16)
}

fn connect_over(hub: &Hub, tls: &Tls, address: &str, bytes: usize) -> DuplexStream {
    let (stream, other) = duplex(bytes);
    let address: SocketAddr = address.parse().unwrap();
    tokio::spawn(hub.serve_tls(other, address, tls));
    stream
}

async fn secure(stream: DuplexStream, client: &Arc<ClientConfig>) -> std::io::Result<TlsStream<DuplexStream>> {
    TlsConnector::from(client.clone()).connect("localhost".try_into().unwrap(), stream).await
}

/// Is it refused, in the handshake or, with TLS 1.3, at the first read?
async fn is_refused(stream: std::io::Result<TlsStream<DuplexStream>>) -> bool {
    match stream {
        Err(_) => true,
        Ok(mut stream) => stream.read_u8().await.is_err(),
    }
}

/// Everything up to the end.
async fn rest(mut stream: DuplexStream) -> String {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test(start_paused = true)]
async fn framed_peers_and_people_join_over_tls_and_receive_the_whole_end() {
    let (hub, authority) = (hub(), Authority::new());
    let (tls, client) = (authority.load().unwrap(), authority.trusted(None));
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let stream = secure(connect(&hub, &tls, "192.0.2.1:1"), &client).await.unwrap();
    let mut bob = Connection::connect(stream, hello("bob")).await.unwrap();
    bob.post(0, "over TLS").await.unwrap();
    while ann.frame().await.kind != bookend::kind::DELIVERY {}
    bob.close(Code::NORMAL, "").await.unwrap();

    let stream = secure(connect(&hub, &tls, "192.0.2.1:2"), &client).await.unwrap();
    let mut person = BufReader::new(stream);
    person.write_all(b"hi\r\n/quit\r\n").await.unwrap();
    let mut text = String::new();
    // This fails without close_notify.
    person.read_to_string(&mut text).await.unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("Bookend hub, ") && lines[1].starts_with("* you are guest-3 in lobby"), "{text}");
    assert_eq!(lines.last(), Some(&"* bye"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_has_sent_everything_gets_the_last_line() {
    let (hub, authority) = (hub(), Authority::new());
    let (tls, client) = (authority.load().unwrap(), authority.trusted(None));
    let mut person = secure(connect_over(&hub, &tls, "192.0.2.1:1", 1 << 10), &client).await.unwrap();
    person.write_all("/help\r\n".repeat(20).as_bytes()).await.unwrap();
    person.write_all(b"/quit\r\n").await.unwrap();
    person.shutdown().await.unwrap();
    sleep(Duration::from_millis(10)).await;
    let mut text = String::new();
    person.read_to_string(&mut text).await.unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("* /who:")).count(), 20);
    assert!(text.ends_with("* bye\r\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_handshake_is_closed_and_a_silent_peer_gets_the_reason() {
    let (hub, authority) = (hub(), Authority::new());
    let tls = authority.load().unwrap();
    let start = Instant::now();
    let silent = connect(&hub, &tls, "192.0.2.1:1");
    assert_eq!(rest(silent).await, "! policy: this port speaks TLS, and this connection does not\r\n");
    assert_eq!(start.elapsed().as_secs(), 5);

    // A ClientHello that claims 512 bytes and arrives one byte a second:
    let mut slow = connect(&hub, &tls, "192.0.2.1:2");
    let start = Instant::now();
    for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03".iter().cycle() {
        if slow.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    // and two more for the closing phase
    assert!(start.elapsed() <= Duration::from_secs(8), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_counts_as_waiting_until_hello_arrives() {
    let (hub, authority) = (hub(), Authority::new());
    let (tls, client) = (authority.load().unwrap(), authority.trusted(None));
    let mut waiting = Vec::new();
    for port in 1..=9 {
        waiting.push(connect(&hub, &tls, &format!("192.0.2.1:{port}")));
    }
    let metric = |line: &str| assert!(hub.metrics().contains(&format!("\n{line}\n")), "{line}: {}", hub.metrics());
    tokio::task::yield_now().await;
    metric("bookend_connections{door=\"tcp\",state=\"waiting\"} 9");
    let tenth = secure(connect(&hub, &tls, "192.0.2.1:10"), &client).await.unwrap();
    let _eleventh = connect(&hub, &tls, "192.0.2.1:11");
    assert_eq!(rest(waiting.remove(0)).await, "", "one too many: the oldest gives way");
    let mut plain = duplex(1 << 10);
    tokio::spawn(hub.serve(plain.1, "192.0.2.1:12".parse::<SocketAddr>().unwrap()));
    plain.0.read_u8().await.unwrap();
    assert_eq!(rest(waiting.remove(0)).await, "", "the limit is the same without TLS");
    let _tenth = Connection::connect(tenth, hello("ann")).await.expect("it has sent something, and is not the oldest");
    secure(connect(&hub, &tls, "192.0.2.1:13"), &client)
        .await
        .expect("a connection that has sent HELLO no longer waits");
    assert_eq!(rest(waiting.pop().unwrap()).await, "! policy: this port speaks TLS, and this connection does not\r\n");
    assert!(hub.metrics().contains("\nbookend_tls_failures_total{cause=\"timeout\"} "), "{}", hub.metrics());
    metric("bookend_connections_refused_total{reason=\"gave-way\"} 2");
}

#[tokio::test(start_paused = true)]
async fn a_banned_address_is_refused_before_the_handshake() {
    let (hub, tls) = (hub(), Authority::new().load().unwrap());
    let target = BanTarget::address("192.0.2.7".parse().unwrap());
    hub.ban(target, Duration::from_secs(60), "x").unwrap();
    assert_eq!(rest(connect(&hub, &tls, "192.0.2.7:1")).await, "");
    let metrics = hub.metrics();
    assert!(metrics.contains("\nbookend_connections_refused_total{reason=\"banned\"} 1\n"), "{metrics}");
    let silent = connect(&hub, &tls, "192.0.2.8:1");
    assert!(timeout(Duration::from_secs(1), rest(silent)).await.is_err(), "the hub waits for its handshake");
}

#[tokio::test(start_paused = true)]
async fn plaintext_peers_are_answered_in_their_own_protocol() {
    let (hub, authority) = (hub(), Authority::new());
    let tls = authority.load().unwrap();
    let framed = Connection::connect(connect(&hub, &tls, "192.0.2.1:1"), hello("ann")).await;
    let Err(ConnectionError::Closed { code: Code::POLICY, reason, .. }) = framed else { panic!("{framed:?}") };
    assert_eq!(reason, "policy: this port speaks TLS, and this connection does not");
    for (text, answer) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
        ("hello\r\n", "! policy: this port speaks TLS"),
    ] {
        let mut stream = connect(&hub, &tls, "192.0.2.1:2");
        stream.write_all(text.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let received = rest(stream).await;
        assert!(received.starts_with(answer), "{received}");
        // The same in pieces.
        let mut stream = connect(&hub, &tls, "192.0.2.1:2");
        for byte in text.bytes() {
            stream.write_all(&[byte]).await.unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        assert!(rest(stream).await.starts_with(answer));
    }
}

#[tokio::test(start_paused = true)]
async fn client_certificates_must_come_from_the_configured_authority() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (ann, mallory) = (authority.client("ann"), other.client("ann"));
    for optional in [false, true] {
        let hub = hub();
        let tls = Tls::from_files(&authority.files(Some(optional))).unwrap();
        let without = secure(connect(&hub, &tls, "192.0.2.1:1"), &authority.trusted(None)).await;
        assert_ne!(is_refused(without).await, optional);
        let wrong = secure(connect(&hub, &tls, "192.0.2.1:2"), &authority.trusted(Some(&mallory))).await;
        assert!(is_refused(wrong).await);
        let right = secure(connect(&hub, &tls, "192.0.2.1:3"), &authority.trusted(Some(&ann))).await.unwrap();
        let mut lines = BufReader::new(right);
        lines.write_all(b"/whoami\r\n").await.unwrap();
        let mut text = Vec::new();
        while text.len() < 3 {
            let mut line = String::new();
            lines.read_line(&mut line).await.unwrap();
            text.push(line);
        }
        assert!(text[2].ends_with(", from 192.0.2.1:3(CN=ann)\r\n"), "{text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_certificate_takes_its_name_over_from_a_connection_that_does_not_answer() {
    // [R9.40]
    let (hub, authority) = (hub(), Authority::new());
    let tls = Tls::from_files(&authority.files(Some(false))).unwrap();
    let (ann, bob) = (authority.client("ann"), authority.client("bob"));
    let join = async |identity| {
        let stream = secure(connect(&hub, &tls, "192.0.2.1:1"), &authority.trusted(Some(identity))).await.unwrap();
        Connection::connect(stream, hello("ann")).await.unwrap()
    };
    let _ghost = join(&ann).await; // nothing reads from it
    let mut other = join(&bob).await;
    let mut back = join(&ann).await;
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "ann") {
        let Some(Message::Presence { member: 3, name, .. }) = back.next().await.unwrap() else { continue };
        names.push(name.text().to_string());
    }
    assert_eq!(names, ["ann-3", "ann-3", "ann"], "{names:?}");
    other.post(0, "still ann-2").await.unwrap();
    loop {
        if let Some(Message::Delivery(delivery)) = back.next().await.unwrap() {
            assert_eq!(delivery.name(), "ann-2");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_certificate_applies_to_new_connections_only() {
    let (hub, authority, other) = (hub(), Authority::new(), Authority::new());
    let (tls, client) = (authority.load().unwrap(), authority.trusted(None));
    let stream = secure(connect(&hub, &tls, "192.0.2.1:1"), &client).await.unwrap();
    let mut ann = Connection::connect(stream, hello("ann")).await.unwrap();
    tls.replace(&other.load().unwrap());
    assert!(secure(connect(&hub, &tls, "192.0.2.1:2"), &client).await.is_err());
    secure(connect(&hub, &tls, "192.0.2.1:3"), &other.trusted(None)).await.unwrap();
    ann.post(0, "still here").await.unwrap();
    let received = timeout(Duration::from_secs(10), async {
        while !matches!(ann.next().await.unwrap(), Some(Message::Delivery(_))) {}
    });
    received.await.unwrap();
}

#[test]
fn wrong_tls_files_are_reported_with_the_reason() {
    let authority = Authority::new();
    let right = authority.server();
    let broken = right.certificate.replace("\nM", "\n!M");
    let cut = &right.certificate[..right.certificate.len() / 2];
    let of_another = authority.server().key;
    let expired = authority.expired();
    let path = |name: &str| authority.path(name);
    for (certificate, key, file, why) in [
        (&*broken, &*right.key, TlsFile::Certificate, "the certificate is not base64".to_owned()),
        (cut, &right.key, TlsFile::Certificate, "the certificate has no END line".into()),
        ("", &right.key, TlsFile::Certificate, "it contains no certificate in PEM".into()),
        (&right.certificate, "", TlsFile::Key, "it contains no private key in PEM".into()),
        (&right.certificate, &right.certificate, TlsFile::Key, "it contains no private key in PEM".into()),
        (&*expired.certificate, &*expired.key, TlsFile::Certificate, {
            "the certificate expired at 2020-12-31T00:00:00Z".into()
        }),
        (&right.certificate, &of_another, TlsFile::Key, {
            format!("the key does not belong to the certificate in {}", path("cert.pem"))
        }),
    ] {
        authority.write("cert.pem", certificate);
        authority.write("key.pem", key);
        let error = authority.load().unwrap_err();
        let name = if file == TlsFile::Key { "key.pem" } else { "cert.pem" };
        assert_eq!((error.file(), error.to_string()), (file, format!("{}: {why}", path(name))));
    }
    authority.write_pair(&right);
    assert!(authority.load().is_ok());
    authority.write("ca.pem", "");
    assert_eq!(Tls::from_files(&authority.files(Some(false))).unwrap_err().file(), TlsFile::ClientCa);
}
