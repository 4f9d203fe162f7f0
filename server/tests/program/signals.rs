//! What each signal does, in each phase, as process 1 and not.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::running::{Running, program};

const SIGNALS: [(&str, i32); 4] = [("HUP", 1), ("INT", 2), ("QUIT", 3), ("TERM", 15)];

/// The hub, or the hub as process 1 of a namespace of its own.
fn hub(as_first: bool) -> Command {
    let arguments = ["--listen", "127.0.0.1:0", "--set", "shut_down.deadline=1h", "--set", "limits.close_timeout=1h"];
    if !as_first {
        return program(&arguments);
    }
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
        env!("CARGO_BIN_EXE_bookend-server"),
    ]);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The process of the hub.
fn pid(running: &Running, as_first: bool) -> String {
    let pid = running.pid();
    match as_first {
        false => pid.to_string(),
        true => std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap().trim().into(),
    }
}

fn kill(pid: &str, signal: &str) {
    assert!(Command::new("kill").args([&format!("-{signal}"), pid]).status().unwrap().success());
}

/// A member that keeps its connection open.
fn member(running: &mut Running) -> TcpStream {
    let mut member = TcpStream::connect(("127.0.0.1", running.port())).unwrap();
    member.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    member.write_all(b"hi\n").unwrap();
    running.wait_for("INFO join");
    member
}

/// What a signal does while the hub serves.
fn serving(signal: &str, as_first: bool) -> String {
    let mut running = Running::start(&mut hub(as_first), 1);
    kill(&pid(&running, as_first), signal);
    if signal == "HUP" {
        running.wait_for("INFO reload changed=0");
        return "reloads".into();
    }
    let code = running.end().code().unwrap();
    assert!(running.seen.contains(&format!("shut-down signal=\"SIG{signal}\"")), "{}", running.seen);
    format!("shuts down, {code}")
}

/// What it does while the hub shuts down, and waits for a member.
fn shutting_down(signal: &str, as_first: bool) -> String {
    let mut running = Running::start(&mut hub(as_first), 1);
    let (member, pid) = (member(&mut running), pid(&running, as_first));
    kill(&pid, "TERM");
    let lines = BufReader::new(&member).lines().map_while(Result::ok);
    assert!(
        lines.last().unwrap().starts_with("! going-away"),
        "the hub has said so, and waits for the end of the member"
    );
    kill(&pid, signal);
    if signal == "HUP" {
        drop(member);
        assert_eq!(running.end().code(), Some(0));
        return "nothing".into();
    }
    format!("ends at once, {}", running.end().code().unwrap())
}

fn table(as_first: bool) -> String {
    let mut table = String::new();
    for (signal, number) in SIGNALS {
        let starting = match signal {
            "HUP" => "reloads when it serves".to_owned(),
            _ => format!("ends, {}", 128 + number),
        };
        let (serving, shutting_down) = (serving(signal, as_first), shutting_down(signal, as_first));
        writeln!(table, "| SIG{signal} | {starting} | {serving} | {shutting_down} |").unwrap();
    }
    table
}

fn manual() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md")).unwrap()
}

#[test]
fn each_signal_does_what_the_manual_says() {
    let table = table(false);
    assert!(manual().contains(&table), "docs/operating.md must contain this table:\n{table}");
}

#[cfg(target_os = "linux")]
#[test]
fn each_signal_does_the_same_as_process_1() {
    let mut probe = Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--pid", "--fork", "true"]).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        eprintln!("NOT TESTED: this system permits no namespaces");
        return;
    }
    let table = table(true);
    assert!(manual().contains(&table), "docs/operating.md must contain this table:\n{table}");
}

/// The address is one that no machine has, so that the hub waits for it.
#[test]
fn a_signal_ends_a_hub_that_still_starts() {
    for (signal, number) in &SIGNALS[1..] {
        let mut running = Running::start(&mut program(&["--listen", "192.0.2.77:3990", "--public"]), 0);
        running.wait_for("WARN listen-waits");
        running.signal(signal);
        assert_eq!(running.end().code(), Some(128 + number), "{signal}");
    }
}
