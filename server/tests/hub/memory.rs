//! The memory of all rooms together, and their number.

use bookend::{Code, Message};
use bookend_server::{Config, Hub};

use crate::access::tokens;
use crate::peer::{Peer, config, hello, post};

/// The length of a message, in bytes.
const LONG: usize = 10 << 10;
/// The memory of all logs, in bytes: about fifty messages.
const MEMORY: usize = 1 << 20;

fn small_hub() -> Hub {
    Hub::new(Config { log_memory: MEMORY, ..config() })
}

fn text(number: u64) -> String {
    format!("{number:0>LONG$}")
}

/// A member of that room that has sent messages with numbers up to `count`, and read them.
async fn speaker(hub: &Hub, room: &str, address: &str, count: u64) -> Peer {
    let mut peer = Peer::connect_from(hub, address);
    peer.greet(&hello("speaker").with_room(room).unwrap()).await;
    peer.welcome().await;
    for number in 1..=count {
        peer.send(&post(&text(number))).await;
        assert!(peer.frame().await.seq_and_text() == (number, text(number)));
    }
    peer
}

/// How many of `count` messages in that room a new member resumes, after an exact GAP for the others.
async fn kept(hub: &Hub, room: &str, count: u64) -> u64 {
    let mut peer = Peer::connect(hub);
    peer.greet(&hello("reader").with_room(room).unwrap().with_resume(0)).await;
    peer.welcome().await;
    let next = read_from(&mut peer, 1, count).await;
    peer.quiet().await;
    peer.leave().await;
    count - next
}

