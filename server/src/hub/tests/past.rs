//! What members receive of the past of a room, which only its store has (R9.13).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use super::fake::Fake;
use super::member::{Member, QUIET};
use super::{Hub, kept, settle};
use crate::config::Config;

/// A hub whose rooms keep almost nothing in memory, in which ann has said `count` messages that are written.
async fn long_past(count: usize) -> (Hub, Arc<Fake>, Member) {
    let (hub, fake) = kept(Config { log_bytes: 1, ..Config::default() });
    let mut ann = Member::join(&hub, "ann", None).await;
    for number in 1..=count {
        ann.say(&number.to_string()).await;
        settle().await;
        fake.write(1);
        assert_eq!(ann.next().await, format!("{number} {number}"));
    }
    (hub, fake, ann)
}

#[tokio::test(start_paused = true)]
async fn a_member_resumes_from_the_store_and_goes_on_from_memory() {
    // [R9.13]
    let (hub, fake, mut ann) = long_past(6).await;
    let mut bob = Member::join(&hub, "bob", Some(2)).await;
    assert_eq!(ann.next().await, "joined bob");
    bob.quiet().await;
    assert!(fake.answer(2).is_some());
    assert_eq!(bob.several(2).await, ["3 3", "4 4"]);
    // The log loses what the store already has while the member reads on.
    for number in ["7", "8"] {
        ann.say(number).await;
        settle().await;
        fake.write(1);
    }
    settle().await;
    assert!(fake.answer(1).is_some());
    assert_eq!(bob.next().await, "5 5");
    settle().await;
    while fake.answer(1).is_some() {
        settle().await;
    }
    assert_eq!(bob.several(3).await, ["6 6", "7 7", "8 8"]);
    bob.quiet().await;
    ann.say("9").await;
    settle().await;
    fake.write(1);
    assert_eq!(bob.next().await, "9 9");
}

#[tokio::test(start_paused = true)]
async fn holes_are_gaps_with_the_exact_number() {
    // [R9.13] [R9.10]
    let (hub, fake, _ann) = long_past(8).await;
    fake.state().blocks.retain(|(_, block)| ![2, 5, 6, 7].contains(&block.first_seq()));
    let mut bob = Member::join(&hub, "bob", Some(1)).await;
    settle().await;
    while fake.answer(1).is_some() {
        settle().await;
    }
    assert_eq!(bob.several(5).await, ["gap 1", "3 3", "4 4", "gap 3", "8 8"]);
    bob.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_but_a_hole_is_one_gap() {
    let (hub, fake, mut ann) = long_past(8).await;
    fake.state().blocks.clear();
    let mut bob = Member::join(&hub, "bob", Some(1)).await;
    settle().await;
    assert!(fake.answer(1).is_some());
    assert_eq!(bob.next().await, "gap 7");
    ann.say("nine").await;
    settle().await;
    fake.write(1);
    assert_eq!(bob.next().await, "9 nine");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_memory_is_no_gap_although_the_store_has_lost_it() {
    // [R9.13]
    let (hub, fake) = kept(Config::default());
    let mut ann = Member::join(&hub, "ann", None).await;
    for number in 1..=4 {
        ann.say(&number.to_string()).await;
        settle().await;
        fake.write(1);
    }
    let room = hub.room("lobby").unwrap();
    while room.first_in_memory() < 3 {
        room.shorten(1);
    }
    fake.state().blocks.clear();
    let mut bob = Member::join(&hub, "bob", Some(1)).await;
    settle().await;
    assert!(fake.answer(1).is_some());
    assert_eq!(bob.several(3).await, ["gap 1", "3 3", "4 4"]);
    bob.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_terminal_gets_what_was_said_since_it_connected_and_not_the_whole_past() {
    // [R9.50]
    let (hub, fake, ann) = long_past(8).await;
    drop(ann);
    settle().await;
    assert_eq!(hub.room("lobby").unwrap().last_seq(), 8);
    hub.reconfigure(Config { first_seq: Some(1), linger: Duration::ZERO, ..Config::default() });
    assert!(hub.room("lobby").is_none(), "it is not in memory when the terminal connects");
    let (mut stream, other) = duplex(1 << 20);
    tokio::spawn(hub.serve(other, "terminal"));
    settle().await;
    let mut ann = Member::join(&hub, "ann", None).await;
    ann.say("nine").await;
    settle().await;
    fake.write(1);
    stream.write_all(b"hi\n").await.unwrap();
    let mut text = Vec::new();
    while let Ok(Ok(1..)) = timeout(QUIET, stream.read_buf(&mut text)).await {}
    let text = String::from_utf8_lossy(&text);
    let said: Vec<_> = text.lines().filter(|line| line.starts_with("ann")).collect();
    assert_eq!(said, ["ann: nine"], "{text}");
    assert!(fake.answer(1).is_none(), "nothing was read from the store");
}

#[tokio::test(start_paused = true)]
async fn what_a_store_cannot_read_is_a_gap() {
    // [R9.10]
    let (hub, fake, mut ann) = long_past(8).await;
    let mut bob = Member::join(&hub, "bob", Some(1)).await;
    assert_eq!(ann.next().await, "joined bob");
    settle().await;
    fake.fail_read();
    let mut missed = 0;
    ann.say("9").await;
    settle().await;
    fake.write(1);
    loop {
        match bob.next().await.split_once(' ').unwrap() {
            ("gap", count) => missed += count.parse::<u64>().unwrap(),
            (seq, _) => {
                missed += 1;
                if seq == "9" {
                    break;
                }
            }
        }
    }
    assert_eq!(missed, 8, "numbers 2 to 9, each once");
}

#[tokio::test(start_paused = true)]
async fn a_slow_member_reads_on_from_the_store_and_learns_who_is_there() {
    // [R9.23] [R9.10]
    let (hub, fake, mut ann) = long_past(1).await;
    let text = "x".repeat(700 << 10);
    let mut bob = Member::join(&hub, "bob", None).await;
    let mut said = 1;
    for _ in 0..4 {
        ann.say(&text).await;
        settle().await;
        fake.write(1);
        said += 1;
        while ann.next().await != format!("{said} {text}") {}
    }
    let cid = Member::join(&hub, "cid", None).await;
    ann.say("last").await;
    settle().await;
    fake.write(1);
    settle().await;
    let mut got = Vec::new();
    while got.last().is_none_or(|last: &String| !last.starts_with(&format!("{} ", said + 1))) {
        match timeout(QUIET, bob.next()).await {
            Ok(words) => got.push(words),
            Err(_) => assert!(fake.answer(1).is_some(), "{:?}", got.len()),
        }
    }
    let got: Vec<_> = got.iter().map(|words| &words[..words.len().min(8)]).collect();
    let messages: Vec<_> = got.iter().filter(|words| words.as_bytes()[0].is_ascii_digit()).map(|w| &w[..1]).collect();
    assert_eq!(messages, ["2", "3", "4", "5", "6"]);
    assert!(!got.iter().any(|words| words.starts_with("gap")), "{got:?}");
    assert!(got.contains(&"here cid") || got.contains(&"joined c"), "{got:?}");
    drop(cid);
}
