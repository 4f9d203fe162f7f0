//! Rooms that everybody has left: how long they keep their messages and numbers.

use std::time::Duration;

use bookend::Code;
use bookend_server::{Config, Hub};
use tokio::time::sleep;

use crate::peer::{Peer, config, hello, hub, post};

/// A member joins, sends these messages and leaves.
async fn visit(hub: &Hub, name: &str, texts: &[&str]) {
    let mut peer = Peer::join(hub, hello(name)).await;
    for text in texts {
        peer.send(&post(text)).await;
        assert_eq!(peer.frame().await.seq_and_text().1, *text);
    }
    peer.leave().await;
}

/// A member that resumes after that number, and the next number in its WELCOME.
async fn resume(hub: &Hub, after: u64) -> (Peer, u64) {
    let mut peer = Peer::connect(hub);
    peer.greet(&hello("back").with_resume(after)).await;
    let next_seq = peer.welcome().await.1;
    (peer, next_seq)
}

#[tokio::test(start_paused = true)]
async fn a_member_that_returns_alone_receives_what_was_said_meanwhile() {
    // [R9.32] [R9.13]
    let hub = hub();
    visit(&hub, "recorder", &["one"]).await;
    visit(&hub, "ann", &["two", "three"]).await;
    visit(&hub, "bob", &["four"]).await;
    let (mut back, next_seq) = resume(&hub, 1).await;
    assert_eq!(next_seq, 5);
    for (seq, text) in [(2, "two"), (3, "three"), (4, "four")] {
        assert_eq!(back.frame().await.seq_and_text(), (seq, text.into()));
    }
    back.quiet().await;
    back.send(&post("five")).await;
    assert_eq!(back.frame().await.seq_and_text(), (5, "five".into()), "the numbers continue");
}

#[tokio::test(start_paused = true)]
async fn the_first_member_of_a_room_also_receives_what_was_said_after_it_left() {
    // [R9.32] [R9.13] Nothing is kept of a room that never had a message, but it begins again with the same number.
    for config in [Config { first_seq: Some(100), ..config() }, Config::default()] {
        let hub = Hub::new(config);
        let mut recorder = Peer::connect(&hub);
        recorder.greet(&hello("recorder")).await;
        let next_seq = recorder.welcome().await.1;
        recorder.leave().await;
        assert!(hub.rooms().rooms.is_empty());
        visit(&hub, "ann", &["one", "two"]).await;
        let mut elsewhere = Peer::join(&hub, hello("ann").with_room("elsewhere").unwrap()).await;
        elsewhere.send(&post("hi")).await;
        elsewhere.leave().await;
        let (mut back, _) = resume(&hub, next_seq - 1).await;
        assert_eq!(back.frame().await.seq_and_text(), (next_seq, "one".into()));
        assert_eq!(back.frame().await.seq_and_text(), (next_seq + 1, "two".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_lingers_for_its_time_after_the_last_member_has_left() {
    // [R9.32]
    for (config, minutes) in [(config(), 10), (Config { linger: Duration::from_secs(60), ..config() }, 1)] {
        let hub = Hub::new(config);
        let time = Duration::from_secs(60 * minutes);
        visit(&hub, "ann", &["one", "two"]).await;
        sleep(time / 2).await;
        visit(&hub, "bob", &[]).await; // from now on it lingers again
        sleep(time - Duration::from_secs(1)).await;
        let (mut back, _) = resume(&hub, 1).await;
        assert_eq!(back.frame().await.seq_and_text(), (2, "two".into()));
        sleep(3 * time).await;
        assert_eq!(hub.rooms().rooms[0].members, 1, "a room with members remains");
        back.leave().await;
        sleep(time + Duration::from_secs(60)).await;
        assert!(hub.rooms().rooms.is_empty());
        let (mut back, next_seq) = resume(&hub, 1).await;
        assert_eq!((next_seq, back.frame().await.error().2), (3, Code::RESUME_REFUSED), "its numbers are not reused");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_time_to_linger_a_room_ends_with_its_last_member() {
    // [R9.32]
    let hub = Hub::new(Config { linger: Duration::ZERO, ..config() });
    visit(&hub, "ann", &["hi"]).await;
    assert!(hub.rooms().rooms.is_empty());
    let mut bob = Peer::connect(&hub);
    bob.greet(&hello("bob")).await;
    assert_eq!(bob.welcome().await, (2, 2, vec![(2, "bob".into())]));
}

#[tokio::test(start_paused = true)]
async fn rooms_that_linger_are_reported_and_a_new_time_holds_for_them() {
    let hub = hub();
    visit(&hub, "ann", &["hi"]).await;
    let list = hub.rooms();
    assert_eq!((list.rooms[0].members, list.rooms[0].messages), (0, 1));
    let metrics = hub.metrics();
    assert!(metrics.contains("\nbookend_rooms 0\n") && metrics.contains("\nbookend_rooms_lingering 1\n"), "{metrics}");
    assert_eq!(hub.announce(None, "nobody is there"), 0);
    hub.reconfigure(Config { linger: Duration::ZERO, ..config() });
    assert!(hub.rooms().rooms.is_empty());
    assert!(hub.metrics().contains("\nbookend_log_bytes 0\n"));
}
