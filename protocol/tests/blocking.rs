//! The blocking connection, over loopback TCP.
#![cfg(feature = "std")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bookend::blocking::{self, Connection};
use bookend::{Code, ConnectionError, Fault, Hello, Message, Payload};

/// After this time a test counts as hanging.
const HANG_TIMEOUT: Duration = Duration::from_secs(120);

/// A client, and what the server made of its connection.
fn with_server<T: Send + 'static>(
    server: impl FnOnce(Connection<TcpStream>) -> T + Send + 'static,
) -> (Connection<TcpStream>, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("is bound");
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("accepts");
        server(blocking::accept_tcp(stream, Hello::new()).expect("the server opens"))
    });
    (blocking::connect_tcp(address, Hello::new()).expect("the client opens"), server)
}

#[test]
fn requests_are_answered_and_other_messages_kept() {
    let (mut client, server) = with_server(|mut server| {
        while let Some(message) = server.next()? {
            if let Message::Request { id, payload } = message {
                let answer = format!("{}!", payload.text().unwrap());
                server.send("meanwhile")?;
                server.reply(id, &*answer)?;
            }
        }
        Ok::<(), ConnectionError>(())
    });
    assert_eq!(client.request("grüß", HANG_TIMEOUT).unwrap().text(), Some("grüß!"));
    client.barrier(HANG_TIMEOUT).unwrap();
    match client.next().unwrap() {
        Some(Message::Message(Payload::Text(text))) => assert_eq!(text.to_str(), "meanwhile"),
        other => panic!("{other:?}"),
    }
    client.close(Code::NORMAL, "").unwrap();
    server.join().unwrap().unwrap();
}

#[cfg(unix)]
#[test]
fn unix_socket_carries_a_session_and_next_within_waits_no_longer() {
    let path = std::env::temp_dir().join(format!("bookend-blocking-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        let mut server = blocking::accept_unix(listener.accept().unwrap().0, Hello::new())?;
        let Some(Message::Request { id, .. }) = server.next()? else { panic!("a REQUEST") };
        server.reply(id, "here")?;
        server.next().map(drop)
    });
    let mut client = blocking::connect_unix(&path, Hello::new()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(client.next_within(Duration::from_millis(5)), Err(ConnectionError::Timeout)));
    assert!(matches!(client.next_within(Duration::ZERO), Err(ConnectionError::Timeout)));
    assert_eq!(client.request("?", HANG_TIMEOUT).unwrap().text(), Some("here"));
    client.close(Code::NORMAL, "").unwrap();
    server.join().unwrap().unwrap();
}

#[test]
fn stream_in_non_blocking_mode_carries_a_session() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_nonblocking(true).unwrap();
    }
    let server = thread::spawn(move || {
        let mut server = Connection::accept(server, Hello::new())?;
        let length = match server.next()? {
            Some(Message::Message(payload)) => payload.as_bytes().len(),
            other => panic!("{other:?}"),
        };
        server.next()?;
        Ok::<_, ConnectionError>(length)
    });
    let mut client = Connection::connect(client, Hello::new()).unwrap();
    client.send(&[7; 900_000]).unwrap();
    client.close(Code::NORMAL, "").unwrap();
    assert_eq!(server.join().unwrap().unwrap(), 900_000);
}

#[test]
fn refused_request_has_a_reason() {
    let (mut client, server) = with_server(|mut server| {
        let Some(Message::Request { id, .. }) = server.next()? else { panic!("a REQUEST") };
        server.refuse(Some(id), Code::POLICY, "not today")?;
        server.next().map(drop)
    });
    match client.request("?", HANG_TIMEOUT) {
        Err(ConnectionError::Refused { code: Code::POLICY, reason }) => assert_eq!(reason, "policy: not today"),
        other => panic!("{other:?}"),
    }
    client.close(Code::NORMAL, "").unwrap();
    server.join().unwrap().unwrap();
}

#[test]
fn unanswered_request_times_out() {
    let (mut client, server) = with_server(|mut server| {
        while server.next()?.is_some() {}
        Ok::<(), ConnectionError>(())
    });
    assert!(matches!(client.request("?", Duration::from_millis(1)), Err(ConnectionError::Timeout)));
    client.close(Code::NORMAL, "").unwrap();
    server.join().unwrap().unwrap();
}

