//! `bookend doctor` as its users run it: against a correct hub, against servers that make one mistake each, and against
//! servers of other protocols.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "doctor/history.rs"]
mod history;
#[path = "doctor/hub_mistakes.rs"]
mod hub_mistakes;
#[path = "doctor/mistakes.rs"]
mod mistakes;
#[path = "doctor/peer.rs"]
mod peer;

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use bookend::Decoder;
use bookend_server::{Access, Config, Hub, Listener, Rights, make_token};
use bookend_testing::Authority;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

/// The program's own limit is 55 s, or 600 s with --slow.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Examinations at a time. Each has its own time limits, which a loaded machine must be able to keep.
const AT_ONCE: usize = 6;
/// The time for an answer, if the server must answer: a loaded machine may be slow.
const ANSWER_TIMEOUT: [&str; 2] = ["--timeout", "20"];

/// Runs the program, and returns its exit code and output.
async fn doctor(address: &str, options: &[&str]) -> (Option<i32>, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .args(["doctor", address])
        .args(options)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("cargo builds the program");
    let output = timeout(TIMEOUT, child.wait_with_output()).await.expect("the program exits in time").unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The exit code, the rows and the summary.
async fn examine(address: SocketAddr, options: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
    examine_target(&address.to_string(), options).await
}

async fn examine_target(target: &str, options: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
    let (code, text) = doctor(target, &[options, &["--json"]].concat()).await;
    let mut rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = rows.pop().unwrap()["summary"].clone();
    (code, rows, summary)
}

/// The names of the rows with this verdict.
fn checks<'a>(rows: &'a [Value], verdict: &str) -> Vec<&'a str> {
    rows.iter().filter(|row| row["verdict"] == verdict).map(|row| row["check"].as_str().unwrap()).collect()
}

fn row<'a>(rows: &'a [Value], check: &str) -> &'a Value {
    rows.iter().find(|row| row["check"] == check).unwrap_or_else(|| panic!("no row {check}"))
}

