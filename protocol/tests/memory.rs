//! What a connection holds, in bytes of the allocator.
#![cfg(feature = "tokio")]

use std::time::Duration;

use bookend::{Code, Connection, Encoding, Frame, Hello, Message, Payload, kind};
use bookend_laws::memory::{Counting, allocated, held};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SECOND: Duration = Duration::from_secs(1);
const LONG: usize = 8 << 20;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

type Tcp = Box<Connection<TcpStream>>;
type Duplex = Connection<DuplexStream>;

/// Two ends that have talked to each other and wait for more.
async fn idle_pair(listener: &TcpListener, body: &[u8]) -> (Tcp, Tcp) {
    let address = listener.local_addr().expect("is bound");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (near, far) = (near.expect("connects"), far.expect("accepts").0);
    let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    let (mut near, mut far) = (Box::new(near.expect("opens")), Box::new(far.expect("opens")));
    for _ in 0..3 {
        for turn in 0..2 {
            let (from, to) = if turn == 0 { (&mut near, &mut far) } else { (&mut far, &mut near) };
            let (sent, received) = tokio::join!(from.send(body), to.next());
            sent.expect("sends");
            assert!(matches!(received, Ok(Some(Message::Message(_)))), "{received:?}");
        }
    }
    // Waits, and is polled once: nothing has arrived.
    assert!(timeout(Duration::ZERO, near.next()).await.is_err());
    assert!(timeout(Duration::ZERO, far.next()).await.is_err());
    (near, far)
}

/// How many bytes each of a hundred idle connections holds.
fn held_by_an_idle_connection(body: &[u8]) -> isize {
    const PAIRS: isize = 50;
    let runtime = runtime();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("binds");
    // What the thread keeps for all of them is not theirs.
    let first = runtime.block_on(async {
        (idle_pair(&listener, body).await, idle_pair(&listener, body).await, idle_pair(&listener, body).await)
    });
    let (held, pairs) = held(|| {
        runtime.block_on(async {
            let mut pairs = Vec::new();
            for _ in 0..PAIRS {
                pairs.push(idle_pair(&listener, body).await);
            }
            pairs
        })
    })
    .expect("counts");
    drop((first, pairs));
    held / (2 * PAIRS)
}

#[test]
fn idle_connection_holds_less_than_4_kib() {
    let held = held_by_an_idle_connection(b"hi");
    assert!(held < 4 << 10, "{held} bytes");
}

#[test]
fn idle_connection_holds_less_than_6_kib_after_longer_bodies() {
    for length in [900, 20 << 10, 100 << 10] {
        let held = held_by_an_idle_connection(&vec![b'x'; length]);
        assert!(held < 6 << 10, "{held} bytes after {length}");
    }
}

async fn pair() -> (Duplex, Duplex) {
    pair_with(16 << 20).await
}

/// Both accept bodies of that many bytes.
async fn pair_with(max_body: u32) -> (Duplex, Duplex) {
    let (near, far) = duplex(1 << 16);
    let hello = || Hello::new().with_max_body(max_body);
    let (near, far) = tokio::join!(Connection::connect(near, hello()), Connection::accept(far, hello()));
    (near.expect("the client opens"), far.expect("the server opens"))
}

/// Sends a body and receives it.
async fn pass(near: &mut Duplex, far: &mut Duplex, body: &Bytes) {
    let (sent, received) = tokio::join!(near.send(body), far.next());
    sent.expect("sends");
    let Ok(Some(Message::Message(Payload::Binary(received)))) = received else { panic!("{received:?}") };
    assert!(received == body, "the body arrives as it was sent");
}

async fn wait(near: &mut Duplex, far: &mut Duplex, time: Duration) {
    let waited = tokio::join!(timeout(time, near.next()), timeout(time, far.next()));
    assert!(waited.0.is_err() && waited.1.is_err(), "{waited:?}");
}

#[test]
fn long_bodies_need_no_memory_each() {
    // [R8.1]
    let runtime = paused();
    let body = Bytes::from(vec![7; LONG]);
    let (mut near, mut far) = runtime.block_on(pair());
    runtime.block_on(pass(&mut near, &mut far, &body));
    let (asked_for, ()) = allocated(|| {
        runtime.block_on(async {
            for _ in 0..10 {
                pass(&mut near, &mut far, &body).await;
                wait(&mut near, &mut far, SECOND / 2).await;
            }
        });
    })
    .expect("counts");
    assert!(asked_for < 1 << 20, "{asked_for} bytes for ten bodies of {LONG}");
}

