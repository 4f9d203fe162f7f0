//! Crowds: rooms with so many members that joins and leaves are not announced (R9.25 to R9.27).

use std::time::Duration;

use bookend::PresenceEvent;
use bookend_server::{Config, Hub};
use tokio::time::Instant;

use crate::peer::{Peer, config, hello, hub, post};

/// A hub in which nine members are a crowd, until four are left.
fn hub_of_crowds() -> Hub {
    Hub::new(Config { crowd: 8, ..config() })
}

/// A member that reads up to its own join and then nothing: the rest fits into the stream.
async fn silent(hub: &Hub, name: &str) -> Peer {
    let mut peer = Peer::connect(hub);
    peer.greet(&hello(name)).await;
    peer.frame().await; // WELCOME
    while peer.frame().await.presence().2 != name {}
    peer
}

fn crowd(count: u32) -> (u32, PresenceEvent, String) {
    (count, PresenceEvent::Crowd, "lobby".into())
}

#[tokio::test(start_paused = true)]
async fn a_crowd_announces_its_number_instead_of_each_join() {
    // [R9.25] [R9.26]
    let hub = hub_of_crowds();
    let mut first = Peer::join(&hub, hello("first")).await;
    let mut person = Peer::terminal(&hub).await;
    first.frame().await;
    let mut others = Vec::new();
    for number in 3..=8 {
        others.push(silent(&hub, &format!("m{number}")).await);
        assert_eq!(first.frame().await.presence(), (number, PresenceEvent::Joined, format!("m{number}")));
        assert_eq!(person.line().await, format!("* m{number} joined ({number} here)"));
    }

    // With the ninth member it is a crowd. A new member gets the number, and only its own name.
    let mut ninth = Peer::connect(&hub);
    ninth.greet(&hello("ninth")).await;
    assert!(matches!(ninth.frame().await.message(), bookend::Message::Welcome { member: 9, .. }));
    assert_eq!(ninth.frame().await.presence(), crowd(9));
    assert_eq!(ninth.frame().await.presence(), (9, PresenceEvent::Here, "ninth".into()));
    ninth.quiet().await;
    assert_eq!(first.frame().await.presence(), crowd(9));
    assert_eq!(person.line().await, "* 9 here, too many to announce who joins and leaves; /who shows some");

    // More than a second later the number is announced as soon as it has changed by an eighth, and the next change a second
    // after that.
    tokio::time::advance(Duration::from_secs(1)).await;
    for number in 10..=20 {
        others.push(silent(&hub, &format!("m{number}")).await);
    }
    assert_eq!(first.frame().await.presence(), crowd(11));
    let received = Instant::now();
    assert_eq!(first.frame().await.presence(), crowd(20));
    assert!((900..=1100).contains(&received.elapsed().as_millis()), "{:?}", received.elapsed());
    for number in 21..=22 {
        others.push(silent(&hub, &format!("m{number}")).await);
    }
    first.quiet().await;

    // What it sends is delivered nevertheless.
    ninth.send(&post("hi")).await;
    assert_eq!(first.frame().await.delivery().name(), "ninth");
}

#[tokio::test(start_paused = true)]
async fn members_are_listed_again_when_the_room_is_no_longer_a_crowd() {
    // [R9.27]
    let hub = hub_of_crowds();
    let mut first = Peer::join(&hub, hello("first")).await;
    let mut person = Peer::terminal(&hub).await;
    let mut others = Vec::new();
    for number in 3..=9 {
        others.push(silent(&hub, &format!("m{number}")).await);
    }
    while first.frame().await.presence() != crowd(9) {}
    while !person.line().await.starts_with("* 9 here") {}

    // 9, 7 (two of nine are more than an eighth), 6, 5; four are no longer a crowd.
    for count in [8, 7, 6, 5] {
        tokio::time::advance(Duration::from_secs(2)).await;
        let mut leaver = others.pop().unwrap();
        leaver.shut().await;
        leaver.rest().await;
        if count < 8 {
            assert_eq!(first.frame().await.presence(), crowd(count), "{count}");
            assert!(person.line().await.starts_with(&format!("* {count} here, too many")));
        }
    }
    let mut leaver = others.pop().unwrap();
    leaver.shut().await;
    leaver.rest().await;
    for (number, name) in [(1, "first"), (2, "guest-2"), (3, "m3"), (4, "m4")] {
        assert_eq!(first.frame().await.presence(), (number, PresenceEvent::Here, name.into()));
    }
    assert_eq!(person.line().await, "* 4 here; from now on joins and leaves are shown");
    let mut newcomer = silent(&hub, "newcomer").await;
    assert_eq!(first.frame().await.presence(), (10, PresenceEvent::Joined, "newcomer".into()));
    newcomer.shut().await;
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_only_the_member_itself_is_notified_of_a_rename() {
    // [R9.15] [R9.25]
    let hub = hub_of_crowds();
    let mut person = Peer::terminal(&hub).await;
    let mut others = Vec::new();
    for number in 2..=9 {
        others.push(silent(&hub, &format!("m{number}")).await);
    }
    while !person.line().await.starts_with("* 9 here") {}
    person.send(b"/name tina\r\n/who\r\n").await;
    assert_eq!(person.line().await, "* guest-1 is now tina");
    assert_eq!(person.line().await, "* 9 here: tina, m2, m3, m4, m5, m6, m7, m8, m9");
    others[7].quiet().await;
}

#[tokio::test(start_paused = true)]
async fn two_thousand_members_receive_few_announcements() {
    // [R9.25]
    let hub = hub();
    let mut first = Peer::connect_over(&hub, 1 << 20);
    first.greet(&hello("first")).await;
    first.welcome().await;
    let mut others = Vec::new();
    for _ in 1..2000 {
        let mut peer = Peer::connect_over(&hub, 1 << 16);
        peer.greet(&hello("x")).await;
        others.push(peer);
    }
    others[0].send(&post("ready")).await;
    let mut received = 0;
    while first.frame().await.kind != bookend::kind::DELIVERY {
        received += 1;
    }
    assert_eq!(received, 255 + 1, "each up to 256, then the number, 257");
    assert_eq!(first.frame().await.presence(), crowd(2000));
}
