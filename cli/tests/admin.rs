//! `bookend admin` and a real hub.

#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::path::PathBuf;
use std::process::{Output, Stdio};

use bookend::{Code, Connection, ConnectionError, Hello, Message};
use bookend_server::{Admin, AdminOrder, AdminRules, AdminToken, Config, Hub, Listener};
use bookend_testing::HANG_TIMEOUT;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

const TOKEN: &str = "a-token-of-some-length";

/// A hub with an admin listener, and a file with its token.
struct Fixture {
    hub: Hub,
    orders: mpsc::Receiver<AdminOrder>,
    admin: Admin,
    url: String,
    token: PathBuf,
}

impl Fixture {
    async fn new(test: &str) -> Fixture {
        let hub = Hub::new(Config::default());
        let (sender, orders) = mpsc::channel(1);
        let rules = AdminRules { token: AdminToken::new(TOKEN.as_bytes()), hosts: Vec::new() };
        let admin = Admin::new(hub.clone(), sender, rules);
        admin.set_ready();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}", listener.address());
        tokio::spawn(listener.run_admin(admin.clone()));
        let token = std::env::temp_dir().join(format!("bookend-token-{test}-{}", std::process::id()));
        std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
        Fixture { hub, orders, admin, url, token }
    }

    /// A member of the hub.
    async fn join(&self, name: &'static str) -> Connection<DuplexStream> {
        let (near, far) = duplex(1 << 16);
        tokio::spawn(self.hub.serve(far, name));
        Connection::connect(near, Hello::new().with_hub(true).with_name(name).unwrap()).await.unwrap()
    }

    /// Runs the program with the token of the hub.
    async fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let token = self.token.to_str().unwrap();
        bookend(&[&["--url", &self.url, "--token-file", token], words].concat()).await
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.token); // a test may have removed it
    }
}

async fn bookend(words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    let command = command.arg("admin").args(words).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = timeout(HANG_TIMEOUT, command.output()).await.unwrap().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn status_connections_rooms_and_metrics_are_printed() {
    let fixture = Fixture::new("status").await;
    let mut ann = fixture.join("ann").await;
    ann.post(0, "hi").await.unwrap();
    while !matches!(ann.next().await.unwrap(), Some(Message::Delivery(_))) {}

    let (code, said, complaint) = fixture.run(&["status"]).await;
    assert_eq!((code, &*complaint), (Some(0), ""));
    let version = env!("CARGO_PKG_VERSION");
    let first = format!("bookend-server {version}, process {}: ready", std::process::id());
    assert_eq!(said.lines().next(), Some(&*first));
    assert!(said.contains("connections  1; 1 member in 1 room\nmessages     1, written 1 time\n"), "{said}");

    let (code, said, _) = fixture.run(&["connections"]).await;
    let lines: Vec<_> = said.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 2), "{said}");
    assert!(lines[0].starts_with("    NO NAME             ROOM         PEER "), "{said}");
    assert!(lines[1].starts_with("     1 ann              lobby        ann  "), "{said}");
    assert_eq!(fixture.run(&["rooms"]).await.1.lines().nth(1).unwrap().split_whitespace().next(), Some("lobby"));
    let (_, json, _) = fixture.run(&["rooms", "--json"]).await;
    assert!(json.starts_with(r#"{"rooms":[{"room":"lobby","members":1,"messages":1,"log_bytes":"#), "{json}");
    let (_, metrics, _) = fixture.run(&["metrics"]).await;
    assert!(metrics.contains("\nbookend_messages_total 1\n"), "{metrics}");

    let (code, _, stages) = fixture.run(&["rooms", "-v", "--timeout", "25500ms"]).await;
    assert!(code == Some(0) && stages.starts_with("bookend: connecting to 127.0.0.1:"), "{stages}");
    assert!(stages.lines().count() == 2 && stages.contains("\nbookend: the answer: "), "{stages}");

    fixture.admin.set_draining();
    let (code, said, _) = fixture.run(&["status"]).await;
    assert!(code == Some(1) && said.contains(": draining\n"), "{code:?} {said}");
}

#[tokio::test]
async fn kick_disconnects_a_member_and_say_sends_a_message() {
    let fixture = Fixture::new("kicks").await;
    let mut ann = fixture.join("ann").await;
    let (code, said, _) = fixture.run(&["say", "back", "at noon"]).await;
    assert_eq!((code, &*said), (Some(0), "sent to 1 room\n"));
    loop {
        if let Some(Message::Delivery(delivery)) = ann.next().await.unwrap() {
            assert_eq!((delivery.from, delivery.payload.text().unwrap().to_string()), (0, "back at noon".into()));
            break;
        }
    }
    let (code, said, _) = fixture.run(&["kick", "--member", "1", "--reason", "no flooding"]).await;
    assert_eq!((code, &*said), (Some(0), "disconnected ann\n"));
    let closed = loop {
        match ann.next().await {
            Ok(Some(_)) => {}
            other => break other.map(|_| ()),
        }
    };
    let Err(ConnectionError::Closed { code, reason }) = closed else { panic!("{closed:?}") };
    assert_eq!((code, &*reason), (Code::POLICY, "policy: no flooding"));

    let (_, said, _) = fixture.run(&["connections", "--closed"]).await;
    let words: Vec<_> = said.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words[..5], ["1", "ann", "ann", "hub", "policy"], "{said}");
    let (code, said, complaint) = fixture.run(&["kick", "77"]).await;
    assert_eq!((code, &*said), (Some(1), ""));
    assert_eq!(complaint, "bookend: no-such-member: there is no connection 77\n");
    let (code, _, complaint) = fixture.run(&["say", "a\u{1b}b"]).await;
    assert_eq!(code, Some(1));
    assert!(complaint.starts_with("bookend: bad-request: text must be 1 to 280 bytes"), "{complaint}");
}

