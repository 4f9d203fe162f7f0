//! What `Connection::event` reports of the frames that were queued.
#![cfg(feature = "tokio")]
#![allow(missing_docs)]

use bookend::{Code, Connection, Encoding, Event, Fault, Frame, Hello, Message, Payload, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

async fn pair() -> (Connection<DuplexStream>, Connection<DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    (near.expect("opens"), far.expect("opens"))
}

#[tokio::test(start_paused = true)]
async fn refusal_leads_to_the_ordinal_of_the_refused_message() {
    // [R3.17] [R7.13]
    let (mut near, mut far) = pair().await;
    let peer = tokio::spawn(async move {
        let mut received = 0;
        while far.next().await.unwrap().is_some() {
            received += 1;
            if received == 2 {
                far.refuse(None, Code::POLICY, "not this one").await.unwrap();
                far.barrier(std::time::Duration::from_secs(5)).await.unwrap();
            }
        }
    });
    assert_eq!(near.queue("a").unwrap(), 0);
    let second = near.queue("b").unwrap();
    assert_eq!(near.queue_barrier().unwrap(), 2);
    let (mut refused, mut reached) = (Vec::new(), None);
    while reached.is_none() {
        match near.event().await.unwrap().unwrap() {
            Event::Message(Message::Error(refusal)) => refused.push(refusal.frame),
            Event::Barrier(ordinal) => reached = Some(ordinal),
            other => panic!("{other:?}"),
        }
    }
    let ordinals: Vec<_> = refused.iter().map(|number| near.ordinal(*number)).collect();
    assert_eq!((ordinals, reached, near.written()), (vec![Some(second)], Some(2), 3));
    // The PONG for the peer's own barrier has a number, and no ordinal.
    let nothing = tokio::time::timeout(std::time::Duration::from_secs(1), near.next()).await;
    assert!(nothing.is_err());
    let third = near.queue("c").unwrap();
    near.flush().await.unwrap();
    assert_eq!((third, near.written()), (3, 4));
    assert_eq!([4, 5, 6].map(|number| near.ordinal(number)), [None, Some(third), None]);
    near.close(Code::NORMAL, "").await.unwrap();
    peer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn barriers_without_a_frame_between_share_a_ping_and_all_are_reported() {
    // [R3.10] [R8.3]
    let (mut near, mut far) = pair().await;
    let peer = tokio::spawn(async move { while far.next().await.unwrap().is_some() {} });
    near.queue("a").unwrap();
    assert_eq!([near.queue_barrier().unwrap(), near.queue_barrier().unwrap()], [1, 1]);
    for _ in 0..2 {
        assert_eq!(near.event().await.unwrap(), Some(Event::Barrier(1)));
    }
    // One that was reached already is reported at once.
    assert_eq!(near.queue_barrier().unwrap(), 1);
    assert_eq!(near.event().await.unwrap(), Some(Event::Barrier(1)));
    near.queue("b").unwrap();
    assert_eq!(near.queue_barrier().unwrap(), 3);
    assert_eq!(near.event().await.unwrap(), Some(Event::Barrier(3)));
    near.close(Code::NORMAL, "").await.unwrap();
    peer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn barrier_is_reported_after_the_messages_before_it_even_if_next_took_them() {
    let (mut near, mut far) = pair().await;
    let peer = tokio::spawn(async move {
        far.queue("first").unwrap();
        far.flush().await.unwrap();
        while far.next().await.unwrap().is_some() {
            far.send("again").await.unwrap();
        }
    });
    near.queue("a").unwrap();
    near.queue_barrier().unwrap();
    for _ in 0..2 {
        assert!(matches!(near.next().await.unwrap(), Some(Message::Message(_))));
    }
    near.queue("b").unwrap();
    assert!(matches!(near.next().await.unwrap(), Some(Message::Message(_))));
    assert_eq!(near.event().await.unwrap(), Some(Event::Barrier(1)));
    near.close(Code::NORMAL, "").await.unwrap();
    peer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn queued_requests_are_answered_by_events_of_three_kinds_and_not_when_cancelled() {
    // [R3.12] [R3.22] [R5.8]
    let (near, mut raw) = duplex(1 << 16);
    let mut hello = Vec::new();
    Hello::new().encode(&mut hello);
    raw.write_all(&hello).await.unwrap();
    let mut near = Connection::connect(near, Hello::new()).await.unwrap();
    let ids: Vec<_> = (0..4).map(|_| near.queue_request("?").unwrap()).collect();
    near.flush().await.unwrap();
    near.cancel(ids[3]);
    let mut answers = Vec::new();
    for (id, text) in [(ids[3], &b"late"[..]), (ids[0], b"yes"), (ids[1], b"\xFF")] {
        let body = [&id.get().to_be_bytes(), text].concat();
        Frame::new(kind::REPLY, Encoding::Utf8, &body).unwrap().encode(&mut answers);
    }
    let refusal = [&ids[2].get().to_be_bytes()[..], &[0, 0, 0, 3, 0x03, 0xF0], b"policy"].concat();
    Frame::new(kind::ERROR, Encoding::Utf8, &refusal).unwrap().encode(&mut answers);
    raw.write_all(&answers).await.unwrap();
    let answer = near.event().await.unwrap().unwrap();
    let Event::Message(Message::Reply { id, payload: Payload::Text(text) }) = answer else { panic!("{answer:?}") };
    assert_eq!((id, &*text.to_str()), (ids[0], "yes"));
    let fault = Fault::BadText { encoding: Encoding::Utf8, offset: 0 };
    assert_eq!(near.event().await.unwrap(), Some(Event::Unreadable { id: ids[1], fault }));
    let answer = near.event().await.unwrap().unwrap();
    let Event::Message(Message::Error(refusal)) = answer else { panic!("{answer:?}") };
    assert_eq!((refusal.id, refusal.code), (ids[2].get(), Code::POLICY));
    let mut rest = Vec::new();
    drop(near);
    raw.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn message_that_the_stream_has_not_taken_whole_is_not_written() {
    let (near, mut raw) = duplex(64);
    let mut hello = Vec::new();
    Hello::new().encode(&mut hello);
    let accept = tokio::spawn(Connection::connect(near, Hello::new()));
    let mut theirs = vec![0; hello.len() + 2]; // with the option client
    raw.read_exact(&mut theirs).await.unwrap();
    raw.write_all(&hello).await.unwrap();
    let mut near = accept.await.unwrap().unwrap();
    near.queue("short").unwrap();
    near.queue(&[0; 100]).unwrap();
    let flushed = tokio::time::timeout(std::time::Duration::from_secs(1), near.flush()).await;
    assert!(flushed.is_err(), "nobody reads");
    assert_eq!(near.written(), 1);
}
