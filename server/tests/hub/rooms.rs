//! Rooms: who is a member, under which name, and who hears what in which order.

use bookend::{Code, Encoding, Message, PresenceEvent, kind};

use crate::peer::{Peer, frame, hello, hub, post, post_to};

#[tokio::test(start_paused = true)]
async fn a_member_is_welcomed_first_and_then_told_who_is_here() {
    // [R9.5]
    let hub = hub();
    let mut ann = Peer::connect(&hub);
    ann.greet(&hello("ann")).await;
    assert_eq!(ann.welcome().await, (1, 1, vec![(1, "ann".into())]));
    ann.send(&post("hi")).await;
    assert_eq!(ann.frame().await.said(), (1, "hi".into()));

    let mut bob = Peer::connect(&hub);
    bob.greet(&hello("bob")).await;
    assert_eq!(bob.welcome().await, (2, 2, vec![(1, "ann".into()), (2, "bob".into())]));
    bob.quiet().await; // its own coming is no news to it
    assert_eq!(ann.frame().await.presence(), (2, PresenceEvent::Joined, "bob".into()));

    bob.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8normal")).await;
    assert_eq!(bob.frame().await.close(), (Code::NORMAL, String::new()));
    bob.end().await;
    assert_eq!(ann.frame().await.presence(), (2, PresenceEvent::Left, "bob".into()));
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_hello_and_more_at_once_is_still_welcomed_first() {
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
    let behind = [kind::ERROR, kind::PONG, kind::DELIVERY];
    assert_eq!(kinds, [&[kind::HELLO, kind::WELCOME, kind::PRESENCE][..], &behind].concat());
}

#[tokio::test(start_paused = true)]
async fn a_message_is_a_post_to_everyone_and_both_reach_everyone_the_sender_included() {
    // [R9.6] [R9.7]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    ann.frame().await; // bob joined
    ann.send(&frame(kind::MESSAGE, Encoding::Utf8, b"a message")).await;
    for peer in [&mut ann, &mut bob] {
        assert_eq!(peer.frame().await.said(), (1, "a message".into()));
    }
    bob.send(&post("a post")).await;
    for peer in [&mut ann, &mut bob] {
        let frame = peer.frame().await;
        let delivery = frame.delivery();
        assert_eq!((delivery.from, delivery.to, delivery.seq, delivery.name()), (2, 0, 2, "bob"));
        assert_eq!(delivery.payload.as_bytes(), b"a post");
    }
}

#[tokio::test(start_paused = true)]
async fn everyone_gets_the_same_order_and_the_numbers_count_one_by_one() {
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
            let mut heard = Vec::new();
            while heard.len() < 3 * EACH {
                let frame = peer.frame().await;
                if frame.kind == kind::DELIVERY {
                    heard.push(frame.said());
                }
            }
            heard
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
async fn a_message_to_one_member_reaches_it_alone_and_takes_no_number() {
    // [R9.8]
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
        assert_eq!(peer.frame().await.said(), (1, "to all".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_to_nobody_is_refused_with_the_number_of_its_frame() {
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
            assert_eq!(frame.said(), (1, "frame 1".into()));
        }
    }
    assert_eq!(errors, [(0, 2, Code::NO_SUCH_MEMBER), (0, 3, Code::NO_SUCH_MEMBER)]);
    elsewhere.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_is_refused_with_its_id_as_a_hub_answers_none() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..100 {
        // refused is answered: the limit of unanswered requests is not reached
        ann.send(&frame(kind::REQUEST, Encoding::Utf8, b"\0\0\0\x07time?")).await;
    }
    for number in 1..=100 {
        assert_eq!(ann.frame().await.error(), (7, number, Code::POLICY));
    }
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
    assert_eq!(elsewhere.welcome().await.2, [(7, "ann".into())], "names are a room's own");
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
async fn a_crowd_of_one_name_gets_names_that_differ() {
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
async fn a_nameless_member_is_called_by_its_number_and_a_mark_is_no_name() {
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
async fn a_room_is_forgotten_with_its_last_member_and_its_numbers_never_come_again() {
    // [R9.32]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    ann.send(&post("hi")).await;
    assert_eq!(ann.frame().await.said().0, 1);
    ann.send(&frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8")).await;
    ann.end_of_session().await;
    let mut bob = Peer::connect(&hub);
    bob.greet(&hello("bob")).await;
    assert_eq!(bob.welcome().await, (2, 2, vec![(2, "bob".into())]));
}

#[tokio::test(start_paused = true)]
async fn a_fault_ends_its_connection_and_no_other() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    ann.frame().await; // bob joined
    bob.send(&post("before")).await;
    bob.send(b"\xF5\xF8\x02\x02\0\0\0\x01xx\xF5").await;
    assert_eq!(ann.frame().await.said(), (1, "before".into()));
    assert_eq!(ann.frame().await.presence(), (2, PresenceEvent::Left, "bob".into()));
    let mut last = bob.frame().await;
    if last.kind == kind::DELIVERY {
        last = bob.frame().await;
    }
    assert_eq!(last.close().0, Code::BAD_END);
    ann.send(&post("after")).await;
    assert_eq!(ann.frame().await.said(), (2, "after".into()));
}

#[tokio::test(start_paused = true)]
async fn an_error_or_a_reply_of_a_member_is_nobodys_business() {
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
