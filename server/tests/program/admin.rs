//! The admin listener of the program.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use bookend::{Code, Connection, ConnectionError, Hello, Message};
use bookend_testing::HANG_TIMEOUT;

use crate::running::{Directory, Running, exists, output, program};

const TOKEN: &str = "a-token-of-some-length";

/// Status and body of the answer to a request without the line Host.
fn ask(stream: &mut (impl Read + Write), request: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let host = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    write!(stream, "{request} HTTP/1.1\r\n{host}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.into())
}

pub(crate) fn unix(path: &str, request: &str, body: &str) -> (u16, String) {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
    ask(&mut stream, request, body)
}

fn tcp(place: &str, request: &str, more: &str) -> u16 {
    let mut stream = TcpStream::connect(place).unwrap();
    stream.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: {place}\r\n{more}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}

#[test]
fn the_admin_socket_answers_obeys_and_is_removed_at_the_end() {
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    let setting = format!("admin.listen=unix:{path}");
    for mode in ["0600", "0660"] {
        let set = format!("admin.mode={mode}");
        let mut command = program(&["--listen", "127.0.0.1:0", "--set", &setting, "--set", &set]);
        let mut running = Running::start(&mut command, 2);
        assert_eq!(running.printed[1], format!("admin on unix:{path}"));
        let permissions = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(permissions, u32::from_str_radix(mode, 8).unwrap());
        assert_eq!(unix(&path, "GET /readyz", ""), (200, "ready\n".into()));
        let (status, metrics) = unix(&path, "GET /metrics", "");
        assert!(
            status == 200 && metrics.contains("\nbookend_connections_accepted_total{door=\"tcp\"} 0\n"),
            "{metrics}"
        );
        assert_eq!(unix(&path, "POST /say", r#"{"text":"hi"}"#), (200, "{\"rooms\":0}\n".into()));
        assert_eq!(unix(&path, "POST /drain", ""), (200, "{\"draining\":true}\n".into()));
        assert!(running.end().success());
        assert!(running.seen.contains("INFO shut-down signal=\"admin\""), "{}", running.seen);
        assert!(!exists(&path));
    }
    // A second signal removes the files, too.
    let mut command = program(&["--listen", "127.0.0.1:0", "--set", &setting]);
    let mut running = Running::start(&mut command, 2);
    let mut person = TcpStream::connect(("127.0.0.1", running.port())).unwrap();
    person.write_all(b"\n").unwrap();
    running.wait_for("INFO connect");
    running.signal("TERM");
    running.wait_for("shut-down");
    assert_eq!(unix(&path, "GET /readyz", ""), (503, "draining\n".into()));
    let (status, refusal) = unix(&path, "POST /reload", "");
    assert!(status == 422 && refusal.contains("the hub is shutting down"), "{status} {refusal}");
    running.signal("TERM");
    assert_eq!(running.end().code(), Some(128 + 15));
    assert!(!exists(&path));
    drop(person);
}

#[test]
fn a_refused_reload_is_answered_with_its_faults() {
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    let right = format!("listen = '127.0.0.1:0'\n[admin]\nlisten = 'unix:{path}'\n");
    let file = directory.file("hub.toml", &right);
    let mut running = Running::start(&mut program(&["--config", &file]), 2);
    directory.file("hub.toml", &format!("{right}token_fil = 'x'\n[limits]\npings = 0\n"));
    let (status, refusal) = unix(&path, "POST /reload", "");
    assert_eq!(status, 422);
    assert!(refusal.contains("hub.toml:4:1: there is no setting admin.token_fil; did you mean"), "{refusal}");
    assert!(refusal.contains("hub.toml:6:9: limits.pings: "), "{refusal}");
    directory.file("hub.toml", &format!("{right}token_file = '{}'\n", directory.path("none")));
    let (status, refusal) = unix(&path, "POST /reload", "");
    assert!(status == 422 && refusal.contains("hub.toml:4:14: admin.token_file: "), "{status} {refusal}");
    directory.file("hub.toml", &format!("{right}mode = '0666'\n[limits]\npings = 3\n"));
    assert_eq!(unix(&path, "POST /reload", ""), (200, "{\"reloaded\":true}\n".into()));
    running.wait_for("WARN setting-needs-restart name=\"admin.mode\"");
    running.wait_for("INFO reload changed=1");
    let metrics = unix(&path, "GET /metrics", "").1;
    assert!(
        metrics.contains("reloads_total{result=\"ok\"} 1\nbookend_reloads_total{result=\"refused\"} 2\n"),
        "{metrics}"
    );
}

#[test]
fn over_tcp_a_token_is_needed_and_a_reload_replaces_it() {
    let directory = Directory::new();
    let token = directory.file("token", &format!("{TOKEN}\n"));
    let file = directory.file(
        "hub.toml",
        &format!("listen = '127.0.0.1:0'\n[admin]\nlisten = '127.0.0.1:0'\ntoken_file = '{token}'\n"),
    );
    let mut running = Running::start(&mut program(&["--config", &file]), 2);
    let place = running.printed[1].strip_prefix("admin on ").unwrap().to_owned();
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    assert_eq!(tcp(&place, "GET /metrics", ""), 200);
    assert_eq!(tcp(&place, "GET /rooms", ""), 401);
    assert_eq!(tcp(&place, "GET /rooms", &bearer(TOKEN)), 200);
    let refused = running.wait_for("WARN admin-refuse peer=\"127.0.0.1:");
    assert!(refused.contains("fault=\"unauthorized\""), "{refused}");
    directory.file("token", "another-token-of-some-length");
    running.signal("HUP");
    running.wait_for("INFO reload");
    assert_eq!(tcp(&place, "GET /rooms", &bearer(TOKEN)), 401);
    assert_eq!(tcp(&place, "GET /rooms", &bearer("another-token-of-some-length")), 200);
    assert!(!running.seen.contains("-of-some-length"), "a token is not logged");
}

#[test]
fn an_invalid_or_reachable_admin_address_is_refused() {
    let directory = Directory::new();
    let (short, token) = (directory.file("short", "secret\n"), directory.file("token", TOKEN));
    let taken = Running::start(&mut program(&["--listen", "127.0.0.1:0"]), 1);
    let taken = format!("admin.listen=127.0.0.1:{}", taken.port());
    let (short, token) = (format!("admin.token_file={short}"), format!("admin.token_file={token}"));
    let public = "to allow that, set admin.public = true and admin.token_file or access.tokens";
    for (settings, code, why) in [
        (&["admin.listen=nowhere"][..], 2, "an address must be HOST:PORT"),
        (&["admin.listen=0.0.0.0:0"], 2, public),
        (&["admin.listen=0.0.0.0:0", "admin.public=true"], 2, public),
        (&["admin.listen=0.0.0.0:0", &token], 2, public),
        (&["admin.listen=127.0.0.1:0", &short], 2, "a token is a line of 16 to 256 visible ASCII characters"),
        (&["admin.hosts=a/b"], 2, "\"a/b\" is not a host name"),
        (&[&taken], 1, "admin.listen: 127.0.0.1:"),
        (&["admin.listen=unix:/nowhere/admin.sock"], 1, "admin.listen: unix:/nowhere/admin.sock: "),
    ] {
        let sets: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let (ended, printed, complaint) = output(program(&["--listen", "127.0.0.1:0"]).args(&sets));
        assert_eq!((ended, &*printed), (Some(code), ""), "{settings:?}");
        assert!(complaint.contains(why), "{complaint}");
        if code == 2 {
            let checked = output(program(&["--check-config"]).args(&sets));
            assert_eq!((checked.0, checked.2), (Some(2), complaint), "{settings:?}");
        }
    }
    let mut allowed = program(&["--listen", "127.0.0.1:0", "--set", "admin.listen=0.0.0.0:0"]);
    let running = Running::start(allowed.args(["--set", "admin.public=true", "--set", &token]), 2);
    let port = running.printed[1].rsplit(':').next().unwrap();
    let place = format!("127.0.0.1:{port}");
    assert_eq!((tcp(&place, "GET /healthz", ""), tcp(&place, "GET /metrics", "")), (200, 401));
}

/// Sends messages, each after it has received the last one, until the hub closes; how many it received, without a
/// gap.
async fn talk(address: String, name: String) -> u64 {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut connection =
        Connection::connect(stream, Hello::new().with_hub(true).with_name(&name).unwrap()).await.unwrap();
    let _ = connection.post(0, "first").await; // the hub may be closing
    let (mut received, mut last) = (0, None);
    loop {
        match connection.next().await {
            Ok(Some(Message::Delivery(delivery))) => {
                assert!(last.is_none_or(|last| delivery.seq == last + 1), "{last:?} {}", delivery.seq);
                last = Some(delivery.seq);
                received += 1;
                if delivery.name() != name {
                    continue;
                }
            }
            Ok(Some(Message::Gap { missed })) => panic!("{missed} are missing"),
            Ok(Some(_)) => continue,
            Ok(None) => panic!("closed as if all were well"),
            Err(ConnectionError::Closed { code: Code::GOING_AWAY, .. }) => return received,
            Err(error) => panic!("{error}"),
        }
        let _ = connection.post(0, "and another thing").await; // the hub may be closing
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_under_load_and_drains_without_loss() {
    const MEMBERS: usize = 8;
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    let setting = format!("admin.listen=unix:{path}");
    let mut running = Running::start(&mut program(&["--listen", "127.0.0.1:0", "--set", &setting]), 2);
    let address = format!("127.0.0.1:{}", running.port());
    let members: Vec<_> =
        (0..MEMBERS).map(|number| tokio::spawn(talk(address.clone(), format!("m{number}")))).collect();
    running.wait_for(&format!("member={MEMBERS} "));
    for _ in 0..10 {
        let (status, list) = unix(&path, "GET /connections", "");
        let members = list.matches("\"state\":\"member\"").count();
        assert_eq!((status, members, list.contains("\"unanswered\":0")), (200, MEMBERS, true), "{list}");
    }
    // The first request has sent each a PING.
    let is_measured = || !unix(&path, "GET /connections", "").1.contains("\"rtt\":null");
    assert!((0..1000).any(|_| is_measured()), "they answer");
    let metrics = unix(&path, "GET /metrics", "").1;
    let accepted = format!("\nbookend_connections_accepted_total{{door=\"tcp\"}} {MEMBERS}\n");
    assert!(metrics.contains(&accepted), "{metrics}");
    assert_eq!(unix(&path, "POST /drain", "{}").0, 200);
    let mut received = 0;
    for member in members {
        received += member.await.unwrap();
    }
    assert!(received > 100, "they were sending");
    assert!(running.end().success());
    assert!(running.seen.contains(&format!("INFO end closed={MEMBERS} given_up=0")), "{}", running.seen);
}

#[test]
fn connections_that_end_at_once_are_harmless() {
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    let setting = format!("admin.listen=unix:{path}");
    let running = Running::start(&mut program(&["--listen", "127.0.0.1:0", "--set", &setting]), 2);
    for _ in 0..100 {
        let mut stream = UnixStream::connect(&path).unwrap();
        let _early_end = stream.write_all(b"GET /connections HTTP/1.1\r\nHost: x\r\n\r\n");
        let _gone = stream.shutdown(Shutdown::Both);
    }
    assert_eq!(unix(&path, "GET /healthz", ""), (200, "ok\n".into()));
    assert_eq!(running.printed.len(), 2);
}
