//! A client whose own bytes come back: from an echo service, from another client, from a terminal in echo mode.

use std::time::Duration;

use bookend::{Hello, Limits, Outcome, Role, Session, Step};

fn named() -> Hello {
    Hello::new().with_name("ann").expect("is a line").with_software("bookend-demo").expect("is a line")
}

fn sent(hello: &Hello) -> Vec<u8> {
    let mut wire = Vec::new();
    Session::new(Role::Client, hello.clone(), Limits::default(), Duration::ZERO).take_output(&mut wire);
    wire
}

/// The fault of a client that reads these bytes and then nothing, and what its diagnosis names.
fn client_at(hello: Hello, wire: &[u8]) -> (&'static str, Vec<&'static str>, String) {
    let mut now = Duration::ZERO;
    let mut session = Session::new(Role::Client, hello, Limits::default(), now);
    let mut rest = wire;
    let mut before = rest;
    while session.outcome().is_none() && session.receive(&mut rest, now) != Step::More {
        if session.outcome().is_none() {
            before = rest;
        }
    }
    while session.outcome().is_none() {
        before = rest;
        now = session.deadline().expect("a session has a deadline");
        session.tick(now);
    }
    session.explain(b"", before);
    let Some(Outcome::Fault(fault)) = session.outcome() else { panic!("{:?}", session.outcome()) };
    let diagnosis = session.diagnosis().expect("it has been explained");
    let names = diagnosis.hypotheses().iter().map(|hypothesis| hypothesis.name()).collect();
    (fault.name(), names, diagnosis.to_string())
}

#[test]
fn client_at_an_echo_service_names_it() {
    // [R4.23] [R4.24]
    for hello in [Hello::new(), named()] {
        let (fault, names, line) = client_at(hello.clone(), &sent(&hello));
        assert_eq!((fault, &names[..]), ("two-clients", &["self-connected"][..]), "{line}");
    }
}

#[test]
fn client_at_another_client_names_the_fault_only() {
    // [R4.24]
    let (fault, names, line) = client_at(Hello::new(), &sent(&named()));
    assert_eq!((fault, &names[..]), ("two-clients", &[][..]), "{line}");
    assert_eq!(line, "two-clients: the HELLO of a client arrived at a client");
}

/// What a Linux pseudoterminal sent back when its other end wrote the HELLO of `Hello::new()`, for some settings.
const PLAIN: [(&str, &str); 17] = [
    ("sane", "5e5a0d0aff0d0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e475e40f8f5"),
    ("-icanon", "5e5a5e4aff0d0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e475e40f8f5"),
    (
        "-isig",
        "f5f85e415e405e405e405e405e5a424b4e440d0a0d0a5e5a0d0aff0d0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e40\
         5e475e40f8f5",
    ),
    (
        "-isig -ixon -iexten",
        "f5f85e415e405e405e405e405e5a424b4e440d0a0d0a5e5a0d0aff5e510d0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e40\
         5e405e475e40f8f5",
    ),
    ("-icrnl", "5e5a0d0aff5e4d5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e475e40f8f5"),
    ("-onlcr", "5e5a0aff0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e475e40f8f5"),
    ("igncr", "5e5a0d0aff5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e475e40f8f5"),
    ("istrip", "5e5a0d0a0d0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e475e407875"),
    (
        "raw echo",
        "f5f85e415e405e405e405e405e5a424b4e445e4d5e4a5e5a5e4aff5e515e4d5e405e415e405e5f5e425e405e505e405e405e405e5e5e40\
         5e405e475e40f8f5",
    ),
    (
        "-icanon -isig -icrnl",
        "f5f85e415e405e405e405e405e5a424b4e445e4d5e4a5e5a5e4aff5e4d5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e40\
         5e475e40f8f5",
    ),
    ("-echoctl", "1a0d0aff0d0a0001001f0200100000001e00000700f8f5"),
    ("-echoctl -isig", "f5f801000000001a424b4e440d0a0d0a1a0d0aff0d0a0001001f0200100000001e00000700f8f5"),
    ("sane, with cat", "5e5a0d0aff0d0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e475e40f8f50d0aff0d0a"),
    (
        "sane, with sh",
        "23205e5a0d0aff0d0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e475e40f8f5232073683a20323a20ff3a206e6f\
         7420666f756e640d0a2320",
    ),
    // The beginnings, as far as a first read may hold them.
    ("-isig, cut", "f5f85e415e405e405e405e405e5a424b4e44"),
    ("-isig, cut earlier", "f5f85e41"),
    ("sane, cut", "5e5a0d0aff0d0a5e405e415e405e5f5e425e40"),
];

/// The same for the HELLO of [`named`].
const NAMED: [(&str, &str); 5] = [
    ("sane", "5e43616e6e5e455e4c626f6f6b656e642d64656d6f5e475e40f8f5"),
    ("istrip", "5e43616e6e5e455e4c626f6f6b656e642d64656d6f5e475e407875"),
    ("-echoctl", "03616e6e050c626f6f6b656e642d64656d6f0700f8f5"),
    (
        "-isig",
        "f5f85e415e405e405e405e402d424b4e440d0a0d0a5e5a0d0aff0d0a5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e405e\
         415e43616e6e5e455e4c626f6f6b656e642d64656d6f5e475e40f8f5",
    ),
    (
        "raw echo",
        "f5f85e415e405e405e405e402d424b4e445e4d5e4a5e5a5e4aff5e515e4d5e405e415e405e5f5e425e405e505e405e405e405e5e5e405e\
         405e415e43616e6e5e455e4c626f6f6b656e642d64656d6f5e475e40f8f5",
    ),
];

#[test]
fn terminal_that_sends_hello_back_is_named() {
    let plain = PLAIN.iter().map(|case| (Hello::new(), case));
    for (hello, (settings, echo)) in plain.chain(NAMED.iter().map(|case| (named(), case))) {
        let (fault, names, line) = client_at(hello, &unhex(echo));
        assert_eq!(&names[..], ["terminal-echo"], "{settings}: {fault}, {line}");
        assert!(line.contains("stty raw -echo"), "{line}");
    }
}

#[test]
fn what_is_not_an_echo_is_not_called_one() {
    let mut server = Vec::new();
    Hello::new().encode(&mut server);
    let replaced = |from: &[u8], to: &[u8]| {
        let at = server.windows(from.len()).position(|window| window == from).expect("it is there");
        [&server[..at], to, &server[at + from.len()..]].concat()
    };
    let stripped: Vec<u8> = server.iter().map(|byte| byte & 0x7F).collect();
    for (wire, name) in [
        (replaced(b"\r\n", b"\n"), Some("channel-crlf-to-lf")),
        (replaced(b"\x11", b""), Some("channel-xon-swallowed")),
        (stripped, Some("channel-seven-bit")),
        (b"login: ".to_vec(), Some("foreign-text")),
        (b"press ^C or ^Z to stop, ^@ is NUL\r\n".to_vec(), Some("foreign-text")),
        (b"^A^B^C^D^E^F\r\n".to_vec(), Some("foreign-text")),
    ] {
        for hello in [Hello::new(), named()] {
            let (_, names, line) = client_at(hello, &wire);
            assert_eq!(names.first().copied(), name, "{line}");
        }
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("is hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}
