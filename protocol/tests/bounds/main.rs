//! Every call of a connection ends within its documented bound, whatever the peer does: a model over paused time.
#![cfg(feature = "tokio")]

mod peer;

use std::pin::pin;
use std::time::Duration;

use bookend::{Code, Connection, ConnectionError, Fault, Hello, Limits, Message, Role};
use futures_util::SinkExt;
use peer::{PEERS, Peer, act, message, open};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::select;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const KEEPALIVE: u16 = 3;
/// More messages of 1,000 bytes than there is room for.
const MANY: u32 = 300;

type Duplex = Connection<DuplexStream>;

/// A call under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Send(u32),
    Flush(u32),
    Request,
    Barrier,
    Refuse,
    Close,
    Next,
    Batch,
    Reserve,
    Sink,
    HandleSend,
    HandleReserve,
    HandleRequest,
    HandleShutDown,
}

const CALLS: [Call; 15] = [
    Call::Send(10),
    Call::Send(900_000),
    Call::Flush(900_000),
    Call::Request,
    Call::Barrier,
    Call::Refuse,
    Call::Close,
    Call::Next,
    Call::Batch,
    Call::Reserve,
    Call::Sink,
    Call::HandleSend,
    Call::HandleReserve,
    Call::HandleRequest,
    Call::HandleShutDown,
];

/// What the application did before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// A message lies unread.
    Unread,
    /// `next` was polled, and given up.
    Next,
    /// A `send` was given up in the middle.
    Cancelled,
}

fn body(size: u32) -> Vec<u8> {
    vec![7; usize::try_from(size).expect("fits")]
}

/// Polls the connection while a handle makes a call.
async fn beside(
    connection: &mut Duplex,
    call: impl Future<Output = Result<(), ConnectionError>>,
) -> Result<(), ConnectionError> {
    let mut call = pin!(call);
    loop {
        let next = select! {
            biased;
            done = &mut call => return done,
            next = connection.next() => next,
        };
        if !matches!(next, Ok(Some(_))) {
            return call.await;
        }
    }
}

async fn call(connection: &mut Duplex, call: Call) -> Result<(), ConnectionError> {
    let handle = connection.handle();
    match call {
        Call::Send(size) => connection.send(&body(size)[..]).await,
        Call::Flush(size) => {
            connection.queue(&body(size)[..])?;
            connection.flush().await
        }
        Call::Request => connection.request("?", 3 * SECOND).await.map(drop),
        Call::Barrier => connection.barrier(3 * SECOND).await,
        Call::Refuse => connection.refuse(None, Code::POLICY, "no").await,
        Call::Close => connection.close(Code::NORMAL, "").await,
        Call::Next => connection.next().await.map(drop),
        Call::Batch => connection.batch().await.map(drop),
        Call::Reserve => {
            connection.reserve().await?.send(&body(10)[..])?;
            Ok(())
        }
        Call::Sink => SinkExt::send(connection, body(10).into()).await,
        Call::HandleSend => {
            let send = async {
                for _ in 0..MANY {
                    handle.send(&body(1000)).await?;
                }
                Ok(())
            };
            beside(connection, send).await
        }
        Call::HandleReserve => {
            let send = async {
                for _ in 0..MANY {
                    handle.reserve().await?.send(&body(1000))?;
                }
                Ok(())
            };
            beside(connection, send).await
        }
        Call::HandleRequest => beside(connection, async { handle.request("?", 3 * SECOND).await.map(drop) }).await,
        Call::HandleShutDown => beside(connection, handle.shut_down(3 * SECOND)).await,
    }
}

