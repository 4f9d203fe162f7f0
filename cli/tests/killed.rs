//! `bookend send` when the hub is killed: the exit code and the report match what the hub has confirmed.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use bookend_server::{Config, Hub, Listener};
use bookend_testing::HANG_TIMEOUT;
use serde_json::Value;

/// Set in the process that is the hub of a test.
const BE_A_HUB: &str = "BOOKEND_TEST_BE_A_HUB";

fn main_of(name: &str) -> Child {
    // A process of its own, so that it can be killed.
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
        .env(BE_A_HUB, "127.0.0.1:0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the other tests start it as their hub"]
fn hub_in_a_process() {
    let Ok(address) = std::env::var(BE_A_HUB) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = Listener::bind(address.parse().unwrap()).await.unwrap();
        println!("\nlistening on {}", listener.address());
        // It ends when the test closes its input.
        let watched = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            _ = listener.run(Hub::new(Config::default())) => {}
            _ = watched => {}
        }
    });
}

fn bookend(words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends the process if it is not dropped in time: the pipes of a child have no timeouts.
struct Watchdog(#[expect(dead_code, reason = "dropping it stops the watchdog")] mpsc::Sender<()>);

impl Watchdog {
    fn new(test: &'static str) -> Watchdog {
        let (sender, stopped) = mpsc::channel();
        thread::spawn(move || {
            if stopped.recv_timeout(3 * HANG_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} takes too long");
                std::process::exit(101);
            }
        });
        Watchdog(sender)
    }
}

fn hub() -> (Child, String) {
    let mut hub = main_of("hub_in_a_process");
    let mut lines = BufReader::new(hub.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(String::from)).unwrap();
    (hub, address)
}

fn number(report: &Value, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("{key}: {report}"))
}

#[test]
fn report_matches_what_a_killed_hub_has_confirmed() {
    let _watchdog = Watchdog::new("report_matches_what_a_killed_hub_has_confirmed");
    let (mut hub, address) = hub();
    let mut listener = bookend(&["listen", &address, "--once", "--presence"]);
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with(" here")), "the listener has joined");

    let mut sender = bookend(&["send", &address, "--json", "--timeout", "10s"]);
    let mut input = sender.stdin.take().unwrap();
    for number in 1..=50_000 {
        writeln!(input, "{number}").unwrap();
    }
    // The input stays open, so that `send` keeps running.
    let mut next = 1;
    let mut check = |line: String| match line.rsplit_once(": ") {
        Some((_, word)) if !line.starts_with("* ") => {
            assert_eq!(word, next.to_string(), "messages arrive once and in order");
            next += 1;
            next
        }
        _ => next, // a member joined, or the connection is lost
    };
    assert!(lines.by_ref().any(|line| check(line) > 20_000));
    hub.kill().unwrap();
    hub.wait().unwrap();
    for number in 50_001..=100_000 {
        if writeln!(input, "{number}").is_err() {
            break; // `send` has given up
        }
    }
    drop(input);
    for line in lines {
        check(line);
    }
    let received = next - 1;

    let output = sender.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("; reconnecting\n"), "{errors}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [read, confirmed, refused, unconfirmed, not_sent] =
        ["read", "confirmed", "refused", "unconfirmed", "not_sent"].map(|key| number(&report, key));
    assert_eq!((read, refused), (confirmed + unconfirmed + not_sent, 0), "{report}");
    // First the confirmed messages, then the unconfirmed ones, then those not sent.
    if unconfirmed > 0 {
        assert_eq!(number(&report, "first_unconfirmed"), confirmed + 1, "{report}");
    }
    if not_sent > 0 {
        assert_eq!(number(&report, "first_not_sent"), confirmed + unconfirmed + 1, "{report}");
    }
    assert_eq!(number(&report, "resume_at"), confirmed + 1, "{report}");
    assert!(received > 19_999 && received <= confirmed + unconfirmed, "{received} were received: {report}");
    let summary = format!("{read} messages read: {confirmed} confirmed, 0 refused, {unconfirmed} unconfirmed");
    assert!(errors.contains(&summary), "{errors}");
    listener.wait().unwrap();
}

#[test]
fn a_hundred_thousand_lines_arrive_in_order() {
    let _watchdog = Watchdog::new("a_hundred_thousand_lines_arrive_in_order");
    let (mut hub, address) = hub();
    let mut listener = bookend(&["listen", &address, "--once", "--presence", "--count", "100000"]);
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.ends_with(" here")), "the listener has joined");
    let mut sender = bookend(&["send", &address, "--json"]);
    let mut input = sender.stdin.take().unwrap();
    let writing = thread::spawn(move || {
        for number in 1..=100_000 {
            writeln!(input, "{number}").unwrap();
        }
    });
    let words = lines.filter_map(|line| line.rsplit_once(": ").map(|(_, word)| word.to_owned()));
    assert!(words.eq((1..=100_000).map(|number| number.to_string())));
    writing.join().unwrap();
    let output = sender.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), number(&report, "confirmed")), (Some(0), 100_000), "{report}");
    assert!(listener.wait().unwrap().success());
    hub.kill().unwrap();
    hub.wait().unwrap();
}

#[test]
fn output_of_listen_is_sent_again_for_every_format() {
    let _watchdog = Watchdog::new("output_of_listen_is_sent_again_for_every_format");
    let (mut hub, address) = hub();
    let mut listener = bookend(&["listen", &address, "--once", "--json", "--encoding", "as-sent", "--count", "14"]);
    let mut lines = BufReader::new(listener.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"here\"")), "the listener has joined");
    let send = |options: &[&str], input: &[u8]| {
        let mut sender = bookend(&[&["send", &address, "--verbose"], options].concat());
        sender.stdin.take().unwrap().write_all(input).unwrap();
        let output = sender.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{errors}");
        for stage in ["bookend: connecting to ", "bookend: HELLO: ", "bookend: joined after ", " confirmed, 0 refused"]
        {
            assert!(errors.contains(stage), "{errors}");
        }
    };
    send(&["--whole"], b"one\ntwo\n");
    send(&["--nul"], b"a\nb\0c");
    send(&["--hex"], b"00 ff\n");
    send(&["--lines", "--encoding", "utf-16le"], "grüß\r\n".as_bytes());
    send(&["--binary"], b"\xFF\n");
    send(&["--jsonl"], b"{\"text\":\"x\"}\n");
    let content = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["seq"].is_u64().then(|| (line["encoding"].clone(), line["text"].clone(), line["hex"].clone()))
    };
    let first: Vec<String> = lines.by_ref().filter(|line| content(line).is_some()).take(7).collect();
    let words: Vec<_> = first.iter().filter_map(content).map(|(_, text, hex)| (text, hex)).collect();
    let text = |text: &str| (Value::from(text), Value::Null);
    let hex = |hex: &str| (Value::Null, Value::from(hex));
    assert_eq!(words, [text("one\ntwo\n"), text("a\nb"), text("c"), hex("00ff"), text("grüß"), hex("ff0a"), text("x")]);
    send(&["--jsonl"], (first.join("\n") + "\n{\"event\":\"gap\",\"missed\":1}\n").as_bytes());
    let again: Vec<_> = lines.filter_map(|line| content(&line)).collect();
    assert_eq!(again, first.iter().filter_map(content).collect::<Vec<_>>());
    assert!(listener.wait().unwrap().success());
    hub.kill().unwrap();
    hub.wait().unwrap();
}
