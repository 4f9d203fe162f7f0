//! The asynchronous connection, over in-memory streams and paused time.
#![cfg(feature = "tokio")]

use std::time::Duration;

use bookend::{
    Code, Connection, ConnectionError, Content, Encoding, Encodings, Fault, Frame, Hello, Message, Misuse, Outcome,
    Payload, Reply, kind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Duplex = Connection<DuplexStream>;

async fn pair(client: Hello, server: Hello) -> (Duplex, Duplex) {
    let (near, far) = duplex(1 << 16);
    let (near, far) = tokio::join!(Connection::connect(near, client), Connection::accept(far, server));
    (near.expect("the client opens"), far.expect("the server opens"))
}

/// A client made of bytes that are written by hand, and the server that it talks to.
fn raw_client() -> (DuplexStream, tokio::task::JoinHandle<Result<Duplex, ConnectionError>>) {
    let (near, far) = duplex(1 << 16);
    (near, tokio::spawn(Connection::accept(far, Hello::new())))
}

/// The same once both HELLOs have crossed.
async fn open_raw_client() -> (DuplexStream, Duplex) {
    let (mut raw, server) = raw_client();
    raw.write_all(&hello()).await.expect("writes");
    let server = server.await.expect("ends").expect("the server opens");
    let mut skipped = vec![0; hello().len()];
    raw.read_exact(&mut skipped).await.expect("reads");
    (raw, server)
}

fn hello() -> Vec<u8> {
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire
}

fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Frame::new(kind, encoding, body).expect("short").encode(&mut wire);
    wire
}

fn text(message: Option<Message<'_>>) -> String {
    match message {
        Some(Message::Message(payload)) => payload.text().expect("text").into_owned(),
        other => panic!("{other:?} is no MESSAGE"),
    }
}

#[tokio::test(start_paused = true)]
async fn text_arrives_in_the_encoding_that_the_receiver_prefers() {
    // [R5.12]
    for preferred in [Encoding::Utf8, Encoding::Utf16Be, Encoding::Utf16Le] {
        let (mut near, mut far) = pair(Hello::new(), Hello::new().with_preferred(preferred)).await;
        near.send("grüß 😀 漢字 עברית").await.unwrap();
        let message = far.next().await.unwrap();
        let Some(Message::Message(Payload::Text(text))) = message else { panic!("{message:?}") };
        assert_eq!((text.encoding(), &*text.to_str()), (preferred, "grüß 😀 漢字 עברית"));
    }
}

#[tokio::test(start_paused = true)]
async fn misuse_is_refused_and_the_connection_lives() {
    // [R4.17] [R5.10] [R5.13]
    let peer = Hello::new().with_accepted(Encodings::CORE).with_preferred(Encoding::Ascii).with_max_body(1024);
    let (mut near, mut far) = pair(Hello::new(), peer).await;
    let refused = |error: Result<(), ConnectionError>| match error {
        Err(ConnectionError::Misuse(misuse)) => misuse,
        other => panic!("{other:?}"),
    };
    let encoding = Encoding::Ascii;
    assert_eq!(refused(near.send("grüß").await), Misuse::UnmappableText { encoding, offset: 2 });
    let encoding = Encoding::Utf16Le;
    assert_eq!(refused(near.send(Content::TextIn(encoding, "a")).await), Misuse::EncodingRefused { encoding });
    assert_eq!(refused(near.send(&[0; 1025]).await), Misuse::TooLong { length: 1025, max: 1024 });
    near.send("plain").await.unwrap();
    assert_eq!(text(far.next().await.unwrap()), "plain");
}

#[tokio::test(start_paused = true)]
async fn bad_text_is_answered_with_an_error_and_nothing_else_is_lost() {
    // [R5.8] [R3.17] [R3.19]
    let (mut raw, mut server) = open_raw_client().await;
    raw.write_all(&frame(kind::MESSAGE, Encoding::Utf8, b"gr\xFC\xDF")).await.unwrap();
    raw.write_all(&frame(kind::MESSAGE, Encoding::Utf8, b"still here")).await.unwrap();
    assert_eq!(text(server.next().await.unwrap()), "still here");
    assert_eq!(server.refused(), 1);
    server.flush().await.unwrap();
    let mut head = [0; 8 + 10];
    raw.read_exact(&mut head).await.unwrap();
    assert_eq!(head[2], kind::ERROR);
    assert_eq!(&head[8..], [0, 0, 0, 0, 0, 0, 0, 1, 0x03, 0xEF], "no request, frame 1, code 1007");
}

