//! A connection in three parts, as a `Stream` and as a `Sink`; over in-memory streams and paused time.
#![cfg(feature = "tokio")]

use std::time::Duration;

use bookend::{
    Code, Connection, ConnectionError, Encoding, Fault, Frame, Hello, Message, Misuse, OwnedMessage, Payload, kind,
};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Duplex = Connection<DuplexStream>;

async fn pair(pipe: usize, hello: &Hello) -> (Duplex, Duplex) {
    let (near, far) = duplex(pipe);
    let (near, far) = tokio::join!(Connection::connect(near, hello.clone()), Connection::accept(far, hello.clone()));
    (near.expect("the client opens"), far.expect("the server opens"))
}

fn number(message: &OwnedMessage) -> u32 {
    let OwnedMessage::Message(payload) = message else { panic!("{message:?} is no MESSAGE") };
    u32::from_be_bytes(payload.as_bytes()[..4].try_into().expect("four bytes"))
}

#[tokio::test(start_paused = true)]
async fn parts_receive_and_send_by_themselves() {
    let (near, far) = pair(4096, &Hello::new()).await;
    let (mut near, near_handle, near_driver) = near.split();
    let (mut far, far_handle, far_driver) = far.split();
    let (near_driver, far_driver) = (tokio::spawn(near_driver), tokio::spawn(far_driver));
    let sender = tokio::spawn(async move {
        for number in 0..10_000_u32 {
            near_handle.send(&number.to_be_bytes()).await.unwrap();
        }
        near_handle.close(Code::NORMAL, "").await;
    });
    for expected in 0..10_000 {
        assert_eq!(number(&far.next().await.unwrap().unwrap()), expected);
    }
    assert!(far.next().await.unwrap().is_none() && far.next().await.unwrap().is_none());
    assert!(near.next().await.unwrap().is_none());
    sender.await.unwrap();
    near_driver.await.unwrap().unwrap();
    far_driver.await.unwrap().unwrap();
    assert!(matches!(far_handle.closed().await, ConnectionError::Closed { code: Code::NORMAL, .. }));
}

#[tokio::test(start_paused = true)]
async fn receiver_that_is_not_polled_stops_neither_sending_nor_keepalive_and_blames_nobody() {
    let (near, far) = pair(4096, &Hello::new().with_keepalive(2)).await;
    let (mut near, near_handle, near_driver) = near.split();
    let near_driver = tokio::spawn(near_driver);
    let (mut far, far_handle, far_driver) = far.split();
    tokio::spawn(far_driver);
    // The peer floods: more than is read ahead.
    let flood = tokio::spawn(async move {
        let mut body = vec![0; 10_000];
        for number in 0..1000_u32 {
            body[..4].copy_from_slice(&number.to_be_bytes());
            if far_handle.send(&body).await.is_err() {
                return number;
            }
        }
        1000
    });
    let send = async {
        for number in 0..20_u32 {
            near_handle.send(&number.to_be_bytes()).await.unwrap();
            sleep(SECOND / 4).await;
        }
    };
    let receive = async {
        for expected in 0..20 {
            assert_eq!(number(&far.next().await.unwrap().unwrap()), expected);
        }
    };
    tokio::join!(send, receive);
    assert!(!flood.is_finished(), "the flood waits for the receiver");
    assert!(!near_driver.is_finished());
    for expected in 0..1000 {
        assert_eq!(number(&near.next().await.unwrap().unwrap()), expected);
    }
    assert_eq!(flood.await.unwrap(), 1000);
}

#[tokio::test(start_paused = true)]
async fn peers_end_is_noticed_while_the_receiver_is_not_polled() {
    let (near, mut far) = pair(1 << 20, &Hello::new()).await;
    let (mut near, handle, driver) = near.split();
    let driver = tokio::spawn(driver);
    for number in 0..50_u32 {
        far.send(&[&number.to_be_bytes()[..], &[0; 9996]].concat()).await.unwrap();
    }
    far.close(Code::GOING_AWAY, "restart").await.unwrap();
    assert!(matches!(handle.closed().await, ConnectionError::Closed { code: Code::GOING_AWAY, .. }));
    assert!(matches!(driver.await.unwrap(), Err(ConnectionError::Closed { code: Code::GOING_AWAY, .. })));
    for expected in 0..50 {
        assert_eq!(number(&near.next().await.unwrap().unwrap()), expected, "nothing is lost");
    }
    assert!(matches!(near.next().await, Err(ConnectionError::Closed { .. })), "then the reason");
    assert!(near.next().await.unwrap().is_none(), "once");
}

#[tokio::test(start_paused = true)]
async fn pong_waits_until_the_receiver_has_acted() {
    // [R3.10]
    let (near, mut far) = pair(1 << 16, &Hello::new()).await;
    let (mut near, _handle, driver) = near.split();
    tokio::spawn(driver);
    far.send(&[0; 4]).await.unwrap();
    assert!(matches!(far.barrier(SECOND).await, Err(ConnectionError::Timeout)), "the message waits");
    assert_eq!(number(&near.next().await.unwrap().unwrap()), 0);
    assert!(matches!(far.barrier(SECOND).await, Err(ConnectionError::Timeout)), "it is in hand");
    let (_, reached) = tokio::join!(timeout(2 * SECOND, near.next()), far.barrier(SECOND));
    reached.unwrap();
}

