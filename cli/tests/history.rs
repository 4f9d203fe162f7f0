//! `listen` and `export` of what a hub has kept: the program, and a scripted hub over TCP.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::path::PathBuf;
use std::process::{Output, Stdio};

use bookend::{Code, Delivery, Message};
use bookend_testing::HANG_TIMEOUT;
use bookend_testing::hub::{History, Hub, text};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

fn bookend(words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program was built")
}

/// The exit code, the numbers and gaps that were printed, and standard error.
async fn end(child: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = timeout(HANG_TIMEOUT, child.wait_with_output()).await.unwrap().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The numbers of the messages in the output of `--json`, and `-n` for a gap of n.
fn shape(printed: &str) -> Vec<i64> {
    let objects = printed.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    objects.filter_map(|object| object["seq"].as_i64().or(object["missed"].as_i64().map(|missed| -missed))).collect()
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    timeout(HANG_TIMEOUT, listener.accept()).await.unwrap().unwrap().0
}

async fn deliver(hub: &mut Hub<TcpStream>, seq: u64) {
    let delivery = Delivery::new(7, 0, seq, seq * 1000, "bob", text("live")).unwrap();
    hub.say(&Message::Delivery(delivery)).await;
}

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("bookend-history-{name}-{}", std::process::id()))
}

#[tokio::test]
async fn kept_messages_come_first_and_live_ones_follow_without_a_seam() {
    for (option, kept) in [
        (&["--since", "all"][..], &[-2, 3, 4, -1, 6][..]),
        (&["--since", "3"], &[4, -1, 6]),
        (&["--since", "1970-01-01T00:00:04Z"], &[4, -1, 6]),
        (&["--last", "2"], &[4, -1, 6]),
    ] {
        let (listener, address) = listen().await;
        let child = bookend(&[&["listen", &address, "--json"], option].concat());
        let mut hub = Hub::with_history(accept(&listener).await, History::of([3, 4, 6])).await;
        assert_eq!(hub.peer().resume(), None);
        assert_eq!(hub.rest().await.1, Some(Code::NORMAL));
        // 7 is said between the two sessions.
        let mut hub = Hub::with_history(accept(&listener).await, History::of([3, 4, 6, 7])).await;
        assert_eq!(hub.peer().resume(), Some(6));
        deliver(&mut hub, 8).await;
        hub.close(Code::NORMAL, "").await;
        let (code, printed, errors) = end(child).await;
        assert_eq!(shape(&printed), [kept, &[7, 8]].concat(), "{option:?}: {printed}");
        assert_eq!((code, &*errors), (Some(0), ""), "{option:?}");
    }
}

#[tokio::test]
async fn count_of_kept_messages_needs_no_second_session() {
    let (listener, address) = listen().await;
    let child = bookend(&["listen", &address, "--since", "all", "--count", "2"]);
    Hub::with_history(accept(&listener).await, History::of(1..=9)).await.rest().await;
    assert_eq!(end(child).await, (Some(0), "bob: message 1\nbob: message 2\n".into(), String::new()));
}

#[tokio::test]
async fn hub_without_history_is_named_unless_its_memory_may_do() {
    let (listener, address) = listen().await;
    let child = bookend(&["listen", &address, "--since", "2h"]);
    let mut hub = Hub::welcome_at(accept(&listener).await, 5, &[]).await;
    hub.turn().await;
    hub.refuse_request(std::num::NonZeroU32::MIN, Code::POLICY, "no requests").await;
    hub.rest().await;
    let (code, printed, errors) = end(child).await;
    assert_eq!((code, &*printed), (Some(1), ""));
    assert!(errors.starts_with("bookend: no-history: this hub keeps no history"), "{errors}");

    let child = bookend(&["listen", &address, "--since", "3", "--json"]);
    let mut hub = Hub::welcome_at(accept(&listener).await, 5, &[]).await;
    hub.turn().await;
    hub.refuse_request(std::num::NonZeroU32::MIN, Code::POLICY, "no requests").await;
    hub.rest().await;
    let mut hub = Hub::with_history(accept(&listener).await, History::of(1..=4)).await;
    assert_eq!(hub.peer().resume(), Some(3));
    hub.close(Code::NORMAL, "").await;
    let (code, printed, errors) = end(child).await;
    assert_eq!((code, shape(&printed)), (Some(0), vec![4]));
    assert!(errors.ends_with("; what it still has in memory follows\n"), "{errors}");
}

