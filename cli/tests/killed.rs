//! `bookend send` and a hub that is killed: the exit code and the report say exactly what the hub has confirmed.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use bookend_server::{Config, Hub, Listener};
use serde_json::Value;

/// Set where this program is to be the hub of a test.
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
#[ignore = "it is the hub of the other tests, which start it"]
fn hub_in_a_process() {
    let Ok(address) = std::env::var(BE_A_HUB) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = Listener::bind(address.parse().unwrap()).await.unwrap();
        println!("\nlistening on {}", listener.address());
        // It ends with whoever started it.
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
fn hub_that_is_killed_in_the_middle_has_what_the_report_says() {
    let (mut hub, address) = hub();
    let mut listener = bookend(&["listen", &address, "--once"]);
    let mut heard = BufReader::new(listener.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(heard.any(|line| line.ends_with(" here")), "it has joined");

    let mut sender = bookend(&["send", &address, "--json", "--timeout", "1s"]);
    let mut input = sender.stdin.take().unwrap();
    for number in 1..=50_000 {
        writeln!(input, "{number}").unwrap();
    }
    // The input is not over, so that neither is the sending.
    let mut next = 1;
    let mut hear = |line: String| match line.rsplit_once(": ") {
        Some((_, word)) => {
            assert_eq!(word, next.to_string(), "nothing is lost, twice, or out of order");
            next += 1;
            next
        }
        None => next, // who came
    };
    assert!(heard.by_ref().any(|line| hear(line) > 20_000));
    hub.kill().unwrap();
    hub.wait().unwrap();
    for number in 50_001..=100_000 {
        if writeln!(input, "{number}").is_err() {
            break; // it reads no more
        }
    }
    drop(input);
    for line in heard {
        hear(line);
    }
    let heard = next - 1;

    let output = sender.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("; connecting again\n"), "{errors}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [read, confirmed, refused, unconfirmed, not_sent] =
        ["read", "confirmed", "refused", "unconfirmed", "not_sent"].map(|key| number(&report, key));
    assert_eq!((read, refused), (confirmed + unconfirmed + not_sent, 0), "{report}");
    // In this order: what was confirmed, then what may have arrived, then what cannot have.
    if unconfirmed > 0 {
        assert_eq!(number(&report, "first_unconfirmed"), confirmed + 1, "{report}");
    }
    if not_sent > 0 {
        assert_eq!(number(&report, "first_not_sent"), confirmed + unconfirmed + 1, "{report}");
    }
    assert_eq!(number(&report, "go_on_at"), confirmed + 1, "{report}");
    assert!(heard > 19_999 && heard <= confirmed + unconfirmed, "{heard} were heard: {report}");
    let told = format!("{read} messages read: {confirmed} confirmed, 0 refused, {unconfirmed} unconfirmed");
    assert!(errors.contains(&told), "{errors}");
    listener.wait().unwrap();
}

#[test]
fn a_hundred_thousand_lines_arrive_in_order() {
    let (mut hub, address) = hub();
    let mut listener = bookend(&["listen", &address, "--once", "--count", "100000"]);
    let mut heard = BufReader::new(listener.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(heard.any(|line| line.ends_with(" here")), "it has joined");
    let mut sender = bookend(&["send", &address, "--json"]);
    let mut input = sender.stdin.take().unwrap();
    let writing = std::thread::spawn(move || {
        for number in 1..=100_000 {
            writeln!(input, "{number}").unwrap();
        }
    });
    let said = heard.filter_map(|line| line.rsplit_once(": ").map(|(_, word)| word.to_owned()));
    assert!(said.eq((1..=100_000).map(|number| number.to_string())));
    writing.join().unwrap();
    let output = sender.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), number(&report, "confirmed")), (Some(0), 100_000), "{report}");
    assert!(listener.wait().unwrap().success());
    hub.kill().unwrap();
    hub.wait().unwrap();
}

#[test]
fn messages_of_every_layout_are_read_back_from_what_listen_prints() {
    let (mut hub, address) = hub();
    let mut listener = bookend(&["listen", &address, "--once", "--json", "--encoding", "as-sent", "--count", "14"]);
    let mut heard = BufReader::new(listener.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(heard.any(|line| line.contains("\"here\"")), "it has joined");
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
    let said = |line: &String| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["seq"].is_u64().then(|| (line["encoding"].clone(), line["text"].clone(), line["hex"].clone()))
    };
    let first: Vec<String> = heard.by_ref().filter(|line| said(line).is_some()).take(7).collect();
    let words: Vec<_> = first.iter().filter_map(said).map(|(_, text, hex)| (text, hex)).collect();
    let text = |text: &str| (Value::from(text), Value::Null);
    let hex = |hex: &str| (Value::Null, Value::from(hex));
    assert_eq!(words, [text("one\ntwo\n"), text("a\nb"), text("c"), hex("00ff"), text("grüß"), hex("ff0a"), text("x")]);
    send(&["--jsonl"], (first.join("\n") + "\n{\"event\":\"gap\",\"missed\":1}\n").as_bytes());
    let again: Vec<_> = heard.filter_map(|line| said(&line)).collect();
    assert_eq!(again, first.iter().filter_map(said).collect::<Vec<_>>());
    assert!(listener.wait().unwrap().success());
    hub.kill().unwrap();
    hub.wait().unwrap();
}
