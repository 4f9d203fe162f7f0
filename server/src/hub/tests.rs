//! What members see of a room whose messages are kept (R9.49).

mod fake;
mod limits;
mod member;
mod past;

use std::sync::Arc;
use std::time::Duration;

use bookend::{Message, Probe};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use super::Hub;
use crate::config::Config;
use crate::store::Store;
use fake::Fake;
use member::{Member, QUIET};

fn kept(config: Config) -> (Hub, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    let store: Arc<dyn Store> = fake.clone();
    (Hub::with_store(Config { first_seq: Some(1), ..config }, Some(store)), fake)
}

/// Lets the connections go on until all wait.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_is_delivered_when_it_is_written_and_presence_keeps_its_place() {
    // [R9.49] [R9.7]
    let (hub, fake) = kept(Config::default());
    let mut ann = Member::join(&hub, "ann", None).await;
    let mut bob = Member::join(&hub, "bob", None).await;
    assert_eq!(ann.next().await, "joined bob", "with nothing unwritten, presence is shown at once");
    ann.say("one").await;
    ann.quiet().await;
    let mut cid = Member::connect(&hub, "cid", "lobby", None).await;
    assert_eq!(cid.several(4).await, ["welcome 1", "here ann", "here bob", "here cid"]);
    ann.say("two").await;
    for member in [&mut ann, &mut bob, &mut cid] {
        member.quiet().await;
    }
    fake.write(1);
    assert_eq!(ann.several(2).await, ["1 one", "joined cid"]);
    assert_eq!(bob.several(2).await, ["1 one", "joined cid"]);
    assert_eq!(cid.next().await, "1 one", "what it is sent continues WELCOME");
    for member in [&mut ann, &mut bob, &mut cid] {
        member.quiet().await;
    }
    fake.write(1);
    for member in [&mut ann, &mut bob, &mut cid] {
        assert_eq!(member.next().await, "2 two");
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_not_kept_waits_for_nothing() {
    let (hub, fake) = kept(Config::default());
    let mut ann = Member::join_room(&hub, "ann", "unkept", None).await;
    ann.say("one").await;
    ann.ping(1).await;
    let mut both = ann.several(2).await;
    both.sort();
    assert_eq!(both, ["1 one", "pong 1"]);
    assert_eq!(fake.state().given, 0);
}

#[tokio::test(start_paused = true)]
async fn unwritten_messages_stay_in_memory_and_a_room_with_them_does_not_end() {
    // [R9.50]
    let (hub, fake) = kept(Config { log_bytes: 1, linger: Duration::ZERO, ..Config::default() });
    let mut ann = Member::join(&hub, "ann", None).await;
    for text in ["one", "two", "three"] {
        ann.say(text).await;
        settle().await;
    }
    drop(ann);
    settle().await;
    let mut ann = Member::join(&hub, "ann", Some(0)).await;
    fake.write(3);
    settle().await;
    assert!(fake.answer(3).is_some(), "what is written no longer stays in memory");
    assert_eq!(ann.several(3).await, ["1 one", "2 two", "3 three"]);
    drop(ann);
    settle().await;
    assert!(hub.room("lobby").is_none());
    let mut ann = Member::connect(&hub, "ann", "lobby", None).await;
    assert_eq!(ann.next().await, "welcome 4", "it continues its numbers");
}

#[tokio::test(start_paused = true)]
async fn changes_of_presence_that_wait_are_limited() {
    // [R9.25] [R9.27] [R9.49]
    let (hub, fake) = kept(Config::default());
    let mut bob = Member::join(&hub, "bob", None).await;
    let mut ann = Member::join(&hub, "ann", None).await;
    assert_eq!(bob.next().await, "joined ann");
    ann.say("one").await;
    settle().await;
    let room = hub.room("lobby").unwrap();
    let id = *room.member_named("ann").as_ref().unwrap();
    let before = room.bytes();
    for number in 0..5_000 {
        room.rename(id, &format!("ann{number}"));
    }
    assert!(room.bytes() - before < 1_000 * 300, "{} bytes", room.bytes() - before);
    fake.write(1);
    assert_eq!(bob.next().await, "1 one");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "here ann4999") {
        seen.push(bob.next().await);
    }
    assert!(seen.iter().any(|words| words.starts_with("crowd")), "{:?}", &seen[seen.len() - 5..]);
    bob.quiet().await;
    room.rename(id, "eve");
    assert_eq!(bob.several(2).await, ["left ann4999", "joined eve"], "it is no crowd any more");
}

