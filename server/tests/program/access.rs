//! Tokens: how they are made, presented, and revoked.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpStream;

use bookend_testing::HANG_TIMEOUT;

use crate::running::{Directory, Running, output, program};

/// A token, and its entry.
fn make(arguments: &[&str]) -> (String, String) {
    let (code, entry, token) = output(program(&["token"]).args(arguments));
    assert_eq!(code, Some(0), "{token}");
    (token.trim().into(), entry)
}

struct Person(Lines<BufReader<TcpStream>>);

impl Person {
    /// A person who sends this first.
    fn connect(port: u16, first_line: &str) -> Person {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().starts_with("Bookend hub, "));
        stream.write_all(format!("{first_line}\n").as_bytes()).unwrap();
        Person(lines)
    }

    fn expect(&mut self, beginning: &str) {
        let line = self.0.next().expect("the connection lives").unwrap();
        assert!(line.starts_with(beginning), "{line}");
    }
}

#[test]
fn a_new_token_is_not_in_its_entry() {
    let (token, entry) =
        make(&["ann", "--room", "lobby", "--room", "ops", "--right", "read", "--expires", "2999-01-01"]);
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    assert!(entry.starts_with("[[token]]\nname = \"ann\"\nsha256 = \"") && !entry.contains(&token), "{entry}");
    let rest = "\"\nrooms = [\"lobby\", \"ops\"]\nrights = [\"read\"]\nexpires = \"2999-01-01\"\n\n";
    assert!(entry.ends_with(rest), "{entry}");
    assert!(make(&["bob"]).1.ends_with("\"\nrooms = \"*\"\nrights = [\"read\", \"write\"]\n\n"));
    for wrong in [&["a\nb"][..], &["ann", "--room", ""], &["ann", "--expires", "soon"], &["ann", "--right", "all"]] {
        let (code, printed, complaint) = output(program(&["token"]).args(wrong));
        assert!(code == Some(2) && printed.is_empty() && !complaint.is_empty(), "{wrong:?}: {complaint}");
    }
}

#[test]
fn a_wrong_token_file_is_refused_with_the_position() {
    let directory = Directory::new();
    let tokens = directory.file("tokens.toml", "[[token]]\nname = 'ann'\nsha265 = ''\n");
    let set = format!("access.tokens={tokens}");
    let (code, _, complaint) = output(&mut program(&["--set", &set, "--check-config"]));
    assert_eq!(code, Some(2));
    let place = format!(
        "bookend-server: --set: access.tokens: {tokens}:3:1: there is no key sha265; the keys are name, sha256, "
    );
    assert!(complaint.contains(&place), "{complaint}");
    assert_eq!(output(&mut program(&["--set", "access.tokens=/nowhere/tokens", "--check-config"])).0, Some(2));
}

#[cfg(unix)]
#[test]
fn a_reload_adds_tokens_and_closes_members_of_removed_ones() {
    let directory = Directory::new();
    let ((ann, ann_entry), (bob, bob_entry)) = (make(&["ann"]), make(&["bob"]));
    let tokens = directory.file("tokens.toml", &ann_entry);
    let file =
        directory.file("hub.toml", &format!("listen = '127.0.0.1:0'\n[access]\ntokens = '{tokens}'\ndelay = '0s'\n"));
    let mut running = Running::start(&mut program(&["--config", &file]), 1);
    running.wait_for("INFO tokens count=1");
    let port = running.port();
    let mut first = Person::connect(port, &format!("/token {ann}"));
    first.expect("* you are guest-1");
    running.wait_for("INFO token-accepted peer=\"127.0.0.1:");
    let mut wrong = Person::connect(port, &format!("/token {bob}"));
    wrong.expect("! policy: the token is not valid");
    running.wait_for("INFO token-refused peer=\"127.0.0.1:");

    directory.file("tokens.toml", "nonsense");
    running.signal("HUP");
    assert!(running.wait_for("reload-refused").contains("tokens.toml:1:"));
    directory.file("tokens.toml", &format!("{ann_entry}{bob_entry}"));
    running.signal("HUP");
    running.wait_for("INFO tokens count=2");
    let mut second = Person::connect(port, &format!("/token {bob}\nhi"));
    second.expect("* you are guest-2");
    first.expect("* guest-2 joined");
    first.expect("guest-2: hi");

    directory.file("tokens.toml", &bob_entry);
    running.signal("HUP");
    first.expect("! policy: the token no longer allows this");
    second.expect("guest-2: hi");
    second.expect("* guest-1 left");
    running.wait_for("INFO token-revoked peer=\"127.0.0.1:");
    running.signal("TERM");
    drop((first, second, wrong));
    running.end();
    for token in [ann, bob] {
        assert!(!running.seen.contains(&token), "a token in the log: {}", running.seen);
    }
}

#[cfg(unix)]
#[test]
fn a_reload_that_turns_tokens_on_says_who_stays_without_one() {
    let directory = Directory::new();
    let file = directory.file("hub.toml", "listen = '127.0.0.1:0'\n");
    let mut running = Running::start(&mut program(&["--config", &file]), 1);
    let port = running.port();
    let mut ann = Person::connect(port, "");
    ann.expect("* you are guest-1");
    let _bob = Person::connect(port, "");
    ann.expect("* guest-2 joined");
    let tokens = directory.file("tokens.toml", &make(&["cid"]).1);
    directory.file("hub.toml", &format!("listen = '127.0.0.1:0'\n[access]\ntokens = '{tokens}'\n"));
    running.signal("HUP");
    let line = running.wait_for("WARN members-without-token count=2");
    assert!(line.contains("stay until they leave or are kicked"), "{line}");
    let mut late = Person::connect(port, "");
    late.expect("! policy: a token is needed");
    running.signal("HUP");
    running.wait_for("INFO reload changed=0");
    assert_eq!(running.seen.matches("members-without-token").count(), 1, "{}", running.seen);
}

#[test]
fn wrong_tokens_do_not_keep_a_right_one_out() {
    let directory = Directory::new();
    let (token, entry) = make(&["ann"]);
    let tokens = format!("access.tokens={}", directory.file("tokens.toml", &entry));
    let flags = ["--listen", "127.0.0.1:0", "--set", &tokens, "--set", "access.delay=0s", "--set"];
    let mut running = Running::start(program(&flags).args(["access.wrong_tokens=3"]), 1);
    let port = running.port();
    for _ in 0..20 {
        Person::connect(port, "/token nonsense").expect("! policy: the token is not valid");
    }
    Person::connect(port, &format!(" /TOKEN {token}")).expect("* you are guest-1 in lobby");
    running.wait_for("INFO token-accepted");
    assert!(!running.seen.contains(&token));
}

#[test]
fn a_token_in_the_wrong_place_is_not_logged() {
    let directory = Directory::new();
    let (token, entry) = make(&["ann"]);
    let tokens = format!("access.tokens={}", directory.file("tokens.toml", &entry));
    let mut running = Running::start(&mut program(&["--listen", "127.0.0.1:0", "--set", &tokens, "--log", "debug"]), 1);
    let port = running.port();
    for before in [
        "\0",
        "GET /?token=",
        "SSH-2.0-/token ",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}",
        "PROXY TCP4 ",
        "\r\n",
        "*1\r\n$32\r\n",
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let peer = stream.local_addr().unwrap();
        stream.write_all(format!("{before}{token} HTTP/1.1\r\n").as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        running.wait_for(&format!("INFO disconnect peer=\"{peer}\""));
    }
    assert!(!running.seen.contains(&token[..8]), "{}", running.seen);
}