#[tokio::test(start_paused = true)]
async fn session_closes_once_receiver_and_handles_are_gone_and_requests_answered() {
    let (near, far) = pair(1 << 16, &Hello::new()).await;
    let (mut requests, _, driver) = far.split();
    let far_driver = tokio::spawn(driver);
    let (receiver, handle, driver) = near.split();
    let near_driver = tokio::spawn(driver);
    let asking = tokio::spawn(async move { handle.request("?", 10 * SECOND).await });
    let Some(OwnedMessage::Request(request)) = requests.next().await.unwrap() else { panic!("a REQUEST") };
    drop((receiver, requests));
    sleep(SECOND).await;
    assert!(!near_driver.is_finished() && !far_driver.is_finished(), "a request is under way");
    request.reply("noon").await.unwrap();
    assert_eq!(asking.await.unwrap().unwrap().text(), Some("noon"));
    timeout(SECOND, near_driver).await.unwrap().unwrap().unwrap();
    timeout(SECOND, far_driver).await.unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn receiver_and_handles_learn_that_the_driver_was_dropped() {
    let (near, _far) = pair(1 << 16, &Hello::new()).await;
    let (mut receiver, handle, driver) = near.split();
    let task = tokio::spawn(driver);
    tokio::task::yield_now().await;
    task.abort();
    assert!(matches!(receiver.next().await, Err(ConnectionError::Misuse(Misuse::NotOpen))));
    assert!(matches!(handle.closed().await, ConnectionError::Misuse(Misuse::NotOpen)));
}

#[tokio::test(start_paused = true)]
async fn dead_peer_is_told_to_handles_and_receiver() {
    let (mut raw, near) = duplex(1 << 16);
    let mut hello = Vec::new();
    Hello::new().with_keepalive(3).encode(&mut hello);
    raw.write_all(&hello).await.unwrap();
    let (mut receiver, handle, driver) = Connection::accept(near, Hello::new()).await.unwrap().split();
    tokio::spawn(driver);
    let idle = |error: &ConnectionError| matches!(error, ConnectionError::Fault { fault: Fault::Idle { .. }, .. });
    assert!(idle(&timeout(10 * SECOND, handle.closed()).await.unwrap()));
    assert!(idle(&receiver.next().await.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn connection_is_a_stream_and_a_sink() {
    let (mut near, far) = pair(1000, &Hello::new()).await;
    let server = tokio::spawn(async move {
        let mut far = far;
        let received: Vec<_> = StreamExt::collect::<Vec<_>>(&mut far).await;
        received.into_iter().map(|message| number(&message.unwrap())).collect::<Vec<u32>>()
    });
    for number in 0..100_u32 {
        SinkExt::feed(&mut near, [&number.to_be_bytes()[..], &[0; 3000]].concat().into()).await.unwrap();
    }
    SinkExt::close(&mut near).await.unwrap();
    assert_eq!(server.await.unwrap(), (0..100).collect::<Vec<_>>());
    let failed = SinkExt::send(&mut near, "late".into()).await;
    assert!(matches!(failed, Err(ConnectionError::Misuse(Misuse::NotOpen))), "{failed:?}");

    let (mut near, mut far) = pair(1000, &Hello::new()).await;
    far.close(Code::GOING_AWAY, "").await.ok();
    let failed = SinkExt::send(&mut near, "late".into()).await;
    assert!(matches!(failed, Err(ConnectionError::Closed { code: Code::GOING_AWAY, .. })), "{failed:?}");
    assert!(StreamExt::next(&mut near).await.unwrap().is_err(), "the reason, once");
    assert!(StreamExt::next(&mut near).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn owned_messages_are_what_arrived() {
    let (mut raw, near) = duplex(1 << 16);
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    let mut frame = |kind, encoding, body: &[u8]| Frame::new(kind, encoding, body).unwrap().encode(&mut wire);
    frame(kind::MESSAGE, Encoding::Utf8, b"\xEF\xBB\xBF\xEF\xBB\xBFmarked");
    frame(kind::REQUEST, Encoding::Utf16Be, b"\0\0\0\x05\0?");
    frame(kind::CANCEL, Encoding::Binary, b"\0\0\0\x05");
    raw.write_all(&wire).await.unwrap();
    let mut server = Connection::accept(near, Hello::new()).await.unwrap();
    let mut next = async || StreamExt::next(&mut server).await.unwrap().unwrap();
    let first = next().await;
    assert!(matches!(first.as_message(), Message::Message(Payload::Text(_))));
    let payload = first.into_payload().unwrap();
    assert_eq!((payload.encoding(), payload.text().as_deref()), (Encoding::Utf8, Some("\u{FEFF}marked")));
    assert_eq!(payload.clone().into_bytes(), payload.as_bytes());
    let OwnedMessage::Request(request) = next().await else { panic!("a REQUEST") };
    assert_eq!((request.id().get(), request.payload().text().as_deref()), (5, Some("?")));
    let cancel = next().await;
    assert!(matches!(cancel.as_message(), Message::Cancel { id } if id.get() == 5), "{cancel:?}");
    assert!(request.is_cancelled());
    let _ = raw.read(&mut [0; 100]).await;
}
