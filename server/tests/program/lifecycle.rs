//! Reloads and shut-down.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{Shutdown, TcpStream};

use bookend::{Code, Connection, ConnectionError, Hello, Message};
use bookend_testing::HANG_TIMEOUT;

use crate::admin::unix;
use crate::running::{Directory, Running, exists, output, program};

/// A person with a line terminal.
struct Person {
    stream: TcpStream,
    lines: Lines<BufReader<TcpStream>>,
}

impl Person {
    fn join(port: u16) -> Person {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
        stream.write_all(b"\n").unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut person = Person { stream, lines };
        person.expect("Bookend hub, ");
        person.expect("* you are");
        person
    }

    fn expect(&mut self, beginning: &str) {
        let line = self.lines.next().expect("the connection lives").unwrap();
        assert!(line.starts_with(beginning), "{line}");
    }

    fn send(&mut self, words: &str) {
        writeln!(self.stream, "{words}").unwrap();
    }
}

#[test]
fn a_refused_reload_changes_nothing_and_logs_the_reason() {
    let directory = Directory::new();
    let file = directory.file("hub.toml", "listen = '127.0.0.1:0'\n");
    let mut running = Running::start(&mut program(&["--config", &file]), 1);
    let mut ann = Person::join(running.port());
    let taken = Running::start(&mut program(&["--listen", "127.0.0.1:0"]), 1);
    let taken = format!("listen = ['127.0.0.1:0', '127.0.0.1:{}']\n[limits]\npings = 3\n", taken.port());
    for (wrong, why) in [
        ("listen = '127.0.0.1:0'\n[limits]\npings = 0\n", "hub.toml:3:9: limits.pings: "),
        ("listen = '127.0.0.1:0'\n[limit]\n", "there is no section limit; did you mean limits?"),
        ("listen = ", "hub.toml:1:10: "),
        ("listen = '0.0.0.0:0'", "other machines can reach"),
        (&taken, "in use"),
    ] {
        directory.file("hub.toml", wrong);
        running.signal("HUP");
        let line = running.wait_for("reload-refused");
        assert!(line.contains("ERROR") && line.contains(why), "{why}: {line}");
        ann.send(why);
        ann.expect("guest-1: ");
    }
    assert!(!running.seen.contains("INFO setting"), "{}", running.seen);
    Person::join(running.port());
    directory.file("hub.toml", "listen = '127.0.0.1:0'\n[limits]\npings = 3\n");
    running.signal("HUP");
    let line = running.wait_for("INFO setting");
    assert!(line.contains(r#"name="limits.pings" before="10" after="3" effect="new connections""#), "{line}");
    running.wait_for("INFO reload changed=1");
}

#[test]
fn a_reload_opens_and_closes_listeners_and_keeps_members() {
    let directory = Directory::new();
    let (ready, socket) = (directory.path("ready"), directory.path("hub.sock"));
    let both = "listen = ['127.0.0.1:0', 'localhost:0']\n";
    let file = directory.file("hub.toml", both);
    let mut running = Running::start(&mut program(&["--config", &file, "--ready-file", &ready]), 2);
    let mut ann = Person::join(running.port());

    directory.file("hub.toml", &format!("listen = ['localhost:0', 'unix:{socket}']\n"));
    running.signal("HUP");
    running.wait_for("INFO listen-end");
    running.wait_for("INFO reload changed=1");
    let places = std::fs::read_to_string(&ready).unwrap();
    assert!(places.ends_with(&format!("\nunix:{socket}\n")), "{places}");
    assert!(!places.contains(&format!(":{}\n", running.port())), "{places}");
    assert!(TcpStream::connect(("127.0.0.1", running.port())).is_err(), "the listener is closed");
    ann.send("still here");
    ann.expect("guest-1: still here");

    let other = places.lines().next().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    directory
        .file("hub.toml", "listen = 'localhost:0'\nready_file = 'elsewhere'\n[log]\nformat = 'json'\nlevel = 'warn'");
    running.signal("HUP");
    running.wait_for("WARN setting-needs-restart name=\"log.format\"");
    running.wait_for("INFO reload changed=2");
    assert!(!exists(&socket));
    running.signal("HUP"); // the next event has the new level
    running.wait_for("WARN setting-needs-restart name=\"log.format\"");
    let mut bob = Person::join(other);
    bob.send("hi");
    ann.expect("* guest-2 joined");
    ann.expect("guest-2: hi");
    running.signal("TERM");
    drop((ann, bob));
    assert!(running.end().success());
    assert!(!exists(&ready));
    assert!(!running.seen.split("reload changed=2").nth(1).unwrap().contains("INFO"), "{}", running.seen);
}

#[test]
fn without_a_file_there_is_nothing_to_reload() {
    let mut running = Running::start(&mut program(&["--listen", "127.0.0.1:0"]), 1);
    let mut ann = Person::join(running.port());
    running.signal("HUP");
    running.wait_for("INFO reload-nothing");
    ann.send("still here");
    ann.expect("guest-1: still here");
    running.signal("TERM");
    drop(ann);
    assert!(running.end().success());
}

#[test]
fn a_token_file_may_be_empty_and_filled_later() {
    let directory = Directory::new();
    let tokens = directory.file("tokens.toml", "");
    let set = format!("access.tokens={tokens}");
    let mut running = Running::start(&mut program(&["--listen", "127.0.0.1:0", "--set", &set]), 1);
    running.signal("HUP");
    running.wait_for("INFO reload changed=0");
    directory.file("tokens.toml", &output(&mut program(&["token", "ann"])).1);
    running.signal("HUP");
    running.wait_for("INFO tokens count=1");
    assert!(!running.seen.contains("reload-nothing"), "{}", running.seen);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let directory = Directory::new();
    let (ready, socket) = (directory.path("ready"), format!("unix:{}", directory.path("hub.sock")));
    let flags = ["--listen", "127.0.0.1:0", "--listen", &socket, "--ready-file", &ready, "--set"];
    let mut command = program(&flags);
    command.args(["limits.close_timeout=1h", "--set", "shut_down.deadline=1h"]);
    let mut running = Running::start(&mut command, 2);
    let mut ann = Person::join(running.port());
    running.signal("TERM");
    ann.expect("! going-away");
    assert!(TcpStream::connect(("127.0.0.1", running.port())).is_err(), "no new connection is accepted");
    running.signal("TERM");
    assert_eq!(running.end().code(), Some(128 + 15), "although ann does not let go: {}", running.seen);
    assert!(running.seen.contains("WARN end-at-once signal=\"SIGTERM\""), "{}", running.seen);
    assert!(!exists(&ready) && !exists(&directory.path("hub.sock")));
}

#[test]
fn before_the_listeners_close_probes_are_told() {
    let directory = Directory::new();
    let (admin, socket) = (directory.path("admin"), format!("admin.listen=unix:{}", directory.path("admin")));
    let mut command = program(&["--listen", "127.0.0.1:0", "--set", &socket, "--set", "shut_down.delay=1h"]);
    let mut running = Running::start(&mut command, 2);
    running.signal("TERM");
    running.wait_for("INFO shut-down");
    assert_eq!(unix(&admin, "GET /readyz", ""), (503, "draining\n".into()));
    let mut late = Person::join(running.port());
    late.send("still served");
    late.expect("guest-1: still served");
    running.signal("INT");
    assert_eq!(running.end().code(), Some(128 + 2), "a second signal does not wait");
}

#[test]
fn a_connection_that_stays_open_is_given_up_and_logged() {
    let mut command = program(&["--listen", "127.0.0.1:0", "--set", "shut_down.deadline=100ms"]);
    let mut running = Running::start(command.args(["--set", "shut_down.spread=0s"]), 1);
    let ann = Person::join(running.port());
    let mut bob = Person::join(running.port());
    running.wait_for("name=\"guest-2\"");
    running.signal("TERM");
    bob.expect("! going-away");
    bob.stream.shutdown(Shutdown::Both).unwrap();
    let peer = ann.stream.local_addr().unwrap();
    running.wait_for(&format!("WARN give-up peer=\"{peer}\""));
    running.wait_for("INFO end closed=1 given_up=1");
    assert!(running.end().success(), "the hub has tried");
}

/// What one member received.
struct Received {
    name: String,
    /// Who sent it, by the number of the message.
    messages: BTreeMap<u64, String>,
}

/// Sends messages, each after it has received the last one, until the hub closes.
async fn talk(address: String, name: String) -> Received {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let hello = Hello::new().with_hub(true).with_name(&name).unwrap();
    let mut connection = Connection::connect(stream, hello).await.unwrap();
    let mut messages = BTreeMap::new();
    // A POST that fails was overtaken by the CLOSE that is read next.
    let _ = connection.post(0, "first").await; // the hub may be closing
    loop {
        let own = match connection.next().await {
            Ok(Some(Message::Delivery(delivery))) => {
                let from = delivery.name().to_string();
                let own = from == name;
                assert!(messages.insert(delivery.seq, from).is_none(), "twice");
                own
            }
            Ok(Some(Message::Gap { missed })) => panic!("{name} missed {missed}"),
            Ok(Some(_)) => false,
            Ok(None) => panic!("{name}: closed as if all were well"),
            Err(ConnectionError::Closed { code: Code::GOING_AWAY, .. }) => return Received { name, messages },
            Err(error) => panic!("{name}: {error}"),
        };
        if own {
            let _ = connection.post(0, "and another thing").await; // the hub may be closing
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_messages_are_delivered_during_shut_down() {
    const MEMBERS: usize = 40;
    let mut command = program(&["--listen", "127.0.0.1:0", "--set", "door.waiting_per_address=1000"]);
    let mut running = Running::start(&mut command, 1);
    let address = format!("127.0.0.1:{}", running.port());
    let members: Vec<_> =
        (0..MEMBERS).map(|number| tokio::spawn(talk(address.clone(), format!("m{number}")))).collect();
    running.wait_for(&format!("member={MEMBERS} "));
    running.signal("TERM");

    let mut all = BTreeMap::new();
    let mut everyone = Vec::new();
    for member in members {
        let received = member.await.unwrap();
        let numbers: Vec<_> = received.messages.keys().copied().collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "{} missed something: {numbers:?}",
            received.name
        );
        all.extend(received.messages.iter().map(|(number, from)| (*number, from.clone())));
        everyone.push(received);
    }
    assert!(all.len() > MEMBERS, "they were sending");
    let numbers: Vec<_> = all.keys().copied().collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "one of them reached nobody: {numbers:?}");
    for (number, from) in &all {
        let speaker = everyone.iter().find(|received| received.name == *from).unwrap();
        assert!(speaker.messages.contains_key(number), "{from} did not hear its own message {number}");
    }
    assert!(running.end().success());
    assert!(running.seen.contains(&format!("INFO end closed={MEMBERS} given_up=0")), "{}", running.seen);
}
