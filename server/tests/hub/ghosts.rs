//! Names whose holder has left, or no longer answers.

use std::time::Duration;

use bookend::PresenceEvent::{self, Here, Joined, Left};
use bookend::{Code, Encoding, kind};
use bookend_server::{Config, Hub};
use tokio::time::{Instant, timeout};

use crate::access::{hub_of, tokens, with_token};
use crate::peer::{Peer, config, frame, hello, hub, post, post_to};

/// Ends a member, as a connection that is lost.
async fn end(mut peer: Peer) {
    peer.shut().await;
    peer.rest().await;
}

/// The next change of presence: the member, what it did, and its name.
async fn change(peer: &mut Peer) -> (u32, PresenceEvent, String) {
    peer.frame().await.presence()
}

/// Asserts that a member has taken another name, as this one is notified.
async fn renamed(peer: &mut Peer, member: u32, before: &str, after: &str) {
    assert_eq!(change(peer).await, (member, Left, before.into()));
    assert_eq!(change(peer).await, (member, Joined, after.into()));
}

#[tokio::test(start_paused = true)]
async fn a_member_gets_the_name_that_it_asked_for_as_soon_as_that_is_free() {
    // [R9.15] [R9.39] [R9.33]
    let hub = hub();
    let first = Peer::join(&hub, hello("ann")).await;
    let mut second = Peer::join(&hub, hello("ann")).await;
    let mut third = Peer::join(&hub, hello("ann")).await;
    let mut watcher = Peer::join(&hub, hello("watcher")).await;
    assert_eq!((change(&mut second).await.2, change(&mut second).await.2), ("ann-3".into(), "watcher".into()));
    assert_eq!(change(&mut third).await.2, "watcher");
    end(first).await;
    for peer in [&mut watcher, &mut second, &mut third] {
        assert_eq!(change(peer).await, (1, Left, "ann".into()));
        renamed(peer, 2, "ann-2", "ann").await;
        peer.quiet().await;
    }
    second.send(&post("it is me")).await;
    assert_eq!(watcher.frame().await.delivery().name(), "ann");
    end(second).await;
    assert_eq!(change(&mut watcher).await, (2, Left, "ann".into()));
    renamed(&mut watcher, 3, "ann-3", "ann").await;
}

