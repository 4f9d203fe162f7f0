//! Every signal that ends a program, sent to every command, as a child and as the first process of a container. The test
//! generates the table of docs/failures.md.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use bookend::{Code, Message, Probe};
use bookend_testing::HANG_TIMEOUT;
use bookend_testing::hub::{Hub, Posted};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Name, number, and how `kill` calls it.
const SIGNALS: [(&str, u64); 4] = [("HUP", 1), ("INT", 2), ("QUIT", 3), ("TERM", 15)];

/// A command, and what the test is for it.
struct Case {
    /// Its arguments; HUB is the address of the test.
    words: &'static [&'static str],
    far: Far,
    /// What the output or the errors contain at the end.
    reports: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Far {
    /// A hub, which the command has joined.
    Hub,
    /// The same; the command has posted a line.
    Posted,
    /// A server that never answers.
    Silent,
    /// Nothing: the command waits for its input, or for a client.
    Nobody,
}

const CASES: [Case; 11] = [
    Case { words: &["chat", "HUB"], far: Far::Hub, reports: "" },
    Case { words: &["send", "HUB"], far: Far::Posted, reports: "1 message read: " },
    Case { words: &["listen", "HUB"], far: Far::Hub, reports: "" },
    Case { words: &["export", "HUB"], far: Far::Hub, reports: "" },
    Case { words: &["ping", "HUB"], far: Far::Hub, reports: " answered\n" },
    Case { words: &["doctor", "HUB"], far: Far::Silent, reports: "" },
    Case { words: &["inspect"], far: Far::Nobody, reports: "" },
    Case { words: &["relay", "HUB"], far: Far::Nobody, reports: "relaying " },
    Case { words: &["bench", "HUB"], far: Far::Silent, reports: "" },
    Case { words: &["admin", "--url", "http://HUB", "status"], far: Far::Silent, reports: "" },
    Case { words: &["conform", "--server", "HUB"], far: Far::Silent, reports: "" },
];

/// The program as a child of the test, or as PID 1 of a namespace of its own. `env` undoes `nohup`.
fn start(words: &[String], is_first: bool) -> Child {
    let program = env!("CARGO_BIN_EXE_bookend");
    let prefix: &[&str] = if is_first { NAMESPACE } else { &["env"] };
    let mut command = Command::new(prefix[0]);
    command.args(&prefix[1..]).args(if is_first { &["env"][..] } else { &[] });
    command.args(["--default-signal=HUP", program]).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap()
}

const NAMESPACE: &[&str] = &["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"];

async fn may_unshare() -> bool {
    let [first, rest @ ..] = NAMESPACE else { unreachable!() };
    let tried = Command::new(first).args(rest).arg("true").stderr(Stdio::null()).status().await;
    tried.is_ok_and(|status| status.success())
}

