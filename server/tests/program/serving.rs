//! It prints its addresses, and serves connections.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

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
    person.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
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
    let connect = running.wait_for("connect");
    assert!(connect.contains("peer=\"unix:1(uid=") && connect.contains("pid="), "{connect}");
    running.signal("TERM");
    assert!(running.end().success());
    assert!(!exists(&path));
}

#[test]
fn when_descriptors_run_out_it_waits_and_continues() {
    let program = format!("ulimit -n 24; exec '{}' --listen 127.0.0.1:0", env!("CARGO_BIN_EXE_bookend-server"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &program]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::start(&mut shell, 1);
    let port = running.port();
    // Each is accepted before the next one connects, until no descriptor is left.
    let mut crowd = Vec::new();
    loop {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        stream.write_all(b"\n").unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        crowd.push(stream);
        let came_in = (0..1000).find_map(|_| {
            let came_in = lines.next()?.is_ok_and(|line| line.starts_with("* you are"));
            let refused = running.has_logged("accept-failed");
            (came_in || refused).then_some(came_in)
        });
        if !came_in.expect("one or the other within ten seconds") {
            break;
        }
        assert!(crowd.len() < 24, "more than there are descriptors");
    }
    drop(crowd);
    let person = TcpStream::connect(("127.0.0.1", port)).unwrap();
    person.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let greeting = BufReader::new(person).lines().next().unwrap().unwrap();
    assert!(greeting.starts_with("Bookend hub, "), "{greeting}");
    running.signal("INT");
    running.end();
    let failures = running.seen.matches("accept-failed").count();
    assert!(failures < 50, "ten in a second are enough, not {failures}");
}
