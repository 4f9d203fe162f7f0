//! The program `bookend` with a real hub.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::process::Stdio;

use bookend_server::{Config, Hub, Listener};
use bookend_testing::HANG_TIMEOUT;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// A hub on a port of its own, and its address.
async fn hub() -> String {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address().to_string();
    tokio::spawn(listener.run(Hub::new(Config::default())));
    address
}

struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(command: &str, address: &str, options: &[&str]) -> Program {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bookend"))
            .args([command, address])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        Program { input: child.stdin.take(), output, child }
    }

    /// The next line of output, `None` at its end.
    async fn line(&mut self) -> Option<String> {
        timeout(HANG_TIMEOUT, self.output.next_line()).await.expect("a line arrives in time").unwrap()
    }

    async fn wait_for(&mut self, line: &str) {
        while self.line().await.expect("the line arrives") != line {}
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).await.unwrap();
    }

    /// Closes the input, and returns the rest of the output and the exit code.
    async fn end(mut self) -> (Vec<String>, Option<i32>) {
        self.input = None;
        let mut rest = Vec::new();
        while let Some(line) = self.line().await {
            rest.push(line);
        }
        (rest, timeout(HANG_TIMEOUT, self.child.wait()).await.unwrap().unwrap().code())
    }
}

#[tokio::test]
async fn all_members_receive_all_messages_in_one_order() {
    let address = hub().await;
    let mut ann = Program::start("chat", &address, &["--name", "ann", "--count", "3"]);
    ann.wait_for("* ann here").await;
    let mut bob = Program::start("chat", &address, &["--name", "bob", "--encoding", "ascii", "--count", "3"]);
    bob.wait_for("* bob here").await;
    ann.wait_for("* bob joined").await;
    ann.write("grüß\n".as_bytes()).await;
    bob.wait_for("ann: gr\\u{fc}\\u{df}").await;
    bob.write(b"/to ann psst\r\nhello").await;
    bob.input = None;
    ann.wait_for("ann: grüß").await;
    let mut received = [ann.line().await.unwrap(), ann.line().await.unwrap()];
    received.sort(); // a private message may overtake a public one
    assert_eq!(received, ["bob (to you): psst", "bob: hello"]);
    assert_eq!(ann.end().await, (Vec::new(), Some(0)));
    bob.wait_for("bob: hello").await;
    let sent = Program::start("send", &address, &["the third"]).end().await;
    assert_eq!(sent, (Vec::new(), Some(0)));
    let (rest, code) = bob.end().await;
    assert!(rest.iter().any(|line| line.ends_with(": the third")), "{rest:?}");
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn every_byte_arrives_as_it_was_sent() {
    let address = hub().await;
    let bytes: Vec<u8> = (0..100_000u32).map(|number| number.to_le_bytes()[(number % 3) as usize]).collect();
    let mut listener = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(["listen", &address, "--name", "ear", "--raw", "--count", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // It prints nothing until a message arrives, so another client reports that it has joined.
    let mut watcher = Program::start("listen", &address, &["--presence"]);
    while !watcher.line().await.expect("a member joins").contains("* ear ") {}
    let mut sender = Program::start("send", &address, &["--binary"]);
    sender.write(&bytes).await;
    assert_eq!(sender.end().await.1, Some(0));
    let mut received = Vec::new();
    let reading = async { listener.stdout.as_mut().unwrap().read_to_end(&mut received).await };
    timeout(HANG_TIMEOUT, reading).await.unwrap().unwrap();
    assert!(received == bytes, "{} bytes of {}", received.len(), bytes.len());
    assert_eq!(timeout(HANG_TIMEOUT, listener.wait()).await.unwrap().unwrap().code(), Some(0));
}

#[tokio::test]
async fn refused_message_is_exit_code_1() {
    let address = hub().await;
    assert_eq!(Program::start("send", &address, &["--to", "4000000000", "hello"]).end().await.1, Some(1));
    assert_eq!(Program::start("send", &address, &["--to", "nobody", "hello"]).end().await.1, Some(1));
}

#[tokio::test]
async fn what_the_hub_has_kept_is_exported_and_a_listener_continues_it() {
    let address = hub().await;
    let mut watcher = Program::start("listen", &address, &["--name", "eve"]); // the room stays
    let mut bob = Program::start("send", &address, &["--name", "bob"]);
    for number in 0..2000 {
        bob.write(format!("message {number}\n").as_bytes()).await;
    }
    assert_eq!(bob.end().await.1, Some(0));
    watcher.wait_for("bob: message 1999").await;
    let everything: Vec<String> = (0..2000).map(|number| format!("bob: message {number}")).collect();
    let (printed, code) = Program::start("export", &address, &[]).end().await;
    assert_eq!((printed, code), (everything.clone(), Some(0)));
    let mut listener = Program::start("listen", &address, &["--since", "all", "--count", "2001"]);
    listener.wait_for("bob: message 1999").await;
    let ann = Program::start("send", &address, &["--name", "ann", "the last one"]);
    assert_eq!(ann.end().await.1, Some(0));
    assert_eq!(listener.end().await, (vec!["ann: the last one".to_owned()], Some(0)));
}
