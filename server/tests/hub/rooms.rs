//! Rooms: members, their names, and which messages they receive in which order.

use std::time::{SystemTime, UNIX_EPOCH};

use bookend::{Code, Encoding, Message, PresenceEvent, kind};

use crate::peer::{Peer, frame, hello, hub, post, post_to};

#[tokio::test(start_paused = true)]
async fn welcome_precedes_the_list_of_members() {
    // [R9.5] [R9.52]
    let hub = hub();
    let mut ann = Peer::connect(&hub);
    ann.greet(&hello("ann")).await;
    assert_eq!(ann.welcome().await, (1, 1, vec![(1, "ann".into())]));
    ann.send(&post("hi")).await;
    assert_eq!(ann.frame().await.seq_and_text(), (1, "hi".into()));

    let mut bob = Peer::connect(&hub);
    bob.greet(&hello("bob")).await;
    assert_eq!(bob.welcome().await, (2, 2, vec![(1, "ann".into()), (2, "bob".into())]));
    bob.quiet().await; // its own join is not announced to it
    assert_eq!(ann.frame().await.presence(), (2, PresenceEvent::Joined, "bob".into()));

    bob.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8normal")).await;
    assert_eq!(bob.frame().await.close(), (Code::NORMAL, String::new()));
    bob.end().await;
    assert_eq!(ann.frame().await.presence(), (2, PresenceEvent::Left, "bob".into()));
}

#[tokio::test(start_paused = true)]
async fn welcome_comes_first_even_if_messages_follow_hello_at_once() {
    // [R9.5]
    let hub = hub();
    let mut ann = Peer::connect(&hub);
    let mut bytes = Vec::new();
    hello("ann").encode(&mut bytes);
    bytes.extend(frame(kind::PING, Encoding::Binary, b"1"));
    bytes.extend(post("hi"));
    bytes.extend(post_to(0, Encoding::Ascii, b"\xFF"));
    ann.send(&bytes).await;
    ann.line().await;
    let mut kinds = Vec::new();
    for _ in 0..6 {
        kinds.push(ann.frame().await.kind);
    }
    let after = [kind::ERROR, kind::PONG, kind::DELIVERY];
    assert_eq!(kinds, [&[kind::HELLO, kind::WELCOME, kind::PRESENCE][..], &after].concat());
}

#[tokio::test(start_paused = true)]
async fn message_and_post_reach_everyone_including_the_sender() {
    // [R9.6] [R9.7]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    ann.frame().await; // bob joined
    ann.send(&frame(kind::MESSAGE, Encoding::Utf8, b"a message")).await;
    for peer in [&mut ann, &mut bob] {
        assert_eq!(peer.frame().await.seq_and_text(), (1, "a message".into()));
    }
    let before = now();
    bob.send(&post("a post")).await;
    let mut times = Vec::new();
    for peer in [&mut ann, &mut bob] {
        let frame = peer.frame().await;
        let delivery = frame.delivery();
        times.push(delivery.time);
        assert_eq!((delivery.from, delivery.to, delivery.seq, delivery.name()), (2, 0, 2, "bob"));
        assert_eq!(delivery.payload.as_bytes(), b"a post");
    }
    // [R9.53]
    assert!(times[0] == times[1] && (before..=now()).contains(&times[0]), "{times:?}");
}

/// Milliseconds since 1970, by the clock that the hub reads.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    u64::try_from(since.as_millis()).expect("fits for a long time")
}