#[tokio::test]
async fn bans_are_added_listed_and_lifted_and_kick_can_ban() {
    let fixture = Fixture::new("bans").await;
    let not_kept = "bans are not kept in a file: they end with the process of the hub\n";
    let mut flood = fixture.join("flood").await;
    let words = ["ban", "--name", "FLOOD", "--for", "10m", "--reason", "no flooding"];
    let (code, said, _) = fixture.run(&words).await;
    assert_eq!((code, said), (Some(0), format!("ban 1: name FLOOD for 10m; 1 connection closed\n{not_kept}")));
    let closed = loop {
        match flood.next().await {
            Ok(Some(_)) => {}
            other => break other.map(|_| ()),
        }
    };
    let Err(ConnectionError::Closed { code, reason }) = closed else { panic!("{closed:?}") };
    assert_eq!((code, &*reason), (Code::POLICY, "policy: banned: no flooding"));

    let (near, far) = duplex(1 << 16);
    tokio::spawn(fixture.hub.serve(far, "192.0.2.7:1".parse::<std::net::SocketAddr>().unwrap()));
    let _eve = Connection::connect(near, Hello::new().with_hub(true).with_name("eve").unwrap()).await.unwrap();
    let (code, said, _) = fixture.run(&["kick", "2", "--ban", "1h", "--reason", "enough"]).await;
    let done = format!("disconnected 192.0.2.7:1\nban 2: network 192.0.2.7/32 for 1h; 1 connection closed\n{not_kept}");
    assert_eq!((code, said), (Some(0), done));

    let (code, said, _) = fixture.run(&["bans"]).await;
    let rows: Vec<Vec<_>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((code, &rows[1][..3], rows[1].last()), (Some(0), &["1", "name", "FLOOD"][..], Some(&"flooding")));
    assert_eq!((&rows[2][..3], rows.len()), (&["2", "network", "192.0.2.7/32"][..], 4), "{said}");
    assert_eq!(fixture.run(&["unban", "2"]).await.1, "ban 2 lifted: network 192.0.2.7/32\n");
    let (code, _, complaint) = fixture.run(&["unban", "2"]).await;
    assert_eq!((code, &*complaint), (Some(1), "bookend: no-such-ban: there is no ban 2\n"));
    let (code, _, complaint) = fixture.run(&["ban", "--network", "0.0.0.0/0"]).await;
    assert!(code == Some(1) && complaint.contains("set force to ban it anyway"), "{complaint}");
    assert_eq!(fixture.run(&["ban", "--network", "0.0.0.0/0", "--force", "--json"]).await.0, Some(0));
}