#[test]
fn memory_of_long_bodies_is_given_back_after_a_second() {
    let runtime = paused();
    let body = vec![7; LONG]; // not shared: the sender copies it
    let (mut near, mut far) = runtime.block_on(pair());
    let (peak, ()) = held(|| {
        runtime.block_on(async {
            let (sent, received) = tokio::join!(near.send(&body), far.next());
            sent.expect("sends");
            assert!(matches!(received, Ok(Some(_))), "{received:?}");
            wait(&mut near, &mut far, SECOND / 2).await;
        });
    })
    .expect("counts");
    let long = isize::try_from(LONG).expect("is short");
    assert!((2 * long..2 * long + (1 << 20)).contains(&peak), "both sides keep memory for the next body, {peak} bytes");
    let (freed, ()) = held(|| runtime.block_on(wait(&mut near, &mut far, SECOND))).expect("counts");
    assert!(peak + freed < 64 << 10, "{} bytes are kept", peak + freed);
    // The session has not noticed.
    runtime.block_on(pass(&mut near, &mut far, &Bytes::from(body)));
}

#[test]
fn shared_body_as_long_as_the_peer_accepts_is_not_copied() {
    let long = u32::try_from(LONG).expect("is short");
    let runtime = paused();
    let body = Bytes::from(vec![7; LONG]);
    let (mut near, mut far) = runtime.block_on(pair_with(long));
    let (peak, ()) = held(|| runtime.block_on(pass(&mut near, &mut far, &body))).expect("counts");
    assert!((long..long + (1 << 20)).contains(&u32::try_from(peak).expect("grows")), "the receiver's copy, not {peak}");
    let refused = near.queue_request(&body).expect_err("four bytes too long");
    assert_eq!(refused.name(), "too-long");
}

#[test]
fn shared_bodies_are_written_between_others_in_order() {
    let runtime = paused();
    runtime.block_on(async {
        for pipe in [13, 1 << 10, 64 << 10] {
            let (near, far) = duplex(pipe);
            let (near, far) =
                tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
            let (mut near, mut far) = (near.expect("opens"), far.expect("opens"));
            let lengths = [1, 16 << 10, 0, (16 << 10) - 1, 17 << 10, 40 << 10, 5, 30 << 10, 300 << 10, 2];
            let bodies =
                lengths.map(|length| (0..length).map(|at: usize| (at * 31).to_le_bytes()[0]).collect::<Bytes>());
            for (body, ordinal) in bodies.iter().zip(0..) {
                assert_eq!(near.queue(body), Ok(3 * ordinal));
                near.queue_request(body).expect("is queued");
                assert_eq!(near.queue("between"), Ok(3 * ordinal + 2));
            }
            let sent = async {
                near.flush().await.expect("sends");
                assert_eq!(near.written(), 3 * bodies.len() as u64);
                near.close(Code::NORMAL, "").await
            };
            let received = async {
                for body in &bodies {
                    let payload = Payload::Binary(body);
                    assert_eq!(far.next().await.expect("receives"), Some(Message::Message(payload)));
                    let request = far.next().await.expect("receives");
                    assert!(matches!(request, Some(Message::Request { payload: came, .. }) if came == payload));
                    assert!(matches!(far.next().await.expect("receives"), Some(Message::Message(Payload::Text(_)))));
                }
                assert_eq!(far.next().await.expect("is closed"), None);
            };
            tokio::join!(sent, received).0.expect("closes");
        }
    });
}

#[test]
fn parts_hold_what_was_not_written_of_shared_bodies() {
    paused().block_on(async {
        let (near, mut far) = duplex(1 << 10);
        let mut client = Vec::new();
        Hello::new().encode(&mut client);
        far.write_all(&client).await.expect("fits");
        let mut near = Connection::accept(near, Hello::new()).await.expect("opens");
        let bodies = [Bytes::from(vec![1; 20 << 10]), Bytes::from(vec![2; 30 << 10])];
        let mut wanted = Vec::new();
        for body in &bodies {
            Frame::new(kind::MESSAGE, Encoding::Binary, body).expect("short").encode(&mut wanted);
        }
        near.queue(&bodies[0]).expect("is queued");
        assert!(timeout(SECOND, near.flush()).await.is_err(), "the pipe takes 1 KiB");
        near.queue(&bodies[1]).expect("is queued");
        let parts = near.into_parts();
        drop(parts.stream);
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.expect("reads");
        received.extend(parts.unwritten);
        assert!(received.ends_with(&wanted), "{} bytes, {} wanted", received.len(), wanted.len());
    });
}
