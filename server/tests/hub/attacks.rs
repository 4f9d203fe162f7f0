//! Attacks on every limit of the hub: with its default, and with another value.
//!
//! | number | setting | attacked in |
//! |---|---|---|
//! | HELLO within 5 s | `limits.hello_timeout` | `a_hello_one_byte_at_a_time…` |
//! | header within 5 s | `limits.header_timeout` | `a_header_one_byte_at_a_time…` |
//! | body at 1 KiB/s, and 5 s | `limits.body_rate` | `a_body_just_below_the_rate…` |
//! | 4 KiB before HELLO, 1 MiB after it | `limits.max_body` | `a_length_over_the_limit…`, and `server/faults/claims.py` |
//! | 10 PINGs in 10 s | `limits.pings`, `limits.ping_window` | `pings_alone…` |
//! | 1,000 empty frames in 1 s | `limits.empty_frames` | `empty_frames…` |
//! | 10 changes of name or room in 10 s | `limits.changes` | `frequent_changes…` |
//! | 10 waiting from an address, or an IPv6 /64 | `door.waiting_per_address` | `admission`, `a_network_of_ipv6…` |
//! | connections in all, of an address, of a token; wrong tokens | `door`, `access` | `strangers` |
//! | 300 connections from an address in 10 s | `door.arrivals_per_address` | `frequent_reconnects…` |
//! | 256 waiting in all | `door.waiting` | `admission` |
//! | 10 s without progress, the log of a room | `limits.stall`, `room.log` | `slow_members`, `a_peer_that_sends_without_pause…` |
//! | 256 B/s of what waits | `limits.read_rate` | `slow_members` |
//! | 10,000 frames, 50 lines and 8 MiB in 1 s, 10 s of that at once later | `limits.messages_per_second`, `limits.lines_per_second`, `limits.bytes_per_second`, `limits.burst` | `rates` |
//! | 2 s of silence at first | `limits.terminal_silence` | `terminals` |
//! | 256 MiB for all logs, 10,000 rooms | `room.memory`, `room.rooms` | `memory` |
//! | 10 minutes without members | `room.linger` | `lingering` |
//! | work for a member that resumes | | `resuming` |
//! | 256 private messages for one member | `limits.private_frames` | `private` |
//! | 256 are a crowd | `room.crowd` | `crowds` |
//! | 1,024 bytes of a line | | `terminals` |
//! | 2 s, 64 KiB after CLOSE | `limits.close_timeout`, `limits.close_drain` | `after_close_the_hub_reads…` |
//! | twice the keepalive of silence | the peer's own | `a_disconnected_peer…` |
//! | TCP probes | `limits.probe` | `server/faults/network.py` |

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bookend::{Code, Encoding, Hello, Limits, PresenceEvent, kind};
use bookend_server::{Config, Hub};
use bookend_testing::HANG_TIMEOUT;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, sleep, timeout};

use crate::peer::{Peer, config, frame, hello, hub, post, post_to};

fn hub_with(limits: Limits) -> Hub {
    Hub::new(Config { limits, ..config() })
}

fn limits(change: impl Fn(&mut Limits)) -> [Limits; 2] {
    let mut other = Limits::default();
    change(&mut other);
    [Limits::default(), other]
}

/// Sends one byte a second until the hub closes. Returns the reason, and after how long.
async fn drip(mut peer: Peer, bytes: &[u8]) -> (Code, Duration) {
    let start = Instant::now();
    for byte in bytes {
        peer.send(&[*byte]).await;
        match timeout(Duration::from_secs(1), peer.frame()).await {
            Ok(frame) => return (frame.close().0, start.elapsed()),
            Err(_nothing_yet) => {}
        }
    }
    panic!("all {} bytes were taken", bytes.len());
}

