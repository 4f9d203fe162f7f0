//! How sessions end, over in-memory streams and paused time.
#![cfg(feature = "tokio")]

use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Event, Hello, Limits, Message, Role, Session, State, Step};
use futures_util::SinkExt;
use tokio::io::{DuplexStream, duplex};
use tokio::time::{Instant, timeout};

const SECOND: Duration = Duration::from_secs(1);

type Duplex = Connection<DuplexStream>;

async fn pair(pipe: usize) -> (Duplex, Duplex) {
    let (near, far) = duplex(pipe);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    (near.expect("the client opens"), far.expect("the server opens"))
}

/// Messages of which more wait on both sides than the pipe holds.
fn fill(connection: &mut Duplex, count: u32) {
    for number in 0..count {
        connection.queue(&number.to_be_bytes()).expect("is queued");
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_may_close_at_once() {
    // [R7.6] [R7.7]
    for pipe in [64, 1000, 1 << 16] {
        for (near_count, far_count) in [(0, 0), (0, 100), (100, 0), (100, 100)] {
            let (mut near, mut far) = pair(pipe).await;
            fill(&mut near, near_count);
            fill(&mut far, far_count);
            let since = Instant::now();
            let closed = tokio::join!(near.close(Code::NORMAL, ""), far.close(Code::NORMAL, "bye"));
            assert!(matches!(closed, (Ok(()), Ok(()))), "pipe {pipe}, {near_count} and {far_count}: {closed:?}");
            assert_eq!(since.elapsed(), Duration::ZERO, "neither waits for a timeout");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_may_close_at_once_as_sinks_by_handles_and_by_dropping_them() {
    let (mut near, mut far) = pair(1000).await;
    let closed = tokio::join!(SinkExt::close(&mut near), SinkExt::close(&mut far));
    assert!(matches!(closed, (Ok(()), Ok(()))), "sinks: {closed:?}");

    let (mut near, mut far) = pair(1000).await;
    near.send("unread").await.unwrap();
    let closed = tokio::join!(SinkExt::close(&mut near), far.close(Code::NORMAL, ""));
    assert!(matches!(closed, (Ok(()), Ok(()))), "a sink and a call: {closed:?}");

    let (near, far) = pair(1000).await;
    let (_near_receiver, near_handle, near) = near.split();
    let (_far_receiver, far_handle, far) = far.split();
    tokio::join!(near_handle.close(Code::NORMAL, ""), far_handle.close(Code::NORMAL, ""));
    let ended = tokio::join!(near, far);
    assert!(matches!(ended, (Ok(()), Ok(()))), "handles: {ended:?}");

    let (near, far) = pair(1000).await;
    let (near_receiver, near_handle, near) = near.split();
    let (far_receiver, far_handle, far) = far.split();
    drop((near_receiver, near_handle, far_receiver, far_handle));
    let ended = tokio::join!(near, far);
    assert!(matches!(ended, (Ok(()), Ok(()))), "dropped: {ended:?}");
}

#[tokio::test(start_paused = true)]
async fn shutdowns_of_both_sides_meet() {
    let (near, far) = pair(1000).await;
    let (_near_receiver, near_handle, near) = near.split();
    let (_far_receiver, far_handle, far) = far.split();
    let (near, far) = (tokio::spawn(near), tokio::spawn(far));
    let ended = tokio::join!(near_handle.shut_down(SECOND), far_handle.shut_down(SECOND));
    let (near, far) = (near.await.unwrap(), far.await.unwrap());
    // A side that has sent its own CLOSE has closed, whatever the other side says.
    assert!(matches!(ended, (Ok(()), Ok(()))), "{ended:?}; {near:?} {far:?}");
}

#[tokio::test(start_paused = true)]
async fn barriers_of_both_sides_are_reached_only_if_messages_are_taken() {
    // [R3.10]
    let (mut near, mut far) = pair(1000).await;
    fill(&mut near, 500);
    fill(&mut far, 500);
    let reached = tokio::join!(near.barrier(SECOND), far.barrier(SECOND));
    // Each keeps the messages of the other, and has acted on none of them.
    assert!(matches!(reached, (Err(ConnectionError::Timeout), Err(ConnectionError::Timeout))), "{reached:?}");

    let (mut near, mut far) = pair(1000).await;
    fill(&mut near, 500);
    fill(&mut far, 500);
    let taken = tokio::join!(until_barrier(&mut near), until_barrier(&mut far));
    assert_eq!(taken, (500, 500));

    let (near, far) = pair(1000).await;
    let (mut near_receiver, near_handle, near) = near.split();
    let (mut far_receiver, far_handle, far) = far.split();
    tokio::spawn(near);
    tokio::spawn(far);
    tokio::spawn(async move { while near_receiver.next().await.unwrap().is_some() {} });
    tokio::spawn(async move { while far_receiver.next().await.unwrap().is_some() {} });
    for number in 0..500_u32 {
        near_handle.send(&number.to_be_bytes()).await.unwrap();
        far_handle.send(&number.to_be_bytes()).await.unwrap();
    }
    let reached = tokio::join!(near_handle.barrier(), far_handle.barrier());
    assert!(matches!(reached, (Ok(()), Ok(()))), "{reached:?}");
}

/// Takes messages until a new barrier is reached, and those that follow soon; how many there were.
async fn until_barrier(connection: &mut Duplex) -> u32 {
    let ordinal = connection.queue_barrier().expect("the session is open");
    let mut messages = 0;
    let mut is_reached = false;
    while let Ok(event) = timeout(SECOND, connection.event()).await {
        match event.expect("the session lives") {
            Some(Event::Message(Message::Message(_))) => messages += 1,
            Some(Event::Barrier(reached)) => is_reached |= reached == ordinal,
            other => panic!("{other:?}"),
        }
    }
    assert!(is_reached);
    messages
}

#[test]
fn what_came_with_hello_does_not_count_as_discarded() {
    // [R7.20]
    let mut server = Session::new(Role::Server, Hello::new(), Limits::default(), Duration::ZERO);
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    wire.extend(b"\xF5\xF8\x02\x02\0\0\xFF\xFF a part of a message");
    let mut input = &*wire;
    assert_eq!(server.receive(&mut input, Duration::ZERO), Step::Opened);
    server.close(Code::POLICY, "", Duration::ZERO);
    let rest = [input, &[0; 65_535]].concat();
    server.receive(&mut &*rest, Duration::ZERO);
    assert_eq!(server.state(), State::Closing);
    server.receive(&mut &[0][..], Duration::ZERO);
    assert_eq!(server.state(), State::Closed);
}
