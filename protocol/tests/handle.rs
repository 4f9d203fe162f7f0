//! What other tasks send through a handle, over in-memory streams and paused time.
#![cfg(feature = "tokio")]

use std::borrow::Cow;
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Encoding, Fault, Handle, Hello, Message, Misuse};
use tokio::io::{DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

type Duplex = Connection<DuplexStream>;

async fn pair(pipe: usize, client: Hello, server: Hello) -> (Duplex, Duplex) {
    let (near, far) = duplex(pipe);
    let (near, far) = tokio::join!(Connection::connect(near, client), Connection::accept(far, server));
    (near.expect("the client opens"), far.expect("the server opens"))
}

async fn plain_pair() -> (Duplex, Duplex) {
    pair(1 << 16, Hello::new(), Hello::new()).await
}

/// Polls the connection until the session ends.
fn drive(mut connection: Duplex) -> JoinHandle<Result<(), ConnectionError>> {
    tokio::spawn(async move {
        while connection.next().await?.is_some() {}
        Ok(())
    })
}

/// Everything that arrives until the peer closes, as text.
async fn texts(mut connection: Duplex) -> Vec<String> {
    let mut texts = Vec::new();
    while let Ok(Some(message)) = connection.next().await {
        if let Message::Message(payload) = message {
            texts.push(payload.text().expect("text").into_owned());
        }
    }
    texts
}

fn misuse(result: Result<(), ConnectionError>) -> Misuse {
    match result {
        Err(ConnectionError::Misuse(misuse)) => misuse,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_known_before_the_connection_is_polled() {
    let (near, _far) = pair(1 << 16, Hello::new(), Hello::new().with_max_body(1024)).await;
    let handle = near.handle();
    assert_eq!(misuse(handle.send(&[0; 1025]).await), Misuse::TooLong { length: 1025, max: 1024 });
    assert_eq!(misuse(handle.try_send(&[0; 40_000])), Misuse::TooLong { length: 40_000, max: 1024 });
    assert_eq!(misuse(handle.try_post(1, "x")), Misuse::UnknownKind { kind: 0x12 });
    let id = std::num::NonZeroU32::MIN;
    assert_eq!(misuse(handle.reply(id, "x").await), Misuse::NoSuchRequest { id: 1 });
    assert_eq!(misuse(handle.refuse(id, Code::POLICY, "").await), Misuse::NoSuchRequest { id: 1 });
    // Nor does a call wait for the connection.
    handle.send("queued").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_room_in_order_and_try_calls_do_not_wait() {
    let (near, far) = plain_pair().await;
    let handle = near.handle();
    let mut count = 0;
    while handle.try_send(&[b'x'; 1000]).is_ok() {
        count += 1;
    }
    assert_eq!(count, (64 << 10) / 768, "1,000 bytes take three units of 256");
    let mut waiting = Vec::new();
    for number in 0..5 {
        let handle = handle.clone();
        let length = if number == 0 { 200_000 } else { 700 };
        waiting.push(tokio::spawn(async move { handle.send(&*format!("{number}{}", "y".repeat(length))).await }));
        tokio::task::yield_now().await;
    }
    assert!(waiting.iter().all(|task| !task.is_finished()), "there is no room");
    let driver = drive(near);
    let received = tokio::spawn(firsts(far));
    for task in waiting {
        task.await.unwrap().unwrap();
    }
    handle.close(Code::NORMAL, "").await;
    driver.await.unwrap().unwrap();
    assert_eq!(received.await.unwrap(), "01234", "in the order of the calls");
}

/// The first characters of the texts but fillers.
async fn firsts(mut connection: Duplex) -> String {
    let mut firsts = String::new();
    while let Some(message) = connection.next().await.expect("receives") {
        if let Message::Message(payload) = message
            && let Some(text) = payload.text()
        {
            firsts.extend(text.chars().next().filter(|first| *first != 'x'));
        }
    }
    firsts
}

#[tokio::test(start_paused = true)]
async fn room_comes_back_as_soon_as_less_than_64_kib_wait() {
    // The pipe takes most of the queue, and then no more.
    let (near, _far) = pair(1 << 16, Hello::new(), Hello::new()).await;
    let handle = near.handle();
    while handle.try_send(&[0; 1000]).is_ok() {}
    let driver = drive(near);
    timeout(SECOND, handle.send(&[0; 1000])).await.expect("there is room").unwrap();
    driver.abort();
}

#[tokio::test(start_paused = true)]
async fn cancelled_send_has_sent_nothing() {
    let (near, far) = plain_pair().await;
    let handle = near.handle();
    while handle.try_send("filler").is_ok() {}
    assert!(timeout(SECOND, handle.send("cancelled")).await.is_err(), "there is no room");
    assert!(timeout(SECOND, handle.reserve()).await.is_err());
    let driver = drive(near);
    handle.send("last").await.unwrap();
    handle.close(Code::NORMAL, "").await;
    let texts = texts(far).await;
    assert_eq!(texts.iter().filter(|text| *text != "filler").collect::<Vec<_>>(), ["last"]);
    driver.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn permit_sends_a_message_of_any_length_at_once_and_its_room_comes_back() {
    let (near, mut far) = plain_pair().await;
    let handle = near.handle();
    drop(handle.reserve().await.unwrap());
    handle.reserve().await.unwrap().send(&vec![7; 500_000]).unwrap();
    assert!(matches!(handle.try_send("full"), Err(ConnectionError::Full)));
    let refused = handle.reserve();
    assert!(timeout(SECOND, refused).await.is_err());
    let driver = drive(near);
    let Some(Message::Message(payload)) = far.next().await.unwrap() else { panic!("a MESSAGE") };
    assert_eq!(payload.as_bytes().len(), 500_000);
    for _ in 0..3 {
        // All the room is there again.
        let whole = handle.send(&[1; 1 << 16]);
        timeout(SECOND, whole).await.unwrap().unwrap();
        assert!(far.next().await.unwrap().is_some());
    }
    assert_eq!(
        misuse(handle.reserve().await.unwrap().send(bookend::Content::TextIn(Encoding::Ascii, "ü"))),
        Misuse::UnmappableText { encoding: Encoding::Ascii, offset: 0 }
    );
    handle.close(Code::NORMAL, "").await;
    assert!(far.next().await.unwrap().is_none());
    driver.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn queue_holds_little_more_than_64_kib() {
    let (near, _far) = pair(1000, Hello::new(), Hello::new()).await;
    let handle = near.handle();
    let driver = drive(near); // and the peer reads nothing
    let mut sent = 0;
    while timeout(SECOND / 10, handle.send(&[0; 990])).await.is_ok() {
        sent += 1000;
    }
    assert!((60_000..140_000).contains(&sent), "{sent} bytes were accepted");
    driver.abort();
}

#[tokio::test(start_paused = true)]
async fn calls_after_the_end_say_why_it_ended() {
    async fn all_fail(handle: &Handle, why: impl Fn(&ConnectionError) -> bool) {
        assert!(handle.is_closed());
        let errors = [
            handle.closed().await,
            handle.send("x").await.unwrap_err(),
            handle.try_send("x").unwrap_err(),
            handle.reserve().await.map(drop).unwrap_err(),
            handle.post(0, "x").await.unwrap_err(),
            handle.request("x", SECOND).await.unwrap_err(),
            handle.barrier().await.unwrap_err(),
            handle.reply(std::num::NonZeroU32::MIN, "x").await.unwrap_err(),
        ];
        for error in errors {
            assert!(why(&error), "{error:?}");
        }
    }
    for code in [Code::NORMAL, Code::GOING_AWAY] {
        let (near, mut far) = plain_pair().await;
        let handle = near.handle();
        let driver = drive(near);
        assert!(!handle.is_closed());
        far.close(code, "bye").await.unwrap();
        let _ = driver.await.unwrap();
        all_fail(&handle, |error| matches!(error, ConnectionError::Closed { code: found, .. } if *found == code)).await;
    }
    let (near, far) = plain_pair().await;
    let handle = near.handle();
    let waiting = tokio::spawn({
        let handle = handle.clone();
        async move { handle.closed().await }
    });
    let driver = drive(near);
    drop(far);
    assert!(driver.await.unwrap().is_err());
    let lost = |error: &ConnectionError| {
        matches!(error, ConnectionError::Fault { fault: Fault::NoClose, .. } | ConnectionError::Io(_))
    };
    assert!(lost(&waiting.await.unwrap()));
    all_fail(&handle, lost).await;

    let (near, _far) = plain_pair().await;
    let handle = near.handle();
    drop(near);
    all_fail(&handle, |error| matches!(error, ConnectionError::Misuse(Misuse::NotOpen))).await;
}

#[tokio::test(start_paused = true)]
async fn everything_that_holds_text_or_bytes_is_content() {
    let (mut near, far) = plain_pair().await;
    let text = String::from("a String");
    near.send(&text).await.unwrap();
    near.send(&Cow::Borrowed("a Cow")).await.unwrap();
    let handle = near.handle();
    handle.try_send(&b"bytes".to_vec()).unwrap();
    handle.try_send(&bytes::Bytes::from_static(b"Bytes")).unwrap();
    near.close(Code::NORMAL, "").await.unwrap();
    let mut far = far;
    let mut received = Vec::new();
    while let Some(Message::Message(payload)) = far.next().await.unwrap() {
        received.push((payload.encoding(), payload.as_bytes().to_vec()));
    }
    let (text, binary) = (Encoding::Utf8, Encoding::Binary);
    let expected: [(Encoding, &[u8]); 4] =
        [(text, b"a String"), (text, b"a Cow"), (binary, b"bytes"), (binary, b"Bytes")];
    assert_eq!(received, expected.map(|(encoding, bytes)| (encoding, bytes.to_vec())));
}

#[tokio::test(start_paused = true)]
async fn producer_that_only_sends_learns_of_the_peers_close() {
    let (mut near, mut far) = plain_pair().await;
    for number in 0..20 {
        far.send(&*format!("unread {number}")).await.unwrap();
    }
    near.send("first").await.unwrap();
    let closing = tokio::spawn(async move { far.close(Code::GOING_AWAY, "restart").await });
    tokio::time::sleep(SECOND).await; // the CLOSE has arrived
    let first = near.send("tick").await;
    let second = near.send("tick").await;
    assert!(
        matches!(&second, Err(ConnectionError::Closed { code: Code::GOING_AWAY, .. })),
        "first {first:?}, second {second:?}"
    );
    closing.await.unwrap().unwrap();
    // What arrived before is kept.
    for number in 0..20 {
        let Some(Message::Message(payload)) = near.next().await.unwrap() else { panic!("a MESSAGE") };
        assert_eq!(payload.text().unwrap(), format!("unread {number}"));
    }
    assert!(near.next().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn producer_that_only_sends_serves_its_handles() {
    let (mut near, mut far) = plain_pair().await;
    let handle = near.handle();
    let server = tokio::spawn(async move {
        while let Some(message) = far.next().await.unwrap() {
            if let Message::Request { id, .. } = message {
                far.reply(id, "noon").await.unwrap();
            }
        }
    });
    let asking = tokio::spawn(async move { handle.request("time?", 10 * SECOND).await });
    for _ in 0..5 {
        near.send("tick").await.unwrap();
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(asking.await.unwrap().unwrap().text(), Some("noon"));
    near.close(Code::NORMAL, "").await.unwrap();
    server.await.unwrap();
}