/// Waits until the program handles the signal, and returns its process id.
async fn handling(words: &[&str], child: &Child, is_first: bool, number: u64) -> u32 {
    let outer = child.id().unwrap();
    let handled = async {
        loop {
            let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap_or_default();
            let inner = children.split_whitespace().next().and_then(|id| id.parse().ok());
            if let Some(id) = if is_first { inner } else { Some(outer) } {
                let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
                let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
                let is_bookend = status.starts_with("Name:\tbookend\n");
                if is_bookend && u64::from_str_radix(mask.trim(), 16).unwrap() >> (number - 1) & 1 == 1 {
                    return id;
                }
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(HANG_TIMEOUT, handled)
        .await
        .unwrap_or_else(|_| panic!("{words:?} handles signal {number}; as PID 1: {is_first}"))
}

/// A hub that the client has joined: it has answered a PING that came after the WELCOME.
async fn joined(stream: TcpStream) -> Hub<TcpStream> {
    // A message was said before, which `export` asks for.
    let mut hub = Hub::welcome_at(stream, 2, &[]).await;
    hub.say(&Message::Ping(Probe::new(b"joined?").unwrap())).await;
    while hub.frame == 0 {
        timeout(HANG_TIMEOUT, hub.turn()).await.expect("the client answers");
    }
    hub
}

/// Starts the command, sends it the signal once it is at work, and returns its exit code and what it left behind.
async fn outcome(case: &Case, (name, number): (&str, u64), is_first: bool) -> (Option<i32>, &'static str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let words: Vec<String> = case.words.iter().map(|word| word.replace("HUB", &address)).collect();
    let mut child = start(&words, is_first);
    let id = handling(case.words, &child, is_first, number).await;
    let accept = async { timeout(HANG_TIMEOUT, listener.accept()).await.unwrap().unwrap().0 };
    let (mut hub, mut _silent): (Option<Hub<TcpStream>>, Option<TcpStream>) = (None, None);
    match case.far {
        Far::Hub | Far::Posted => hub = Some(joined(accept.await).await),
        Far::Silent => _silent = Some(accept.await),
        Far::Nobody => {}
    }
    if let (Far::Posted, Some(hub)) = (case.far, &mut hub) {
        child.stdin.as_mut().unwrap().write_all(b"one\n").await.unwrap();
        assert_eq!(timeout(HANG_TIMEOUT, hub.next()).await.unwrap(), Posted::text("one"));
    }
    let killed = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().await.unwrap();
    assert!(killed.success());
    let input = child.stdin.take(); // it stays open
    let mut left = "";
    if let Some(hub) = &mut hub {
        let (_, code) = timeout(HANG_TIMEOUT, hub.rest()).await.expect("the program closes");
        assert_eq!(code, Some(Code::NORMAL), "{words:?} {name}");
        left = "CLOSE 1000";
    }
    let Output { status, stdout, stderr } = timeout(HANG_TIMEOUT, child.wait_with_output()).await.unwrap().unwrap();
    drop(input);
    let written = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(written.contains(case.reports), "{words:?} {name}: {written}");
    (status.code(), left)
}

/// The rows of the table, one for each command.
async fn table() -> Option<String> {
    if !may_unshare().await {
        eprintln!("NOT TESTED: no namespace for PID 1");
        return None;
    }
    let mut table = String::from(
        "| command | SIGHUP | SIGINT | SIGQUIT | SIGTERM | sent to the hub |\n|---|---|---|---|---|---|\n",
    );
    for case in &CASES {
        write!(table, "| `{}` |", case.words[0]).unwrap();
        let mut last = "";
        for signal in SIGNALS {
            let (as_child, left) = outcome(case, signal, false).await;
            let as_first = outcome(case, signal, true).await;
            assert_eq!(as_first, (as_child, left), "{:?} {}: the same as PID 1", case.words, signal.0);
            write!(table, " {} |", as_child.map_or("killed".into(), |code| code.to_string())).unwrap();
            last = left;
        }
        writeln!(table, " {last} |").unwrap();
    }
    Some(table)
}

#[tokio::test]
async fn every_signal_ends_every_command_in_good_order_as_pid_1_too() {
    let Some(table) = table().await else { return };
    println!("{table}");
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/failures.md");
    let manual = fs::read_to_string(manual).unwrap();
    assert!(manual.contains(&table), "docs/failures.md has another table than\n{table}");
}

#[tokio::test]
async fn a_program_under_nohup_outlives_its_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let program = env!("CARGO_BIN_EXE_bookend");
    let mut command = Command::new("env");
    command.args(["--ignore-signal=HUP", program, "listen", &address, "--count", "1"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let stream = timeout(HANG_TIMEOUT, listener.accept()).await.unwrap().unwrap().0;
    let mut hub = Hub::welcome(stream, &[]).await;
    let id = handling(&["listen"], &child, false, 15).await.to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().await.unwrap().success());
    hub.deliver(7, 0, "bob", bookend_testing::hub::text("still there")).await;
    assert_eq!(timeout(HANG_TIMEOUT, hub.rest()).await.unwrap().1, Some(Code::NORMAL));
    let output = timeout(HANG_TIMEOUT, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"bob: still there\n"[..]));
}

#[tokio::test]
async fn a_signal_ends_a_program_whose_output_and_errors_nobody_reads() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut child = start(&["listen".into(), address, "--presence".into()], false);
    let mut hub = joined(timeout(HANG_TIMEOUT, listener.accept()).await.unwrap().unwrap().0).await;
    let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    // Far more than two pipes hold, as messages and as refusals, which are errors.
    let line = "x".repeat(1000);
    let filling = async {
        for _ in 0..500 {
            hub.deliver(7, 0, "bob", bookend_testing::hub::text(&line)).await;
            hub.refuse(Code::POLICY, &line[..100]).await;
            hub.refuse(Code::POLICY, &line[..100]).await;
        }
    };
    // The program reads no further once its output is full, so the last ones may wait for ever.
    let _ = timeout(Duration::from_millis(500), filling).await;
    let id = handling(&["listen"], &child, false, 15).await.to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
    assert_eq!(timeout(HANG_TIMEOUT, child.wait()).await.expect("it ends").unwrap().code(), Some(143));
    drop((output, errors));
}