#[tokio::test]
async fn drain_and_reload_report_success_or_the_reasons_of_a_refusal() {
    let mut fixture = Fixture::new("drains").await;
    let mut orders = std::mem::replace(&mut fixture.orders, mpsc::channel(1).1);
    let program = tokio::spawn(async move {
        let mut answers = [Ok(()), Err(vec!["hub.toml:3:1: first".to_owned(), "second\u{1b}[2J".into()])].into_iter();
        loop {
            match orders.recv().await.unwrap() {
                AdminOrder::Drain => return,
                AdminOrder::Reload(answer) => answer.send(answers.next().unwrap()).unwrap(),
            }
        }
    });
    assert_eq!(fixture.run(&["reload"]).await, (Some(0), "the new settings are in force\n".into(), String::new()));
    let (code, said, complaint) = fixture.run(&["reload"]).await;
    assert_eq!((code, &*said), (Some(1), ""));
    let reasons =
        "reload-refused: the old settings remain in force\nbookend: hub.toml:3:1: first\nbookend: second\\u{1b}[2J";
    assert_eq!(complaint, format!("bookend: {reasons}\n"));
    assert_eq!(fixture.run(&["drain", "--json"]).await.1, "{\"draining\":true}\n");
    program.await.unwrap();
}

#[tokio::test]
async fn missing_or_wrong_token_is_reported() {
    let fixture = Fixture::new("token").await;
    let (code, said, complaint) = bookend(&["--url", &fixture.url, "connections"]).await;
    assert_eq!((code, &*said), (Some(1), ""));
    assert_eq!(complaint, "bookend: unauthorized: a token is needed: Authorization: Bearer TOKEN\n");
    assert_eq!(bookend(&["--url", &fixture.url, "metrics"]).await.0, Some(0));
    let token = fixture.token.to_str().unwrap();
    assert_eq!(bookend(&["connections", "--url", &fixture.url, "--token-file", token]).await.0, Some(0));
    let secret = std::fs::read_to_string(token).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    command.args(["admin", "connections", "--url", &fixture.url]).env("BOOKEND_TOKEN", secret.trim());
    let output = timeout(HANG_TIMEOUT, command.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    std::fs::write(&fixture.token, "another-token-of-some-length").unwrap();
    assert_eq!(
        fixture.run(&["metrics"]).await.2,
        "bookend: unauthorized: the token is wrong, or does not allow this\n"
    );
    std::fs::write(&fixture.token, "\n").unwrap();
    let (code, _, complaint) = fixture.run(&["metrics"]).await;
    assert!(code == Some(2) && complaint.ends_with("its first line is not a token\n"), "{code:?} {complaint}");
}

#[tokio::test]
async fn missing_hub_is_reported_within_the_timeout() {
    let (code, _, complaint) = bookend(&["--socket", "/nowhere/admin.sock", "status"]).await;
    assert!(code == Some(3) && complaint.starts_with("bookend: /nowhere/admin.sock: "), "{code:?} {complaint}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let url = format!("http://{host}");
    let (code, _, complaint) = bookend(&["--url", &url, "--timeout", "1", "status"]).await;
    assert_eq!((code, complaint), (Some(3), format!("bookend: {host}: no answer within 1s\n")));

    let (mut silent, _) = listener.accept().await.unwrap();
    silent.shutdown().await.unwrap();
    let other = tokio::spawn(async move {
        for answer in
            ["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", ""]
        {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).await.unwrap();
            assert!(count > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    let (code, said, complaint) = bookend(&["--url", &url, "status"]).await;
    assert_eq!((code, &*said), (Some(1), ""));
    assert!(complaint.contains("the answer is not from a hub"), "{complaint}");
    let (code, _, complaint) = bookend(&["--url", &url, "rooms"]).await;
    assert_eq!((code, &*complaint), (Some(1), "bookend: the answer is not from an admin listener: 404 Not Found\n"));
    assert_eq!(bookend(&["--url", &url, "rooms"]).await.0, Some(3));
    other.await.unwrap();
    for wrong in [&["status"][..], &["--url", &url, "dance"], &["--url", "ftp://a:1", "status"]] {
        assert_eq!(bookend(wrong).await.0, Some(2), "{wrong:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn unix_socket_needs_no_token() {
    let fixture = Fixture::new("unix").await;
    let path = std::env::temp_dir().join(format!("bookend-admin-client-{}", std::process::id()));
    let listener = bookend_server::UnixListener::bind(&path, 0o600).await.unwrap();
    let running = tokio::spawn(listener.run_admin(fixture.admin.clone()));
    let _ann = fixture.join("ann").await;
    let (code, said, _) = bookend(&["--socket", path.to_str().unwrap(), "connections"]).await;
    assert!(code == Some(0) && said.contains(" ann "), "{code:?} {said}");
    running.abort();
    let _ = running.await; // it was aborted
}