#[tokio::test(start_paused = true)]
async fn replies_may_come_in_any_order() {
    // [R3.12] [R3.13]
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    let handle = near.handle();
    let client = tokio::spawn(async move { near.next().await.map(|message| message.is_none()) });
    let ask = |text: &'static str| {
        let handle = handle.clone();
        tokio::spawn(async move { handle.request(text, SECOND).await })
    };
    let (first, second, third) = (ask("first"), ask("second"), ask("third"));
    let mut asked = Vec::new();
    while asked.len() < 3 {
        let Some(Message::Request { id, payload }) = far.next().await.unwrap() else { panic!("a REQUEST") };
        asked.push((id, payload.text().unwrap().into_owned()));
    }
    for (id, question) in asked.iter().rev() {
        if question == "second" {
            far.refuse(Some(*id), Code::POLICY, "not today").await.unwrap();
        } else {
            far.reply(*id, &*format!("{question}!")).await.unwrap();
        }
    }
    assert_eq!(first.await.unwrap().unwrap(), Reply::Text("first!".into()));
    assert_eq!(third.await.unwrap().unwrap(), Reply::Text("third!".into()));
    match second.await.unwrap() {
        Err(ConnectionError::Refused { code: Code::POLICY, reason }) => assert_eq!(reason, "policy: not today"),
        other => panic!("{other:?}"),
    }
    far.close(Code::NORMAL, "").await.unwrap();
    assert!(client.await.unwrap().unwrap(), "closed in good order");
}

