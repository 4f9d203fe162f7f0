//! What strangers take of a hub: places to wait, connections, and tokens that are not theirs.

use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Hello};
use bookend_server::{Access, Config, Hub, Rights, make_token};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{sleep, timeout};

use crate::admission::from;
use crate::peer::{Peer, config, hello, hub};

/// What the hub has written so far, and whether it has closed the connection.
pub(crate) async fn received(stream: &mut DuplexStream) -> (String, bool) {
    let mut read = Vec::new();
    let ended = timeout(Duration::from_millis(1), stream.read_to_end(&mut read)).await.is_ok();
    (String::from_utf8_lossy(&read).into_owned(), ended)
}

async fn ended(streams: &mut [DuplexStream]) -> usize {
    let mut count = 0;
    for stream in streams {
        count += usize::from(received(stream).await.1);
    }
    count
}

/// A member from an address, or the reason why it is rejected.
async fn join(hub: &Hub, address: &str, hello: Hello) -> Result<Connection<DuplexStream>, String> {
    match Connection::connect(from(hub, address), hello).await {
        Ok(connection) => Ok(connection),
        Err(ConnectionError::Closed { code: Code::TRY_LATER, reason, .. }) => Err(reason),
        Err(error) => panic!("{error}"),
    }
}

fn refused(hub: &Hub, reason: &str) -> usize {
    let start = format!("bookend_connections_refused_total{{reason=\"{reason}\"}} ");
    hub.metrics().lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap_or_default()
}

