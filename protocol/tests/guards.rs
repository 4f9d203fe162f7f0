//! Requests: waiting for a slot, cancelling, and guards that answer; over in-memory streams and paused time.
#![cfg(feature = "tokio")]

use std::num::NonZeroU32;
use std::time::Duration;

use bookend::{
    Code, Connection, ConnectionError, Decoder, Encoding, Frame, Handle, Hello, Message, Misuse, OwnedMessage, Request,
    kind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

type Duplex = Connection<DuplexStream>;

async fn pair(server: Hello) -> (Duplex, Duplex) {
    let (near, far) = duplex(1 << 16);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, server));
    (near.expect("the client opens"), far.expect("the server opens"))
}

/// A client's handle, and the requests that its server receives.
async fn client(server: Hello) -> (Handle, mpsc::UnboundedReceiver<Request>) {
    let (near, far) = pair(server).await;
    let (receiver, handle, driver) = near.split();
    tokio::spawn(driver);
    let (mut requests, _, driver) = far.split();
    tokio::spawn(driver);
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let _receiver = receiver;
        while let Ok(Some(message)) = requests.next().await {
            if let OwnedMessage::Request(request) = message {
                let _ = sender.send(request); // the test may be over
            }
        }
    });
    (handle, received)
}

fn ask(handle: &Handle, text: &'static str, timeout: Duration) -> JoinHandle<Result<String, ConnectionError>> {
    let handle = handle.clone();
    tokio::spawn(async move { Ok(handle.request(text, timeout).await?.text().expect("text").to_owned()) })
}

