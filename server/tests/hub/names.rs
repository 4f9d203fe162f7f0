//! Names mean one member, and one room, however they are written.

use std::time::Duration;

use bookend::{Encoding, PresenceEvent};
use bookend_server::{Config, Hub};
use bookend_vectors::{NameCase, names};

use crate::peer::{Peer, config, hello, hub, post, post_to};

/// Joins, and returns the names that the peer reads in the list of members, its own last.
async fn join(hub: &Hub, name: &str) -> (Peer, Vec<String>) {
    let mut peer = Peer::connect(hub);
    peer.greet(&hello(name)).await;
    let names = peer.welcome().await.2.into_iter().map(|(_, name)| name).collect();
    (peer, names)
}

#[tokio::test(start_paused = true)]
async fn the_hub_gives_the_names_of_the_vectors() {
    for vector in names() {
        let hub = hub();
        let what = format!("{}: {}", vector.id, vector.why);
        match vector.case {
            NameCase::Member { present, wanted, given } => {
                let mut here = Vec::new();
                for name in &present {
                    here.push(join(&hub, name).await.0);
                }
                let (_last, mut names) = join(&hub, &wanted).await;
                assert_eq!(names.pop(), Some(given), "{what}");
                assert_eq!(names, present, "{what}");
            }
            NameCase::Rooms { rooms, same } => {
                let mut first = Peer::join(&hub, hello("ann").with_room(&rooms[0]).unwrap()).await;
                let mut other = Peer::join(&hub, hello("bob").with_room(&rooms[1]).unwrap()).await;
                other.send(&post("hi")).await;
                match same {
                    true => assert_eq!(first.frame().await.presence().1, PresenceEvent::Joined, "{what}"),
                    false => first.quiet().await,
                }
                assert_eq!(other.frame().await.seq_and_text().1, "hi");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_cannot_rename_itself_to_a_look_alike() {
    // [R9.15] [R9.36] [R9.37]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut person = Peer::terminal(&hub).await;
    let wide = "ａｎｎ";
    let exchange = [
        ("/name \u{430}nn", "* guest-2 is now \u{430}nn-2".to_owned()),
        ("/name ann", "* \u{430}nn-2 is now ann-2".into()),
        (&*format!("/name {wide}"), format!("* ann-2 is now {wide}-2")),
        ("/name   bob\u{200b}   the\u{a0}\u{a0}builder ", format!("* {wide}-2 is now bob the builder")),
        ("/name \u{200b}", "! /name NAME: 1 to 64 bytes without control characters".into()),
    ];
    for (typed, shown) in &exchange {
        person.send(format!("{typed}\r\n").as_bytes()).await;
        assert_eq!(&person.line().await, shown);
    }
    drop(person);
    let mut person = Peer::terminal(&hub).await;
    for (typed, shown) in [
        ("/name HUB", "* guest-3 is now HUB-2"),
        ("/name hub-2", "* HUB-2 is now hub-2"),
        ("/name Bob", "* hub-2 is now Bob"),
    ] {
        person.send(format!("{typed}\r\n").as_bytes()).await;
        assert_eq!(person.line().await, shown);
    }
    while ann.frame().await.presence() != (3, PresenceEvent::Joined, "Bob".into()) {}
}

#[tokio::test(start_paused = true)]
async fn every_spelling_of_a_name_is_free_again_after_it_was_given_up() {
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    // Ian looks like lan, and is ian in lower case: it has two keys.
    for (typed, shown) in
        [("/name Ian", "* guest-1 is now Ian"), ("/name ian", "* Ian is now ian"), ("/name Ian", "* ian is now Ian")]
    {
        person.send(format!("{typed}\r\n").as_bytes()).await;
        assert_eq!(person.line().await, shown);
    }
    assert_eq!(join(&hub, "lan").await.1.pop().unwrap(), "lan-2");
    for _ in 0..2 {
        person.line().await; // it joined and left
    }
    person.send(b"/name ian\r\n").await;
    assert_eq!(person.line().await, "* Ian is now ian");
    assert_eq!(join(&hub, "lan").await.1.pop().unwrap(), "lan", "only ian itself is taken now");
    drop(person);
    let (_ian, names) = join(&hub, "Ian").await;
    assert_eq!(names.last().unwrap(), "Ian");
}

#[tokio::test(start_paused = true)]
async fn a_private_message_reaches_the_member_that_is_meant_or_nobody() {
    // [R9.38]
    let hub = Hub::new(Config { answer: Duration::ZERO, ..config() }); // no PING asks for a sign of life
    let mut ann = Peer::join(&hub, hello("Ann")).await;
    let mut secret = Peer::join(&hub, hello("ann secret")).await;
    let mut four = Peer::join(&hub, hello("4")).await;
    let mut person = Peer::terminal(&hub).await; // the member 4
    for (typed, shown) in [
        (
            "/msg ann secret word",
            "! ambiguous-member: several members fit; write \"NAME\" in quotes, or #NUMBER; /who lists the members",
        ),
        ("/msg \u{430}nn secret", "! no-such-member: no member has that name; /who lists the members"),
        ("/msg ann-2 secret", "! no-such-member: no member has that name; /who lists the members"),
        ("/msg 4 ho", "* to 4 alone: ho"),
        ("/msg 0 secret", "! /to NAME TEXT: 0 is everyone; omit /to to send to everyone"),
        ("/msg ANN word", "* to Ann alone: word"),
        ("/msg \"ＡＮＮ\" secret", "* to Ann alone: secret"),
        ("/msg \"ann  secret\" word", "* to ann secret alone: word"),
        ("/msg #2 more", "* to ann secret alone: more"),
        ("/msg \"4\" hi", "* to 4 alone: hi"),
    ] {
        person.send(format!("{typed}\r\n").as_bytes()).await;
        assert_eq!(person.line().await, shown, "{typed}");
    }
    for (peer, texts) in
        [(&mut ann, &["word", "secret"][..]), (&mut secret, &["word", "more"]), (&mut four, &["ho", "hi"])]
    {
        let mut private = Vec::new();
        while private.len() < texts.len() {
            let frame = peer.frame().await;
            if frame.kind == bookend::kind::DELIVERY {
                private.push(frame.seq_and_text().1);
            }
        }
        assert_eq!(private, texts);
        peer.quiet().await;
    }
    drop(ann);
    assert_eq!(person.line().await, "* Ann left (3 here)");
    person.send(b"/msg ann secret word\r\n").await;
    assert!(person.line().await.starts_with("! unquoted-name: "), "ann has left, and \"ann secret\" is another member");
}

#[tokio::test(start_paused = true)]
async fn a_room_keeps_the_name_that_its_first_member_wrote() {
    // [R9.35]
    let hub = Hub::new(Config { linger: Duration::ZERO, ..config() });
    let mut ann = Peer::join(&hub, hello("ann").with_room(" Cafe\u{301}  bar").unwrap()).await;
    let mut person = Peer::terminal(&hub).await;
    person.send("/join CAFÉ BAR\r\n".as_bytes()).await;
    assert!(person.line().await.starts_with("* you are guest-2 in Café bar (2 here)."));
    person.send("/join café bar\r\n".as_bytes()).await;
    assert_eq!(person.line().await, "! /join ROOM: you are there");
    assert_eq!(ann.frame().await.presence(), (3, PresenceEvent::Joined, "guest-2".into()));
    assert_eq!(hub.rooms().rooms.iter().map(|room| &*room.room).collect::<Vec<_>>(), ["Café bar"]);
    assert_eq!(hub.announce(Some("cafe\u{301} BAR"), "closing"), 1);
    assert_eq!(person.line().await, "* closing");
    drop((ann, person));
    let mut bob = Peer::connect(&hub);
    bob.greet(&hello("bob").with_room("\u{200b}").unwrap()).await;
    bob.welcome().await;
    while hub.rooms().rooms.len() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(&*hub.rooms().rooms[0].room, "lobby", "a room of which nothing is left is none");
}

#[tokio::test(start_paused = true)]
async fn a_name_cannot_fill_a_line_so_that_the_rest_begins_the_next_one() {
    // [R9.31] [R9.34]
    let hub = hub();
    let mut person = Peer::terminal(&hub).await;
    let padded = format!("ann{}* hub: closing", " ".repeat(46));
    let (mut forger, names) = join(&hub, &padded).await;
    assert_eq!(names.last().unwrap(), "ann * hub: closing");
    let shown = "ann \\u{2a} hub\\u{3a} closing";
    assert_eq!(person.line().await, format!("* {shown} joined (2 here)"));
    let mut plain = Peer::connect(&hub);
    plain.greet(&hello("plain").with_hub(false)).await;
    forger.send(&post_to(3, Encoding::Utf8, b"x")).await;
    assert_eq!(String::from_utf8(plain.frame().await.body).unwrap(), format!("{shown}: x"));
}