/// A server that answers each read.
async fn foreign(answer: fn(&[u8]) -> Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut received = Vec::new();
                while stream.read_buf(&mut received).await.unwrap_or(0) > 0 {
                    let answer = answer(&std::mem::take(&mut received));
                    if stream.write_all(&answer).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

/// A hub with short timeouts.
fn quick() -> Config {
    Config { limits: peer::limits(), keepalive: 2, ..Config::default() }
}

async fn hub() -> SocketAddr {
    hub_with(quick()).await
}

async fn hub_with(config: Config) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address();
    tokio::spawn(listener.run(Hub::new(config)));
    address
}

#[tokio::test]
async fn hub_passes_every_check() {
    let address = hub().await;
    let (code, rows, summary) = examine(address, &[&["--slow"], &ANSWER_TIMEOUT[..]].concat()).await;
    for verdict in ["fails", "warns", "skipped"] {
        let found: Vec<&Value> = rows.iter().filter(|row| row["verdict"] == verdict).collect();
        assert!(found.is_empty(), "{found:?}");
    }
    // It accepts UTF-16; terminals would visit the default room; no token was given.
    let elsewhere = |check: &&str| !check.starts_with("hub-terminal-");
    assert_eq!(
        checks(&rows, "not-applicable").into_iter().filter(elsewhere).collect::<Vec<_>>(),
        [
            "order-encoding",
            "refused-utf-16be",
            "refused-utf-16le",
            "hub-refused",
            "hub-reader",
            "hub-writer",
            "hub-name-again"
        ]
    );
    assert_eq!((code, &summary["hold"]), (Some(0), &Value::from(rows.len() - 7 - 6)));
    assert!(rows.len() > 100, "{} rows", rows.len());
}

/// A token, and the configuration of a hub that requires it.
fn guarded() -> (String, Config) {
    let (token, entry) = make_token("ann", &["*".into()], Rights::READ_WRITE, None).unwrap();
    (token, Config { access: Access::from_toml(&entry).unwrap(), ..quick() })
}

#[tokio::test]
async fn hub_that_requires_tls_and_a_token_is_examined_with_both() {
    let authority = Authority::new();
    let (token, config) = guarded();
    authority.write("token", &token);
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let target = format!("tls://{}", listener.address());
    tokio::spawn(listener.run_tls(Hub::new(config), authority.load().unwrap()));
    let [ca, token] = ["ca.pem", "token"].map(|name| authority.path(name));
    let (code, rows, _) = examine_target(&target, &["--ca", &ca, "--token-file", &token, "--timeout", "20"]).await;
    for verdict in ["fails", "warns", "skipped"] {
        let found: Vec<&Value> = rows.iter().filter(|row| row["verdict"] == verdict).collect();
        assert!(found.is_empty(), "{found:?}");
    }
    assert_eq!((code, &row(&rows, "tls")["stage"]), (Some(0), &Value::from("reach")));
    let (code, rows, _) = examine_target(&target, &["--token-file", &token]).await;
    assert_eq!((code, checks(&rows, "fails")), (Some(3), vec!["tls"]));
    assert_eq!(row(&rows, "tls")["diagnosis"], "certificate-unknown-issuer");
    let tls = row(&rows, "tls").to_string();
    assert!(tls.contains("the intermediate certificate is missing in the hub's tls.certificate"), "{tls}");
    assert!(tls.contains("append the intermediate certificate to the file tls.certificate"), "{tls}");
    let (code, rows, _) = examine_target(target.strip_prefix("tls://").unwrap(), &[]).await;
    assert_eq!((code, checks(&rows, "fails")), (Some(1), vec!["hello"]));
    assert!(row(&rows, "hello")["fix"].as_str().unwrap().contains("tls://HOST:PORT"), "{}", row(&rows, "hello"));
}

#[tokio::test]
async fn refused_client_is_reported_and_no_other_fault() {
    let (_, config) = guarded();
    let (code, rows, _) = examine(hub_with(config).await, &[]).await;
    assert_eq!((code, checks(&rows, "fails")), (Some(1), vec!["admitted"]));
    let admitted = row(&rows, "admitted");
    assert_eq!(admitted["seen"], "CLOSE 1008: policy: a token is needed");
    assert!(admitted["fix"].as_str().unwrap().contains("--token-file"), "{admitted}");
    assert!(rows.iter().all(|row| row["stage"] != "behaviour" || row["verdict"] != "ok"), "{rows:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn hub_at_a_unix_socket_is_examined() {
    let path = std::env::temp_dir().join(format!("bookend-doctor-{}", std::process::id()));
    let listener = bookend_server::UnixListener::bind(&path, 0o600).await.unwrap();
    tokio::spawn(listener.run(Hub::new(quick())));
    let (code, rows, _) = examine_target(&format!("unix:{}", path.display()), &[]).await;
    let _ = fs::remove_file(&path);
    assert_eq!((code, checks(&rows, "fails"), checks(&rows, "skipped")), (Some(0), vec![], vec![]));
    assert_eq!(row(&rows, "unix")["verdict"], "ok");
}

#[tokio::test]
async fn refusal_of_a_proxy_is_reported() {
    let hub = hub().await;
    let proxy = foreign(|_| b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec()).await;
    let (code, rows, _) = examine(hub, &["--proxy", &format!("http://{proxy}")]).await;
    assert_eq!((code, checks(&rows, "fails")), (Some(3), vec!["proxy"]));
    assert_eq!(row(&rows, "proxy")["diagnosis"], "proxy-refused");
}

#[tokio::test]
async fn each_mistake_of_a_server_fails_its_row() {
    let examined = stream::iter(mistakes::CASES).map(|case| async move {
        let (address, serving) = peer::serve(case.mistake).await;
        let (code, rows, _) = examine(address, &["--timeout", "8"]).await;
        serving.abort();
        // Others may fail, too, because they look at the same thing; without a mistake none does.
        let own = |check: &&str| case.fails.is_empty() || case.fails.contains(check);
        let fails: Vec<&str> = checks(&rows, "fails").into_iter().filter(own).collect();
        let first = rows.iter().find(|row| row["verdict"] == "fails" && own(&row["check"].as_str().unwrap()));
        let diagnosis = first.and_then(|row| row["diagnosis"].as_str()).filter(|_| case.diagnosis.is_some());
        let found = (fails, checks(&rows, "warns"), diagnosis, code);
        let expected =
            (case.fails.to_vec(), case.warns.to_vec(), case.diagnosis, Some(i32::from(!case.fails.is_empty())));
        (found != expected).then(|| {
            let rows: Vec<String> = rows.iter().filter(|row| row["verdict"] == "fails").map(Value::to_string).collect();
            format!("{}: {found:?}; expected {expected:?}\n  {}", case.name, rows.join("\n  "))
        })
    });
    let wrong: Vec<String> = examined.buffer_unordered(AT_ONCE).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn other_protocols_are_named_and_the_exit_code_is_3() {
    type Answer = fn(&[u8]) -> Vec<u8>;
    let cases: [(Answer, &str, &str); 6] = [
        (|_| b"HTTP/1.1 400 Bad Request\r\nServer: small/1.0\r\n\r\n".to_vec(), "foreign-http", "Server: small/1.0"),
        (|_| b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n".to_vec(), "foreign-ssh", "OpenSSH_9.2p1 Debian-2+deb12u3"),
        (|_| b"\x15\x03\x03\0\x02\x02\x16".to_vec(), "foreign-tls", "TLS alert"),
        (
            |received| if received == b"\0\0\0\x08\x04\xD2\x16\x2F" { b"N".to_vec() } else { vec![] },
            "foreign-postgresql",
            "without TLS",
        ),
        (
            |received| if received.starts_with(b"\x10") { b"\x20\x02\0\0".to_vec() } else { vec![] },
            "foreign-mqtt",
            "CONNACK",
        ),
        (|received| if received == b"PING\r\n" { b"+PONG\r\n".to_vec() } else { vec![] }, "foreign-redis", "+PONG"),
    ];
    for (answer, name, seen) in cases {
        let address = foreign(answer).await;
        let (code, rows, _) = examine(address, &["--timeout", "1"]).await;
        let protocol = row(&rows, "protocol");
        assert_eq!((code, &protocol["diagnosis"]), (Some(3), &Value::from(name)), "{protocol}");
        assert!(protocol["seen"].as_str().unwrap().contains(seen), "{protocol}");
        assert!(protocol["fix"].is_string(), "{protocol}");
        assert_eq!(checks(&rows, "fails"), ["protocol"]);
    }
}

#[tokio::test]
async fn without_probes_only_bookend_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = tokio::spawn(async move {
        let mut all = Vec::new();
        // The first connection tests whether the server accepts, the second one is for HELLO.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_to_end(&mut all).await.unwrap();
        }
        (all, listener)
    });
    let (code, rows, _) = examine(address, &["--timeout", "1", "--no-probes"]).await;
    assert_eq!((code, &row(&rows, "protocol")["diagnosis"]), (Some(3), &Value::from("silent")));
    let (received, listener) = timeout(TIMEOUT, received).await.unwrap().unwrap();
    let frame = Decoder::new(4096).decode(&mut &*received).unwrap().map(|frame| (frame.kind(), frame.wire_length()));
    assert_eq!(frame, Some((bookend::kind::HELLO, received.len())));
    let another = timeout(Duration::ZERO, listener.accept()).await;
    assert!(another.is_err(), "there is no third connection");
}

#[tokio::test]
async fn echo_service_is_not_mistaken_for_a_peer() {
    let address = foreign(<[u8]>::to_vec).await;
    let (code, rows, _) = examine(address, &[]).await;
    assert_eq!((code, checks(&rows, "fails")), (Some(1), vec!["hello"]));
    assert_eq!(row(&rows, "hello")["diagnosis"], "self-connected");
}

#[tokio::test]
async fn terminal_that_echoes_is_named() {
    fn shown(bytes: &[u8]) -> Vec<u8> {
        let caret = |byte: &u8| if *byte < b' ' { vec![b'^', byte ^ 0x40] } else { vec![*byte] };
        bytes.iter().flat_map(caret).collect()
    }
    let whole = foreign(shown).await;
    // ^Z makes a terminal discard what it has not sent back.
    let flushed = foreign(|hello| shown(hello.rsplit(|&byte| byte == 0x1A).next().unwrap_or_default())).await;
    for address in [whole, flushed] {
        let (code, rows, _) = examine(address, &["--timeout", "1", "--no-probes"]).await;
        assert_eq!((code, checks(&rows, "fails")), (Some(1), vec!["hello"]));
        let row = row(&rows, "hello");
        assert_eq!(row["diagnosis"], "terminal-echo");
        assert!(row["fix"].as_str().unwrap().contains("stty raw -echo"), "{row}");
    }
}

#[tokio::test]
async fn token_that_may_only_read_is_not_a_fault_of_the_hub() {
    let (token, entry) = make_token("ann", &["*".into()], Rights::READ, None).unwrap();
    let address = hub_with(Config { access: Access::from_toml(&entry).unwrap(), ..quick() }).await;
    let path = std::env::temp_dir().join(format!("bookend-doctor-reader-{}", std::process::id()));
    fs::write(&path, token).unwrap();
    let options = [&["--token-file", path.to_str().unwrap()], &ANSWER_TIMEOUT[..]].concat();
    let (code, rows, _) = examine(address, &options).await;
    fs::remove_file(&path).unwrap();
    assert_eq!((code, checks(&rows, "fails"), checks(&rows, "warns")), (Some(0), vec![], vec![]), "{rows:?}");
    let seen = row(&rows, "hub-own-message")["seen"].as_str().unwrap();
    assert!(seen.contains("may not write here") && seen.contains("policy"), "{seen}");
    for skipped in ["hub-everyone", "hub-private", "hub-no-such-member", "hub-too-long"] {
        assert_eq!(row(&rows, skipped)["verdict"], "skipped");
    }
}

#[tokio::test]
async fn token_that_a_server_quotes_is_not_shown() {
    let address = foreign(|_| b"no such user: sesame-sesame-9a1f\r\n".to_vec()).await;
    let path = std::env::temp_dir().join(format!("bookend-doctor-quoted-{}", std::process::id()));
    fs::write(&path, "sesame-sesame-9a1f").unwrap();
    let options = ["--token-file", path.to_str().unwrap(), "--no-probes", "--timeout", "1"];
    let (_, text) = doctor(&address.to_string(), &options).await;
    fs::remove_file(&path).unwrap();
    assert!(text.contains("no such user: ***") && !text.contains("sesame"), "{text}");
}

#[tokio::test]
async fn refusal_in_place_of_hello_is_quoted_with_its_fix() {
    let address = foreign(|_| b"\xF5\xF8\x08\x01\0\0\0\x0B\x03\xF5try-later\xF8\xF5".to_vec()).await;
    let (code, rows, _) = examine(address, &[]).await;
    assert_eq!((code, checks(&rows, "fails")), (Some(1), vec!["hello"]));
    assert_eq!(row(&rows, "hello")["seen"], "CLOSE 1013: try-later in place of HELLO");
    assert_eq!(
        row(&rows, "hello")["fix"],
        "the server is full, or has too many connections from this address or with this token; the reason says which: try again later"
    );
}

#[tokio::test]
async fn unreachable_server_has_exit_code_3() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (code, rows, _) = examine(address, &[]).await;
    assert_eq!((code, checks(&rows, "fails")), (Some(3), vec!["tcp"]));
    assert_eq!(row(&rows, "tcp")["diagnosis"], "connection-refused");
    let (code, text) = doctor("no-such-host.invalid:1", &["--timeout", "2"]).await;
    assert!(code == Some(3) && text.starts_with("FAILS    resolve"), "{text}");
}

#[tokio::test]
async fn rows_are_coloured_only_on_request_and_never_contain_control_characters() {
    let address = foreign(|_| b"\x1B[31mgo away\xC2\x9B0m\x07\r\n".to_vec()).await;
    let options = ["--timeout", "1", "--no-probes"];
    let (_, plain) = doctor(&address.to_string(), &options).await;
    assert!(plain.contains("go away"), "{plain}");
    assert!(plain.chars().all(|character| character == '\n' || !bookend::is_disturbing(character)), "{plain:?}");
    assert!(plain.ends_with("\n\n2 ok, 1 failed, 0 skipped\n"), "{plain}");
    let (_, coloured) = doctor(&address.to_string(), &[&options[..], &["--color", "always"]].concat()).await;
    assert!(coloured.contains("\u{1b}[1m\u{1b}[31mFAILS"), "{coloured:?}");
}

#[tokio::test]
async fn objects_have_the_same_keys_in_every_row() {
    let address = foreign(|_| b"HTTP/1.0 200 OK\r\n\r\n".to_vec()).await;
    let (_, rows, summary) = examine(address, &["--no-probes"]).await;
    for row in &rows {
        let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["check", "diagnosis", "fix", "seen", "spec", "stage", "verdict"]);
    }
    let keys: Vec<&String> = summary.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["fail", "hold", "not-applicable", "skipped", "warn"]);
}