fn is_refused(result: &Result<impl Sized, ConnectionError>, code: Code) -> bool {
    matches!(result, Err(ConnectionError::Refused { code: found, .. }) if *found == code)
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_peers_limit_wait_their_turn() {
    // [R3.16]
    let (handle, mut requests) = client(Hello::new().with_requests(2)).await;
    let mut asking = JoinSet::new();
    for number in 0..100_u32 {
        let handle = handle.clone();
        asking.spawn(async move { handle.request(&number.to_be_bytes(), 10 * SECOND).await });
        tokio::task::yield_now().await;
    }
    for number in 0..100_u32 {
        let request = requests.recv().await.unwrap();
        assert_eq!(request.payload().as_bytes(), number.to_be_bytes(), "in the order of the calls");
        assert!(requests.len() < 2);
        request.reply("ok").await.unwrap();
    }
    while let Some(answered) = asking.join_next().await {
        answered.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn request_that_waits_for_a_slot_times_out() {
    let (handle, mut requests) = client(Hello::new().with_requests(1)).await;
    let first = ask(&handle, "first", 10 * SECOND);
    let first_request = requests.recv().await.unwrap();
    assert!(matches!(ask(&handle, "second", SECOND).await.unwrap(), Err(ConnectionError::Timeout)));
    let busy = handle.try_request("third", SECOND).await;
    assert!(matches!(busy, Err(ConnectionError::Misuse(Misuse::TooManyRequests))), "{busy:?}");
    first_request.reply("done").await.unwrap();
    assert_eq!(first.await.unwrap().unwrap(), "done");
    let fourth = ask(&handle, "fourth", SECOND);
    assert_eq!(requests.recv().await.unwrap().payload().text().unwrap(), "fourth", "nothing came of the others");
    assert!(is_refused(&fourth.await.unwrap(), Code::INTERNAL), "its guard was dropped");
}

#[tokio::test(start_paused = true)]
async fn peer_that_permits_no_requests_is_sent_none() {
    let (handle, _requests) = client(Hello::new().with_requests(0)).await;
    let refused = ask(&handle, "?", SECOND).await.unwrap();
    assert!(matches!(refused, Err(ConnectionError::Misuse(Misuse::TooManyRequests))), "{refused:?}");
    let (mut near, _far) = pair(Hello::new().with_requests(0)).await;
    let refused = near.request("?", SECOND).await;
    assert!(matches!(refused, Err(ConnectionError::Misuse(Misuse::TooManyRequests))), "{refused:?}");
    assert_eq!(near.queue_request("?"), Err(Misuse::TooManyRequests));
}

#[tokio::test(start_paused = true)]
async fn dropped_and_late_requests_are_cancelled_at_the_peer() {
    // [R3.22]
    let (handle, mut requests) = client(Hello::new().with_requests(1)).await;
    for _ in 0..3 {
        let dropped = ask(&handle, "dropped", 10 * SECOND);
        let mut request = requests.recv().await.unwrap();
        assert!(!request.is_cancelled());
        dropped.abort();
        request.cancelled().await;
        let late = ask(&handle, "late", SECOND);
        let mut second = requests.recv().await.expect("the slot is free, although `request` is not answered");
        assert!(request.is_cancelled());
        let refused = request.reply("nobody waits").await;
        assert!(matches!(refused, Err(ConnectionError::Misuse(Misuse::NoSuchRequest { .. }))), "{refused:?}");
        second.cancelled().await;
        assert!(matches!(late.await.unwrap(), Err(ConnectionError::Timeout)));
    }
}

#[tokio::test(start_paused = true)]
async fn guard_of_a_cancelled_request_never_answers_another_of_the_same_id() {
    // [R3.12] [R3.22]
    for early in [false, true] {
        let (mut raw, far) = duplex(4096);
        let mut hello = Vec::new();
        Hello::new().encode(&mut hello);
        raw.write_all(&hello).await.unwrap();
        let mut server = Connection::accept(far, Hello::new()).await.unwrap();
        let id = NonZeroU32::new(7).unwrap();
        let numbered = |kind, text: &str| {
            let mut wire = Vec::new();
            let body = [&id.get().to_be_bytes(), text.as_bytes()].concat();
            Frame::new(kind, Encoding::Binary, &body).unwrap().encode(&mut wire);
            wire
        };
        raw.write_all(&numbered(kind::REQUEST, "first")).await.unwrap();
        assert!(matches!(server.next().await.unwrap(), Some(Message::Request { .. })));
        let first = server.guard(id).unwrap();
        // The peer does not read, so an answer waits in the queue.
        server.queue(&[0; 100_000]).unwrap();
        assert!(timeout(SECOND, server.next()).await.is_err());
        let old = if early { first.reply("to the first").await.map(|()| None) } else { Ok(Some(first)) };
        raw.write_all(&numbered(kind::CANCEL, "")).await.unwrap();
        assert_eq!(server.next().await.unwrap(), Some(Message::Cancel { id }));
        raw.write_all(&numbered(kind::REQUEST, "second")).await.unwrap();
        assert!(matches!(server.next().await.unwrap(), Some(Message::Request { .. })));
        let second = server.guard(id).unwrap();
        if let Some(first) = old.unwrap() {
            assert!(first.is_cancelled() && !second.is_cancelled());
            assert!(first.reply("to the first").await.is_err());
        }
        second.reply("to the second").await.unwrap();
        let writer = tokio::spawn(async move { server.close(Code::NORMAL, "").await });
        let mut wire = Vec::new();
        raw.read_to_end(&mut wire).await.unwrap();
        let _ = writer.await.unwrap();
        let (mut decoder, mut rest, mut answers) = (Decoder::new(1 << 20), &wire[..], Vec::new());
        while let Some(frame) = decoder.decode(&mut rest).unwrap() {
            if matches!(frame.kind(), kind::REPLY | kind::ERROR) {
                answers.push((frame.kind(), frame.body().to_vec()));
            }
        }
        let reply = [&id.get().to_be_bytes(), &b"to the second"[..]].concat();
        assert_eq!(answers.len(), 2, "one for each: {answers:?}");
        assert_eq!((answers[0].0, &answers[1]), (kind::ERROR, &(kind::REPLY, reply)));
    }
}

#[tokio::test(start_paused = true)]
async fn guard_that_is_dropped_or_panics_refuses() {
    // [R3.12]
    let (handle, mut requests) = client(Hello::new()).await;
    let (first, second, third) = (ask(&handle, "1", SECOND), ask(&handle, "2", SECOND), ask(&handle, "3", SECOND));
    drop(requests.recv().await.unwrap());
    let request = requests.recv().await.unwrap();
    assert!(
        tokio::spawn(async move {
            let _request = request;
            std::panic::resume_unwind(Box::new("a handler fails"));
        })
        .await
        .is_err()
    );
    requests.recv().await.unwrap().refuse(Code::POLICY, "no").unwrap();
    assert!(is_refused(&first.await.unwrap(), Code::INTERNAL));
    assert!(is_refused(&second.await.unwrap(), Code::INTERNAL));
    assert!(is_refused(&third.await.unwrap(), Code::POLICY));
}

#[tokio::test(start_paused = true)]
async fn answer_that_the_peer_cannot_take_is_refused_with_the_reason() {
    let (near, far) = duplex(1 << 16);
    let small = Hello::new().with_max_body(1024);
    let (near, far) = tokio::join!(Connection::connect(near, small), Connection::accept(far, Hello::new()));
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    let server = tokio::spawn(async move {
        let Some(Message::Request { id, .. }) = far.next().await.unwrap() else { panic!("a REQUEST") };
        let failed = far.guard(id).unwrap().reply(&[0; 5000]).await;
        assert!(matches!(failed, Err(ConnectionError::Misuse(Misuse::TooLong { .. }))), "{failed:?}");
        assert!(far.next().await.unwrap().is_none());
    });
    assert!(is_refused(&near.request("?", SECOND).await, Code::TOO_LONG));
    near.close(Code::NORMAL, "").await.unwrap();
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn owner_waits_for_a_slot_and_cancels_too() {
    let (mut near, far) = pair(Hello::new().with_requests(1)).await;
    let (mut receiver, _handle, driver) = far.split();
    tokio::spawn(driver);
    let waits = near.queue_request("first").unwrap();
    let server = tokio::spawn(async move {
        let mut first = None;
        loop {
            match receiver.next().await.unwrap() {
                Some(OwnedMessage::Request(request)) if request.payload().text().unwrap() == "first" => {
                    first = Some(request);
                }
                Some(OwnedMessage::Request(request)) => request.reply("second").await.unwrap(),
                Some(_) => {}
                None => return first,
            }
        }
    });
    let late = near.request("never sent", SECOND).await;
    assert!(matches!(late, Err(ConnectionError::Timeout)), "{late:?}");
    near.cancel(waits);
    assert_eq!(near.request("second", SECOND).await.unwrap().text(), Some("second"));
    near.close(Code::NORMAL, "").await.unwrap();
    assert!(server.await.unwrap().unwrap().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn abandoned_requests_leave_nothing() {
    let (handle, mut requests) = client(Hello::new()).await;
    tokio::spawn(async move { while requests.recv().await.is_some() {} });
    for _ in 0..10_000 {
        let mut asking = std::pin::pin!(handle.request("?", SECOND));
        let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(asking.as_mut().poll(cx))).await;
    }
    handle.barrier().await.unwrap();
    // The guards of the server refuse what arrived before its CANCEL: no answer is missing.
    timeout(SECOND, handle.request("?", SECOND)).await.unwrap().unwrap_err();
    assert!(format!("{handle:?}").contains("requests: 0"), "{handle:?}");
}