/// Reads messages from number `next` to number `last`. Returns how many a GAP reported as missed.
async fn read_from(peer: &mut Peer, mut next: u64, last: u64) -> u64 {
    let mut all_missed = 0;
    while next <= last {
        let frame = peer.frame().await;
        match frame.message() {
            Message::Gap { missed } => {
                all_missed += missed;
                next += missed;
            }
            Message::Delivery(_) => {
                assert!(frame.seq_and_text() == (next, text(next)), "{next}");
                next += 1;
            }
            Message::Presence { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(next, last + 1, "the count is exact");
    all_missed
}

fn log_bytes(hub: &Hub) -> usize {
    hub.rooms().rooms.iter().map(|room| room.log_bytes).sum()
}

#[tokio::test(start_paused = true)]
async fn the_room_that_was_used_least_recently_gives_way_first() {
    // [R9.13]
    let hub = small_hub();
    for round in 0..40 {
        let room = format!("room {round}");
        // Some rooms have members, the others linger.
        let speaker = speaker(&hub, &room, "192.0.2.1:1", 10).await;
        if round % 2 == 0 {
            speaker.leave().await;
        } else {
            tokio::spawn(async move {
                let mut speaker = speaker;
                speaker.rest().await
            });
        }
        assert!(log_bytes(&hub) <= MEMORY + 2 * LONG, "{}", log_bytes(&hub));
    }
    assert_eq!(kept(&hub, "room 39", 10).await, 10, "the last one is complete");
    assert_eq!(kept(&hub, "room 0", 10).await, 0, "of the first one only the numbers are left");
    assert!(hub.metrics().lines().any(|line| {
        line.strip_prefix("bookend_log_removed_bytes_total ")
            .is_some_and(|bytes| bytes.parse::<usize>().unwrap() > MEMORY)
    }));
}

#[tokio::test(start_paused = true)]
async fn the_rooms_of_one_address_do_not_push_out_those_of_others() {
    let hub = small_hub();
    speaker(&hub, "quiet", "192.0.2.1:1", 10).await.leave().await;
    let mut members = Vec::new();
    for number in 0..20 {
        // One network of IPv6 is one owner.
        members.push(speaker(&hub, &format!("r{number}"), &format!("[2001:db8::{number:x}]:1"), 10).await);
        members.push(speaker(&hub, &format!("s{number}"), "198.51.100.7:1", 10).await);
    }
    assert!(log_bytes(&hub) <= MEMORY + 2 * LONG);
    assert_eq!(kept(&hub, "quiet", 10).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_of_a_room_that_gives_way_gets_an_exact_gap() {
    // [R9.10]
    let hub = small_hub();
    let mut slow = Peer::connect_over(&hub, 1024);
    slow.greet(&hello("slow").with_room("first").unwrap()).await;
    slow.welcome().await;
    let mut ann = speaker(&hub, "first", "192.0.2.1:1", 20).await;
    for number in 0..10 {
        // The room of `slow` has the same owner as these, and was used before them.
        let mut peer = Peer::connect(&hub);
        peer.greet(&hello("ann").with_room(&format!("r{number}")).unwrap()).await;
        peer.welcome().await;
        for number in 1..=10 {
            peer.send(&post(&text(number))).await;
            peer.frame().await;
        }
        peer.leave().await;
    }
    ann.send(&post(&text(21))).await;
    ann.frame().await;
    let missed = read_from(&mut slow, 1, 21).await;
    assert!((10..=20).contains(&missed), "{missed}");
}

#[tokio::test(start_paused = true)]
async fn a_smaller_memory_holds_at_once() {
    let hub = Hub::new(config());
    let _speaker = speaker(&hub, "room", "192.0.2.1:1", 40).await;
    assert!(log_bytes(&hub) > 40 * LONG);
    hub.reconfigure(Config { log_memory: 10 * LONG, ..config() });
    assert!((LONG..=10 * LONG).contains(&log_bytes(&hub)), "{}", log_bytes(&hub));
    assert!((1..10).contains(&kept(&hub, "room", 40).await));
}

#[tokio::test(start_paused = true)]
async fn a_room_too_many_is_refused_and_those_who_are_in_rooms_stay() {
    let hub = Hub::new(Config { rooms: 3, ..config() });
    let mut members = vec![Peer::join(&hub, hello("host")).await];
    for room in ["a", "b", "c"] {
        members.push(Peer::join(&hub, hello("ann").with_room(room).unwrap()).await);
    }
    let mut late = Peer::connect(&hub);
    late.greet(&hello("late").with_room("d").unwrap()).await;
    let (code, reason) = late.frame().await.close();
    assert_eq!((code, &*reason), (Code::TRY_LATER, "try-later: the hub has too many rooms"));
    let mut person = Peer::terminal(&hub).await; // the lobby is always there
    person.send(b"/join d\r\nstill here\r\n/join c\r\n").await;
    assert_eq!(person.line().await, "! try-later: the hub has too many rooms");
    assert_eq!(person.line().await, "guest-5: still here");
    assert!(person.line().await.starts_with("* you are guest-5 in c (2 here)"));
    assert!(hub.metrics().contains("\nbookend_rooms_refused_total 2\n"));
    members.pop().unwrap().leave().await;
    members.pop().unwrap().leave().await; // b never had a message, so it ends
    Peer::join(&hub, hello("late").with_room("d").unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn rooms_that_linger_give_way_to_new_ones_first_those_of_the_address_that_has_most() {
    let hub = Hub::new(Config { rooms: 40, ..config() });
    speaker(&hub, "quiet", "192.0.2.1:1", 1).await.leave().await;
    for number in 0..100 {
        let mut stranger = Peer::connect_from(&hub, "198.51.100.7:1");
        stranger.greet(&hello("stranger").with_room(&format!("r{number}")).unwrap()).await;
        stranger.welcome().await;
        stranger.send(&post("hi")).await;
        stranger.leave().await;
    }
    let names: Vec<_> = hub.rooms().rooms.into_iter().map(|room| room.room).collect();
    assert!(names.len() <= 40, "{names:?}");
    for room in ["quiet", "r98", "r99"] {
        assert!(names.iter().any(|name| **name == *room), "{room} of {names:?}");
    }
    assert_eq!(kept(&hub, "quiet", 1).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_whose_first_room_is_one_too_many_is_closed_with_the_reason() {
    let hub = Hub::new(Config { rooms: 1, ..config() });
    let _ann = Peer::join(&hub, hello("ann").with_room("a").unwrap()).await;
    let mut plain = Peer::connect(&hub);
    plain.greet(&hello("plain").with_hub(false).with_room("b").unwrap()).await;
    assert_eq!(plain.frame().await.close().0, Code::TRY_LATER);
    plain.shut().await;
    plain.end().await;

    hub.reconfigure(Config { rooms: 1, access: tokens(&[("secret", "['b']", "['write', 'read']")]), ..config() });
    let mut person = Peer::connect(&hub);
    person.line().await;
    person.send(b"/token secret\r\n").await;
    assert_eq!(person.line().await, "! try-later: the hub has too many rooms");
    person.shut().await;
    person.end().await;
}