#[tokio::test(start_paused = true)]
async fn only_the_name_that_was_asked_for_last_is_waited_for() {
    let hub = hub();
    let holder = Peer::join(&hub, hello("ann")).await;
    let mut person = Peer::terminal(&hub).await;
    person.send(b"/name ann\r\n/name bob\r\n").await;
    assert_eq!(person.line().await, "* guest-2 is now ann-2");
    assert_eq!(person.line().await, "* ann-2 is now bob");
    end(holder).await;
    assert_eq!(person.line().await, "* ann left (1 here)");
    person.quiet().await;

    // A terminal that has not changed its mind is renamed as a framed peer is.
    let holder = Peer::join(&hub, hello("carl")).await;
    assert_eq!(person.line().await, "* carl joined (2 here)");
    person.send(b"/name carl\r\n").await;
    assert_eq!(person.line().await, "* bob is now carl-2");
    end(holder).await;
    assert_eq!(person.line().await, "* carl left (1 here)");
    assert_eq!(person.line().await, "* carl-2 is now carl");
    person.send(b"/msg carl psst\r\n").await;
    assert!(person.line().await.contains("psst"));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_leaves_while_it_waits_leaves_the_name_to_the_next() {
    let hub = hub();
    let first = Peer::join(&hub, hello("ann")).await;
    let second = Peer::join(&hub, hello("ann")).await;
    let _third = Peer::join(&hub, hello("ann")).await;
    let mut watcher = Peer::join(&hub, hello("watcher")).await;
    end(second).await;
    assert_eq!(change(&mut watcher).await, (2, Left, "ann-2".into()));
    end(first).await;
    assert_eq!(change(&mut watcher).await, (1, Left, "ann".into()));
    renamed(&mut watcher, 3, "ann-3", "ann").await;
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_only_the_member_itself_learns_that_it_has_its_name_now() {
    let hub = Hub::new(Config { crowd: 1, ..config() });
    let first = Peer::join(&hub, hello("ann")).await;
    let mut second = Peer::connect(&hub);
    second.greet(&hello("ann")).await;
    let mut third = Peer::connect(&hub);
    third.greet(&hello("carl")).await;
    assert_eq!(second.frame().await.kind, kind::WELCOME);
    assert_eq!(change(&mut second).await.1, PresenceEvent::Crowd);
    assert_eq!(change(&mut second).await, (2, Here, "ann-2".into()));
    end(first).await;
    let mut changes = Vec::new();
    while changes.last() != Some(&(2, Joined, "ann".to_owned())) {
        changes.push(change(&mut second).await);
    }
    assert!(changes.contains(&(2, Left, "ann-2".into())), "{changes:?}");
}

/// The next frame, PING included.
async fn ping(peer: &mut Peer) {
    while peer.any_frame().await.kind != kind::PING {}
}

/// A hub with one token, and a member with it that is called ann.
async fn with_ann() -> (Hub, Peer) {
    let hub = hub_of(tokens(&[("ann", "'*'", "['read', 'write']"), ("bob", "'*'", "['read', 'write']")]));
    let ann = Peer::join(&hub, with_token("ann", "ann")).await;
    (hub, ann)
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_answer_gives_its_name_to_the_same_token() {
    // [R9.40] [R9.39]
    let (hub, mut ghost) = with_ann().await;
    let mut back = Peer::connect(&hub);
    back.greet(&with_token("ann", "ann")).await;
    assert_eq!(back.welcome().await.2[1].1, "ann-2", "until the first is known to be gone");
    let start = Instant::now();
    ping(&mut ghost).await;
    let close = loop {
        let frame = ghost.frame().await;
        if frame.kind == kind::CLOSE {
            break frame.close();
        }
    };
    assert_eq!((close.0, start.elapsed().as_secs()), (Code::IDLE, 3));
    assert_eq!(change(&mut back).await, (1, Left, "ann".into()));
    renamed(&mut back, 2, "ann-2", "ann").await;
}

#[tokio::test(start_paused = true)]
async fn two_live_sessions_of_one_token_never_displace_each_other() {
    // [R9.40]
    let (hub, mut laptop) = with_ann().await;
    for attempt in 0..3 {
        let mut phone = Peer::join(&hub, with_token("ann", "ann")).await;
        ping(&mut laptop).await;
        laptop.send(&frame(kind::PONG, Encoding::Binary, b"")).await; // any sign of life is enough
        phone.quiet().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        phone.send(&post(&attempt.to_string())).await;
        while laptop.frame().await.kind != kind::DELIVERY {}
        end(phone).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_else_can_make_a_member_lose_its_name() {
    let (hub, mut ann) = with_ann().await;
    let mut other = Peer::join(&hub, with_token("ann", "bob")).await;
    assert_eq!(change(&mut ann).await.2, "ann-2");
    tokio::time::sleep(Duration::from_secs(20)).await;
    other.quiet().await;
    let anonymous = crate::peer::hub();
    let mut first = Peer::join(&anonymous, hello("ann")).await;
    let mut second = Peer::join(&anonymous, hello("ann")).await;
    assert_eq!(change(&mut first).await.2, "ann-2");
    tokio::time::sleep(Duration::from_secs(20)).await;
    first.quiet().await;
    second.quiet().await;
}

/// Answers one PING, after whatever comes before it.
async fn answer(peer: &mut Peer) {
    ping(peer).await;
    peer.send(&frame(kind::PONG, Encoding::Binary, b"")).await;
}

#[tokio::test(start_paused = true)]
async fn a_private_message_is_confirmed_when_its_receiver_has_answered() {
    // [R9.41]
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    change(&mut ann).await;
    bob.send(&post_to(1, Encoding::Utf8, b"psst")).await;
    bob.send(&frame(kind::PING, Encoding::Binary, b"1")).await;
    bob.quiet().await;
    assert_eq!(ann.any_frame().await.delivery().payload.text().unwrap(), "psst");
    answer(&mut ann).await;
    assert_eq!(bob.any_frame().await.kind, kind::PONG);
    bob.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_private_message_to_a_member_that_does_not_answer_is_refused() {
    // [R9.41]
    let hub = hub();
    let mut ghost = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    change(&mut ghost).await;
    let start = Instant::now();
    let sent = [post_to(1, Encoding::Utf8, b"psst"), frame(kind::PING, Encoding::Binary, b"1"), post("to all")];
    bob.send(&sent.concat()).await;
    assert_eq!(bob.any_frame().await.error(), (0, 1, Code::TRY_LATER));
    assert_eq!(start.elapsed().as_secs(), 3);
    assert_eq!(bob.any_frame().await.kind, kind::PONG);
    assert_eq!(bob.any_frame().await.seq_and_text(), (1, "to all".into()), "what waited after it is not lost");
    // Without a PING, the sender learns of it all the same.
    bob.send(&post_to(1, Encoding::Utf8, b"psst")).await;
    assert_eq!(bob.any_frame().await.error(), (0, 4, Code::TRY_LATER));
    assert!(hub.metrics().contains("\nbookend_errors_total{name=\"try-later\"} 2\n"));
}

#[tokio::test(start_paused = true)]
async fn members_that_send_each_other_private_messages_at_once_do_not_wait_for_each_other() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    change(&mut ann).await;
    let start = Instant::now();
    let ping = frame(kind::PING, Encoding::Binary, b"1");
    let psst = |to| post_to(to, Encoding::Utf8, b"psst");
    ann.send(&[psst(2), ping.clone()].concat()).await;
    bob.send(&[psst(1), ping.clone()].concat()).await;
    for peer in [&mut ann, &mut bob] {
        assert_eq!(peer.any_frame().await.kind, kind::DELIVERY);
        answer(peer).await;
    }
    for peer in [&mut ann, &mut bob] {
        assert_eq!(peer.any_frame().await.kind, kind::PONG);
    }
    ann.send(&[psst(1), ping].concat()).await; // to itself
    let answers = [ann.any_frame().await.kind, ann.any_frame().await.kind];
    assert!(answers.contains(&kind::DELIVERY) && answers.contains(&kind::PONG), "{answers:?}");
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_closes_at_once_gets_its_answers_before_the_end() {
    let hub = hub();
    let mut ann = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    change(&mut ann).await;
    let close = frame(kind::CLOSE, Encoding::Ascii, b"\x03\xE8normal");
    let sent = [post_to(1, Encoding::Utf8, b"psst"), frame(kind::PING, Encoding::Binary, b"1"), close];
    bob.send(&sent.concat()).await;
    bob.shut().await;
    answer(&mut ann).await;
    assert_eq!(bob.any_frame().await.kind, kind::PONG);
    assert_eq!(bob.frame().await.close(), (Code::NORMAL, String::new()));
    bob.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_an_answer_is_bounded() {
    let hub = hub();
    let mut ghost = Peer::join(&hub, hello("ann")).await;
    let mut bob = Peer::join(&hub, hello("bob")).await;
    change(&mut ghost).await;
    // Without a PING the sender waits after 256 messages, and with one after 64 KiB.
    let flood = post_to(1, Encoding::Utf8, &[b'x'; 100]).repeat(1000);
    bob.send(&flood).await;
    for number in 1..=256 {
        assert_eq!(bob.any_frame().await.error(), (0, number, Code::TRY_LATER));
    }
    bob.send(&frame(kind::PING, Encoding::Binary, b"1")).await;
    let more = timeout(Duration::from_secs(1), bob.send(&post(&"y".repeat(1 << 18)).repeat(8))).await;
    assert!(more.is_err(), "the stream is full");
}
