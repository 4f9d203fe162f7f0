//! The connection among peers that stall, flood, vanish half-way, and among impatient callers.
#![cfg(feature = "tokio")]

use std::time::Duration;

use bookend::{
    Code, Connection, ConnectionError, Decoder, Encoding, Fault, Frame, Hello, Limits, Message, Misuse, Reply, Role,
    kind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Duplex = Connection<DuplexStream>;

fn hello(hello: &Hello) -> Vec<u8> {
    let mut wire = Vec::new();
    hello.encode(&mut wire);
    wire
}

fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Frame::new(kind, encoding, body).expect("short").encode(&mut wire);
    wire
}

/// A client of bytes, whose HELLO is this, and the server that it talks to over a pipe of so many bytes.
async fn raw_client(pipe: usize, its: Hello) -> (DuplexStream, Duplex) {
    let (mut raw, far) = duplex(pipe);
    let server = tokio::spawn(Connection::accept(far, Hello::new()));
    raw.write_all(&hello(&its)).await.expect("writes");
    let mut skipped = vec![0; hello(&Hello::new()).len()];
    raw.read_exact(&mut skipped).await.expect("reads");
    (raw, server.await.expect("ends").expect("opens"))
}

async fn pair(pipe: usize) -> (Duplex, Duplex) {
    let (near, far) = duplex(pipe);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    (near.expect("opens"), far.expect("opens"))
}

#[tokio::test(start_paused = true)]
async fn commands_after_a_full_queue_are_carried_out_once_it_is_written() {
    let (_raw, mut server) = raw_client(1 << 20, Hello::new()).await;
    let handle = server.handle();
    let driver = tokio::spawn(async move { server.next().await.map(drop) });
    let (large, since) = (vec![0; 70_000], Instant::now());
    let (first, second, third) = tokio::join!(handle.send(&large[..]), handle.send(&large[..]), handle.send("z"));
    first.and(second).and(third).unwrap();
    assert_eq!(since.elapsed(), Duration::ZERO);
    driver.abort();
}

