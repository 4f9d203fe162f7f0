//! Peers that send faster than they may: the hub reads from them more slowly, and refuses and loses nothing.

use std::time::Duration;

use bookend::{Code, Encoding, Hello, kind};
use bookend_server::{Config, Hub};
use tokio::time::{Instant, sleep, timeout};

use crate::attacks::Flood;
use crate::peer::{Peer, config, frame, hello, hub, post, post_to};

const SECOND: Duration = Duration::from_secs(1);

/// A hub that allows 100 frames, 20 lines and 64 KiB in a second, and half of that at once.
fn strict() -> Config {
    Config { messages_per_second: 100, lines_per_second: 20, bytes_per_second: 64 << 10, burst: SECOND / 2, ..config() }
}

/// Is the time, in tenths of a second, within a tenth of what is expected?
fn assert_tenths(elapsed: Duration, tenths: u64) {
    let expected = Duration::from_millis(100 * tenths);
    assert!(elapsed >= expected && elapsed <= expected + SECOND / 10, "{elapsed:?}, expected {expected:?}");
}

fn posts(numbers: std::ops::Range<u64>) -> Vec<u8> {
    numbers.flat_map(|number| post(&number.to_string())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_member_that_sends_too_fast_is_slowed_down_and_nothing_is_lost() {
    let hub = Hub::new(strict());
    let mut witness = Peer::join(&hub, hello("witness")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    witness.frame().await; // ann joined
    sleep(SECOND).await;
    let start = Instant::now();
    ann.send(&posts(1..1001)).await;
    for number in 1..=1000 {
        assert_eq!(witness.frame().await.seq_and_text(), (number, number.to_string()));
        match number {
            50 => assert_eq!(start.elapsed(), Duration::ZERO, "a burst is delivered at once"),
            550 => assert_tenths(start.elapsed(), 50),
            _ => {}
        }
    }
    assert_tenths(start.elapsed(), 95);
    for _ in 1..=1000 {
        ann.frame().await;
    }
    ann.quiet().await; // neither ERROR nor CLOSE
}

#[tokio::test(start_paused = true)]
async fn many_messages_are_slowed_down_by_default_but_not_refused() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann").with_max_body(1024)).await;
    let start = Instant::now();
    let thousand = post("x").repeat(1000);
    for _ in 0..300 {
        ann.send(&thousand).await;
        for _ in 0..1000 {
            ann.frame().await.delivery();
        }
    }
    let seconds = start.elapsed().as_secs();
    assert_eq!(seconds, 29, "10,000 a second");
}

#[tokio::test(start_paused = true)]
async fn private_messages_and_refused_frames_count_too() {
    let bad = post_to(0, Encoding::Ascii, b"\xFF");
    let private = post_to(2, Encoding::Utf8, b"psst");
    for (frame, received) in [(private.clone(), kind::DELIVERY), (bad, kind::ERROR)] {
        let hub = Hub::new(strict());
        let mut ann = Peer::join(&hub, hello("ann")).await;
        let mut bob = Peer::join(&hub, hello("bob")).await;
        ann.frame().await; // bob joined
        sleep(SECOND).await;
        let start = Instant::now();
        ann.send(&frame.repeat(250)).await;
        for _ in 0..250 {
            let receiver = if received == kind::ERROR { &mut ann } else { &mut bob };
            assert_eq!(receiver.frame().await.kind, received);
        }
        assert_tenths(start.elapsed(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_are_limited_whatever_they_are() {
    let hub = Hub::new(strict());
    let mut ann = Peer::join(&hub, hello("ann")).await;
    sleep(SECOND).await;
    let start = Instant::now();
    ann.send(&post(&"x".repeat(512 << 10))).await;
    assert_eq!(ann.frame().await.seq_and_text().1.len(), 512 << 10);
    // What was read last is waited for before the next read, not before it is used.
    assert!((6..=8).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    let start = Instant::now();
    let mut person = Peer::terminal(&hub).await;
    person.send(&b"\xFF\xF1".repeat(128 << 10)).await; // telnet commands without an effect
    person.send(b"hi\r\n").await;
    assert_eq!(person.line().await, "guest-2: hi");
    assert!((3..=4).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_terminal_may_send_fewer_lines_and_all_are_delivered() {
    let hub = Hub::new(strict());
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut person = Peer::terminal(&hub).await;
    ann.frame().await; // it joined
    sleep(SECOND).await;
    let start = Instant::now();
    let lines: String = (1..=110).map(|number| format!("{number}\r\n")).collect();
    person.send(lines.as_bytes()).await;
    for number in 1..=110 {
        assert_eq!(ann.frame().await.seq_and_text(), (number, number.to_string()));
    }
    assert_tenths(start.elapsed(), 50);
    person.send(b"/quit\r\n").await;
    for number in 1..=110 {
        assert_eq!(person.line().await, format!("guest-2: {number}"));
    }
    assert_eq!(person.line().await, "* bye");
}

#[tokio::test(start_paused = true)]
async fn a_pause_refills_the_bucket_and_no_limit_never_empties() {
    let hub = Hub::new(strict());
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..3 {
        sleep(SECOND).await;
        let start = Instant::now();
        ann.send(&post("x").repeat(50)).await;
        for _ in 0..50 {
            ann.frame().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
    let none = Config { messages_per_second: 0, lines_per_second: 0, bytes_per_second: 0, ..strict() };
    let hub = Hub::new(none);
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut person = Peer::terminal(&hub).await;
    let start = Instant::now();
    person.send(&b"line\r\n".repeat(10_000)).await;
    for _ in 0..10_001 {
        ann.frame().await;
    }
    ann.send(&post("x").repeat(10_000)).await;
    for _ in 0..10_000 {
        ann.frame().await;
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_connects_again_and_again_gets_no_burst_each_time() {
    let hub = Hub::new(Config { burst: 10 * SECOND, ..strict() });
    for _ in 0..20 {
        let mut eve = Peer::join(&hub, hello("eve")).await;
        eve.send(&post("x").repeat(500)).await;
        let mut at_once = 0;
        while let Ok(frame) = timeout(Duration::from_millis(1), eve.frame()).await {
            at_once += usize::from(frame.kind == kind::DELIVERY);
        }
        assert_eq!(at_once, 99, "with HELLO, what the rate allows in a second");
    }
}

#[tokio::test(start_paused = true)]
async fn others_are_answered_at_once_while_a_member_is_held_back() {
    let hub = Hub::new(strict());
    let mut quiet = Peer::join(&hub, hello("quiet").with_room("elsewhere").unwrap()).await;
    let mut eve = Peer::join(&hub, hello("eve")).await;
    eve.send(&post("x").repeat(5_000)).await;
    eve.frame().await;
    for number in 0..20_u8 {
        let start = Instant::now();
        quiet.send(&frame(kind::PING, Encoding::Binary, &[number])).await;
        assert_eq!(quiet.frame().await.kind, kind::PONG);
        quiet.send(&post("hi")).await;
        assert_eq!(quiet.frame().await.kind, kind::DELIVERY);
        assert_eq!(start.elapsed(), Duration::ZERO);
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_held_back_is_neither_silent_nor_late_and_its_ping_is_answered_in_turn() {
    // [R8.6] [R7.1]
    let hub = Hub::new(Config { keepalive: 3, ..strict() });
    let hello: Hello = hello("ann").with_keepalive(1);
    let mut ann = Peer::join(&hub, hello).await;
    sleep(SECOND).await;
    let start = Instant::now();
    // 60 s of messages, a PING, and a frame of which the last byte is sent after 50 s.
    let mut bytes = post("x").repeat(6_050);
    bytes.extend(frame(kind::PING, Encoding::Binary, b"?"));
    let last = post("the last");
    bytes.extend(&last[..last.len() - 1]);
    ann.send(&bytes).await;
    let mut received = 0;
    while ann.frame().await.kind != kind::PONG {
        received += 1;
        if received == 5_050 {
            assert_tenths(start.elapsed(), 500);
            ann.send(&last[last.len() - 1..]).await;
        }
    }
    assert_eq!(received, 6_050, "everything before the PING has been acted on");
    assert_tenths(start.elapsed(), 600);
    assert_eq!(ann.frame().await.seq_and_text().1, "the last");
    // From now on silence counts again.
    let (code, _) = ann.frame().await.close();
    assert_eq!(code, Code::IDLE);
    assert_tenths(start.elapsed(), 620);
}

#[tokio::test(start_paused = true)]
async fn the_hub_keeps_its_own_promise_to_a_member_that_it_holds_back() {
    // [R7.1]
    let hub = Hub::new(Config { keepalive: 3, bytes_per_second: 1024, ..strict() });
    let mut ann = Peer::join(&hub, hello("ann")).await;
    sleep(SECOND).await;
    ann.send(&post(&"x".repeat(100 << 10))).await; // it is held back for a minute
    let start = Instant::now();
    let mut pings = 0;
    while start.elapsed() < 30 * SECOND {
        let received = ann.bytes(10).await;
        assert_eq!(received[2], kind::PING);
        pings += 1;
    }
    assert!((10..=11).contains(&pings), "{pings} in 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_read_no_faster_than_allowed() {
    let config = strict();
    let (messages, bytes) = (config.messages_per_second, config.bytes_per_second);
    for (text, most) in [("x".repeat(4096), bytes * 11), (String::new(), (messages as usize + 50) * 11 * 14)] {
        let hub = Hub::new(strict());
        let (flood, taken) = Flood::new(&hello("eve"), &post(&text), true);
        tokio::spawn(hub.serve(flood, "eve"));
        sleep(10 * SECOND).await;
        let taken = taken.load(std::sync::atomic::Ordering::Relaxed);
        assert!((most / 2..most).contains(&taken), "{taken} bytes in ten seconds, at most {most}");
    }
}

#[cfg(feature = "admin")]
#[tokio::test(start_paused = true)]
async fn holds_are_counted_by_what_was_too_much() {
    let hub = Hub::new(strict());
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut person = Peer::terminal(&hub).await;
    assert!(!hub.metrics().contains("bookend_throttled_total"));
    ann.send(&post("x").repeat(100)).await;
    person.send(&b"x\r\n".repeat(20)).await;
    for _ in 0..100 {
        ann.frame().await;
    }
    ann.send(&post(&"x".repeat(64 << 10))).await;
    while ann.frame().await.body.len() < 64 << 10 {}
    let metrics = hub.metrics();
    for limit in ["messages", "lines", "bytes"] {
        assert!(metrics.contains(&format!("bookend_throttled_total{{limit=\"{limit}\"}} ")), "{limit}: {metrics}");
    }
}
