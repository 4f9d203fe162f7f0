//! What a connection counts, over in-memory streams and paused time.
#![cfg(feature = "tokio")]

use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Counters, Hello, OwnedPayload, Refused, blocking};
use tokio::io::duplex;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn both_sides_count_the_same_frames_bytes_and_requests() {
    let (near, far) = duplex(1 << 16);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    let (mut near, far) = (near.unwrap(), far.unwrap());
    let handle = far.handle();
    let serving = tokio::spawn(far.serve(async |question: OwnedPayload| {
        match question.text().as_deref() {
            Some("slow") => sleep(60 * SECOND).await,
            Some("no") => return Err(Refused::new(Code::POLICY, "")),
            _ => {}
        }
        Ok("yes")
    }));
    near.send("hello").await.unwrap();
    assert!(near.request("yes", SECOND).await.is_ok());
    assert!(matches!(near.request("no", SECOND).await, Err(ConnectionError::Refused { code: Code::POLICY, .. })));
    assert!(matches!(near.request("slow", SECOND).await, Err(ConnectionError::Timeout)));
    near.barrier(SECOND).await.unwrap(); // after the CANCEL
    near.close(Code::NORMAL, "").await.unwrap();
    serving.await.unwrap().unwrap();

    let (near, far) = (near.counters(), handle.counters());
    // HELLO, MESSAGE, three REQUESTs, CANCEL, PING, CLOSE.
    assert_eq!((near.frames_sent, far.frames_received), (8, 8));
    // HELLO, REPLY, two ERRORs, PONG; the client discards CLOSE.
    assert_eq!((far.frames_sent, near.frames_received), (6, 5));
    assert_eq!((near.bytes_sent, near.bytes_received), (far.bytes_received, far.bytes_sent));
    assert_eq!((near.requests_sent, near.answers_received, near.cancels_sent), (3, 3, 1));
    assert_eq!((far.requests_received, far.answers_sent, far.cancels_received), (3, 3, 1));
    assert_eq!((near.errors_received, near.refused, far.refused), (2, 0, 0));
    assert_eq!((near.requests_received, far.requests_sent, far.errors_received), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn handle_reports_what_the_connection_had_counted_when_it_was_polled_last() {
    let (near, far) = duplex(1 << 16);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    let (mut near, _far) = (near.unwrap(), far.unwrap());
    let handle = near.handle();
    assert_eq!(handle.counters().frames_sent, 1, "HELLO, before the first poll");
    handle.send("hello").await.unwrap();
    assert_eq!(handle.counters().frames_sent, 1, "it is queued");
    // One poll: what it wrote is counted already.
    let mut next = std::pin::pin!(near.next());
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(next.as_mut().poll(cx).is_pending())).await);
    assert_eq!(handle.counters().frames_sent, 2);
}

#[test]
fn blocking_connection_counts_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut server = blocking::accept_tcp(stream, Hello::new()).unwrap();
        while server.next().unwrap().is_some() {}
        server.counters()
    });
    let mut client = blocking::connect_tcp(address, Hello::new()).unwrap();
    client.send("hello").unwrap();
    client.barrier(60 * SECOND).unwrap();
    client.close(Code::NORMAL, "").unwrap();
    let (near, far): (Counters, Counters) = (client.counters(), server.join().unwrap());
    assert_eq!((near.frames_sent, far.frames_received), (4, 4));
    assert_eq!((near.bytes_sent, near.bytes_received), (far.bytes_received, far.bytes_sent));
}
