//! Whole connections over an in-memory duplex, beside `Framed` with tokio-util's `LengthDelimitedCodec`.
//!
//! `cargo bench -p bookend --bench connections`. One thread; one side sends messages, the other receives them all.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bookend::{Connection, Hello, Limits, Message, Payload, Role};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Sizes of body, in bytes.
const SIZES: [usize; 4] = [16, 64, 1 << 10, 16 << 10];
const PIPE: usize = 256 << 10;

fn count(size: usize) -> usize {
    ((8 << 20) / (size + 10)).min(50_000)
}

fn body(size: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(size).collect()
}

async fn open() -> (Connection<DuplexStream>, Connection<DuplexStream>) {
    let (near, far) = duplex(PIPE);
    let limits = Limits::new().with_empty_frames(u32::MAX);
    let (near, far) = tokio::join!(
        Connection::open(near, Role::Client, Hello::new(), limits),
        Connection::open(far, Role::Server, Hello::new(), limits),
    );
    (near.expect("opens"), far.expect("opens"))
}

/// Is looked at, or compared before the timing begins.
fn look(message: Message<'_>, body: &[u8], checked: bool) {
    if checked {
        assert_eq!(message, Message::Message(Payload::Binary(body)), "a message arrives as it was sent");
    } else if let Message::Message(payload) = message {
        black_box((payload.as_bytes().as_ptr(), payload.as_bytes().len()));
    }
}

/// Sends so many messages with `queue`.
async fn send(mut near: Connection<DuplexStream>, size: usize, count: usize) -> Connection<DuplexStream> {
    let body = body(size);
    for _ in 0..count {
        if near.is_full() {
            near.flush().await.expect("sends");
        }
        near.queue(&body[..]).expect("fits");
    }
    near.flush().await.expect("sends");
    near
}

/// Receives in batches.
async fn batches(size: usize, rounds: usize, checked: bool) -> Duration {
    let (body, count) = (body(size), count(size));
    let (near, mut far) = open().await;
    let started = Instant::now();
    let sender = tokio::spawn(send(near, size, rounds * count));
    let mut received = 0;
    while received < rounds * count {
        far.batch().await.expect("receives").expect("open").for_each(|message| {
            look(message, &body, checked);
            received += 1;
        });
    }
    let elapsed = started.elapsed();
    drop(sender.await.expect("ends"));
    elapsed
}

/// Receives one at a time.
async fn single(size: usize, rounds: usize, checked: bool) -> Duration {
    let (body, count) = (body(size), count(size));
    let (near, mut far) = open().await;
    let started = Instant::now();
    let sender = tokio::spawn(send(near, size, rounds * count));
    for _ in 0..rounds * count {
        look(far.next().await.expect("receives").expect("open"), &body, checked);
    }
    let elapsed = started.elapsed();
    drop(sender.await.expect("ends"));
    elapsed
}

/// The rival, as it is usually written: `feed`, and `next`.
async fn framed(size: usize, rounds: usize, checked: bool) -> Duration {
    let (body, count) = (body(size), count(size));
    let (near, far) = duplex(PIPE);
    let mut near = Framed::new(near, LengthDelimitedCodec::new());
    let mut far = Framed::new(far, LengthDelimitedCodec::new());
    let started = Instant::now();
    let sender = tokio::spawn(async move {
        let body = Bytes::from(self::body(size));
        for _ in 0..rounds * count {
            near.feed(body.clone()).await.expect("sends");
        }
        SinkExt::<Bytes>::flush(&mut near).await.expect("sends");
        near
    });
    for _ in 0..rounds * count {
        let received = far.next().await.expect("open").expect("receives");
        if checked {
            assert_eq!(received, body[..], "a message arrives as it was sent");
        } else {
            black_box((received.as_ptr(), received.len()));
        }
    }
    let elapsed = started.elapsed();
    drop(sender.await.expect("ends"));
    elapsed
}

#[expect(clippy::cast_possible_truncation, reason = "rounds are few")]
fn connections(criterion: &mut Criterion) {
    let runtime: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut group = criterion.benchmark_group("duplex");
    for size in SIZES {
        runtime.block_on(async {
            batches(size, 1, true).await;
            single(size, 1, true).await;
            framed(size, 1, true).await;
        });
        group.throughput(Throughput::Elements(count(size) as u64));
        group.bench_function(BenchmarkId::new("batches", size), |bencher| {
            bencher.iter_custom(|rounds| runtime.block_on(batches(size, rounds as usize, false)));
        });
        group.bench_function(BenchmarkId::new("one-at-a-time", size), |bencher| {
            bencher.iter_custom(|rounds| runtime.block_on(single(size, rounds as usize, false)));
        });
        group.bench_function(BenchmarkId::new("framed-length-delimited", size), |bencher| {
            bencher.iter_custom(|rounds| runtime.block_on(framed(size, rounds as usize, false)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = connections
}
criterion_main!(benches);