#[tokio::test(start_paused = true)]
async fn a_pong_waits_until_what_was_said_before_its_ping_is_synced() {
    // [R3.10] [R9.49]
    let (hub, fake) = kept(Config::default());
    let mut ann = Member::join(&hub, "ann", None).await;
    ann.ping(0).await;
    assert_eq!(ann.next().await, "pong 0", "nothing was said");
    ann.say("one").await;
    ann.ping(1).await;
    settle().await;
    fake.write(1);
    assert_eq!(ann.next().await, "1 one");
    ann.quiet().await;
    assert_eq!(fake.waiting(), 1, "it is listed once");
    for byte in 2..=9 {
        ann.say("more").await;
        ann.ping(byte).await;
        settle().await;
    }
    fake.sync(1);
    assert_eq!(ann.next().await, "pong 1", "the oldest is answered although others followed");
    ann.quiet().await;
    let given = fake.state().given;
    fake.sync(given - 1);
    ann.quiet().await;
    fake.sync(given);
    assert_eq!(ann.next().await, "pong 9");
    ann.ping(10).await;
    assert_eq!(ann.next().await, "pong 10");
}

#[tokio::test(start_paused = true)]
async fn a_close_does_not_confirm_what_is_not_synced() {
    // [R3.10]
    let (hub, fake) = kept(Config::default());
    let mut ann = Member::join(&hub, "ann", None).await;
    let mut out = Vec::new();
    ann.session.post(0, "one".into(), &mut out).unwrap();
    ann.session.encode(&Message::Ping(Probe::new(&[1]).unwrap()), &mut out).unwrap();
    ann.session.close(bookend::Code::NORMAL, "", Duration::ZERO);
    ann.session.take_output(&mut out);
    ann.stream.write_all(&out).await.unwrap();
    let mut all = Vec::new();
    ann.stream.read_to_end(&mut all).await.unwrap();
    let pong = [0xF5, 0xF8, bookend::kind::PONG];
    assert!(!all.windows(3).any(|bytes| bytes == pong), "{all:?}");
    assert_eq!(fake.state().given, 1, "it was accepted");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_from_a_speaker_while_the_store_has_no_space() {
    let (hub, fake) = kept(Config::default());
    let mut ann = Member::join(&hub, "ann", None).await;
    let mut bob = Member::join_room(&hub, "bob", "other", None).await;
    fake.state().is_full = true;
    ann.say("one").await;
    settle().await;
    for text in ["two", "three"] {
        ann.say(text).await;
        settle().await;
    }
    assert_eq!(fake.state().given, 1, "one may always wait");
    bob.say("other").await;
    settle().await;
    assert_eq!(fake.state().given, 2, "another room is not affected");
    fake.state().is_full = false;
    fake.write(2);
    assert_eq!(ann.next().await, "1 one");
    settle().await;
    assert!(fake.state().given > 2, "it is woken");
    fake.write(9);
    assert_eq!(ann.several(2).await, ["2 two", "3 three"]);
    assert_eq!(bob.next().await, "1 other");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_is_told_to_the_sender_and_nothing_is_delivered() {
    let (hub, fake) = kept(Config::default());
    let mut ann = Member::join(&hub, "ann", None).await;
    fake.state().refusal = Some("the disk is full");
    ann.say("one").await;
    assert_eq!(ann.next().await, "error try-later: the hub cannot keep messages now: the disk is full");
    assert_eq!(fake.state().given, 0);
    let (mut person, other) = duplex(1 << 16);
    tokio::spawn(hub.serve(other, "person"));
    person.write_all(b"hello\r\n").await.unwrap();
    let mut shown = Vec::new();
    while timeout(QUIET, person.read_buf(&mut shown)).await.is_ok() {}
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("! try-later: the hub cannot keep messages now: the disk is full\r\n"), "{shown}");
    assert_eq!(ann.next().await, "joined guest-2");
    ann.quiet().await;
    fake.state().refusal = None;
    ann.say("two").await;
    settle().await;
    fake.write(1);
    assert_eq!(ann.next().await, "1 two");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_dies_confirms_nothing_and_the_hub_still_ends() {
    let config = Config { shut_down_deadline: Duration::from_secs(3), ..Config::default() };
    let (hub, fake) = kept(config);
    let mut ann = Member::join(&hub, "ann", None).await;
    ann.say("one").await;
    ann.ping(1).await;
    ann.quiet().await;
    let summary = timeout(Duration::from_secs(10), hub.shut_down()).await.expect("it ends in time");
    assert_eq!(summary.given_up, 1, "its PONG never comes");
    assert!(fake.state().is_closed);
}

#[tokio::test(start_paused = true)]
async fn the_store_is_closed_after_the_connections_and_confirms_what_it_can() {
    let (hub, fake) = kept(Config::default());
    let mut ann = Member::join(&hub, "ann", None).await;
    ann.say("one").await;
    ann.ping(1).await;
    settle().await;
    let ending = tokio::spawn({
        let hub = hub.clone();
        async move { hub.shut_down().await }
    });
    settle().await;
    assert!(!fake.state().is_closed);
    fake.write(1);
    fake.sync(1);
    let mut both = ann.several(2).await;
    both.sort();
    assert_eq!(both, ["1 one", "pong 1"], "before CLOSE");
    assert_eq!(ann.next().await, "close");
    ann.write(Vec::new()).await;
    drop(ann);
    assert_eq!(ending.await.unwrap().given_up, 0);
    assert!(fake.state().is_closed);
}