#[tokio::test(start_paused = true)]
async fn a_hello_one_byte_at_a_time_is_closed_by_the_timeout() {
    // [R7.10]
    for (limits, seconds) in limits(|limits| limits.hello_timeout = Duration::from_secs(7)).into_iter().zip([5, 7]) {
        let mut peer = Peer::connect(&hub_with(limits));
        peer.line().await;
        let mut bytes = Vec::new();
        hello("ann").encode(&mut bytes);
        assert_eq!(drip(peer, &bytes).await, (Code::HELLO_TIMEOUT, Duration::from_secs(seconds)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_one_byte_at_a_time_is_closed_by_the_timeout() {
    // [R7.11]
    for (limits, seconds) in limits(|limits| limits.header_timeout = Duration::from_secs(6)).into_iter().zip([5, 6]) {
        let peer = Peer::join(&hub_with(limits), hello("ann")).await;
        assert_eq!(drip(peer, &post("hi")).await, (Code::FRAME_TIMEOUT, Duration::from_secs(seconds)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_just_below_the_rate_is_closed_and_one_at_the_rate_is_delivered() {
    // [R7.12] 10 KiB at 1 KiB/s, and 5 s: 15 s; at 512 B/s it would be 25 s
    for (limits, allowed) in limits(|limits| limits.body_rate = 512).into_iter().zip([15_000, 25_000]) {
        let hub = hub_with(limits);
        let bytes = post_to(0, Encoding::Utf8, &[b'x'; 10 * 1024 - 4]);
        let (header, rest) = bytes.split_at(8);
        for (pause, delivered) in [(allowed / 10 - 1, true), (allowed / 10 + 1, false)] {
            let mut peer = Peer::join(&hub, hello("ann")).await;
            peer.send(header).await;
            let start = Instant::now();
            for piece in rest.chunks(rest.len().div_ceil(10)) {
                sleep(Duration::from_millis(pause)).await;
                peer.send(piece).await;
            }
            let frame = peer.frame().await;
            match delivered {
                true => assert_eq!(frame.seq_and_text().1.len(), 10 * 1024 - 4),
                false => {
                    assert_eq!(frame.close().0, Code::FRAME_TIMEOUT);
                    assert!(start.elapsed() >= Duration::from_millis(allowed));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_length_over_the_limit_is_refused_before_the_body_arrives() {
    // [R2.7] [R4.18] [R8.2]
    for max_body in [1 << 20, 2048_u32] {
        let hub = Hub::new(Config { max_body, ..config() });
        let mut stranger = Peer::connect(&hub);
        stranger.line().await;
        stranger.send(b"\xF5\xF8\x01\x00\x00\x00\x10\x01").await;
        assert_eq!(stranger.frame().await.close().0, Code::TOO_LONG, "4,097 bytes before HELLO");
        let mut member = Peer::join(&hub, hello("ann")).await;
        member.send(b"\xF5\xF8\x12\x02").await;
        member.send(&(max_body + 1).to_be_bytes()).await;
        assert_eq!(member.frame().await.close().0, Code::TOO_LONG);
    }
}

#[tokio::test(start_paused = true)]
async fn pings_alone_are_a_flood_but_not_among_other_frames() {
    // [R8.3]
    let ping = || frame(kind::PING, Encoding::Binary, b"?");
    for (limits, most) in limits(|limits| limits.pings = 20).into_iter().zip([10, 20]) {
        let hub = hub_with(limits);
        let mut peer = Peer::join(&hub, hello("ann")).await;
        for _ in 0..3 {
            peer.send(&ping().repeat(most)).await;
            assert_eq!(peer.frame().await.kind, kind::PONG);
            peer.send(&post("hi")).await;
            assert_eq!(peer.frame().await.kind, kind::DELIVERY);
        }
        peer.send(&ping().repeat(most + 1)).await;
        let mut frame = peer.frame().await;
        if frame.kind == kind::PONG {
            frame = peer.frame().await;
        }
        let (code, reason) = frame.close();
        assert_eq!((code, reason.starts_with("ping-flood")), (Code::RATE, true));
    }
}

#[tokio::test(start_paused = true)]
async fn empty_frames_in_one_second_are_a_flood() {
    // [R8.4]
    let empty = || frame(kind::MESSAGE, Encoding::Utf8, b"");
    for (limits, most) in limits(|limits| limits.empty_frames = 1500).into_iter().zip([1000, 1500]) {
        let mut peer = Peer::join(&hub_with(limits), hello("ann")).await;
        for _ in 0..2 {
            sleep(Duration::from_secs(2)).await;
            peer.send(&empty().repeat(most)).await;
            for _ in 0..most {
                assert_eq!(peer.frame().await.kind, kind::DELIVERY);
            }
        }
        sleep(Duration::from_secs(2)).await;
        peer.send(&empty().repeat(most + 1)).await; // CLOSE overtakes the messages
        let (code, reason) = peer.frame().await.close();
        assert_eq!((code, reason.starts_with("empty-flood")), (Code::RATE, true));
    }
}

#[tokio::test(start_paused = true)]
async fn frequent_changes_of_name_or_room_are_refused_and_not_announced() {
    for changes in [10, 3] {
        let hub = Hub::new(Config { changes, lines_per_second: 0, ..config() });
        let mut witness = Peer::join(&hub, hello("witness")).await;
        let mut person = Peer::terminal(&hub).await;
        witness.frame().await; // it joined
        for round in 0..2 {
            for number in 0..1000 {
                person.send(format!("/name n{round}{number}\r\n").as_bytes()).await;
            }
            let (mut renamed, mut refused) = (0, 0);
            for _ in 0..1000 {
                let received = person.line().await;
                renamed += usize::from(received.starts_with("* "));
                refused += usize::from(received.starts_with("! rate: at most "));
            }
            assert_eq!((renamed, refused), (changes, 1000 - changes));
            for _ in 0..2 * changes {
                assert_eq!(witness.frame().await.kind, kind::PRESENCE);
            }
            person.send(b"/join attic\r\n").await;
            assert!(person.line().await.starts_with("! rate: "));
            witness.quiet().await;
            sleep(Duration::from_secs(10)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_of_ipv6_counts_as_one_address() {
    let hub = hub();
    let connect = |address: String| {
        let (stream, other) = duplex(1 << 12);
        tokio::spawn(hub.serve(other, address.parse::<SocketAddr>().unwrap()));
        stream
    };
    let mut waiting: Vec<_> = (0..11).map(|host| connect(format!("[2001:db8:0:1::{host:x}]:1"))).collect();
    waiting.push(connect("[2001:db8:0:2::1]:1".into()));
    let mut ended = Vec::new();
    for (number, stream) in waiting.iter_mut().enumerate() {
        if ends(stream).await {
            ended.push(number);
        }
    }
    assert_eq!(ended, [0], "the oldest of eleven, and none of another network");
}

#[tokio::test(start_paused = true)]
async fn frequent_reconnects_are_refused_for_a_while_and_not_announced() {
    for (hub, most) in [(hub(), 300), (Hub::new(Config { arrivals_per_address: 20, ..config() }), 20)] {
        let mut witness = Peer::join(&hub, hello("witness")).await;
        for _ in 0..2 {
            for (address, most) in
                [("198.51.100.7:1", most), ("[2001:db8::1]:1", most), ("127.0.0.1:1", 400), ("[::1]:1", 400)]
            {
                let (mut came, address) = (0, address.parse::<SocketAddr>().unwrap());
                for _ in 0..400 {
                    let (mut stream, other) = duplex(1 << 16);
                    tokio::spawn(hub.serve(other, address));
                    let mut bytes = Vec::new();
                    hello("restless").encode(&mut bytes);
                    bytes.extend(frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8"));
                    stream.write_all(&bytes).await.unwrap();
                    let mut read = Vec::new();
                    stream.read_to_end(&mut read).await.unwrap();
                    if String::from_utf8_lossy(&read).contains("too many connections in a short time") {
                        continue;
                    }
                    came += 1;
                    assert_eq!(witness.frame().await.presence().1, PresenceEvent::Joined);
                    assert_eq!(witness.frame().await.presence().1, PresenceEvent::Left);
                }
                assert_eq!(came, most, "{address}");
            }
            witness.quiet().await;
            sleep(Duration::from_secs(10)).await;
        }
    }
}

async fn ends(stream: &mut DuplexStream) -> bool {
    timeout(Duration::from_millis(1), stream.read_to_end(&mut Vec::new())).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn after_close_the_hub_reads_at_most_64_kib_or_two_seconds() {
    // [R7.6]
    let settings = limits(|limits| {
        limits.drain = 1 << 10;
        limits.close_timeout = Duration::from_secs(1);
    });
    for (limits, drain, seconds) in [(settings[0], 64 << 10, 2), (settings[1], 1 << 10, 1)] {
        let hub = hub_with(limits);
        for (piece, pause, bytes) in [(1, 100, None), (256, 0, Some(drain))] {
            let (mut stream, other) = duplex(256);
            let served = tokio::spawn(hub.serve(other, "talker"));
            stream.write_all(b"\xF5\xF5").await.unwrap();
            let start = Instant::now();
            let mut taken = 0;
            while stream.write_all(&vec![b'x'; piece]).await.is_ok() {
                taken += piece;
                sleep(Duration::from_millis(pause)).await;
                assert!(taken < 1 << 20, "it never stops sending");
            }
            served.await.unwrap();
            match bytes {
                None => {
                    assert!(start.elapsed() <= Duration::from_millis(seconds * 1000 + 100), "{:?}", start.elapsed())
                }
                // what is read at a time may be over the number, and what was sent first counts too
                Some(most) => assert!((most - 512..=most + 1024).contains(&taken), "{taken} bytes"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_disconnected_peer_is_closed_after_twice_its_keepalive() {
    // [R7.3]
    let hub = hub();
    let mut witness = Peer::join(&hub, hello("witness")).await;
    for keepalive in [2, 30] {
        let start = Instant::now();
        let silent: Hello = hello("silent").with_keepalive(keepalive);
        let mut peer = Peer::join(&hub, silent).await;
        assert_eq!(witness.frame().await.presence().2, "silent"); // joined
        assert_eq!(witness.frame().await.presence().2, "silent"); // left
        assert_eq!(start.elapsed(), Duration::from_secs(2 * u64::from(keepalive)));
        assert_eq!(peer.frame().await.close().0, Code::IDLE);
    }
}

#[tokio::test(start_paused = true)]
async fn frames_and_lines_posted_by_a_browser_do_not_reach_the_room() {
    // [R9.20] [R4.22]
    let hub = hub();
    let mut witness = Peer::join(&hub, hello("witness")).await;
    let mut body = b"\r\n\r\nI am ann\r\n/name ann\r\n".to_vec();
    hello("forged").encode(&mut body);
    body.extend(post("forged"));
    for head in [
        "POST / HTTP/1.1\r\nHost: localhost:3990\r\nContent-Type: text/plain\r\n",
        "POST /x HTTP/1.0\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n",
    ] {
        for step in [1, 7, usize::MAX] {
            let mut browser = Peer::connect(&hub);
            for piece in [head.as_bytes(), &body].concat().chunks(step.min(4096)) {
                browser.send(piece).await;
            }
            let answer = String::from_utf8(browser.rest().await).unwrap();
            assert!(answer.lines().nth(1).unwrap().starts_with("! bad-start"), "{answer}");
        }
    }
    witness.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_cannot_forge_another_sender_or_the_hub() {
    // [R9.31]
    // [R9.19]
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    for (name, shown) in [
        ("ann: hi", "ann\\u{3a} hi"),
        ("ann:", "ann\\u{3a}"),
        ("ann：\u{a0}hi", "ann\\u{ff1a} hi"),
        ("* bob left", "\\u{2a} bob left"),
        ("! going-away: bye", "\\u{21} going-away\\u{3a} bye"),
        ("ann (to you)", "ann \\u{28}to you)"),
        ("12:30", "12:30"),
        ("ann, bob", "ann, bob"),
        ("ann (at work)", "ann (at work)"),
    ] {
        let mut forger = Peer::join(&hub, hello(name)).await;
        forger.send(&post("x")).await;
        let number = forger.frame().await.delivery().from;
        assert_eq!(person.line().await, format!("* {shown} joined (2 here)"));
        assert_eq!(person.line().await, format!("{shown}: x"));
        forger.send(&post_to(0, Encoding::Binary, b"x")).await;
        assert_eq!(person.line().await, format!("* {shown} sent 1 bytes"));
        person.send(b"/who\r\n").await;
        assert!(person.line().await.ends_with(&format!(", {}", shown.replace(',', "\\u{2c}"))));
        drop(forger);
        assert_eq!(person.line().await, format!("* {shown} left (1 here)"));
        assert!(number > 1);
    }
}

/// A peer that sends HELLO and then the same bytes again and again without a pause.
pub(crate) struct Flood {
    bytes: Vec<u8>,
    /// Where the repetition starts.
    again: usize,
    at: usize,
    /// How many bytes the hub has read.
    taken: Arc<AtomicUsize>,
    /// Does it accept what it is sent?
    reads: bool,
}

impl Flood {
    /// Such a peer, and how many bytes the hub has read from it.
    pub(crate) fn new(hello: &Hello, frame: &[u8], reads: bool) -> (Flood, Arc<AtomicUsize>) {
        let mut bytes = Vec::new();
        hello.encode(&mut bytes);
        let again = bytes.len();
        bytes.extend(frame);
        let taken = Arc::new(AtomicUsize::new(0));
        (Flood { bytes, again, at: 0, taken: taken.clone(), reads }, taken)
    }
}

impl AsyncRead for Flood {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while space.remaining() > 0 {
            let count = space.remaining().min(self.bytes.len() - self.at);
            space.put_slice(&self.bytes[self.at..self.at + count]);
            self.taken.fetch_add(count, Ordering::Relaxed);
            self.at += count;
            if self.at == self.bytes.len() {
                self.at = self.again;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.reads { Poll::Ready(Ok(bytes.len())) } else { Poll::Pending }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reads { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_peer_that_sends_without_pause_and_accepts_nothing_is_closed() {
    // By the wall clock: paused time advances only when every task is idle.
    let limits = Limits::new().with_close_timeout(Duration::from_millis(100));
    let hub = Hub::new(Config { limits, stall: Duration::from_millis(300), ..config() });
    let peer: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let (flood, _) = Flood::new(&hello("eve"), &post(&"x".repeat(4096)), false);
    let served = hub.serve(flood, peer);
    timeout(HANG_TIMEOUT, served).await.expect("limits.stall is over");
}
