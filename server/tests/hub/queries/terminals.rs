//! What terminals are shown of it.

use bookend_server::{Config, Hub};

use super::said;
use crate::peer::{Peer, config, hub, post};

#[tokio::test(start_paused = true)]
async fn a_terminal_is_shown_the_last_messages_and_what_is_found() {
    let hub = hub();
    let _ann = said(&hub, &["one", "two", "Tea at noon"]).await;
    let mut person = Peer::terminal(&hub).await;
    person.send(b"/last 2\r\n/search TEA\r\n/search x\r\n/last x\r\nhi\r\n").await;
    let mut lines = Vec::new();
    for _ in 0..7 {
        let line = person.line().await;
        lines.push(match line.strip_prefix("* ").and_then(|line| line.split_once(" ann: ")) {
            Some((time, text)) => {
                assert!(time.len() == 5 && time.as_bytes()[2] == b':', "{time}");
                format!("ann: {text}")
            }
            None => line,
        });
    }
    assert_eq!(
        lines,
        [
            "ann: two",
            "ann: Tea at noon",
            "* no older message that is kept contains that",
            "ann: Tea at noon",
            "* no message that is kept contains that",
            "! /last N: N is a number of messages, at least 1",
            "guest-2: hi",
        ]
    );
    person.send(b"/last\r\n").await;
    assert_eq!(person.line().await, "* nothing older is kept");
    for _ in 0..4 {
        person.line().await;
    }
    person.quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_asks_for_more_than_a_page_is_told_so() {
    const LIMITED: &str = "* (the last 2; the hub shows no more at once)";
    let hub = Hub::new(Config { history_page: 2, ..config() });
    let _ann = said(&hub, &["one", "two", "three"]).await;
    let mut person = Peer::terminal(&hub).await;
    for (command, is_limited) in [("/last 2", false), ("/last 3", true), ("/last", true)] {
        person.send(format!("{command}\r\n").as_bytes()).await;
        if is_limited {
            assert_eq!(person.line().await, LIMITED, "{command}");
        }
        assert!(person.line().await.ends_with(" ann: two"), "{command}");
        assert!(person.line().await.ends_with(" ann: three"), "{command}");
    }
    let hub = Hub::new(Config { history_page: 3, ..config() });
    let _ann = said(&hub, &["one", "two", "three"]).await;
    let mut person = Peer::terminal(&hub).await;
    person.send(b"/last 4\r\n").await;
    assert_eq!(person.line().await, "* nothing older is kept", "there is no more");
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_ends_its_stream_after_a_command_gets_the_answer() {
    let hub = hub();
    let _ann = said(&hub, &["one"]).await;
    for commands in [&b"/last\n"[..], b"/last", b"/last\n/quit\n"] {
        let mut person = Peer::connect(&hub);
        person.line().await;
        person.send(commands).await;
        person.shut().await;
        let lines = String::from_utf8(person.rest().await).unwrap();
        assert!(lines.contains(" ann: one\r\n"), "{lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_joins_is_shown_recent_messages_each_once() {
    let hub = Hub::new(Config { recent: 2, ..config() });
    let mut person = Peer::connect(&hub);
    person.line().await;
    // It has connected, and joins after these: it is sent the later ones, although nobody said them before it came.
    let mut ann = said(&hub, &["one", "two", "three"]).await;
    let mut late = Peer::connect(&hub);
    late.line().await;
    ann.send(&post("four")).await;
    ann.frame().await;
    person.send(b"\n").await;
    late.send(b"hi\n").await;
    assert!(person.line().await.starts_with("* you are guest-"));
    for text in ["one", "two", "three", "four"] {
        assert_eq!(person.line().await, format!("ann: {text}"));
    }
    assert!(late.line().await.starts_with("* you are guest-"));
    for text in ["two", "three"] {
        let line = late.line().await;
        assert!(line.starts_with("* ") && line.ends_with(&format!(" ann: {text}")), "{line}");
    }
    assert_eq!(late.line().await, "ann: four");
    assert_eq!(late.line().await, "guest-3: hi");
    late.quiet().await;
}
