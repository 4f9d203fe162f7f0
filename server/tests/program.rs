//! The program: what it prints, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
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
fn it_says_where_it_listens_and_how_to_join_and_ends_well_when_told_to() {
    for signal in ["-INT", "-TERM"] {
        says_where_it_listens_and_ends_well(signal);
    }
}

#[cfg(unix)]
fn says_where_it_listens_and_ends_well(signal: &str) {
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
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
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
#[cfg(unix)]
fn told_twice_it_ends_at_once() {
    let mut running = Running(program(&["--listen", "127.0.0.1:0"]));
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.split([':', ' ']).nth(3).unwrap().parse().unwrap();
    // A person who is told to go and stays on the line: the hub would wait for some seconds.
    let mut person = TcpStream::connect(("127.0.0.1", port)).unwrap();
    person.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    person.write_all(b"hi\r\n").unwrap();
    let mut lines = BufReader::new(person.try_clone().unwrap()).lines();
    let pid = running.0.id().to_string();
    let tell = || assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(lines.by_ref().nth(2).unwrap().unwrap(), "guest-1: hi");
    tell();
    assert_eq!(lines.next().unwrap().unwrap(), "! going-away: the hub is shutting down");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody else is let in");
    tell();
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
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

#[test]
#[cfg(unix)]
fn when_no_more_can_be_accepted_it_waits_and_goes_on() {
    let program = format!("ulimit -n 24; exec '{}' --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_bookend-server"));
    let shell = Command::new("sh").args(["-c", &program]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut running = Running(shell.unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.split([':', ' ']).nth(3).unwrap().parse().unwrap();
    let (sender, log) = mpsc::channel();
    let lines = BufReader::new(running.0.stderr.take().unwrap()).lines();
    let reading = thread::spawn(move || lines.for_each(|line| sender.send(line.unwrap()).unwrap()));
    // Each comes in before the next one knocks, until there is no file left for one.
    let mut crowd = Vec::new();
    loop {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        stream.write_all(b"\n").unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        crowd.push(stream);
        let came_in = (0..1000).find_map(|_| {
            let came_in = lines.next()?.is_ok_and(|line| line.starts_with("* you are"));
            let refused = log.try_iter().any(|line| line.contains("accept-failed"));
            (came_in || refused).then_some(came_in)
        });
        if !came_in.expect("one or the other within ten seconds") {
            break;
        }
        assert!(crowd.len() < 24, "more than there are files");
    }
    drop(crowd);
    let person = TcpStream::connect(("127.0.0.1", port)).unwrap();
    person.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let greeting = BufReader::new(person).lines().next().unwrap().unwrap();
    assert!(greeting.starts_with("Bookend hub, "), "{greeting}");
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    reading.join().unwrap();
    let failures = log.iter().filter(|line| line.contains("accept-failed")).count();
    assert!(failures < 50, "ten in a second are enough, not {failures}");
}
