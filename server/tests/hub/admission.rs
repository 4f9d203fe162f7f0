//! Admission: how connections start, how many may wait, and how they end.

use std::net::SocketAddr;
use std::time::Duration;

use bookend::{Code, Connection, Message};
use bookend_server::{Hub, Listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::peer::{Peer, config, hello, hub};

/// A connection from an address, from which nothing has been read.
pub(crate) fn from(hub: &Hub, address: &str) -> DuplexStream {
    let (stream, other) = duplex(1 << 16);
    let address: SocketAddr = address.parse().unwrap();
    tokio::spawn(hub.serve(other, address));
    stream
}

/// Is the connection accepted? A refused one ends at once.
async fn is_taken(stream: &mut DuplexStream) -> bool {
    let mut read = Vec::new();
    timeout(Duration::from_millis(1), stream.read_to_end(&mut read)).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_framed_peer_without_hello_is_closed_after_five_seconds() {
    let hub = hub();
    let mut peer = Peer::connect(&hub);
    peer.line().await;
    let start = Instant::now();
    peer.send(b"\xF5\xF8\x01").await;
    let (code, reason) = peer.frame().await.close();
    assert_eq!((code, start.elapsed().as_secs()), (Code::HELLO_TIMEOUT, 5));
    assert!(reason.starts_with("hello-timeout"));
    peer.end().await;
}

#[tokio::test(start_paused = true)]
async fn ten_connections_of_one_address_may_wait_until_they_identify_themselves() {
    let hub = hub();
    let mut waiting = Vec::new();
    for port in 1..=10 {
        let mut stream = from(&hub, &format!("192.0.2.1:{port}"));
        assert!(is_taken(&mut stream).await, "{port}");
        waiting.push(stream);
    }
    let mut eleventh = from(&hub, "192.0.2.1:11");
    assert!(is_taken(&mut eleventh).await, "the newest stays");
    let mut read = Vec::new();
    waiting.remove(0).read_to_end(&mut read).await.unwrap();
    let text = String::from_utf8_lossy(&read);
    // After the greeting, which has been read.
    assert_eq!(text, "! try-later: too many connections wait, and this one has not identified itself\r\n");

    // The oldest one that has sent nothing: not the first ones.
    waiting[0].write_all(b"a line\r\n").await.unwrap();
    waiting[1].write_all(b"\xF5\xF8\x01").await.unwrap();
    sleep(Duration::from_millis(250)).await; // what it sends first waits, because it may be before a HELLO
    assert!(is_taken(&mut waiting[0]).await && is_taken(&mut waiting[1]).await);
    let _twelfth = from(&hub, "192.0.2.1:12");
    assert!(is_taken(&mut waiting[2]).await, "the first one is a member and no longer waits");
    let client = Connection::connect(from(&hub, "192.0.2.1:13"), hello("ann")).await.unwrap();
    for (index, stays) in [(0, true), (1, true), (2, false), (3, true)] {
        assert_eq!(is_taken(&mut waiting[index]).await, stays, "{index}");
    }
    assert!(is_taken(&mut eleventh).await);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn at_most_256_connections_may_wait() {
    let hub = hub();
    let mut waiting = Vec::new();
    for number in 0..256 {
        let mut stream = from(&hub, &format!("192.0.2.{number}:1"));
        assert!(is_taken(&mut stream).await, "{number}");
        waiting.push(stream);
    }
    let mut more = from(&hub, "192.0.2.7:2");
    assert!(is_taken(&mut more).await);
    assert!(!is_taken(&mut waiting[0]).await, "the oldest, because every address has one");
    let mut newcomer = from(&hub, "198.51.100.1:1");
    assert!(is_taken(&mut newcomer).await);
    assert!(!is_taken(&mut waiting[7]).await, "the older one of the address with two");
    for (number, stream) in waiting.iter_mut().enumerate().filter(|(number, _)| ![0, 7].contains(number)) {
        assert!(is_taken(stream).await, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn shut_down_closes_every_connection_with_a_reason() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut plain = Peer::connect(&hub);
    plain.greet(&hello("plain").with_hub(false)).await;
    let mut person = Peer::terminal(&hub).await;
    let mut silent = Peer::connect(&hub);
    silent.line().await;
    while ann.frame().await.presence().2 != "guest-3" {}
    person.quiet().await;
    let start = Instant::now();
    let shutting = tokio::spawn({
        let hub = hub.clone();
        async move { hub.shut_down().await }
    });
    for peer in [&mut plain, &mut ann] {
        let mut last = peer.frame().await;
        while last.kind == bookend::kind::PRESENCE {
            last = peer.frame().await;
        }
        assert_eq!(last.close(), (Code::GOING_AWAY, "going-away: the hub is shutting down".into()));
        peer.end().await;
    }
    for peer in [&mut person, &mut silent] {
        let mut line = peer.line().await;
        while line.starts_with("* ") {
            line = peer.line().await;
        }
        assert_eq!(line, "! going-away: the hub is shutting down");
        peer.end().await;
    }
    for mut peer in [ann, plain, person, silent] {
        peer.shut().await;
    }
    shutting.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "nothing is waited for");

    let mut late = Peer::connect(&hub);
    late.line().await;
    assert_eq!(late.line().await, "! going-away: the hub is shutting down");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_close_delays_shut_down_only_briefly() {
    let hub = hub();
    let _ann = Peer::join(&hub, hello("ann")).await;
    let start = Instant::now();
    hub.shut_down().await;
    assert_eq!(start.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_move_to_another_task() {
    let hub = hub();
    let (stream, other) = duplex(1 << 16);
    let mut serving = Box::pin(hub.serve(other, "test"));
    let mut client = tokio::select! {
        client = Connection::connect(stream, hello("ann")) => client.unwrap(),
        () = &mut serving => panic!("the connection is over"),
    };
    for text in ["before", "after"] {
        client.post(0, text).await.unwrap();
        let received = async {
            loop {
                if let Some(Message::Delivery(delivery)) = client.next().await.unwrap() {
                    break delivery.payload.text().unwrap().into_owned();
                }
            }
        };
        tokio::select! {
            received = received => assert_eq!(received, text),
            () = &mut serving => panic!("the connection is over"),
        }
        tokio::select! { // it is asleep now
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
            () = &mut serving => panic!("the connection is over"),
        }
    }
    tokio::spawn(serving);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    bob.send(&crate::peer::post("hi")).await;
    let said = timeout(Duration::from_secs(1), async {
        loop {
            if let Some(Message::Delivery(delivery)) = client.next().await.unwrap() {
                break delivery.payload.text().unwrap().into_owned();
            }
        }
    });
    assert_eq!(said.await.expect("the task that it moved to is woken"), "hi");
}

#[tokio::test]
async fn a_tcp_listener_knows_its_port_and_serves_clients() {
    let hub = Hub::new(config());
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address();
    assert_ne!(address.port(), 0);
    let running = tokio::spawn(listener.run(hub));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut client = Connection::connect(stream, hello("ann")).await.unwrap();
    client.post(0, "hi").await.unwrap();
    loop {
        if let Some(Message::Delivery(delivery)) = client.next().await.unwrap() {
            assert_eq!(delivery.payload.text().unwrap(), "hi");
            break;
        }
    }
    client.close(Code::NORMAL, "").await.unwrap();
    running.abort();
}