#[tokio::test(start_paused = true)]
async fn peer_that_half_closes_and_never_reads_is_dropped_after_2_s() {
    let (mut raw, mut server) = raw_client(1000, Hello::new()).await;
    server.queue(&[0; 10_000]).unwrap();
    raw.write_all(&frame(kind::MESSAGE, Encoding::Utf8, b"cut")[..9]).await.unwrap();
    raw.shutdown().await.unwrap();
    let since = Instant::now();
    let ended = server.next().await.map(drop);
    assert!(matches!(ended, Err(ConnectionError::Fault { fault: Fault::Truncated { .. }, .. })), "{ended:?}");
    assert_eq!(since.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn close_ends_in_time_though_the_peer_reads_nothing() {
    // [R7.6]
    let (_raw, mut server) = raw_client(64, Hello::new()).await;
    server.queue(&[0; 1000]).unwrap();
    let since = Instant::now();
    server.close(Code::NORMAL, "").await.unwrap();
    assert!(since.elapsed() <= 5 * SECOND, "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn failed_handshake_drains_no_more_than_the_limit() {
    // [R7.6] [R8.1]
    let (mut raw, far) = duplex(1 << 16);
    let server = tokio::spawn(Connection::accept(far, Hello::new()));
    let mut taken = 0;
    while !server.is_finished() && taken < 1 << 24 {
        match raw.write(&[b'x'; 4096]).await {
            Ok(count) => taken += count,
            Err(_) => break,
        }
    }
    assert!(matches!(server.await.unwrap(), Err(ConnectionError::Fault { fault: Fault::BadStart { .. }, .. })));
    assert!(taken <= 4 << 16, "{taken} bytes were taken");
}

#[tokio::test(start_paused = true)]
async fn refused_request_of_the_peer_does_not_answer_one_of_ours() {
    let (mut raw, mut server) = raw_client(1 << 16, Hello::new()).await;
    let asking = tokio::spawn(async move { server.request("?", 5 * SECOND).await });
    raw.write_all(&frame(kind::REQUEST, Encoding::Utf8, b"\0\0\0\x01\xFF")).await.unwrap();
    raw.write_all(&frame(kind::REPLY, Encoding::Utf8, b"\0\0\0\x01yes")).await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap(), Reply::Text("yes".into()));
}

#[tokio::test(start_paused = true)]
async fn peer_is_not_late_because_the_application_was_busy() {
    // [R7.2] [R7.11]
    let (mut raw, mut server) = raw_client(1 << 16, Hello::new().with_keepalive(2)).await;
    let second = frame(kind::MESSAGE, Encoding::Utf8, b"second");
    raw.write_all(&[&frame(kind::MESSAGE, Encoding::Utf8, b"first")[..], &second[..4]].concat()).await.unwrap();
    assert!(server.next().await.unwrap().is_some());
    raw.write_all(&second[4..]).await.unwrap();
    sleep(30 * SECOND).await;
    assert!(server.next().await.unwrap().is_some(), "its bytes had arrived in time");
}

#[tokio::test(start_paused = true)]
async fn both_sides_may_send_more_than_the_pipe_holds_at_once() {
    let (mut near, mut far) = pair(16 << 10).await;
    let body = vec![1; 100_000];
    let talk = async |side: &mut Duplex| {
        side.send(&body[..]).await.unwrap();
        assert!(matches!(side.next().await.unwrap(), Some(Message::Message(_))));
        timeout(SECOND, side.next()).await.expect_err("there is no more");
    };
    let both = timeout(5 * SECOND, async { tokio::join!(talk(&mut near), talk(&mut far)) });
    both.await.expect("neither waits for the other");
}

#[tokio::test(start_paused = true)]
async fn full_backlog_is_an_error_and_loses_no_message() {
    let (mut near, mut far) = pair(1 << 16).await;
    let peer = tokio::spawn(async move {
        for _ in 0..12 {
            far.send(&[0; 100_000]).await?;
        }
        while let Some(message) = far.next().await? {
            if let Message::Request { id, .. } = message {
                far.reply(id, "here").await?;
            }
        }
        while far.next().await?.is_some() {}
        Ok::<(), ConnectionError>(())
    });
    let asked = match near.request("?", 60 * SECOND).await {
        Err(ConnectionError::Backlog { request: Some(asked) }) => asked,
        other => panic!("{other:?}"),
    };
    for _ in 0..12 {
        assert!(matches!(near.next().await.unwrap(), Some(Message::Message(_))));
    }
    match near.next().await.unwrap() {
        Some(Message::Reply { id, payload }) => assert_eq!((id, payload.text().as_deref()), (asked, Some("here"))),
        other => panic!("the request survives: {other:?}"),
    }
    near.close(Code::NORMAL, "").await.unwrap();
    peer.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn barriers_in_a_row_are_no_flood() {
    // [R8.3]
    let (mut near, mut far) = pair(1 << 16).await;
    let peer = tokio::spawn(async move { far.next().await.map(|message| message.is_none()) });
    for _ in 0..50 {
        near.barrier(SECOND).await.unwrap();
    }
    near.close(Code::NORMAL, "").await.unwrap();
    assert!(peer.await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn pong_waits_for_messages_in_the_backlog() {
    // [R3.10]
    let (mut raw, mut server) = raw_client(1 << 16, Hello::new()).await;
    raw.write_all(&frame(kind::MESSAGE, Encoding::Utf8, b"kept")).await.unwrap();
    raw.write_all(&frame(kind::PING, Encoding::Binary, b"?")).await.unwrap();
    assert!(matches!(server.request("?", SECOND).await, Err(ConnectionError::Timeout)));
    let mut asked = vec![0; 10 + 4 + 1];
    raw.read_exact(&mut asked).await.unwrap();
    let mut pong = vec![0; 11];
    assert!(timeout(SECOND, raw.read_exact(&mut pong)).await.is_err(), "the application has not taken the message");
    assert!(server.next().await.unwrap().is_some());
    assert!(timeout(SECOND, server.next()).await.is_err());
    raw.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong, frame(kind::PONG, Encoding::Binary, b"?"));
}

#[tokio::test(start_paused = true)]
async fn error_names_the_frame_of_the_last_message_returned() {
    // [R3.17]
    let (mut raw, mut server) = raw_client(1 << 16, Hello::new()).await;
    raw.write_all(&frame(kind::MESSAGE, Encoding::Utf8, b"frame 1")).await.unwrap();
    raw.write_all(&frame(kind::REQUEST, Encoding::Utf8, b"\0\0\0\x07frame 2")).await.unwrap();
    raw.write_all(&frame(kind::MESSAGE, Encoding::Utf8, b"frame 3")).await.unwrap();
    assert!(matches!(server.request("?", SECOND).await, Err(ConnectionError::Timeout)));
    assert!(server.next().await.unwrap().is_some());
    server.refuse(None, Code::POLICY, "").await.unwrap();
    let Some(Message::Request { id, .. }) = server.next().await.unwrap() else { panic!("a REQUEST") };
    assert!(server.next().await.unwrap().is_some());
    server.refuse(Some(id), Code::POLICY, "").await.unwrap();
    assert!(matches!(
        server.refuse(Some(id), Code::POLICY, "").await,
        Err(ConnectionError::Misuse(Misuse::NoSuchRequest { id: 7 }))
    ));
    drop(server);
    let mut received = Vec::new();
    raw.read_to_end(&mut received).await.unwrap();
    let (mut rest, mut decoder, mut numbers) = (&received[..], Decoder::new(1 << 20), Vec::new());
    while let Some(frame) = decoder.decode(&mut rest).unwrap() {
        if let Ok(Some(Message::Error(refusal))) = Message::parse(frame) {
            numbers.push(refusal.frame);
        }
    }
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn failed_stream_stays_failed() {
    let (raw, mut server) = raw_client(1 << 16, Hello::new()).await;
    drop(raw);
    for _ in 0..2 {
        assert!(server.send("anybody?").await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn limits_that_never_end_are_no_fault() {
    let limits = Limits::new().with_hello_timeout(Duration::from_secs(u64::MAX / 2));
    let (near, far) = duplex(1 << 16);
    let (near, far) =
        tokio::join!(Connection::open(near, Role::Client, Hello::new(), limits), Connection::accept(far, Hello::new()));
    near.unwrap();
    far.unwrap();
}
