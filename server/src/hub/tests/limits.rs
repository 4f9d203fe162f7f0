//! What does not grow while a store is stuck, and who waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::member::{Member, QUIET};
use super::{kept, settle};
use crate::config::Config;

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_ended_no_longer_waits_for_a_sync() {
    // [R9.49]
    let (hub, fake) = kept(Config::default());
    for _ in 0..3 {
        let mut ann = Member::join(&hub, "ann", None).await;
        ann.say("one").await;
        ann.ping(1).await;
        settle().await;
        assert_eq!(fake.waiting(), 1);
        drop(ann);
        settle().await;
        assert_eq!(fake.waiting(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn rooms_are_looked_through_only_if_something_can_be_freed() {
    const MEMORY: usize = 64 << 10;
    let (hub, fake) = kept(Config { log_memory: MEMORY, ..Config::default() });
    let walks = || hub.shared.rooms.walks.load(Ordering::Relaxed);
    let mut ann = Member::join(&hub, "ann", None).await;
    let text = "x".repeat(1 << 10);
    for _ in 0..200 {
        ann.say(&text).await;
        settle().await;
    }
    assert!(hub.shared.memory.used() > 2 * MEMORY);
    assert!(walks() <= 1, "{} times for nothing", walks());
    // What is written gives way again.
    fake.write(200);
    settle().await;
    assert!(walks() > 0);
    assert!(hub.shared.memory.used() <= MEMORY, "{}", hub.shared.memory.used());
}

/// A terminal, and what it is shown within a second.
async fn shown(terminal: &mut DuplexStream) -> String {
    let mut bytes = Vec::new();
    let reading = async { while terminal.read_buf(&mut bytes).await.unwrap() > 0 {} };
    let _ = timeout(QUIET, reading).await;
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_last_messages_of_a_terminal_include_what_it_has_just_said() {
    let (hub, fake) = kept(Config::default());
    let (mut ann, other) = duplex(1 << 20);
    tokio::spawn(hub.serve(other, "test"));
    ann.write_all(b"one\r\n").await.unwrap();
    shown(&mut ann).await;
    fake.write(1);
    assert!(shown(&mut ann).await.contains(": one\r\n"));
    // Others do not wait for what ann has said.
    let mut bob = Member::join(&hub, "bob", None).await;
    shown(&mut ann).await;
    bob.say("two").await;
    settle().await;
    ann.write_all(b"/last 1\r\n").await.unwrap();
    settle().await;
    fake.fail_read();
    assert!(shown(&mut ann).await.contains("try-later"), "the message of bob is not waited for");
    ann.write_all(b"three\r\n/last 1\r\n").await.unwrap();
    assert_eq!(shown(&mut ann).await, "");
    fake.write(2);
    let lines = shown(&mut ann).await;
    let last = lines.lines().last().unwrap();
    assert!(last.starts_with("* ") && last.ends_with(": three"), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_searches_and_searches_is_not_read_on() {
    const SEARCH: &[u8] = b"/search x\r\n";
    let config = Config { lines_per_second: 0, bytes_per_second: 0, ..Config::default() };
    let (hub, fake) = kept(config);
    let (ann, other) = duplex(1 << 10);
    tokio::spawn(hub.serve(other, "test"));
    let (mut lines, mut input) = tokio::io::split(ann);
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let sending = tokio::spawn(async move {
        while input.write_all(SEARCH).await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let reading = tokio::spawn(async move {
        let mut shown = Vec::new();
        while lines.read_buf(&mut shown).await.is_ok_and(|count| count > 0) {}
    });
    for _ in 0..3 {
        tokio::time::sleep(QUIET).await;
        let before = sent.load(Ordering::Relaxed);
        tokio::time::sleep(QUIET).await;
        assert_eq!(sent.load(Ordering::Relaxed), before, "it waits");
        assert!(before * SEARCH.len() < 1 << 20, "{before}");
        assert_eq!(fake.reading(), 1, "one at a time");
        fake.fail_read();
    }
    sending.abort();
    reading.abort();
}