#[tokio::test(start_paused = true)]
async fn all_members_receive_the_same_order_with_consecutive_numbers() {
    // [R9.7] [R9.8]
    const EACH: usize = 200;
    let hub = hub();
    let mut peers = Vec::new();
    for name in ["ann", "bob", "eve"] {
        peers.push(Peer::join(&hub, hello(name)).await);
    }
    let mut senders = Vec::new();
    for (number, mut peer) in peers.into_iter().enumerate() {
        senders.push(tokio::spawn(async move {
            for count in 0..EACH {
                peer.send(&post(&format!("{number} {count}"))).await;
                tokio::task::yield_now().await;
            }
            let mut received = Vec::new();
            while received.len() < 3 * EACH {
                let frame = peer.frame().await;
                if frame.kind == kind::DELIVERY {
                    received.push(frame.seq_and_text());
                }
            }
            received
        }));
    }
    let mut orders = Vec::new();
    for sender in senders {
        orders.push(sender.await.unwrap());
    }
    assert_eq!(orders[0].iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=3 * EACH as u64).collect::<Vec<_>>());
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0], orders[2]);
    for number in ["0 ", "1 ", "2 "] {
        let own: Vec<_> = orders[0].iter().filter_map(|(_, text)| text.strip_prefix(number)).collect();
        assert_eq!(own, (0..EACH).map(|count| count.to_string()).collect::<Vec<_>>(), "in the order of its sender");
    }
}