/// A hub with the token of `ann`, and that token.
fn guarded(anonymous: Rights, change: Config) -> (Hub, String) {
    let (token, entry) = make_token("ann", &["*".into()], Rights::READ_WRITE, None).unwrap();
    let access = Access::from_toml(&entry).unwrap().with_anonymous(anonymous);
    (Hub::new(Config { access, ..change }), token)
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_no_longer_waits_once_it_is_a_member() {
    let hub = hub();
    let mut silent: Vec<_> = (1..=10).map(|port| from(&hub, &format!("192.0.2.1:{port}"))).collect();
    sleep(Duration::from_secs(6)).await;
    for stream in &mut silent {
        let (text, _) = received(stream).await;
        assert!(text.contains("* you are guest-"), "it has joined: {text}");
    }
    silent.extend((11..=20).map(|port| from(&hub, &format!("192.0.2.1:{port}"))));
    assert_eq!(ended(&mut silent).await, 0, "ten wait, as many as may");
    silent.push(from(&hub, "192.0.2.1:21"));
    assert_eq!(ended(&mut silent).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_ends_where_a_token_is_needed() {
    for byte in ["", "x", "\u{1b}"] {
        let (hub, _) = guarded(Rights::NONE, config());
        let mut silent: Vec<_> = (1..=10).map(|port| from(&hub, &format!("192.0.2.1:{port}"))).collect();
        for stream in &mut silent {
            stream.write_all(byte.as_bytes()).await.unwrap();
        }
        sleep(Duration::from_secs(33)).await;
        assert_eq!(ended(&mut silent).await, 10, "{byte:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn strangers_from_many_addresses_do_not_keep_a_newcomer_out() {
    let hub = Hub::new(Config { waiting: 26, waiting_per_address: 10, ..config() });
    for first in [&b""[..], b"\xF5", b"\xF5\xF8\x01\x00", b"x"] {
        let mut crowd = Vec::new();
        for number in 0..260 {
            let mut stream = from(&hub, &format!("192.0.2.{}:{number}", number / 10));
            stream.write_all(first).await.unwrap();
            crowd.push(stream);
        }
        sleep(Duration::from_millis(1)).await;
        let mut ann = join(&hub, "198.51.100.1:1", hello("ann")).await.expect("it takes the place of another");
        ann.close(Code::NORMAL, "").await.unwrap();
    }
    assert!(refused(&hub, "gave-way") > 900, "{}", hub.metrics());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_has_identified_itself_in_time_keeps_its_place() {
    // HELLO is on its way when the connection loses its place: the task has not run yet.
    let hub = Hub::new(Config { waiting_per_address: 1, ..config() });
    let mut bytes = Vec::new();
    hello("early").encode(&mut bytes);
    let mut early = from(&hub, "192.0.2.1:1");
    early.write_all(&bytes).await.unwrap();
    let late = from(&hub, "192.0.2.1:2");
    let (_, is_over) = received(&mut early).await;
    assert!(!is_over);
    drop(late);
    assert_eq!(refused(&hub, "gave-way"), 0);
}

#[tokio::test(start_paused = true)]
async fn connections_are_limited_in_all_and_by_address_and_the_refusal_says_so() {
    let hub = Hub::new(Config { connections: 16, connections_per_address: 3, ..config() });
    let mut members = Vec::new();
    for number in 0..3 {
        members.push(join(&hub, "192.0.2.1:1", hello(&format!("m{number}"))).await.unwrap());
    }
    let per_address = "try-later: too many connections from this address";
    for address in ["192.0.2.1:9", "[::ffff:192.0.2.1]:9"] {
        assert_eq!(join(&hub, address, hello("one more")).await.unwrap_err(), per_address, "{address}");
    }
    let (text, is_over) = received(&mut from(&hub, "192.0.2.1:9")).await;
    assert!(is_over && text.contains(": too many connections from this address, try later\r\n"), "{text}");

    for number in 0..12 {
        members.push(join(&hub, "127.0.0.1:1", hello(&format!("l{number}"))).await.expect("three quarters of all"));
    }
    assert_eq!(join(&hub, "127.0.0.1:1", hello("one more")).await.unwrap_err(), per_address);
    members.push(join(&hub, "[2001:db8::1]:1", hello("s")).await.unwrap());
    let in_all = "try-later: the hub has as many connections as it can hold";
    assert_eq!(join(&hub, "[2001:db8::2]:1", hello("one more")).await.unwrap_err(), in_all);
    assert_eq!(join(&hub, "192.0.2.2:1", hello("one more")).await.unwrap_err(), in_all);
    assert_eq!((refused(&hub, "connections-per-address"), refused(&hub, "connections")), (4, 2));
    assert!(hub.metrics().contains("\nbookend_connections_limit 16\n"));

    members.remove(0).close(Code::NORMAL, "").await.unwrap();
    members.push(join(&hub, "192.0.2.1:9", hello("one more")).await.expect("one has left"));
}

#[tokio::test(start_paused = true)]
async fn connections_with_one_token_are_limited() {
    let (hub, token) = guarded(Rights::NONE, Config { connections_per_token: 2, ..config() });
    let hello = |name: &str| hello(name).with_token(token.as_bytes()).unwrap();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let _second = Peer::join(&hub, hello("second")).await;
    let mut third = Peer::connect(&hub);
    third.greet(&hello("third")).await;
    let refusal = (Code::TRY_LATER, "try-later: too many connections with this token".into());
    assert_eq!(third.frame().await.close(), refusal);
    let mut person = Peer::connect(&hub);
    person.line().await;
    person.send(format!("/token {token}\r\n").as_bytes()).await;
    assert_eq!(person.line().await, "! try-later: too many connections with this token");
    assert_eq!(refused(&hub, "connections-per-token"), 2);
    ann.shut().await;
    ann.rest().await;
    Peer::join(&hub, hello("third")).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_not_said_in_the_room_however_it_is_typed() {
    let (hub, token) = guarded(Rights::READ_WRITE, config());
    let mut witness = Peer::join(&hub, hello("witness")).await;
    for before in
        ["/token ", " /token ", "\t/token\t", "/TOKEN ", "/Token ", "\u{feff}/token ", "\u{a0}/token ", "\0/token "]
    {
        let mut person = Peer::connect(&hub);
        person.line().await;
        person.send(b"\xFF\xFB\x18").await;
        person.send(format!("{before}{token}\r\nhi\r\n").as_bytes()).await;
        assert_eq!(person.bytes(3).await, b"\xFF\xFE\x18");
        assert!(person.line().await.starts_with("* you are guest-"), "{before:?}");
        // A second time it is too late, but still no message.
        person.send(format!("{before}{token}\r\n/quit\r\n").as_bytes()).await;
        let said = loop {
            let frame = witness.frame().await;
            if frame.kind == bookend::kind::DELIVERY {
                break frame.seq_and_text().1;
            }
        };
        assert_eq!(said, "hi", "{before:?}");
        person.rest().await;
    }
    while timeout(Duration::from_secs(1), witness.frame()).await.is_ok_and(|frame| {
        assert_ne!(frame.kind, bookend::kind::DELIVERY, "{frame:?}");
        true
    }) {}
}

#[cfg(unix)]
#[tokio::test]
async fn silent_peers_of_a_unix_socket_take_places_only_from_each_other() {
    use bookend_server::UnixListener;
    use tokio::net::UnixStream;

    let hub = Hub::new(Config { waiting: 5, waiting_per_address: 3, ..config() });
    let path = std::env::temp_dir().join(format!("bookend-doors-{}", std::process::id()));
    let running = tokio::spawn(UnixListener::bind(&path, 0o600).await.unwrap().run(hub.clone()));
    let mut tcp = from(&hub, "192.0.2.1:1");
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.read_u8().await.unwrap(); // the greeting
        silent.push(stream);
    }
    for stream in &mut silent[..17] {
        stream.read_to_end(&mut Vec::new()).await.expect("it gives way to a newer one of the same user");
    }
    assert_eq!(refused(&hub, "gave-way"), 17);
    assert!(!received(&mut tcp).await.1);
    running.abort();
    let _ = running.await; // it was aborted
}
