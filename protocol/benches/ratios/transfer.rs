//! Long bodies over TCP loopback, on one thread: a raw copy, `Connection`, and `Framed` with `LengthDelimitedCodec`.

use std::time::{Duration, Instant};

use bookend::{Connection, Hello, MAX_LENGTH, Message, Payload};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::{Contender, compare};

/// Sizes of body, in bytes.
const SIZES: [usize; 2] = [1 << 20, 64 << 20];
/// Bytes that each round transfers over a new connection: the first body, for which memory grows, counts too.
const ROUND: usize = 2 << 30;
const ROUNDS: usize = 5;

async fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("is bound");
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (near, far) = (near.expect("connects"), far.expect("accepts").0);
    // Otherwise the last bytes of a body may wait for a delayed acknowledgement, and nothing else is measured.
    near.set_nodelay(true).expect("sets an option");
    far.set_nodelay(true).expect("sets an option");
    (near, far)
}

async fn connections() -> (Connection<TcpStream>, Connection<TcpStream>) {
    let (near, far) = streams().await;
    let hello = || Hello::new().with_max_body(MAX_LENGTH);
    let (near, far) = tokio::join!(Connection::connect(near, hello()), Connection::accept(far, hello()));
    (near.expect("opens"), far.expect("opens"))
}

fn framed(stream: TcpStream) -> Framed<TcpStream, LengthDelimitedCodec> {
    let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_LENGTH as usize).new_codec();
    Framed::new(stream, codec)
}

/// The length always, every byte before the timing begins.
fn check(received: &[u8], body: &Bytes, checked: bool) {
    assert_eq!(received.len(), body.len());
    assert!(!checked || received == body, "a body arrives as it was sent");
}

async fn raw(body: &Bytes, count: usize, checked: bool) {
    let (mut near, mut far) = streams().await;
    let sent = async {
        for _ in 0..count {
            near.write_all(body).await.expect("writes");
        }
    };
    let received = async {
        let mut buffer = vec![0; body.len()];
        for _ in 0..count {
            far.read_exact(&mut buffer).await.expect("reads");
            check(&buffer, body, checked);
        }
    };
    tokio::join!(sent, received);
}

async fn bookend(body: &Bytes, count: usize, checked: bool) {
    let (mut near, mut far) = connections().await;
    let sent = async {
        for _ in 0..count {
            near.send(body).await.expect("sends");
        }
    };
    let received = async {
        for _ in 0..count {
            match far.next().await.expect("receives") {
                Some(Message::Message(Payload::Binary(received))) => check(received, body, checked),
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::join!(sent, received);
}

async fn length_delimited(body: &Bytes, count: usize, checked: bool) {
    let (near, far) = streams().await;
    let (mut near, mut far) = (framed(near), framed(far));
    let sent = async {
        for _ in 0..count {
            near.send(body.clone()).await.expect("sends");
        }
    };
    let received = async {
        for _ in 0..count {
            check(&far.next().await.expect("open").expect("receives"), body, checked);
        }
    };
    tokio::join!(sent, received);
}

fn timed(runtime: &Runtime, transfer: impl Future<Output = ()>) -> Duration {
    let start = Instant::now();
    runtime.block_on(transfer);
    start.elapsed()
}

pub(crate) fn compare_all() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    for size in SIZES {
        let body: Bytes = (0..size).map(|at| (at * 31 + (at >> 8)).to_le_bytes()[0]).collect();
        let count = ROUND / size;
        runtime.block_on(async {
            raw(&body, 2, true).await;
            bookend(&body, 2, true).await;
            length_delimited(&body, 2, true).await;
        });
        let mut contenders = [
            Contender::new("raw copy", || timed(&runtime, raw(&body, count, false))),
            Contender::new("Connection", || timed(&runtime, bookend(&body, count, false))),
            Contender::new("Framed, LengthDelimitedCodec", || timed(&runtime, length_delimited(&body, count, false))),
        ];
        compare(&format!("2 GiB in bodies of {} MiB", size >> 20), ROUNDS, &mut contenders);
    }
}