#[tokio::test(start_paused = true)]
async fn a_private_message_reaches_one_member_and_has_no_number() {
    // [R9.8] [R9.54]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob").with_preferred(Encoding::Utf16Be)).await;
    let mut eve = Peer::join(&hub, hello("eve")).await;
    ann.frame().await; // bob joined
    ann.frame().await; // eve joined
    bob.frame().await;
    ann.send(&post_to(2, Encoding::Utf8, "ä".as_bytes())).await;
    let frame = bob.frame().await;
    let delivery = frame.delivery();
    assert_eq!((delivery.from, delivery.to, delivery.seq, delivery.name()), (1, 2, 0, "ann"));
    assert_eq!((delivery.payload.encoding(), delivery.payload.as_bytes()), (Encoding::Utf16Be, &b"\x00\xE4"[..]));
    ann.quiet().await;
    eve.quiet().await;
    eve.send(&post("to all")).await;
    for peer in [&mut ann, &mut bob, &mut eve] {
        assert_eq!(peer.frame().await.seq_and_text(), (1, "to all".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_to_an_unknown_member_is_refused_with_its_frame_number() {
    // [R9.9]
    assert_eq!(Code::NO_SUCH_MEMBER.name(), Some("no-such-member"));
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut elsewhere = Peer::join(&hub, hello("bob").with_room("elsewhere").unwrap()).await;
    ann.send(&post("frame 1")).await;
    ann.send(&post_to(99, Encoding::Utf8, b"frame 2")).await;
    ann.send(&post_to(2, Encoding::Utf8, b"frame 3: bob is in another room")).await;
    let mut errors = Vec::new();
    for _ in 0..3 {
        let frame = ann.frame().await;
        if frame.kind == kind::ERROR {
            errors.push(frame.error());
        } else {
            assert_eq!(frame.seq_and_text(), (1, "frame 1".into()));
        }
    }
    assert_eq!(errors, [(0, 2, Code::NO_SUCH_MEMBER), (0, 3, Code::NO_SUCH_MEMBER)]);
    elsewhere.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_is_refused_with_its_id() {
    // [R9.55]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..100 {
        // a refusal is an answer: the limit of unanswered requests is not reached
        ann.send(&frame(kind::REQUEST, Encoding::Utf8, b"\0\0\0\x07time?")).await;
    }
    for number in 1..=100 {
        assert_eq!(ann.frame().await.error(), (7, number, Code::POLICY));
    }
    ann.send(&frame(kind::REPLY, Encoding::Utf8, b"\0\0\0\x07noon")).await;
    ann.send(&frame(kind::ERROR, Encoding::Utf8, b"\0\0\0\x07\0\0\0\x01\x03\xF0")).await;
    ann.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_and_its_cancel_have_one_answer() {
    // [R3.24]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let cancelled = [
        frame(kind::REQUEST, Encoding::Utf8, b"\0\0\0\x07time?"),
        frame(kind::CANCEL, Encoding::Binary, b"\0\0\0\x07"),
        frame(kind::CANCEL, Encoding::Binary, b"\0\0\0\x08"),
    ];
    ann.send(&cancelled.concat()).await;
    assert_eq!(ann.frame().await.error(), (7, 1, Code::POLICY));
    ann.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_gets_a_suffix_within_64_bytes() {
    // [R9.15]
    let hub = hub();
    let long = "ä".repeat(32);
    let mut names = Vec::new();
    let mut peers = Vec::new();
    for name in ["ann", "ann", "ann-2", "ann", &long, &long] {
        let mut peer = Peer::connect(&hub);
        peer.greet(&hello(name)).await;
        names.push(peer.welcome().await.2.pop().unwrap().1);
        peers.push(peer);
    }
    let cut = format!("{}-2", "ä".repeat(31));
    assert_eq!(names, ["ann", "ann-2", "ann-2-2", "ann-3", &long, &cut]);
    let mut elsewhere = Peer::connect(&hub);
    elsewhere.greet(&hello("ann").with_room("elsewhere").unwrap()).await;
    assert_eq!(elsewhere.welcome().await.2, [(7, "ann".into())], "names are separate in each room");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_free_again_once_its_member_has_left() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    ann.frame().await; // bob joined
    ann.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8")).await;
    ann.end_of_session().await;
    assert_eq!(bob.frame().await.presence(), (1, PresenceEvent::Left, "ann".into()));
    let mut other = Peer::connect(&hub);
    other.greet(&hello("ann")).await;
    assert_eq!(other.welcome().await.2, [(2, "bob".into()), (3, "ann".into())]);
}

#[tokio::test(start_paused = true)]
async fn many_members_with_one_name_get_different_names() {
    // [R9.15]
    let hub = hub();
    let mut peers = Vec::new();
    for _ in 0..30 {
        peers.push(Peer::join(&hub, hello("ann")).await);
    }
    let mut last = Peer::connect(&hub);
    last.greet(&hello("ann")).await;
    let mut names: Vec<_> = last.welcome().await.2.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names[10], "ann-11");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 31);
}

#[tokio::test(start_paused = true)]
async fn a_member_without_a_name_is_named_by_its_number() {
    let hub = hub();
    let nameless = bookend::Hello::new().with_hub(true).with_keepalive(0);
    for (number, hello) in [nameless, hello("\u{FEFF}"), hello("\u{FEFF}ann")].into_iter().enumerate() {
        let mut peer = Peer::connect(&hub);
        peer.greet(&hello.with_room(&format!("room {number}")).unwrap()).await;
        let name = peer.welcome().await.2.pop().unwrap().1;
        assert_eq!(name, ["member-1", "member-2", "ann"][number]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_ends_its_connection_and_no_other() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    ann.frame().await; // bob joined
    bob.send(&post("before")).await;
    bob.send(b"\xF5\xF8\x02\x02\0\0\0\x01xx\xF5").await;
    assert_eq!(ann.frame().await.seq_and_text(), (1, "before".into()));
    assert_eq!(ann.frame().await.presence(), (2, PresenceEvent::Left, "bob".into()));
    let mut last = bob.frame().await;
    if last.kind == kind::DELIVERY {
        last = bob.frame().await;
    }
    assert_eq!(last.close().0, Code::BAD_END);
    ann.send(&post("after")).await;
    assert_eq!(ann.frame().await.seq_and_text(), (2, "after".into()));
}

#[tokio::test(start_paused = true)]
async fn errors_and_replies_of_a_member_are_ignored() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&frame(kind::ERROR, Encoding::Ascii, b"\0\0\0\0\0\0\0\x01\x03\xEFbad-text")).await;
    ann.send(&frame(kind::REPLY, Encoding::Ascii, b"\0\0\0\x01noon")).await;
    ann.send(&frame(0xC0, Encoding::Binary, b"private")).await;
    ann.quiet().await;
    ann.send(&frame(kind::PING, Encoding::Binary, b"?")).await;
    let pong = ann.frame().await;
    assert!(matches!(pong.message(), Message::Pong(probe) if probe.as_bytes() == b"?"));
}
