//! Members that fall behind, come back, or cannot take everything.

use std::time::Duration;

use bookend::{Code, Delivery, Encoding, Hello, MAX_LENGTH, Message, PresenceEvent, kind};
use bookend_server::{Config, Hub};
use tokio::time::{Instant, sleep};

use crate::peer::{Peer, config, frame, hello, hub, post, post_to};

/// A hub whose rooms keep few messages.
fn forgetful_hub() -> Hub {
    Hub::new(Config { log_bytes: 16 << 10, ..config() })
}

/// A member that has read its welcome and then reads nothing, over a stream that holds next to nothing.
async fn slow(hub: &Hub, hello: Hello) -> Peer {
    let mut peer = Peer::connect_over(hub, 1024);
    peer.greet(&hello).await;
    peer.welcome().await;
    peer
}

/// Says something `count` times and reads it.
async fn say(peer: &mut Peer, first: u64, count: u64) {
    for number in first..first + count {
        peer.send(&post(&format!("{number:0>200}"))).await;
        assert_eq!(peer.frame().await.said(), (number, format!("{number:0>200}")));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_falls_behind_is_told_exactly_how_many_messages_it_missed() {
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
                assert_eq!(delivery.seq, next, "what was missed has been told before");
                assert_eq!(delivery.payload.text().unwrap(), format!("{next:0>200}"));
                next += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((next, gaps), (501, 1), "it fell behind once, and has everything since");
    slow.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_missed_who_came_and_went_is_told_who_is_here() {
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
async fn whoever_takes_nothing_for_ten_seconds_is_closed_and_the_others_notice_nothing_else() {
    let hub = hub();
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let start = Instant::now();
    say(&mut ann, 1, 100).await;
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits for it");
    assert_eq!(ann.frame().await.presence(), (1, PresenceEvent::Left, "slow".into()));
    let waited = start.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_millis(10_100)).contains(&waited), "{waited:?}");
    say(&mut ann, 101, 1).await;

    // Whoever reads again at once finds the frame that had been begun, and why it was closed.
    let mut last = slow.frame().await;
    while last.kind != kind::CLOSE {
        last = slow.frame().await;
    }
    assert_eq!(last.close().0, Code::SLOW_CONSUMER);
    slow.end().await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_closed_and_still_takes_nothing_is_dropped() {
    let hub = hub();
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 100).await;
    assert_eq!(ann.frame().await.presence().1, PresenceEvent::Left);
    sleep(Duration::from_secs(3)).await;
    let rest = slow.rest().await;
    assert!(rest.len() <= 1024, "only what the stream held: {} bytes", rest.len());
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_a_little_now_and_then_stays() {
    let hub = Hub::new(Config { keepalive: 0, ..config() });
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 100).await;
    for _ in 0..10 {
        sleep(Duration::from_secs(9)).await;
        slow.bytes(100).await;
    }
    ann.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_for_a_member_is_a_gap_for_that_member_alone() {
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
        assert_eq!(ann.frame().await.said(), (seq, text.clone()));
    }
    assert_eq!(small.frame().await.said(), (1, texts[0].clone()));
    assert_eq!(small.frame().await.missed(), 2);
    assert_eq!(small.frame().await.said(), (4, texts[3].clone()));
    assert_eq!(wide.frame().await.said(), (1, texts[0].clone()));
    assert_eq!(wide.frame().await.said(), (2, texts[1].clone()));
    assert_eq!(wide.frame().await.missed(), 1);
    assert_eq!(wide.frame().await.said(), (4, texts[3].clone()));

    ann.send(&post(&"x".repeat(1001))).await;
    assert_eq!(small.frame().await.missed(), 1, "told although nothing follows");
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
async fn a_peer_without_the_hub_profile_is_told_in_words_what_it_missed() {
    // [R9.24]
    let hub = hub();
    let mut plain = Peer::connect(&hub);
    plain.greet(&hello("plain").with_hub(false).with_max_body(1024)).await;
    plain.send(&frame(kind::MESSAGE, Encoding::Utf8, "x".repeat(1024).as_bytes())).await;
    let told = plain.frame().await;
    assert_eq!((told.kind, &told.body[..]), (kind::MESSAGE, &b"* you missed 1 message"[..]));
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_resumed_from_the_middle_of_a_read_on_and_nothing_else() {
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
                assert_eq!(frame.said(), (seq, text.into()));
                assert_eq!(frame.delivery().name(), if seq == 4 { "bob" } else { "ann" });
            }
        }
        back.quiet().await; // who came and went before is no news
        back.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8")).await;
        back.end_of_session().await;
        for peer in [&mut ann, &mut bob] {
            while peer.frame().await.kind != kind::PRESENCE || own == 0 {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_after_resuming_follows_what_was_resumed() {
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
    assert_eq!(back.frame().await.said(), (1, "one".into()));
    assert_eq!(back.frame().await.presence().2, "bob");
    assert_eq!(back.frame().await.said(), (2, "two".into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_any_more_is_a_gap_before_what_is() {
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
        assert_eq!(back.frame().await.said().0, seq);
    }
    back.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_had_of_a_room_that_was_before_this_one_resumes_nothing() {
    // [R9.13] [R9.32]
    let hub = Hub::new(Config { first_seq: Some(100), ..config() });
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&[post("one"), post("two")].concat()).await;
    for (after, heard) in [(1, None), (98, None), (99, Some(100)), (100, Some(101)), (102, None), (0, Some(100))] {
        let mut back = Peer::connect(&hub);
        back.greet(&hello("back").with_resume(after)).await;
        assert_eq!(back.welcome().await.1, 102);
        match heard {
            Some(seq) => assert_eq!(back.frame().await.said().0, seq, "{after}"),
            None => assert_eq!(back.frame().await.error().2, Code::RESUME_REFUSED, "{after}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_started_again_gives_no_number_that_it_gave_before() {
    // [R9.32]
    let mut seqs = Vec::new();
    for _ in 0..3 {
        let hub = Hub::new(Config::default());
        let mut ann = Peer::join(&hub, hello("ann")).await;
        ann.send(&[post("one"), post("two")].concat()).await;
        seqs.extend([ann.frame().await.said().0, ann.frame().await.said().0]);
        // The clock is the system's: within a millisecond no program is started again.
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(seqs.is_sorted_by(|before, behind| before < behind) && seqs[5] < 1 << 53, "{seqs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_only_its_sender_could_have_had_whole_is_refused() {
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
async fn a_message_from_the_future_is_not_resumed_and_the_member_joins_all_the_same() {
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
async fn what_is_for_one_peer_alone_goes_before_what_the_room_tells_but_behind_a_frame_that_was_begun() {
    let hub = hub();
    let mut slow = slow(&hub, hello("slow")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    say(&mut ann, 1, 20).await; // more than the stream holds
    slow.send(&frame(kind::PING, Encoding::Binary, b"!")).await;
    slow.send(&post_to(0, Encoding::Ascii, b"\xFF")).await;
    ann.quiet().await; // now the hub has them
    let mut kinds = Vec::new();
    while kinds.len() < 24 - 1 {
        kinds.push(slow.frame().await.kind); // whole frames, or this fails
    }
    let error = kinds.iter().position(|&kind| kind == kind::ERROR).unwrap();
    assert!(error < 8, "behind what the stream held: {kinds:?}");
    assert_eq!(kinds[error + 1], kind::PONG);
    assert_eq!(kinds.iter().filter(|&&kind| kind == kind::DELIVERY).count(), 20);
}
