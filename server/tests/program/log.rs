//! The log: what strangers can write into it, and how much.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bookend_testing::Authority;

use crate::admin::unix;
use crate::running::{Directory, Running, program};

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Sends pieces, each in a packet of its own as far as the system does that, and reads until the end.
fn say(port: u16, pieces: &[&[u8]]) {
    let mut stream = connect(port);
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        let _ = stream.write_all(piece); // the hub may have answered and closed already
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new()); // a reset is an end, too
}

/// A hub with a plain listener and one for TLS, and their ports.
fn start(authority: &Authority, more: &[&str]) -> (Running, [u16; 2]) {
    let certificate = format!("tls.certificate={}", authority.path("cert.pem"));
    let key = format!("tls.key={}", authority.path("key.pem"));
    let mut command = program(&["--listen", "127.0.0.1:0", "--listen", "tls://127.0.0.1:0"]);
    command.args(["--set", &certificate, "--set", &key]).args(more);
    let running = Running::start(&mut command, 2);
    let ports = [0, 1].map(|index| {
        let address = running.printed[index].split(' ').nth(2).unwrap();
        address.rsplit(':').next().unwrap().parse().unwrap()
    });
    (running, ports)
}

#[test]
fn no_byte_of_a_token_is_logged() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let (_, entry, _) = crate::running::output(&mut program(&["token", "ann"]));
    let tokens = format!("access.tokens={}", directory.file("tokens.toml", &entry));
    let (mut running, ports) = start(&authority, &["--log", "trace", "--set", &tokens, "--set", "access.delay=0s"]);
    let secret = b"open-sesame!";
    let line = |before: &[u8]| [before, secret, b"\r\n"].concat();
    let wide: Vec<u8> = line(b"/token ").iter().flat_map(|byte| [*byte, 0]).collect();
    for port in ports {
        for before in [
            &b"/token "[..],
            b" /token ",
            b"\r\n/token ",
            b"\n\n/token ",
            b"\t/TOKEN\t",
            b"/Token  ",
            b"\xff\xfd\x03/token ",
            b"\xff\xfb\x1f\xff\xfb\x20 /token ",
            b"/tok\xff\xf1en ",
            b"\xef\xbb\xbf/token ",
            b"\x1b[A/token ",
            b"\0/token ",
            b"token ",
        ] {
            say(port, &[&line(before)]);
        }
        say(port, &[&wide]);
        say(port, &[b"/tok", b"en open-", b"sesame!\r\n"]);
        for byte in [&b"\xf5/token "[..], b"GET /token/", b"\x16\x03\x01/token "] {
            say(port, &[&line(byte)]);
        }
    }
    running.signal("TERM");
    running.end();
    for part in ["open-sesame", "sesame", "open-s", "o\\x00p\\x00e"] {
        assert!(!running.seen.contains(part), "{part}: {}", running.seen);
    }
    assert!(running.seen.contains("***"), "something was quoted, and hidden");
}

#[test]
fn a_peer_that_leaves_without_a_byte_is_counted_and_not_logged() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let admin = format!("admin.listen=unix:{}", directory.path("admin"));
    let (mut running, ports) = start(&authority, &["--set", &admin]);
    let silent = || {
        let (_, metrics) = unix(&directory.path("admin"), "GET /metrics", "");
        let value = metrics.split("connections_silent_total{door=\"tcp\"} ").nth(1).unwrap();
        value.lines().next().unwrap().parse::<u32>().unwrap()
    };
    for port in ports {
        for reset in [false, true] {
            let stream = connect(port);
            if reset {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
    }
    while silent() < 4 {
        std::thread::yield_now();
    }
    say(ports[0], &[b"hi\n/quit\n"]);
    running.signal("TERM");
    running.end();
    let count = |event: &str| running.seen.matches(&format!("INFO {event} ")).count();
    assert_eq!(
        (count("connect"), count("disconnect"), count("fault"), count("tls-failed")),
        (1, 1, 0, 0),
        "{}",
        running.seen
    );
}

#[test]
fn every_connect_has_its_disconnect_at_the_same_level() {
    let authority = Authority::new();
    let (mut running, [port, _]) = start(&authority, &["--set", "limits.terminal_silence=100ms"]);
    say(port, &[b"hi\n/quit\n"]);
    say(port, &[b"hi\n"]);
    say(port, &[b"\xf5\xf8\x01\x00"]);
    say(port, &[b"GET / HTTP/1.1\r\n\r\n"]);
    // A silent person joins, and then the connection is reset.
    let person = connect(port);
    let lines = BufReader::new(&person).lines().map(Result::unwrap);
    assert!(lines.take(2).any(|line| line.starts_with("* you are")));
    socket2::SockRef::from(&person).set_linger(Some(Duration::ZERO)).unwrap();
    let peer = person.local_addr().unwrap();
    drop(person);
    running.wait_for(&format!("INFO disconnect peer=\"{peer}\""));
    running.signal("TERM");
    running.end();
    let peers = |event: &str| {
        let events = running.seen.lines().filter_map(|line| line.split_once(&format!(" INFO {event} peer=")));
        let mut peers: Vec<_> = events.map(|(_, peer)| peer.to_owned()).collect();
        peers.sort();
        peers
    };
    assert_eq!(peers("connect").len(), 5, "{}", running.seen);
    assert_eq!(peers("connect"), peers("disconnect"));
}

#[test]
fn equal_events_are_collapsed_with_their_number() {
    let authority = Authority::new();
    let (mut running, [port, tls]) = start(&authority, &["--set", "limits.close_timeout=100ms"]);
    for _ in 0..40 {
        say(port, &[b"GET / HTTP/1.1\r\n\r\n"]);
        say(tls, &[b"GET / HTTP/1.1\r\n\r\n"]);
    }
    running.signal("TERM");
    running.end();
    for event in ["fault", "tls-failed"] {
        assert_eq!(running.seen.matches(&format!(" INFO {event} ")).count(), 10, "{}", running.seen);
        let report = running.seen.lines().find(|line| line.contains(&format!(" repeated event=\"{event}\"")));
        assert!(report.is_some_and(|report| report.ends_with("count=30")), "{report:?} in {}", running.seen);
    }
}