/// The bound that the documentation of each call gives.
fn bound(call: Call) -> Duration {
    let limits = Limits::default();
    let end = 3 * limits.close_timeout;
    let flush = |size: u32| limits.write_timeout + SECOND * size / limits.body_rate;
    let bytes = 1_000_000; // what an earlier call may have left
    match call {
        Call::Send(size) => flush(bytes) + flush(size + 100) + 2 * end,
        Call::Flush(size) => flush(bytes + size) + end,
        Call::Refuse => flush(bytes + 300) + end,
        Call::Reserve => flush(bytes) + end,
        Call::Sink => 2 * flush(bytes) + end,
        Call::HandleSend | Call::HandleReserve => flush(bytes) + end,
        // CLOSE follows what waits.
        Call::HandleShutDown => 3 * SECOND + flush(bytes) + end,
        Call::Request | Call::Barrier | Call::HandleRequest => 3 * SECOND,
        Call::Close => end,
        Call::Next | Call::Batch => limits.write_timeout.max(2 * SECOND * u32::from(KEEPALIVE)) + end,
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_ends_whatever_the_peer_does() {
    for role in [Role::Client, Role::Server] {
        for peer in PEERS {
            for tested in CALLS {
                for before in [Before::Nothing, Before::Unread, Before::Next, Before::Cancelled] {
                    let (mut raw, mut connection) = open(role, 4096).await;
                    if before == Before::Unread {
                        raw.write_all(&message()).await.unwrap();
                    }
                    let peer_task = tokio::spawn(act(raw, peer));
                    let short = Duration::from_millis(50);
                    match before {
                        Before::Next => drop(timeout(short, connection.next()).await),
                        Before::Cancelled => drop(timeout(short, connection.send(&[1; 200_000])).await),
                        Before::Nothing | Before::Unread => {}
                    }
                    let case = format!("{role:?}, peer {peer:?}, {tested:?} after {before:?}");
                    let since = Instant::now();
                    let ended = timeout(5000 * SECOND, call(&mut connection, tested)).await;
                    let took = since.elapsed();
                    let bound = bound(tested) + SECOND / 100;
                    assert!(took <= bound, "{case}: {took:.1?}, more than {bound:.1?}; {ended:?}");
                    if matches!(peer, Peer::Freezes | Peer::StopsInAFrame | Peer::IsDeaf) {
                        assert!(took <= 17 * SECOND, "{case}: {took:.1?} for a peer that takes nothing");
                    }
                    if peer == Peer::Freezes && matches!(tested, Call::Send(900_000) | Call::Flush(_)) {
                        let fault = Fault::Idle { seconds: 6 };
                        assert!(
                            matches!(&ended, Ok(Err(ConnectionError::Fault { fault: found, .. })) if *found == fault),
                            "{case}: {ended:?}"
                        );
                    }
                    if peer == Peer::IsDeaf && matches!(tested, Call::Send(900_000) | Call::Flush(_)) {
                        assert!(
                            matches!(&ended, Ok(Err(ConnectionError::Fault { fault: Fault::SlowConsumer, .. }))),
                            "{case}: {ended:?}"
                        );
                    }
                    // And so does every later call.
                    let since = Instant::now();
                    let _ = timeout(5000 * SECOND, connection.close(Code::NORMAL, "")).await;
                    assert!(since.elapsed() <= 6 * SECOND, "{case}: close took {:.1?}", since.elapsed());
                    peer_task.abort();
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn driver_and_its_handles_end_whatever_the_peer_does_although_nobody_receives() {
    for role in [Role::Client, Role::Server] {
        for peer in PEERS {
            let (raw, connection) = open(role, 4096).await;
            let (receiver, handle, driver) = connection.split();
            let driver = tokio::spawn(driver);
            let peer_task = tokio::spawn(act(raw, peer));
            let since = Instant::now();
            let send = async {
                for _ in 0..MANY {
                    if handle.send(&body(1000)).await.is_err() {
                        break;
                    }
                }
                handle.closed().await
            };
            let why = timeout(5000 * SECOND, send).await;
            let _ = timeout(SECOND * 100, driver).await.expect("it ends too");
            let (took, bound) = (since.elapsed(), bound(Call::HandleSend));
            assert!(took <= bound, "{role:?}, peer {peer:?}: {took:.1?}, more than {bound:.1?}; {why:?}");
            if peer != Peer::Vanishes {
                let fault = |error: &ConnectionError| matches!(error, ConnectionError::Fault { .. });
                assert!(why.as_ref().is_ok_and(fault), "{role:?}, peer {peer:?}: {why:?}");
            }
            drop(receiver);
            peer_task.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn opening_ends_if_the_peer_takes_nothing() {
    for pipe in [1, 64] {
        let (mut raw, near) = duplex(pipe);
        let mut hello = Vec::new();
        Hello::new().with_keepalive(0).encode(&mut hello);
        let since = Instant::now();
        let (opened, _) = tokio::join!(timeout(100 * SECOND, Connection::accept(near, Hello::new())), async {
            raw.write_all(&hello).await
        });
        let limits = Limits::default();
        assert!(since.elapsed() <= limits.hello_timeout + limits.write_timeout + 3 * limits.close_timeout);
        assert!(opened.is_ok(), "it ends: {opened:?}");
    }
}

async fn pair(pipe: usize, hello: &Hello) -> (Duplex, Duplex) {
    let (near, far) = duplex(pipe);
    let (near, far) = tokio::join!(Connection::connect(near, hello.clone()), Connection::accept(far, hello.clone()));
    (near.expect("opens"), far.expect("opens"))
}

#[tokio::test(start_paused = true)]
async fn peers_that_send_a_longest_body_and_only_then_read_both_finish() {
    async fn exchange(mut connection: Duplex, size: u32) {
        connection.send(&body(size)[..]).await.expect("sends");
        let Some(Message::Message(payload)) = connection.next().await.expect("receives") else { panic!("a MESSAGE") };
        assert_eq!(payload.as_bytes().len(), body(size).len());
    }
    for (size, keepalive) in [(900_000, 2), (1 << 20, 0), (1_100_000, 2), (4_000_000, 2), (16_000_000, 30)] {
        let hello = Hello::new().with_max_body(size.max(1 << 20)).with_keepalive(keepalive);
        let (near, far) = pair(1 << 16, &hello).await;
        let both = async { tokio::join!(exchange(near, size), exchange(far, size)) };
        timeout(SECOND, both).await.expect("neither hangs");
    }
}

#[tokio::test(start_paused = true)]
async fn peers_that_only_send_end_with_a_slow_consumer() {
    async fn produce(mut connection: Duplex) -> ConnectionError {
        loop {
            if let Err(error) = connection.send(&[1; 100_000]).await {
                return error;
            }
        }
    }
    for keepalive in [0, 2, 30] {
        let (near, far) = pair(1 << 16, &Hello::new().with_keepalive(keepalive)).await;
        let both = async { tokio::join!(produce(near), produce(far)) };
        let (near, far) = timeout(20 * SECOND, both).await.expect("neither hangs");
        let is_slow =
            |error: &ConnectionError| matches!(error, ConnectionError::Fault { fault: Fault::SlowConsumer, .. });
        assert!(is_slow(&near) || is_slow(&far), "{near:?}, {far:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn peer_that_reads_slowly_but_steadily_is_waited_for() {
    for (piece, pause) in [(1_100, 1), (4_000, 3), (10_000, 9)] {
        let (mut raw, near) = duplex(16 << 10);
        let mut hello = Vec::new();
        Hello::new().with_keepalive(0).encode(&mut hello);
        raw.write_all(&hello).await.expect("there is room");
        let mut connection = Connection::accept(near, Hello::new()).await.expect("opens");
        let since = Instant::now();
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; piece];
            while raw.read_exact(&mut buffer).await.is_ok() {
                sleep(SECOND * pause).await;
            }
        });
        for _ in 0..3 {
            connection.send(&[1; 200_000]).await.expect("it reads all the time");
        }
        assert!(since.elapsed() > 400 * SECOND, "{:?}", since.elapsed());
        reader.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn live_peer_is_not_idle_while_its_bytes_lie_unread() {
    // A body that takes 60 s to be sent, while the peer sends a byte a second and nobody takes its messages.
    let (raw, mut connection) = open(Role::Client, 4096).await;
    let (mut read, mut write) = tokio::io::split(raw);
    let sign = tokio::spawn(async move {
        while write.write_all(&message()).await.is_ok() {
            sleep(SECOND).await;
        }
    });
    let slow = tokio::spawn(async move {
        let mut chunk = vec![0; 2000];
        while read.read(&mut chunk).await.is_ok_and(|count| count > 0) {
            sleep(SECOND).await;
        }
    });
    let since = Instant::now();
    connection.send(&[0; 120_000]).await.expect("the peer lives and reads");
    assert!(since.elapsed() > 50 * SECOND);
    sign.abort();
    slow.abort();
}

/// Two connections, each of which makes calls in an order of its own, with pauses.
#[tokio::test(start_paused = true)]
async fn calls_of_two_sides_in_any_order_end() {
    async fn side(mut connection: Duplex, mut seed: u64, name: &'static str) {
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(seed >> 33).expect("31 bits") % below
        };
        for _ in 0..12 {
            let tested = match random(18) {
                0..=2 => Call::Send(random(300_000) + 1),
                3 => Call::Flush(random(300_000) + 1),
                4 => Call::Request,
                5 => Call::Barrier,
                6 => Call::Refuse,
                7 if random(4) == 0 => Call::Close,
                8 => Call::Batch,
                9 => Call::Reserve,
                10 => Call::Sink,
                11 => Call::HandleSend,
                12 => Call::HandleReserve,
                13 => Call::HandleRequest,
                _ => Call::Next,
            };
            let since = Instant::now();
            let give_up = timeout(Duration::from_millis(random(60_000).into()), call(&mut connection, tested));
            let limit = bound(tested) + 5 * SECOND;
            match (random(4), tested) {
                (0, _) | (_, Call::Next | Call::Batch) => drop(give_up.await),
                _ => {
                    drop(give_up);
                    let ended = timeout(10_000 * SECOND, call(&mut connection, tested)).await;
                    let took = since.elapsed();
                    assert!(took <= limit, "{name}: {tested:?} took {took:?}: {ended:?}");
                }
            }
            sleep(Duration::from_millis(random(8_000).into())).await;
        }
    }
    for seed in 0..30_u8 {
        let pipe = [1000, 4096, 1 << 16][usize::from(seed) % 3];
        let keepalive = [0, 2, 30][usize::from(seed) / 3 % 3];
        let (near, far) = pair(pipe, &Hello::new().with_keepalive(keepalive)).await;
        tokio::join!(side(near, seed.into(), "near"), side(far, u64::from(seed) + 1000, "far"));
    }
}
