//! Shut-down: accepted messages are delivered, every peer gets the reason, and none delays it.

use std::time::Duration;

use bookend::{Code, kind};
use bookend_server::{Config, Hub, ShutdownSummary};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::peer::{Peer, config, hello, hub, post, post_to};

fn shut_down(hub: &Hub) -> JoinHandle<ShutdownSummary> {
    let hub = hub.clone();
    tokio::spawn(async move { hub.shut_down().await })
}

/// What arrives until CLOSE: the numbers of the messages to everyone, and how many private messages.
async fn last_words(peer: &mut Peer) -> (Vec<u64>, usize) {
    let (mut received, mut alone) = (Vec::new(), 0);
    loop {
        let frame = peer.frame().await;
        match frame.kind {
            kind::DELIVERY if frame.delivery().seq == 0 => alone += 1,
            kind::DELIVERY => received.push(frame.delivery().seq),
            kind::PRESENCE => {}
            _ => {
                assert_eq!(frame.close(), (Code::GOING_AWAY, "going-away: the hub is shutting down".into()));
                peer.end().await;
                peer.shut().await;
                return (received, alone);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn accepted_messages_are_delivered_before_close_even_to_slow_members() {
    let hub = hub();
    // A stream of small capacity: the rest waits in the log of the room and in the mailbox.
    let mut slow = Peer::connect_over(&hub, 256);
    slow.greet(&hello("slow")).await;
    let (slow_member, ..) = slow.welcome().await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..100 {
        ann.send(&post("something of some length, as people say it")).await;
        ann.send(&post_to(slow_member, bookend::Encoding::Utf8, b"in private")).await;
    }
    while ann.frame().await.delivery().seq < 100 {}
    let ending = shut_down(&hub);
    assert_eq!(last_words(&mut ann).await, (vec![], 0));
    assert_eq!(last_words(&mut slow).await, ((1..=100).collect(), 100));
    assert_eq!(ending.await.unwrap(), ShutdownSummary { closed: 2, given_up: 0 });
}

#[tokio::test(start_paused = true)]
async fn members_that_are_not_closed_yet_can_still_send() {
    let hub = Hub::new(Config { shut_down_spread: Duration::from_secs(1), ..config() });
    let mut members = Vec::new();
    for number in 0..200 {
        members.push(Peer::join(&hub, hello(&format!("m{number}"))).await);
    }
    let ending = shut_down(&hub);
    let mut talking = Vec::new();
    for (number, mut peer) in members.into_iter().enumerate() {
        peer.send(&post(&format!("{number}"))).await;
        talking.push(tokio::spawn(async move { last_words(&mut peer).await.0 }));
    }
    let mut longest = 0;
    for talking in talking {
        let received = talking.await.unwrap();
        assert!(received.iter().copied().eq(1..=received.len() as u64), "consecutive, none is missing: {received:?}");
        longest = longest.max(received.len());
    }
    assert!(
        longest > 100,
        "most messages were accepted, because only one connection was closed at first, not {longest}"
    );
    assert_eq!(ending.await.unwrap(), ShutdownSummary { closed: 200, given_up: 0 });
}

#[tokio::test(start_paused = true)]
async fn many_connections_are_closed_over_the_spread_and_few_at_once() {
    for (count, least, most) in [(3, 20, 100), (250, 1_980, 2_100)] {
        let hub = hub();
        let mut closed = Vec::new();
        for number in 0..count {
            let mut peer = Peer::join(&hub, hello(&format!("m{number}"))).await;
            closed.push(tokio::spawn(async move {
                last_words(&mut peer).await;
                Instant::now()
            }));
        }
        let start = Instant::now();
        assert_eq!(hub.shut_down().await, ShutdownSummary { closed: count, given_up: 0 });
        let mut times = Vec::new();
        for closed in closed {
            times.push(closed.await.unwrap().duration_since(start).as_millis());
        }
        times.sort_unstable();
        let last = times[count - 1];
        assert!((least..=most).contains(&last), "{count} were closed within {last} ms");
        let by_half = times[count / 2];
        assert!((last / 3..=last * 2 / 3 + 10).contains(&by_half), "half of {count} within {by_half} of {last} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn leaves_during_shut_down_are_not_announced() {
    let hub = hub();
    let mut members = Vec::new();
    for name in ["ann", "bob", "cid"] {
        members.push(Peer::join(&hub, hello(name)).await);
    }
    let before = [2, 1, 0]; // how many followed each
    let ending = shut_down(&hub);
    for (peer, before) in members.iter_mut().zip(before) {
        for _ in 0..before {
            assert_eq!(peer.frame().await.kind, kind::PRESENCE);
        }
        assert_eq!(peer.frame().await.close().0, Code::GOING_AWAY);
        peer.shut().await;
    }
    ending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_member_that_accepts_nothing_is_given_up_at_the_deadline() {
    let hub = Hub::new(Config { shut_down_deadline: Duration::from_secs(3), ..config() });
    let mut deaf = Peer::connect_over(&hub, 256);
    deaf.greet(&hello("deaf")).await;
    let mut ann = Peer::join(&hub, hello("ann")).await;
    for _ in 0..100 {
        ann.send(&post("something of some length, as people say it")).await;
    }
    while ann.frame().await.delivery().seq < 100 {}
    let start = Instant::now();
    let ending = shut_down(&hub);
    last_words(&mut ann).await;
    assert_eq!(ending.await.unwrap(), ShutdownSummary { closed: 1, given_up: 1 });
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_disconnects_during_shut_down_counts_as_given_up() {
    let hub = hub();
    let ann = Peer::join(&hub, hello("ann")).await;
    let ending = shut_down(&hub);
    drop(ann);
    assert_eq!(ending.await.unwrap(), ShutdownSummary { closed: 0, given_up: 1 });
}
