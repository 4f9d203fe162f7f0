//! Private messages.

use std::time::Duration;

use bookend::{Code, Encoding, Message, kind};
use bookend_server::{Config, Hub};

use crate::peer::{Peer, config, frame, hello, hub, post_to};

#[tokio::test(start_paused = true)]
async fn a_full_private_queue_is_refused_with_try_later_and_loses_nothing() {
    let hub = Hub::new(Config { answer: Duration::ZERO, ..config() });
    let mut slow = Peer::connect_over(&hub, 1024);
    slow.greet(&hello("slow")).await;
    slow.welcome().await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for number in 1..=600_u32 {
        ann.send(&post_to(1, Encoding::Utf8, format!("{number:0>100}").as_bytes())).await;
    }
    ann.send(&frame(kind::PING, Encoding::Binary, b"")).await;
    let mut refused = Vec::new();
    loop {
        let frame = ann.frame().await;
        match frame.message() {
            Message::Error(refusal) => {
                assert_eq!((refusal.id, refusal.code), (0, Code::TRY_LATER));
                refused.push(refusal.frame);
            }
            Message::Pong(_) => break,
            other => panic!("{other:?}"),
        }
    }
    let accepted = 600 - refused.len();
    assert!((256..600).contains(&accepted), "{accepted}");
    assert_eq!(slow.frame().await.kind, kind::PRESENCE);
    for number in (1..=600).filter(|number| !refused.contains(number)) {
        assert_eq!(slow.frame().await.seq_and_text(), (0, format!("{number:0>100}")));
    }
    ann.send(&post_to(1, Encoding::Utf8, b"now")).await;
    assert_eq!(slow.frame().await.seq_and_text(), (0, "now".into()));
}

#[tokio::test(start_paused = true)]
async fn a_few_large_messages_fill_a_private_queue() {
    let hub = hub();
    let mut slow = Peer::connect_over(&hub, 1024);
    slow.greet(&hello("slow")).await;
    slow.welcome().await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..10 {
        ann.send(&post_to(1, Encoding::Utf8, &[b'x'; 1_000_000])).await;
    }
    for _ in 0..8 {
        assert_eq!(ann.frame().await.error().2, Code::TRY_LATER);
    }
    ann.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_private_message_too_long_for_its_receiver_is_refused() {
    // [R9.22]
    let hub = hub();
    let mut small = Peer::join(&hub, hello("small").with_max_body(1024)).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    small.frame().await; // ann joined
    ann.send(&post_to(1, Encoding::Utf8, &[b'x'; 1000])).await;
    assert_eq!(ann.frame().await.error(), (0, 1, Code::TOO_LONG));
    small.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_can_post_to_itself() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&post_to(1, Encoding::Utf8, b"note")).await;
    let frame = ann.frame().await;
    assert_eq!((frame.delivery().from, frame.delivery().to, frame.seq_and_text().1), (1, 1, "note".into()));
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_the_hub_profile_gets_private_messages_as_name_and_text() {
    let hub = hub();
    let mut plain = Peer::connect(&hub);
    plain.greet(&hello("plain").with_hub(false)).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&post_to(1, Encoding::Utf8, b"psst")).await;
    let frame = plain.frame().await;
    assert_eq!((frame.kind, &frame.body[..]), (kind::MESSAGE, &b"ann: psst"[..]));
}