#[tokio::test]
async fn recorder_that_was_away_continues_without_a_hole() {
    let file = path("record");
    let (listener, address) = listen().await;
    let words = ["listen", &address, "--json", "--append", file.to_str().unwrap()];
    let child = bookend(&words);
    let mut hub = Hub::welcome_at(accept(&listener).await, 3, &[]).await;
    deliver(&mut hub, 3).await;
    hub.close(Code::NORMAL, "").await;
    assert_eq!(end(child).await, (Some(0), String::new(), String::new()));
    // It was killed in the middle of a line.
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, written + "{\"from\":7,\"na").unwrap();
    let child = bookend(&words);
    let history = History::of([1, 2, 3, 4, 7]);
    Hub::with_history(accept(&listener).await, history.clone()).await.rest().await;
    let mut hub = Hub::with_history(accept(&listener).await, history).await;
    deliver(&mut hub, 8).await;
    hub.close(Code::NORMAL, "").await;
    assert_eq!(end(child).await.0, Some(0));
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(shape(&written), [3, 4, -2, 7, 8], "{written}");
    assert!(written.contains("{\"event\":\"gap\",\"missed\":2,\"first\":5,\"last\":6}\n"), "{written}");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn export_writes_what_is_kept_and_says_whether_it_is_complete() {
    let file = path("export");
    for (options, expected, code) in [
        (&[][..], &[-2, 3, 4, 5, 8, -1, 10][..], 1),
        (&["--until", "5"], &[-2, 3, 4, 5], 0),
        (&["--since", "1", "--until", "5"], &[-1, 3, 4, 5], 1),
        (&["--since", "1970-01-01T00:00:04Z", "--until", "1970-01-01T00:00:04Z"], &[4], 0),
        // What is missing after 5 may be of that time.
        (&["--since", "1970-01-01T00:00:04Z", "--until", "1970-01-01T00:00:05Z"], &[4, 5, -2], 1),
    ] {
        let expected: Vec<i64> =
            expected.iter().flat_map(|&number| if number == 8 { vec![-2, 8] } else { vec![number] }).collect();
        let (listener, address) = listen().await;
        let words = ["export", &address, "--room", "den", "--json", "-o", file.to_str().unwrap()];
        let child = bookend(&[&words, options].concat());
        let mut hub = Hub::with_history(accept(&listener).await, History::of([3, 4, 5, 8, 10])).await;
        assert_eq!(hub.peer().room(), Some("den"));
        deliver(&mut hub, 11).await; // it is said after the export has begun
        hub.rest().await;
        let (found, printed, errors) = end(child).await;
        assert_eq!(shape(&std::fs::read_to_string(&file).unwrap()), expected, "{options:?}");
        assert_eq!((found, &*printed), (Some(code), ""), "{options:?}: {errors}");
        assert_eq!(errors.contains("incomplete: "), code == 1, "{options:?}: {errors}");
    }
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn export_that_fails_leaves_an_older_file_as_it_was() {
    let file = path("older");
    let part = |child: &Child| PathBuf::from(format!("{}.{}.part", file.display(), child.id().unwrap()));
    std::fs::write(&file, "yesterday\n").unwrap();
    let (listener, address) = listen().await;
    let words = ["export", &address, "--json", "-o", file.to_str().unwrap()];
    // The hub keeps nothing; it is not there; it ends in the middle.
    let child = bookend(&words);
    let draft = part(&child);
    let mut hub = Hub::welcome_at(accept(&listener).await, 5, &[]).await;
    hub.turn().await;
    hub.refuse_request(std::num::NonZeroU32::MIN, Code::POLICY, "no requests").await;
    hub.rest().await;
    assert_eq!(end(child).await.0, Some(1));
    assert!(!draft.exists());
    let child = bookend(&words);
    let draft = part(&child);
    let mut hub = Hub::with_history(accept(&listener).await, History { page: 1, ..History::of(1..=9) }).await;
    while hub.history.as_ref().unwrap().asked < 3 {
        hub.turn().await;
    }
    hub.close(Code::POLICY, "no more").await;
    assert_eq!(end(child).await.0, Some(1));
    assert!(!draft.exists());
    drop(listener);
    let child = bookend(&[&words[..], &["--timeout", "100ms"]].concat());
    let draft = part(&child);
    assert_eq!(end(child).await.0, Some(3));
    assert!(!draft.exists());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "yesterday\n");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn export_over_a_jump_of_the_numbers_is_complete_and_says_so() {
    let far = 1_842_360_000_000_000;
    for (kept, code) in [(vec![1, 2, far, far + 1], 0), (vec![1, 2, far + 1, far + 2], 1)] {
        let (listener, address) = listen().await;
        let child = bookend(&["export", &address, "--json"]);
        let history = History { begin: far, ..History::of(kept) };
        Hub::with_history(accept(&listener).await, history).await.rest().await;
        let (found, printed, errors) = end(child).await;
        assert!(printed.contains(r#","cause":"skipped"}"#), "{printed}");
        assert!(errors.starts_with(&format!("bookend: {} numbers were skipped: ", far - 3)), "{errors}");
        assert_eq!((found, errors.contains("incomplete: 1 messages")), (Some(code), code == 1), "{errors}");
    }
}

#[tokio::test]
async fn export_as_text_marks_what_is_missing() {
    let (listener, address) = listen().await;
    let child = bookend(&["export", &address]);
    Hub::with_history(accept(&listener).await, History::of([1, 3])).await.rest().await;
    let (code, printed, errors) = end(child).await;
    assert_eq!((code, &*printed), (Some(1), "bob: message 1\n* 1 messages missed\nbob: message 3\n"));
    assert_eq!(errors, "bookend: incomplete: 1 messages are not kept, or are too long for this client\n");
}

#[tokio::test]
async fn export_survives_a_lost_session() {
    let (listener, address) = listen().await;
    let child = bookend(&["export", &address, "--json"]);
    let history = History { page: 100, ..History::of(1..=1000) };
    let mut hub = Hub::with_history(accept(&listener).await, history.clone()).await;
    while hub.history.as_ref().unwrap().asked < 3 {
        hub.turn().await;
        assert!(!hub.is_closed());
    }
    hub.vanish().await;
    Hub::with_history(accept(&listener).await, history).await.rest().await;
    let (code, printed, _) = end(child).await;
    assert_eq!((code, shape(&printed)), (Some(0), (1..=1000).collect()));
}

#[tokio::test]
async fn hub_that_refuses_to_resume_is_asked_for_what_it_keeps() {
    let far = 1_842_360_000_000_000;
    let history = |numbers: Vec<u64>| History { begin: far, next_seq: far + 2, ..History::of(numbers) };
    for (kept, is_lost) in [
        // Its file was moved: the numbers go on from the clock, and nothing is lost.
        (vec![1, 2, 3, far + 1], false),
        // It was restarted and keeps nothing on a disk.
        (vec![far, far + 1], true),
    ] {
        let (listener, address) = listen().await;
        let child = bookend(&["listen", &address, "--json"]);
        let mut hub = Hub::welcome_at(accept(&listener).await, 1, &[]).await;
        deliver(&mut hub, 1).await;
        hub.vanish().await;
        let mut hub = Hub::welcome_at(accept(&listener).await, far + 2, &[]).await;
        assert_eq!(hub.peer().resume(), Some(1));
        hub.frame = 0;
        hub.refuse(Code::RESUME_REFUSED, "").await;
        hub.rest().await;
        let mut hub = Hub::with_history(accept(&listener).await, history(kept)).await;
        assert_eq!(hub.peer().resume(), None);
        hub.rest().await;
        let mut hub = Hub::welcome_at(accept(&listener).await, far + 2, &[]).await;
        assert_eq!(hub.peer().resume(), Some(far + 1));
        deliver(&mut hub, far + 2).await;
        hub.close(Code::NORMAL, "").await;
        let (code, printed, errors) = end(child).await;
        let found = shape(&printed);
        assert_eq!(found.first(), Some(&1), "{printed}");
        assert_eq!(found[found.len() - 2..], [i64::try_from(far).unwrap() + 1, i64::try_from(far).unwrap() + 2]);
        assert_eq!(found.contains(&3), !is_lost, "{printed}");
        assert_eq!(printed.contains(r#""missed":null,"after":1,"cause":"not-resumed""#), is_lost, "{printed}");
        assert_eq!(code, Some(i32::from(is_lost)), "{errors}");
    }
}
