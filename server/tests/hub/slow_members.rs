//! Slow members, members that resume, and members with a small limit.

use std::time::Duration;

use bookend::{Code, Delivery, Encoding, Hello, MAX_LENGTH, Message, PresenceEvent, kind};
use bookend_server::{Config, Hub};
use tokio::time::{Instant, sleep, timeout};

use crate::peer::{Peer, config, frame, hello, hub, post, post_to};

/// A hub whose rooms keep few messages.
fn forgetful_hub() -> Hub {
    Hub::new(Config { log_bytes: 16 << 10, ..config() })
}

/// A member that has read its welcome and then reads nothing, over a stream of tiny capacity.
async fn slow(hub: &Hub, hello: Hello) -> Peer {
    let mut peer = Peer::connect_over(hub, 1024);
    peer.greet(&hello).await;
    peer.welcome().await;
    peer
}

/// Sends `count` messages and reads them.
async fn say(peer: &mut Peer, first: u64, count: u64) {
    for number in first..first + count {
        peer.send(&post(&format!("{number:0>200}"))).await;
        assert_eq!(peer.frame().await.seq_and_text(), (number, format!("{number:0>200}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_gets_an_exact_gap() {
    // [R9.10]
    let hub = forgetful_hub();
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 500).await;
    assert_eq!(slow.frame().await.presence(), (2, PresenceEvent::Joined, "ann".into()));
    let (mut next, mut gaps) = (1, 0);
    while next <= 500 {
        let frame = slow.frame().await;
        match frame.message() {
            Message::Gap { missed } => {
                gaps += 1;
                next += missed;
            }
            Message::Delivery(delivery) => {
                assert_eq!(delivery.seq, next, "the gap precedes it");
                assert_eq!(delivery.payload.text().unwrap(), format!("{next:0>200}"));
                next += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((next, gaps), (501, 1), "one gap, and everything since");
    slow.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_missed_presence_gets_the_list_of_members() {
    // [R9.10] [R9.23]
    let hub = forgetful_hub();
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 20).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    assert_eq!(ann.frame().await.presence().1, PresenceEvent::Joined);
    bob.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8")).await;
    bob.end_of_session().await;
    assert_eq!(ann.frame().await.presence().1, PresenceEvent::Left);
    say(&mut ann, 21, 200).await;
    let mut here = Vec::new();
    let mut gap = false;
    loop {
        let frame = slow.frame().await;
        match frame.message() {
            Message::Gap { .. } => gap = true,
            Message::Presence { member, event: PresenceEvent::Here, .. } if gap => here.push(member),
            Message::Delivery(delivery) if delivery.seq == 220 => break,
            _ => assert!(here.is_empty() || frame.kind == kind::DELIVERY),
        }
    }
    assert_eq!(here, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn stalled_member_is_closed_after_10_s_and_others_are_unaffected() {
    let hub = hub();
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let start = Instant::now();
    say(&mut ann, 1, 100).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "it joins without a delay");
    assert_eq!(ann.frame().await.presence(), (1, PresenceEvent::Left, "slow".into()));
    let waited = start.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_millis(10_100)).contains(&waited), "{waited:?}");
    say(&mut ann, 101, 1).await;

    // A peer that reads again finds the rest of the partly written frame, and the reason.
    let mut last = slow.frame().await;
    while last.kind != kind::CLOSE {
        last = slow.frame().await;
    }
    assert_eq!(last.close().0, Code::SLOW_CONSUMER);
    slow.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_member_that_accepts_nothing_is_dropped() {
    let hub = hub();
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 100).await;
    assert_eq!(ann.frame().await.presence().1, PresenceEvent::Left);
    sleep(Duration::from_secs(3)).await;
    let rest = slow.rest().await;
    assert!(rest.len() <= 1024, "only what the stream held: {} bytes", rest.len());
}

/// Reads `piece` bytes in every `pause` until the stream ends, at most for ten minutes. Returns for how long.
async fn read_steadily(slow: &mut Peer, piece: usize, pause: Duration) -> Duration {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(600) && slow.piece(piece).await > 0 {
        sleep(pause).await;
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_member_that_reads_slowly_stays_connected_and_one_below_the_rate_does_not() {
    for (read_rate, piece, pause, closed_after) in [
        (256, 300, 1, None),
        (256, 900, 3, None),
        (256, 1, 1, Some(10)),
        (256, 128, 1, Some(20)),
        (256, 100, 9, Some(10)),
        (64, 100, 1, None),
        (1024, 300, 1, Some(14)),
    ] {
        let hub = Hub::new(Config { keepalive: 0, read_rate, ..config() });
        let mut slow = slow(&hub, hello("slow")).await;
        let mut ann = Peer::join(&hub, hello("ann")).await;
        say(&mut ann, 1, 1000).await; // 240 kB wait
        let start = Instant::now();
        tokio::spawn(async move { read_steadily(&mut slow, piece, Duration::from_secs(pause)).await });
        match closed_after {
            None => {
                assert!(timeout(Duration::from_secs(590), ann.frame()).await.is_err(), "{piece} bytes in {pause} s")
            }
            Some(seconds) => {
                assert_eq!(ann.frame().await.presence(), (1, PresenceEvent::Left, "slow".into()));
                let after = start.elapsed().as_secs();
                assert!((seconds..=seconds + 2).contains(&after), "{piece} bytes in {pause} s: after {after} s");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_has_read_may_pause_three_times_as_long_but_not_longer() {
    let hub = Hub::new(Config { keepalive: 0, ..config() });
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 1000).await;
    for _ in 0..3 {
        slow.bytes(20_000).await;
        sleep(Duration::from_secs(28)).await;
        ann.quiet().await; // which takes a second
    }
    slow.bytes(20_000).await;
    let start = Instant::now();
    assert_eq!(ann.frame().await.presence(), (1, PresenceEvent::Left, "slow".into()));
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_message_too_long_for_a_member_is_a_gap_for_it_alone() {
    // [R9.14] [R5.12]
    let hub = hub();
    let mut small = Peer::join(&hub, hello("small").with_max_body(1024)).await;
    let mut wide = Peer::join(&hub, hello("wide").with_max_body(2048).with_preferred(Encoding::Utf16Le)).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..2 {
        small.frame().await; // wide and ann joined
    }
    wide.frame().await;
    // Of these, `small` cannot take the middle two, and `wide` only the third: its length counts once it is converted.
    let texts = ["short".into(), "x".repeat(1000), "x".repeat(1100), "short again".into()];
    let mut together = Vec::new();
    for text in &texts {
        together.extend(post(text));
    }
    ann.send(&together).await;
    for (seq, text) in (1..).zip(&texts) {
        assert_eq!(ann.frame().await.seq_and_text(), (seq, text.clone()));
    }
    assert_eq!(small.frame().await.seq_and_text(), (1, texts[0].clone()));
    assert_eq!(small.frame().await.missed(), 2);
    assert_eq!(small.frame().await.seq_and_text(), (4, texts[3].clone()));
    assert_eq!(wide.frame().await.seq_and_text(), (1, texts[0].clone()));
    assert_eq!(wide.frame().await.seq_and_text(), (2, texts[1].clone()));
    assert_eq!(wide.frame().await.missed(), 1);
    assert_eq!(wide.frame().await.seq_and_text(), (4, texts[3].clone()));

    ann.send(&post(&"x".repeat(1001))).await;
    assert_eq!(small.frame().await.missed(), 1, "a gap although nothing follows");
}

#[tokio::test(start_paused = true)]
async fn a_body_of_exactly_max_body_is_delivered() {
    // [R9.14]
    let hub = hub();
    let mut small = Peer::join(&hub, hello("ann").with_max_body(1024)).await;
    let longest = 1024 - (25 + "ann".len());
    small.send(&post(&"x".repeat(longest))).await;
    assert_eq!(small.frame().await.body.len(), 1024);
    small.send(&post(&"x".repeat(longest + 1))).await;
    assert_eq!(small.frame().await.missed(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_the_hub_profile_gets_a_gap_in_words() {
    // [R9.24]
    let hub = hub();
    let mut plain = Peer::connect(&hub);
    plain.greet(&hello("plain").with_hub(false).with_max_body(1024)).await;
    plain.send(&frame(kind::MESSAGE, Encoding::Utf8, "x".repeat(1024).as_bytes())).await;
    let received = plain.frame().await;
    assert_eq!((received.kind, &received.body[..]), (kind::MESSAGE, &b"* you missed 1 message"[..]));
}

#[tokio::test(start_paused = true)]
async fn kept_messages_are_resumed_even_from_the_middle_of_a_block() {
    // [R9.13]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&[post("one"), post("two"), post("three")].concat()).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    bob.send(&post("four")).await;
    for after in 0..=4 {
        let mut back = Peer::connect(&hub);
        back.greet(&hello("back").with_resume(after)).await;
        let (own, next_seq, _) = back.welcome().await;
        assert_eq!(next_seq, 5);
        for (seq, text) in (1..).zip(["one", "two", "three", "four"]) {
            if seq > after {
                let frame = back.frame().await;
                assert_eq!(frame.seq_and_text(), (seq, text.into()));
                assert_eq!(frame.delivery().name(), if seq == 4 { "bob" } else { "ann" });
            }
        }
        back.quiet().await; // earlier joins and leaves are not resumed
        back.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8")).await;
        back.end_of_session().await;
        for peer in [&mut ann, &mut bob] {
            while peer.frame().await.kind != kind::PRESENCE || own == 0 {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn new_messages_follow_the_resumed_ones() {
    // [R9.13]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&post("one")).await;
    ann.frame().await;
    let mut back = Peer::connect(&hub);
    back.greet(&hello("back").with_resume(0)).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    bob.send(&post("two")).await;
    back.welcome().await;
    assert_eq!(back.frame().await.seq_and_text(), (1, "one".into()));
    assert_eq!(back.frame().await.presence().2, "bob");
    assert_eq!(back.frame().await.seq_and_text(), (2, "two".into()));
}

#[tokio::test(start_paused = true)]
async fn a_gap_replaces_messages_that_are_no_longer_kept() {
    // [R9.13] [R9.10]
    let hub = forgetful_hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 200).await;
    let mut back = Peer::connect(&hub);
    back.greet(&hello("back").with_resume(7)).await;
    assert_eq!(back.welcome().await.1, 201);
    let missed = back.frame().await.missed();
    assert!((1..193).contains(&missed), "{missed}");
    for seq in 7 + missed + 1..=200 {
        assert_eq!(back.frame().await.seq_and_text().0, seq);
    }
    back.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_number_of_an_earlier_room_resumes_nothing() {
    // [R9.13] [R9.32]
    let hub = Hub::new(Config { first_seq: Some(100), ..config() });
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&[post("one"), post("two")].concat()).await;
    for (after, received) in [(1, None), (98, None), (99, Some(100)), (100, Some(101)), (102, None), (0, Some(100))] {
        let mut back = Peer::connect(&hub);
        back.greet(&hello("back").with_resume(after)).await;
        assert_eq!(back.welcome().await.1, 102);
        match received {
            Some(seq) => assert_eq!(back.frame().await.seq_and_text().0, seq, "{after}"),
            None => assert_eq!(back.frame().await.error().2, Code::RESUME_REFUSED, "{after}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restarted_hub_does_not_reuse_numbers() {
    // [R9.32]
    let mut seqs = Vec::new();
    for _ in 0..3 {
        let hub = Hub::new(Config::default());
        let mut ann = Peer::join(&hub, hello("ann")).await;
        ann.send(&[post("one"), post("two")].concat()).await;
        seqs.extend([ann.frame().await.seq_and_text().0, ann.frame().await.seq_and_text().0]);
        // The clock is the system's: no program restarts within a millisecond.
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(seqs.is_sorted_by(|before, after| before < after) && seqs[5] < 1 << 53, "{seqs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_as_a_delivery_is_refused() {
    // [R9.21]
    assert_eq!(Code::TOO_LONG.name(), Some("too-long"));
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann").with_max_body(MAX_LENGTH)).await;
    let longest = (1 << 20) - Delivery::FIXED_LENGTH - "ann".len();
    ann.send(&frame(kind::MESSAGE, Encoding::Binary, &vec![0; longest + 1])).await;
    assert_eq!(ann.frame().await.error(), (0, 1, Code::TOO_LONG));
    ann.send(&frame(kind::MESSAGE, Encoding::Binary, &vec![7; longest])).await;
    assert_eq!(ann.frame().await.delivery().payload.as_bytes().len(), longest);
}

#[tokio::test(start_paused = true)]
async fn resuming_from_a_future_number_is_refused_but_the_member_joins() {
    // [R9.13]
    assert_eq!(Code::RESUME_REFUSED.name(), Some("resume-refused"));
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&post("one")).await;
    ann.frame().await;
    for after in [2, u64::MAX] {
        let mut back = Peer::connect(&hub);
        back.greet(&hello("back").with_resume(after)).await;
        assert_eq!(back.welcome().await.1, 2);
        assert_eq!(back.frame().await.error(), (0, 0, Code::RESUME_REFUSED));
        back.quiet().await;
    }
    ann.send(&post("two")).await;
}

#[tokio::test(start_paused = true)]
async fn private_output_precedes_room_events_but_not_a_partly_written_frame() {
    let hub = hub();
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 20).await; // more than the stream holds
    slow.send(&frame(kind::PING, Encoding::Binary, b"!")).await;
    slow.send(&post_to(0, Encoding::Ascii, b"\xFF")).await;
    ann.quiet().await; // now the hub has them
    let mut kinds = Vec::new();
    while kinds.len() < 24 - 1 {
        kinds.push(slow.frame().await.kind); // fails unless the frames are complete
    }
    let error = kinds.iter().position(|&kind| kind == kind::ERROR).unwrap();
    assert!(error < 8, "after what the stream held: {kinds:?}");
    assert_eq!(kinds[error + 1], kind::PONG);
    assert_eq!(kinds.iter().filter(|&&kind| kind == kind::DELIVERY).count(), 20);
}