#[test]
fn batches_bring_every_message_in_order() {
    let (mut client, server) = with_server(|mut server| {
        let mut received = Vec::new();
        while let Some(batch) = server.batch()? {
            received.extend(batch.map(|message| match message {
                Message::Message(payload) => payload.as_bytes().to_vec(),
                other => panic!("{other:?}"),
            }));
        }
        Ok::<_, ConnectionError>(received)
    });
    let sent: Vec<Vec<u8>> = (0..100u8).map(|size| vec![size; usize::from(size) * 100]).collect();
    for body in &sent {
        client.send(&body[..]).unwrap();
    }
    client.close(Code::NORMAL, "").unwrap();
    assert_eq!(server.join().unwrap().unwrap(), sent);
}

#[test]
fn close_instead_of_hello_is_the_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let busy = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"\xF5\xF8\x08\x01\x00\x00\x00\x0C\x03\xE9going-away\xF8\xF5").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    match blocking::connect_tcp(address, Hello::new()) {
        Err(ConnectionError::Closed { code: Code::GOING_AWAY, reason }) => assert_eq!(reason, "going-away"),
        other => panic!("{other:?}"),
    }
    busy.join().unwrap();
}

#[test]
fn foreign_peer_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let foreign = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"\xF5\xF8\x01\x00\x00\x00\x00\x18HTTP").unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        received
    });
    match blocking::connect_tcp(address, Hello::new()) {
        Err(ConnectionError::Fault { fault: Fault::BadHello { .. }, .. }) => {}
        other => panic!("{other:?}"),
    }
    let received = foreign.join().unwrap();
    let close = received.windows(2).rposition(|pair| pair == bookend::START).unwrap();
    assert_eq!(&received[close + 8..close + 10], 1002u16.to_be_bytes());
}

#[test]
fn peers_that_send_a_long_body_and_only_then_read_both_finish() {
    const SIZE: usize = 12 << 20;
    fn exchange(mut connection: Connection<TcpStream>) -> usize {
        connection.send(&vec![1; SIZE][..]).expect("sends");
        match connection.next().expect("receives") {
            Some(Message::Message(payload)) => payload.as_bytes().len(),
            other => panic!("{other:?}"),
        }
    }
    let hello = Hello::new().with_max_body(16 << 20);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let its = hello.clone();
    let server = thread::spawn(move || exchange(blocking::accept_tcp(listener.accept().unwrap().0, its).unwrap()));
    let (done, finished) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let client = exchange(blocking::connect_tcp(address, hello).unwrap());
        done.send((client, server.join().unwrap())).unwrap();
    });
    assert_eq!(finished.recv_timeout(HANG_TIMEOUT), Ok((SIZE, SIZE)));
}

#[test]
fn send_ends_if_the_peer_is_silent_and_reads_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (done, finished) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut client = blocking::connect_tcp(address, Hello::new().with_max_body(1 << 20)).unwrap();
        let error = loop {
            if let Err(error) = client.send(&[1; 1 << 20]) {
                break error;
            }
        };
        done.send(error).unwrap();
    });
    let (mut silent, _) = listener.accept().unwrap();
    let mut hello = Vec::new();
    Hello::new().with_keepalive(1).encode(&mut hello);
    silent.write_all(&hello).unwrap();
    let error = finished.recv_timeout(HANG_TIMEOUT).expect("it ends");
    assert!(matches!(error, ConnectionError::Fault { fault: Fault::Idle { .. }, .. }), "{error:?}");
}

#[test]
fn request_survives_a_full_backlog() {
    let (mut client, server) = with_server(|mut server| {
        let Some(Message::Request { id, .. }) = server.next()? else { panic!("a REQUEST") };
        for _ in 0..12 {
            server.send(&[0; 100_000])?;
        }
        server.reply(id, "here")?;
        server.next().map(drop)
    });
    let asked = match client.request("?", HANG_TIMEOUT) {
        Err(ConnectionError::Backlog { request: Some(asked) }) => asked,
        // The answer was in the same read as the last message.
        Ok(answer) => return assert_eq!(answer.text(), Some("here")),
        other => panic!("{other:?}"),
    };
    let answer = loop {
        match client.next().unwrap() {
            Some(Message::Message(_)) => {}
            Some(Message::Reply { id, payload }) => break (id, payload.text().unwrap().into_owned()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answer, (asked, "here".into()));
    client.close(Code::NORMAL, "").unwrap();
    server.join().unwrap().unwrap();
}

#[test]
fn both_sides_may_close_at_once() {
    // [R7.6] [R7.7]
    let (mut client, server) = with_server(|mut server| {
        for _ in 0..100 {
            server.queue("last words").unwrap();
        }
        server.close(Code::NORMAL, "bye")
    });
    client.queue("last words").unwrap();
    let closed = client.close(Code::NORMAL, "");
    let server = server.join().unwrap();
    assert!(closed.is_ok() && server.is_ok(), "{closed:?} {server:?}");
}
