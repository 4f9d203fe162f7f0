//! The program: what it prints, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn program(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_bookend-server"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends the program when a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
#[cfg(unix)]
fn it_says_where_it_listens_and_how_to_join_and_ends_well_when_interrupted() {
    let mut running = Running(program(&["--listen", "127.0.0.1:0", "--listen", "localhost:0"]));
    let mut out = BufReader::new(running.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let port: u16 = line.split([':', ' ']).nth(3).unwrap().parse().unwrap();
    assert_ne!(port, 0);
    let client = format!("cargo run --release -p bookend-client -- chat 127.0.0.1:{port}");
    assert_eq!(line, format!("listening on 127.0.0.1:{port} - join: telnet 127.0.0.1 {port}   or: {client}\n"));
    line.clear();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on "), "one line for each address: {line}");

    let mut person = TcpStream::connect(("127.0.0.1", port)).unwrap();
    person.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    person.write_all(b"hi\r\n").unwrap();
    let mut lines = BufReader::new(person.try_clone().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("Bookend hub, "));
    lines.next().unwrap().unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "guest-1: hi");

    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(lines.next().unwrap().unwrap(), "! going-away: the hub is shutting down");
    drop((person, lines));
    assert!(running.0.wait().unwrap().success());
    let mut log = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    for event in ["INFO connect peer=\"127.0.0.1:", "INFO join peer=", "INFO leave peer=", "INFO shut-down"] {
        assert!(log.contains(event), "{event} in {log}");
    }
}

#[test]
fn what_other_machines_can_reach_is_listened_on_only_when_allowed() {
    let output = program(&["--listen", "0.0.0.0:0"]).wait_with_output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "bookend-server: 0.0.0.0:0 can be reached by other machines: --public allows it\n");
}

#[test]
fn a_place_that_is_none_is_refused() {
    for place in ["127.0.0.1", "127.0.0.1:no-such-service", ":3990", "127.0.0.1:65536"] {
        let output = program(&["--listen", place]).wait_with_output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{place}");
    }
}
