//! Tokens, and the rights of peers without one.

mod expiry;

use std::net::SocketAddr;
use std::time::Duration;

use bookend::{Code, Hello, Payload, kind};
use bookend_server::{Access, Config, Hub, Right, Rights};
use tokio::time::{Instant, sleep};

use crate::peer::{Peer, config, hello, post, post_to};

/// The tokens of a hub; the name of each is the token itself.
pub(crate) fn tokens(entries: &[(&str, &str, &str)]) -> Access {
    let mut text = String::new();
    for (token, rooms, rights) in entries {
        let hash = hash(token);
        text += &format!("[[token]]\nname = '{token}'\nsha256 = '{hash}'\nrooms = {rooms}\nrights = {rights}\n");
    }
    Access::from_toml(&text).unwrap()
}

fn hash(token: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn hub_of(access: Access) -> Hub {
    Hub::new(Config { access, ..config() })
}

fn everyone() -> Access {
    tokens(&[
        ("both", "['lobby', 'ops']", "['read', 'write']"),
        ("ears", "'*'", "['read']"),
        ("mouth", "'*'", "['write']"),
        ("ops", "['ops']", "['read', 'write']"),
        ("boss", "'*'", "['admin']"),
    ])
}

pub(crate) fn with_token(name: &str, token: &str) -> Hello {
    hello(name).with_token(token.as_bytes()).unwrap()
}

/// The reason for which a framed peer is closed, and after how long.
async fn refusal(hub: &Hub, hello: Hello) -> (Code, String, Duration) {
    let start = Instant::now();
    let mut peer = Peer::connect(hub);
    peer.greet(&hello).await;
    let (code, reason) = peer.frame().await.close();
    (code, reason, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_token_admits_to_its_rooms_only() {
    // [R9.28]
    let hub = hub_of(everyone());
    let mut ann = Peer::join(&hub, with_token("ann", "both")).await;
    ann.send(&post("hi")).await;
    assert_eq!(ann.frame().await.seq_and_text(), (1, "hi".into()));
    Peer::join(&hub, with_token("ann", "both").with_room("ops").unwrap()).await;
    for (hello, why, delay) in [
        (hello("eve"), "a token is needed", 0),
        (with_token("eve", "Both"), "the token is not valid", 1),
        (with_token("eve", "both").with_room("lab").unwrap(), "no right to this room", 0),
        (with_token("eve", "boss"), "no right to this room", 0),
    ] {
        let (code, reason, after) = refusal(&hub, hello).await;
        assert_eq!((code, reason), (Code::POLICY, format!("policy: {why}")));
        assert_eq!(after.as_secs(), delay, "{why}");
    }
    ann.quiet().await; // none of them has been announced
    let mut carl = Peer::connect(&hub);
    carl.greet(&with_token("carl", "ops")).await;
    let welcome = carl.frame().await;
    let bookend::Message::Welcome { greeting, .. } = welcome.message() else { panic!("{welcome:?}") };
    assert_eq!(greeting.to_string(), "welcome to ops", "the first room of its token");
}

#[tokio::test(start_paused = true)]
async fn a_member_without_the_write_right_gets_an_error_for_each_message() {
    // [R9.29]
    let hub = hub_of(everyone());
    let mut ann = Peer::join(&hub, with_token("ann", "both")).await;
    let mut eva = Peer::join(&hub, with_token("eva", "ears")).await;
    ann.frame().await.presence();
    let message = crate::peer::frame(kind::MESSAGE, bookend::Encoding::Utf8, b"hi");
    for (number, bytes) in [(1, post("hi")), (2, post_to(1, bookend::Encoding::Utf8, b"psst")), (3, message)] {
        eva.send(&bytes).await;
        assert_eq!(eva.frame().await.error(), (0, number, Code::POLICY));
    }
    ann.quiet().await;
    ann.send(&post("still there?")).await;
    assert_eq!(eva.frame().await.seq_and_text(), (1, "still there?".into()));
}

#[tokio::test(start_paused = true)]
async fn a_member_without_the_read_right_receives_no_messages() {
    // [R9.30]
    let hub = hub_of(everyone());
    let mut ann = Peer::join(&hub, with_token("ann", "both")).await;
    ann.send(&post("before")).await;
    ann.frame().await;
    let mut max = Peer::join(&hub, with_token("max", "mouth").with_resume(0)).await;
    assert_eq!(max.frame().await.error(), (0, 0, Code::RESUME_REFUSED));
    let (max_id, _, _) = ann.frame().await.presence();
    max.send(&post("the news")).await;
    assert_eq!(ann.frame().await.seq_and_text(), (2, "the news".into()));
    ann.send(&post("secret")).await;
    ann.frame().await;
    ann.send(&post_to(max_id, bookend::Encoding::Utf8, b"psst")).await;
    assert_eq!(ann.frame().await.error().2, Code::POLICY);
    let bob = Peer::join(&hub, with_token("bob", "both")).await;
    max.quiet().await;
    drop(bob);
    max.quiet().await;
    // However much is sent, its own messages are not blocked.
    ann.send(&post(&"x".repeat(100_000))).await;
    max.send(&post("more news")).await;
    while ann.frame().await.kind != kind::DELIVERY {}
    assert_eq!(ann.frame().await.seq_and_text().1, "more news");
    max.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn the_greeting_asks_a_person_for_the_token() {
    let hub = hub_of(everyone());
    let mut ann = Peer::connect(&hub);
    assert!(ann.line().await.ends_with(" GMT; a token is needed: /token SECRET"));
    ann.send(b"hello\r\n").await;
    assert_eq!(ann.line().await, "! policy: a token is needed: /token SECRET");
    ann.send(b"/token\r\n/token  both \r\nhi\r\n/token both\r\n/join lab\r\n/join ops\r\n").await;
    assert_eq!(ann.line().await, "! /token SECRET: SECRET is your token");
    assert!(ann.line().await.starts_with("* you are guest-1 in lobby (1 here)"));
    assert!(ann.line().await.starts_with("! policy: send the token first"));
    assert_eq!(ann.line().await, "! policy: no right to this room");
    assert_eq!(ann.line().await, "guest-1: hi");
    assert!(ann.line().await.starts_with("* you are guest-1 in ops (1 here)"));

    let mut eva = Peer::connect(&hub);
    eva.line().await;
    eva.send(b"/token ears\r\nhi\r\n/me waves\r\n/name x\r\n/msg guest-1 hi\r\n//x\r\n/whoami\r\n").await;
    assert!(eva.line().await.starts_with("* you are guest-3 in lobby (1 here)"));
    for _ in 0..5 {
        assert_eq!(eva.line().await, "! policy: no right to write here");
    }
    assert!(eva.line().await.starts_with("* you are guest-3 in lobby"));

    let mut max = Peer::connect(&hub);
    max.line().await;
    max.send(b"/token mouth\r\nnews\r\n").await;
    assert!(max.line().await.starts_with("* you are guest-4 in lobby (2 here)"));
    assert_eq!(eva.line().await, "* guest-4 joined (2 here)");
    assert_eq!(eva.line().await, "guest-4: news");
    max.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_without_a_valid_token_is_closed() {
    let hub = hub_of(everyone());
    let (mut eve, mut silent) = (Peer::connect(&hub), Peer::connect(&hub));
    let start = Instant::now();
    eve.line().await;
    eve.send(b"/token sesame\r\n/token both\r\nhi\r\n").await;
    assert_eq!((eve.line().await, start.elapsed().as_secs()), ("! policy: the token is not valid".into(), 1));
    eve.end().await;
    silent.line().await;
    assert_eq!((silent.line().await, start.elapsed().as_secs()), ("! policy: no token arrived in time".into(), 30));
    silent.end().await;
    let mut boss = Peer::connect(&hub);
    boss.line().await;
    boss.send(b"/token boss\r\n").await;
    assert_eq!(boss.line().await, "! policy: no right to this room");
    boss.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_rights_of_anonymous_peers_are_configurable() {
    let hub = hub_of(everyone().with_anonymous(Rights::READ));
    let mut eve = Peer::join(&hub, hello("eve")).await;
    eve.send(&post("hi")).await;
    assert_eq!(eve.frame().await.error(), (0, 1, Code::POLICY));
    let mut person = Peer::terminal(&hub).await;
    person.send(b"hi\r\n").await;
    assert_eq!(person.line().await, "! policy: no right to write here");
    let mut ann = Peer::connect(&hub);
    ann.line().await;
    ann.send(b"/token both\r\nhi\r\n").await;
    assert_eq!(eve.frame().await.presence().2, "guest-2");
    assert_eq!(eve.frame().await.presence().2, "guest-3");
    assert_eq!(eve.frame().await.seq_and_text().1, "hi");
    assert!(
        refusal(&hub, with_token("eve", "wrong")).await.0 == Code::POLICY,
        "a wrong token is refused where none is needed"
    );
}

#[tokio::test(start_paused = true)]
async fn revoking_a_token_closes_its_members_only() {
    // [R9.28]
    let hub = hub_of(everyone().with_anonymous(Rights::READ_WRITE));
    let mut ann = Peer::join(&hub, with_token("ann", "both")).await;
    let mut eva = Peer::join(&hub, with_token("eva", "ears")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    let mut carl = Peer::connect(&hub);
    carl.line().await;
    carl.send(b"/token ops\r\n").await;
    carl.line().await;
    hub.reconfigure(Config {
        access: tokens(&[("both", "'*'", "['write', 'read']"), ("ears", "'*'", "['read', 'write']")]),
        ..config()
    });
    assert_eq!(carl.line().await, "! policy: the token no longer allows this");
    carl.end().await;
    assert_eq!(eva.frame().await.presence().2, "bob");
    let (code, reason) = eva.frame().await.close();
    assert_eq!((code, &*reason), (Code::POLICY, "policy: the token no longer allows this"), "it must connect again");
    for peer in [&mut ann, &mut bob] {
        peer.send(&post("still here")).await;
        while peer.frame().await.kind != kind::DELIVERY {}
    }
    assert_eq!(refusal(&hub, with_token("carl", "ops")).await.1, "policy: the token is not valid");
    assert!(hub.access().check(b"both").is_some_and(|grant| grant.may_everywhere(Right::Write)));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_member_receives_nothing_more() {
    let hub = hub_of(everyone());
    let mut ann = Peer::join(&hub, with_token("ann", "both")).await;
    let mut eva = Peer::connect_over(&hub, 1 << 10);
    eva.greet(&with_token("eva", "ears")).await;
    eva.welcome().await;
    ann.frame().await.presence();
    for _ in 0..100 {
        ann.send(&post(&"x".repeat(1000))).await;
        while ann.frame().await.kind != kind::DELIVERY {}
    }
    hub.reconfigure(Config { access: tokens(&[("both", "'*'", "['read', 'write']")]), ..config() });
    let (_, event, _) = ann.frame().await.presence();
    assert_eq!(event, bookend::PresenceEvent::Left, "at once, although she reads nothing");
    let mut received = 0;
    let last = loop {
        let frame = eva.frame().await;
        if frame.kind != kind::DELIVERY {
            break frame;
        }
        received += 1;
    };
    assert_eq!(last.close().0, Code::POLICY);
    assert!((1..10).contains(&received), "what was in transit: {received}");
}

#[tokio::test(start_paused = true)]
async fn wrong_tokens_are_answered_later_and_later_and_right_ones_at_once() {
    let hub = hub_of(everyone());
    let from = |address: &str, token: &str| {
        let (stream, other) = tokio::io::duplex(1 << 16);
        tokio::spawn(hub.serve(other, address.parse::<SocketAddr>().unwrap()));
        bookend::Connection::connect(stream, with_token("eve", token))
    };
    // The reason for which a guess is closed, and after how many seconds.
    let guess = |address: &str| {
        let (start, connecting) = (Instant::now(), from(address, "a guess"));
        async move {
            match connecting.await.unwrap().next().await.unwrap_err() {
                bookend::ConnectionError::Closed { code: Code::POLICY, reason, .. } => {
                    (reason, start.elapsed().as_secs())
                }
                error => panic!("{error}"),
            }
        }
    };
    let not_valid = "policy: the token is not valid";
    for seconds in [1, 2, 4, 8, 16, 16] {
        assert_eq!(guess("192.0.2.1:1").await, (not_valid.into(), seconds));
    }
    assert_eq!(guess("192.0.2.2:1").await, (not_valid.into(), 1), "another address");
    let guesses: Vec<_> = (0..10).map(|_| tokio::spawn(guess("[::ffff:192.0.2.1]:1"))).collect();
    sleep(Duration::from_millis(1)).await;
    let too_many = format!("{not_valid}, and too many wrong ones came from this address");
    assert_eq!(guess("192.0.2.1:1").await, (too_many, 0), "ten wait for their answers");
    let start = Instant::now();
    let mut ann = from("192.0.2.1:1", "both").await.unwrap();
    let welcome = ann.next().await.unwrap();
    assert!(matches!(welcome, Some(bookend::Message::Welcome { .. })), "{welcome:?}");
    assert_eq!(start.elapsed().as_secs(), 0, "a right one is accepted at once");
    for guess in guesses {
        assert_eq!(guess.await.unwrap().0, not_valid);
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(guess("192.0.2.1:1").await, (not_valid.into(), 1), "a new window");
}

#[tokio::test(start_paused = true)]
async fn a_hub_without_tokens_ignores_tokens() {
    let hub = crate::peer::hub();
    Peer::join(&hub, with_token("ann", "both")).await;
    let mut person = Peer::connect(&hub);
    person.line().await;
    person.send(b"/token both\r\n").await;
    assert!(person.line().await.starts_with("* you are guest-2 in lobby"));
    let closed = hub_of(Access::open().with_anonymous(Rights::NONE));
    assert_eq!(refusal(&closed, with_token("ann", "both")).await.1, "policy: a token is needed");
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_the_hub_profile_needs_a_token_too() {
    let hub = hub_of(everyone());
    let mut plain = Peer::connect(&hub);
    plain.greet(&with_token("plain", "both").with_hub(false)).await;
    plain.send(&crate::peer::frame(kind::MESSAGE, bookend::Encoding::Utf8, b"hi")).await;
    let received = plain.frame().await;
    let bookend::Message::Message(Payload::Text(text)) = received.message() else { panic!("{received:?}") };
    assert_eq!(text.to_string(), "plain: hi");
    assert_eq!(refusal(&hub, hello("eve").with_hub(false)).await.0, Code::POLICY);
}

#[tokio::test(start_paused = true)]
async fn a_silent_terminal_is_sent_what_was_said_before_it_joined_only_if_it_might_have_read_it() {
    // [R9.30]
    for (anonymous, reads, joins) in [
        (Rights::READ, true, true),
        (Rights::READ_WRITE, true, true),
        (Rights::NONE.with(Right::Write), false, true),
        (Rights::NONE, false, false),
    ] {
        let hub = hub_of(everyone().with_anonymous(anonymous));
        let mut ann = Peer::join(&hub, with_token("ann", "both")).await;
        let mut silent = Peer::connect(&hub);
        silent.line().await;
        ann.send(&post("meanwhile")).await;
        ann.frame().await;
        sleep(Duration::from_secs(3)).await;
        if !joins {
            silent.send(b"/token both\r\n").await;
        }
        assert!(silent.line().await.starts_with("* you are guest-2 in lobby"), "{anonymous:?}");
        if reads {
            assert_eq!(silent.line().await, "ann: meanwhile", "{anonymous:?}");
        }
        silent.quiet().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_is_for_every_spelling_of_its_room_and_for_no_look_alike() {
    // [R9.35]
    let hub =
        hub_of(tokens(&[("cook", "['Cafe\u{301}', 'com']", "['read', 'write']"), ("all", "'*'", "['read', 'write']")]));
    let mut cook = Peer::join(&hub, with_token("ann", "cook").with_room("CAFÉ").unwrap()).await;
    let mut other = Peer::join(&hub, with_token("bob", "all").with_room("café").unwrap()).await;
    other.send(&post("hi")).await;
    cook.frame().await; // bob joined
    assert_eq!(cook.frame().await.seq_and_text().1, "hi");
    let mut first = Peer::join(&hub, with_token("bob", "all").with_room("corn").unwrap()).await;
    for room in ["corn", "cafe", "сom", "lobby"] {
        let (code, reason, _) = refusal(&hub, with_token("ann", "cook").with_room(room).unwrap()).await;
        assert_eq!((code, &*reason), (Code::POLICY, "policy: no right to this room"), "{room}");
    }
    first.quiet().await;
    let mut default = Peer::join(&hub, with_token("carl", "cook").with_room("\u{200b}").unwrap()).await;
    assert_eq!(other.frame().await.seq_and_text().1, "hi");
    assert_eq!(other.frame().await.presence().2, "carl", "without a room, the first one of the token");
    default.quiet().await;
}
