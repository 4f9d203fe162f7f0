//! It prints its addresses, and serves connections.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use bookend_testing::HANG_TIMEOUT;

use crate::running::{Directory, Running, exists, output, program};

#[test]
fn it_prints_its_address_and_exits_0_when_interrupted() {
    let mut running = Running::start(&mut program(&["--listen", "127.0.0.1:0", "--listen", "localhost:0"]), 2);
    let port = running.port();
    assert_ne!(port, 0);
    let client = format!("cargo run --release -p bookend-cli -- chat 127.0.0.1:{port}");
    let first = format!("listening on 127.0.0.1:{port} - join: telnet 127.0.0.1 {port}   or: {client}");
    assert_eq!(running.printed[0], first);
    assert!(running.printed[1].starts_with("listening on "), "one line for each address: {}", running.printed[1]);

    let mut person = TcpStream::connect(("127.0.0.1", port)).unwrap();
    person.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
    person.write_all(b"hi\r\n").unwrap();
    let mut lines = BufReader::new(person.try_clone().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("Bookend hub, "));
    lines.next().unwrap().unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "guest-1: hi");

    running.signal("INT");
    assert_eq!(lines.next().unwrap().unwrap(), "! going-away: the hub is shutting down");
    drop((person, lines));
    assert!(running.end().success());
    for event in ["INFO connect peer=\"127.0.0.1:", "INFO join peer=", "INFO leave peer=", "INFO shut-down"] {
        assert!(running.seen.contains(event), "{event} in {}", running.seen);
    }
}

#[test]
fn a_unix_socket_has_a_mode_and_a_label_and_is_removed_at_the_end() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    let directory = Directory::new();
    let path = directory.path("hub.sock");
    let place = format!("unix:{path}");
    let mut running = Running::start(&mut program(&["--listen", &place, "--set", "unix.mode=0600"]), 1);
    assert_eq!(running.printed[0], format!("listening on {place} - join: nc -U {path}"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, _, complaint) = output(&mut program(&["--listen", &place]));
    assert_eq!((code, complaint), (Some(1), format!("bookend-server: {place}: another program listens there\n")));

    let mut person = UnixStream::connect(&path).unwrap();
    person.write_all(b"hi\n").unwrap();
    let output = BufReader::new(person).lines().nth(2).unwrap().unwrap();
    assert_eq!(output, "guest-1: hi");
    let connect = running.wait_for("INFO connect ");
    assert!(connect.contains("peer=\"unix:") && connect.contains("(uid=") && connect.contains("pid="), "{connect}");
    running.signal("TERM");
    assert!(running.end().success());
    assert!(!exists(&path));
}

/// The program with a limit of open files, which the options of `ulimit` set.
fn limited(options: &str, arguments: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_bookend-server");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {options}; exec '{program}' --listen 127.0.0.1:0 {arguments}")]);
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

#[test]
fn connections_leave_descriptors_for_the_operator() {
    let directory = Directory::new();
    let admin = directory.path("admin.sock");
    let mut running = Running::start(&mut limited("-n 64", &format!("--set admin.listen=unix:{admin}")), 2);
    running.wait_for("INFO open-files open_files=64 connections=32");
    let port = running.port();
    let mut members = Vec::new();
    let refusal = loop {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
        stream.write_all(b"hi\n").unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let greeting = lines.next().unwrap().unwrap();
        if greeting.contains(": ") && greeting.ends_with(", try later") {
            break greeting;
        }
        assert!(lines.next().unwrap().unwrap().starts_with("* you are"));
        members.push(stream);
        assert!(members.len() <= 24, "this machine has more than three quarters");
    };
    assert!(refusal.ends_with(": too many connections from this address, try later"), "{refusal}");
    assert_eq!(members.len(), 24);
    for _ in 0..20 {
        let mut operator = std::os::unix::net::UnixStream::connect(&admin).unwrap();
        operator.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
        operator.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(BufReader::new(operator).lines().next().unwrap().unwrap(), "HTTP/1.1 200 OK");
    }
    running.signal("INT");
    drop(members);
    running.end();
    assert!(!running.seen.contains("accept-failed"), "{}", running.seen);
}

#[test]
fn the_limit_of_open_files_is_raised_and_never_exceeded_by_a_setting() {
    let mut running = Running::start(&mut limited("-S -n 100; ulimit -H -n 200", "--set door.connections=1000"), 1);
    let line = running.wait_for("WARN open-files open_files=200 connections=136");
    assert!(line.contains("door.connections is 1000, but the limit of open files allows 136"), "{line}");
}