#[tokio::test(start_paused = true)]
async fn unanswered_request_times_out_and_a_late_reply_is_ignored() {
    // [R3.14]
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    let server = tokio::spawn(async move {
        let Some(Message::Request { id, .. }) = far.next().await? else { panic!("a REQUEST") };
        tokio::time::sleep(2 * SECOND).await;
        far.reply(id, "too late").await?;
        far.send("after").await?;
        far.next().await.map(|message| message.is_none())
    });
    assert!(matches!(near.request("time?", SECOND).await, Err(ConnectionError::Timeout)));
    assert_eq!(text(near.next().await.unwrap()), "after");
    near.close(Code::NORMAL, "").await.unwrap();
    assert!(server.await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn messages_that_arrive_while_a_reply_is_awaited_are_kept_in_order() {
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    let server = tokio::spawn(async move {
        let Some(Message::Request { id, .. }) = far.next().await.unwrap() else { panic!("a REQUEST") };
        for number in 0..5 {
            far.send(&*format!("before {number}")).await.unwrap();
        }
        far.reply(id, "noon").await.unwrap();
        far.send("after").await.unwrap();
        far
    });
    assert_eq!(near.request("time?", SECOND).await.unwrap().text(), Some("noon"));
    let _far = server.await.unwrap();
    let mut received = vec![text(near.next().await.unwrap())];
    while received.len() < 6 {
        received.extend(near.batch().await.unwrap().unwrap().map(|message| text(Some(message))));
    }
    assert_eq!(received, ["before 0", "before 1", "before 2", "before 3", "before 4", "after"]);
}

#[tokio::test(start_paused = true)]
async fn pong_overtakes_queued_messages() {
    // [R7.13] [R3.9]
    let (near, far) = duplex(1000);
    let opening = tokio::spawn(Connection::accept(far, Hello::new()));
    let mut raw = near;
    raw.write_all(&hello()).await.unwrap();
    let mut server = opening.await.unwrap().unwrap();
    let mut queue_until_full = async || {
        while !server.is_full() {
            server.queue(&[7; 1000]).unwrap();
        }
        assert!(timeout(SECOND, server.flush()).await.is_err(), "the pipe takes 1,000 bytes");
    };
    queue_until_full().await; // is being written
    queue_until_full().await; // waits for room
    raw.write_all(&frame(kind::PING, Encoding::Binary, b"now")).await.unwrap();
    assert!(timeout(SECOND, server.next()).await.is_err(), "a PING is no message");
    let server = tokio::spawn(async move { server.flush().await });
    let pong = frame(kind::PONG, Encoding::Binary, b"now");
    let (mut received, mut chunk) = (Vec::new(), [0; 4096]);
    let before = loop {
        let count = raw.read(&mut chunk).await.unwrap();
        assert_ne!(count, 0, "the PONG arrives");
        received.extend_from_slice(&chunk[..count]);
        if let Some(at) = received.windows(pong.len()).position(|window| window == pong) {
            break at / 1010;
        }
    };
    assert!((60..=66).contains(&before), "{before} of some 130 messages went before the PONG");
    while !server.is_finished() {
        assert_ne!(raw.read(&mut chunk).await.unwrap(), 0, "the rest arrives");
    }
}

#[tokio::test(start_paused = true)]
async fn next_can_be_cancelled_at_every_byte() {
    let (mut raw, mut server) = open_raw_client().await;
    for byte in frame(kind::MESSAGE, Encoding::Utf8, "grüß".as_bytes()) {
        assert!(timeout(Duration::from_millis(1), server.next()).await.is_err(), "not whole yet");
        raw.write_all(&[byte]).await.unwrap();
    }
    assert_eq!(text(server.next().await.unwrap()), "grüß");
}

#[tokio::test(start_paused = true)]
async fn cancelled_send_leaves_no_partial_frame() {
    // [R7.14]
    let (near, mut far) = duplex(64);
    let opening = tokio::spawn(Connection::connect(near, Hello::new()));
    far.write_all(&hello()).await.unwrap();
    let mut skipped = vec![0; hello().len() + 2]; // with the option client
    far.read_exact(&mut skipped).await.unwrap();
    let mut near = opening.await.unwrap().unwrap();
    assert!(timeout(SECOND, near.send(&[1; 1000])).await.is_err(), "the pipe takes 64 bytes");
    let rest = tokio::spawn(async move {
        near.send(&[2; 10]).await.unwrap();
        near
    });
    let mut received = vec![0; 1010 + 20];
    far.read_exact(&mut received).await.unwrap();
    assert_eq!(received, [frame(2, Encoding::Binary, &[1; 1000]), frame(2, Encoding::Binary, &[2; 10])].concat());
    drop(rest.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_kept_alive_by_pings() {
    // [R7.1]
    let hello = Hello::new().with_keepalive(10);
    let (mut near, mut far) = pair(hello.clone(), hello).await;
    let both = timeout(1000 * SECOND, async { tokio::join!(near.next(), far.next()) });
    assert!(both.await.is_err(), "neither ended in 1000 s");
}

#[tokio::test(start_paused = true)]
async fn silent_peer_is_idle_after_twice_its_keepalive() {
    // [R7.3]
    let (_raw, mut server) = open_raw_client().await;
    let since = Instant::now();
    let ended = server.next().await.map(drop);
    assert!(matches!(ended, Err(ConnectionError::Fault { fault: Fault::Idle { seconds: 60 }, .. })), "{ended:?}");
    assert_eq!(since.elapsed().as_secs(), 62, "60 s of silence and 2 s of draining");
}

#[tokio::test(start_paused = true)]
async fn session_without_hello_times_out() {
    // [R7.10]
    let (_raw, server) = raw_client();
    let since = Instant::now();
    assert!(matches!(server.await.unwrap(), Err(ConnectionError::Fault { fault: Fault::HelloTimeout, .. })));
    assert_eq!(since.elapsed().as_secs(), 7, "5 s, and 2 s of draining");
}

#[tokio::test(start_paused = true)]
async fn fault_is_sent_to_the_peer_and_named() {
    // [R7.4] [R7.5] [R6.2]
    let (mut raw, server) = raw_client();
    raw.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    raw.shutdown().await.unwrap();
    let fault = Fault::BadStart { offset: 0, found: b'G' };
    match server.await.unwrap() {
        Err(ConnectionError::Fault { fault: found, .. }) => assert_eq!(found, fault),
        other => panic!("{other:?}"),
    }
    let mut received = Vec::new();
    raw.read_to_end(&mut received).await.unwrap();
    let reason = "bad-start: foreign-http (certain): an HTTP request: \"GET / HTTP/1.1\"; \
                  this is HTTP: correct the address or port, or speak Bookend";
    let close = [&4000u16.to_be_bytes()[..], reason.as_bytes()].concat();
    assert_eq!(received, frame(kind::CLOSE, Encoding::Utf8, &close));
}

#[tokio::test(start_paused = true)]
async fn close_sends_what_was_queued_before() {
    // [R7.7]
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    near.queue("last words").unwrap();
    let (closed, (received, ended)) = tokio::join!(near.close(Code::GOING_AWAY, "lunch"), async {
        let received = text(far.next().await.unwrap());
        (received, far.next().await.map(drop))
    });
    closed.unwrap();
    assert_eq!(received, "last words");
    match ended {
        Err(ConnectionError::Closed { code: Code::GOING_AWAY, reason }) => assert_eq!(reason, "going-away: lunch"),
        other => panic!("{other:?}"),
    }
    assert_eq!(near.outcome(), Some(&Outcome::Closed(Code::GOING_AWAY)));
}

#[tokio::test(start_paused = true)]
async fn handle_closes_after_what_it_sent() {
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    let handle = near.handle();
    let driver = tokio::spawn(async move { near.next().await.map(|message| message.is_none()) });
    handle.send("last words").await.unwrap();
    handle.close(Code::NORMAL, "").await;
    assert_eq!(text(far.next().await.unwrap()), "last words");
    assert!(far.next().await.unwrap().is_none());
    assert!(driver.await.unwrap().unwrap());
    assert!(matches!(handle.send("late").await, Err(ConnectionError::Misuse(Misuse::NotOpen))));
}

#[tokio::test(start_paused = true)]
async fn barrier_returns_once_the_peer_has_acted_on_everything_before() {
    // [R3.10]
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    let handle = near.handle();
    let driver = tokio::spawn(async move { near.next().await.map(|message| message.is_none()) });
    let (acted, received) = std::sync::mpsc::channel();
    let server = tokio::spawn(async move {
        while let Some(message) = far.next().await.unwrap() {
            acted.send(text(Some(message))).unwrap();
        }
    });
    for number in 0..100 {
        handle.send(&*format!("{number}")).await.unwrap();
    }
    handle.barrier().await.unwrap();
    assert_eq!(received.try_iter().count(), 100);
    handle.close(Code::NORMAL, "").await;
    server.await.unwrap();
    assert!(driver.await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn connection_can_wait_for_a_barrier() {
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    let server = tokio::spawn(async move {
        far.send("kept").await.unwrap();
        let mut received = 0;
        while far.next().await.unwrap().is_some() {
            received += 1;
        }
        received
    });
    for number in 0..100 {
        near.queue(&*format!("{number}")).unwrap();
    }
    near.barrier(SECOND).await.unwrap();
    assert_eq!(text(near.next().await.unwrap()), "kept");
    near.close(Code::NORMAL, "").await.unwrap();
    assert_eq!(server.await.unwrap(), 100);
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_given_up_make_room_for_others() {
    // [R3.16]
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    let server = tokio::spawn(async move { while far.next().await.unwrap().is_some() {} });
    for _ in 0..100 {
        match timeout(Duration::from_millis(1), near.request("?", SECOND)).await {
            Err(_given_up) => {}
            // The peer still owes 64 answers; this side does not wait for them any more.
            Ok(Err(ConnectionError::Refused { code: Code::TRY_LATER, .. })) => {}
            Ok(other) => panic!("{other:?}"),
        }
    }
    near.close(Code::NORMAL, "").await.unwrap();
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_received_before_the_stream_broke_is_the_reason() {
    // [R7.16]
    let (mut raw, mut server) = open_raw_client().await;
    let close = [&1008u16.to_be_bytes()[..], b"policy: go away"].concat();
    raw.write_all(&frame(kind::CLOSE, Encoding::Utf8, &close)).await.unwrap();
    drop(raw);
    match server.send(&[0; 100]).await {
        Err(ConnectionError::Closed { code: Code::POLICY, reason }) => assert_eq!(reason, "policy: go away"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn close_instead_of_hello_is_the_reason() {
    // [R7.8]
    let (mut raw, opening) = raw_client();
    raw.write_all(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8normal: come again")).await.unwrap();
    match opening.await.unwrap() {
        Err(ConnectionError::Closed { code: Code::NORMAL, reason }) => assert_eq!(reason, "normal: come again"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn callers_that_wait_fail_when_the_peer_vanishes() {
    // [R7.9]
    let (raw, mut server) = open_raw_client().await;
    let handle = server.handle();
    let asking = tokio::spawn(async move { handle.request("anybody?", 60 * SECOND).await });
    assert!(timeout(SECOND, server.next()).await.is_err());
    drop(raw);
    let ended = server.next().await.map(drop);
    assert!(
        matches!(ended, Err(ConnectionError::Fault { fault: Fault::NoClose, .. } | ConnectionError::Io(_))),
        "{ended:?}"
    );
    assert!(asking.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn stream_that_ends_inside_a_frame_is_truncated() {
    // [R2.16]
    let (mut raw, mut server) = open_raw_client().await;
    raw.write_all(&frame(kind::MESSAGE, Encoding::Utf8, b"cut off")[..11]).await.unwrap();
    raw.shutdown().await.unwrap();
    let ended = server.next().await.map(drop);
    assert!(matches!(ended, Err(ConnectionError::Fault { fault: Fault::Truncated { arrived: 11 }, .. })), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn large_message_crosses_a_small_pipe() {
    let (near, far) = duplex(100);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    let large: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
    let body = large.clone();
    let sender = tokio::spawn(async move {
        near.send(&body[..]).await.unwrap();
        near.close(Code::NORMAL, "").await.unwrap();
    });
    assert_eq!(far.next().await.unwrap(), Some(Message::Message(Payload::Binary(&large))));
    assert_eq!(far.next().await.unwrap(), None);
    sender.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn messages_left_in_a_batch_are_in_the_next() {
    let (mut near, mut far) = pair(Hello::new(), Hello::new()).await;
    for number in 0..10 {
        near.queue(&*format!("{number}")).unwrap();
    }
    near.flush().await.unwrap();
    let first: Vec<String> = far.batch().await.unwrap().unwrap().take(3).map(|m| text(Some(m))).collect();
    let fourth = text(far.next().await.unwrap());
    let rest: Vec<String> = far.batch().await.unwrap().unwrap().map(|m| text(Some(m))).collect();
    assert_eq!([first, vec![fourth], rest].concat().concat(), "0123456789");
}
