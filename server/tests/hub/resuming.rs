//! How much work a member that resumes may cause.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bookend::{Encoding, Hello, Message, kind};
use bookend_server::{Config, Hub};
use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

use crate::peer::{Peer, config, hello, hub, post};

/// In one poll a connection writes and renders about this many bytes, and the rest of one message.
const PIECE: usize = 1 << 20;

/// Sends messages of `length` times `ä`, which has one byte more in US-ASCII for each of its own two.
async fn say(hub: &Hub, count: u64, length: usize) -> Peer {
    let mut peer = Peer::join(hub, hello("ann").with_max_body(1 << 30)).await;
    for seq in 1..=count {
        peer.send(&post(&"ä".repeat(length))).await;
        assert_eq!(peer.frame().await.delivery().seq, seq);
    }
    peer
}

/// A member that resumes everything in US-ASCII.
fn ascii(max_body: u32) -> Hello {
    hello("back").with_preferred(Encoding::Ascii).with_max_body(max_body).with_resume(0)
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_too_long_for_a_member_are_not_rendered_for_it() {
    // [R9.14]
    let hub = hub();
    let _ann = say(&hub, 8, 200_000).await;
    for _ in 0..20 {
        let mut back = Peer::connect(&hub);
        back.greet(&ascii(1024)).await;
        back.welcome().await;
        let mut missed = 0;
        while missed < 8 {
            missed += back.frame().await.missed();
        }
        back.leave().await;
    }
    assert_eq!(hub.escaped_characters(), 0);
}

#[tokio::test(start_paused = true)]
async fn members_that_resume_share_a_rendering_even_if_the_log_has_no_space_for_it() {
    // [R9.13]
    const LENGTH: usize = 40_000;
    for log_bytes in [8 << 20, 200 << 10] {
        let hub = Hub::new(Config { log_bytes, ..config() });
        let _ann = say(&hub, 1, LENGTH).await;
        for _ in 0..5 {
            let mut back = Peer::connect(&hub);
            back.greet(&ascii(1 << 20)).await;
            back.welcome().await;
            let frame = back.frame().await;
            assert_eq!(frame.delivery().payload.as_bytes().len(), 6 * LENGTH);
            back.leave().await;
        }
        assert_eq!(hub.escaped_characters(), LENGTH as u64, "with a log of {log_bytes} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rendering_for_a_member_that_resumes_pushes_nothing_out_of_the_log() {
    // [R9.13]
    let hub = Hub::new(Config { log_bytes: 1 << 20, ..config() });
    let mut ann = say(&hub, 4, 100_000).await;
    for preferred in Encoding::ALL.into_iter().cycle().take(20) {
        let mut back = Peer::connect(&hub);
        back.greet(&ascii(1 << 20).with_preferred(preferred)).await;
        back.welcome().await;
        for _ in 0..2 {
            back.frame().await;
        }
        back.leave().await;
    }
    ann.send(&post("more")).await;
    let mut back = Peer::connect(&hub);
    back.greet(&ascii(1 << 20)).await;
    back.welcome().await;
    assert!(back.frame().await.missed() <= 2, "a message and its rendering for ann are two thirds of the log");
    assert!(back.frame().await.delivery().seq <= 3);
}

/// A connection that is polled by hand.
struct ByHand {
    connection: Pin<Box<dyn Future<Output = ()>>>,
    stream: DuplexStream,
}

impl ByHand {
    async fn resume(hub: &Hub, hello: &Hello) -> ByHand {
        let (mut stream, other) = duplex(64 << 20);
        let mut bytes = Vec::new();
        hello.encode(&mut bytes);
        stream.write_all(&bytes).await.unwrap();
        ByHand { connection: Box::pin(hub.serve(other, "by hand")), stream }
    }

    /// Polls it once. Returns what it has written.
    async fn poll(&mut self) -> Vec<u8> {
        tokio::task::yield_now().await; // tokio limits what one task does
        assert_eq!(self.connection.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        let mut out = Vec::new();
        poll_fn(|cx| {
            let mut buffer = vec![0; 16 << 20];
            let mut read = ReadBuf::new(&mut buffer);
            let _ = Pin::new(&mut self.stream).poll_read(cx, &mut read); // what there is
            out.extend_from_slice(read.filled());
            Poll::Ready(())
        })
        .await;
        out
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_member_resumes_is_written_piece_by_piece() {
    // [R9.13]
    let hub = hub();
    let _ann = say(&hub, 200, 10_000).await;
    for (hello, all) in [(ascii(1 << 20), 200 * 6 * 10_000), (ascii(1 << 20).with_preferred(Encoding::Utf8), 4_000_000)]
    {
        let mut by_hand = ByHand::resume(&hub, &hello).await;
        let (mut written, mut polls) = (0, 0);
        while written < all {
            let piece = by_hand.poll().await.len();
            assert!(piece <= PIECE, "{piece} bytes in one poll");
            written += piece;
            polls += 1;
            assert!(polls < 1000, "{written} bytes were written");
        }
        assert!(polls >= all / PIECE);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_are_measured_piece_by_piece_and_only_once() {
    // [R9.14] Of these messages only a rendering tells that they are too long.
    const COUNT: u16 = 4000;
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&post(&"ä".repeat(300)).repeat(COUNT.into())).await;
    while ann.frame().await.delivery().seq < COUNT.into() {}
    let mut all_polls = Vec::new();
    for _ in 0..2 {
        let mut by_hand = ByHand::resume(&hub, &ascii(1024)).await;
        let (mut missed, mut polls) = (0, 0);
        while missed < u64::from(COUNT) {
            let mut written = &by_hand.poll().await[..];
            polls += 1;
            assert!(polls < 1000, "{missed} messages were skipped");
            if let Some(end) = written.windows(2).position(|end| end == b"\r\n")
                && written.starts_with(b"Bookend hub")
            {
                written = &written[end + 2..];
            }
            while let Some((frame, rest)) = bookend::Frame::split_first(written) {
                if frame.kind() == kind::GAP
                    && let Some(Message::Gap { missed: more }) = Message::parse(frame).unwrap()
                {
                    missed += more;
                }
                written = rest;
            }
        }
        all_polls.push(polls);
    }
    assert!(all_polls[0] >= 8 && all_polls[1] <= 3, "{all_polls:?}");
}
