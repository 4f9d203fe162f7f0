//! `bookend conform` as its users run it: correct peers conform, and peers with a planted mistake fail for it.
//!
//! These tests require `python3` and `cc`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use bookend_server::{Access, Config, Hub, Listener, Rights, make_token};
use serde_json::Value;

/// The reference peer of `interop/broken`; its arguments say what it is.
const PEER: &str = "interop/broken/peer";
/// Mistakes that are quick to find, of each layer and mode; `interop/broken/run` plants all of them.
const MISTAKES: [&str; 10] = [
    "end-searched",
    "encoding-unchecked",
    "name-any-line",
    "frames-from-one",
    "error-without-id",
    "pong-empty",
    "limit-exclusive",
    "private-numbered",
    "private-unknown-silent",
    "welcome-next-off-by-one",
];
/// The time for an answer: a loaded machine may take seconds to start an interpreter. Only a peer that must hang needs
/// all of it.
const ANSWER_TIMEOUT: [&str; 2] = ["--timeout", "20"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs the program, and returns its exit code, output and errors.
fn conform(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bookend"))
        .arg("conform")
        .args(arguments)
        .current_dir(root())
        .env_remove("NO_COLOR")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("cargo builds the program");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The exit code, the cases and the summary.
fn examine(arguments: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
    let (code, lines, errors) = conform(&[&["--json"], arguments].concat());
    let mut cases: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = cases.pop().unwrap_or_else(|| panic!("{errors}"))["summary"].clone();
    (code, cases, summary)
}

#[test]
fn planted_mistakes_are_caught_for_the_requirement_they_break() {
    let mut command = Command::new("python3");
    command.args(["interop/broken/run", "--json", "--bookend", env!("CARGO_BIN_EXE_bookend")]).args(MISTAKES);
    let output = command.current_dir(root()).output().expect("these tests require python3");
    let lines = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{lines}\n{}", String::from_utf8_lossy(&output.stderr));
    let mut rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.pop().unwrap()["summary"].is_object());
    assert_eq!(rows.len(), MISTAKES.len());
    for row in rows {
        let missed = row["modes"].as_object().unwrap().iter().filter(|(_, caught)| **caught != true);
        assert!(missed.count() == 0 && row["cited"] == true, "{row}");
    }
}

/// The reference peer as a server.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start() -> Server {
        let mut command = Command::new("python3");
        command.args([PEER, "server"]).current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::null()).spawn().expect("these tests require python3");
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Server { process, address: format!("127.0.0.1:{}", port.trim()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Asserts that every case passed or does not apply.
fn assert_conforms((code, cases, summary): (Option<i32>, Vec<Value>, Value)) {
    let counts = |case: &&Value| case["verdict"] != "passed" && case["verdict"] != "not-applicable";
    let not_passed: Vec<&Value> = cases.iter().filter(counts).collect();
    assert!(not_passed.is_empty() && code == Some(0), "{summary} {not_passed:?}");
    assert!(cases.len() >= 90, "{summary}");
}

#[test]
fn correct_server_and_client_conform() {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let server = Server::start();
            assert_conforms(examine(&[&["--strict", "--server", &server.address], &ANSWER_TIMEOUT[..]].concat()));
        });
        let client = ["--strict", "--client", "python3", PEER, "client", "{address}"];
        assert_conforms(examine(&[&ANSWER_TIMEOUT, &client[..]].concat()));
    });
}

#[test]
fn own_client_conforms() {
    let client = ["--quick", "--client", "--", env!("CARGO_BIN_EXE_bookend"), "chat", "{address}"];
    assert_conforms(examine(&[&ANSWER_TIMEOUT, &client[..]].concat()));
}

#[tokio::test]
async fn own_hub_conforms() {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address().to_string();
    let serving = tokio::spawn(listener.run(Hub::new(Config::default())));
    let examined = tokio::task::spawn_blocking(move || {
        examine(&[&["--quick", "--server", &address], &ANSWER_TIMEOUT[..]].concat())
    });
    assert_conforms(examined.await.unwrap());
    serving.abort();
}

#[tokio::test]
async fn token_is_sent_to_the_hub_and_masked_in_the_report() {
    let (token, entry) = make_token("ann", &["*".into()], Rights::READ_WRITE, None).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address().to_string();
    let config = Config { access: Access::from_toml(&entry).unwrap(), ..Config::default() };
    let serving = tokio::spawn(listener.run(Hub::new(config)));
    let path = std::env::temp_dir().join(format!("bookend-conform-token-{}", std::process::id()));
    std::fs::write(&path, &token).unwrap();
    let file = path.to_str().unwrap().to_owned();
    let examined =
        tokio::task::spawn_blocking(move || examine(&["--only", "R2", "--token-file", &file, "--server", &address]));
    let (code, cases, summary) = examined.await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(code, Some(0), "{summary}");
    let sent: Vec<&str> = cases.iter().filter_map(|case| case["sent"].as_str()).collect();
    let [masked, plain] = ["*".repeat(token.len()), token].map(|text| data_encoding::HEXLOWER.encode(text.as_bytes()));
    assert!(sent.iter().any(|sent| sent.contains(&masked)), "{sent:?}");
    assert!(!sent.iter().any(|sent| sent.contains(&plain)), "{sent:?}");
    serving.abort();
}

#[test]
fn client_that_connects_by_itself_is_tested_one_connection_at_a_time() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend"));
    command.args(["conform", "--json", "--only", "R2", "--client", "--listen", &address]).current_dir(root());
    let mut tester = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(tester.stderr.take().unwrap());
    let mut line = String::new();
    errors.read_line(&mut line).unwrap();
    assert!(line.contains(&address), "{line}");
    let client = std::thread::spawn(move || {
        let peer = [PEER, "client", &address];
        // The last client cannot connect.
        while Command::new("python3")
            .args(peer)
            .current_dir(root())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
        {}
    });
    let output = tester.wait_with_output().unwrap();
    client.join().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{lines}");
    assert!(lines.lines().count() > 12, "{lines}");
}

#[test]
fn missing_peer_has_exit_code_3() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(conform(&["--server", &format!("127.0.0.1:{port}")]).0, Some(3));
    assert_eq!(conform(&["--timeout", "0.5", "--client", "--", "python3", "-c", "pass", "{port}"]).0, Some(3));
    assert_eq!(conform(&["--client", "--", "./no-such-program", "{port}"]).0, Some(3));
    let (code, _, errors) = conform(&["--client", "--", "python3", "-c", "pass"]);
    assert_eq!((code, errors.contains("{port}")), (Some(2), true), "{errors}");
}

#[test]
fn correct_adapter_conforms() {
    let (code, cases, summary) = examine(&["--strict", "--adapter", "python3", PEER, "adapter"]);
    assert_eq!((code, &summary["conforms"]), (Some(0), &Value::Bool(true)), "{summary}");
    assert!(cases.len() > 600 && cases.iter().all(|case| case["verdict"] == "passed"), "{summary}");
}

#[test]
fn adapter_in_c_conforms() {
    let adapter = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conform-c-adapter");
    let folder = root().join("interop/c");
    let library = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        (name.starts_with("bookend_") || name.starts_with("adapter")) && name.ends_with(".c")
    });
    let mut compiler = Command::new("cc");
    let built = compiler.args(["-std=c99", "-O1", "-o"]).arg(&adapter);
    let built = built.args(library).status().expect("these tests require cc");
    assert!(built.success());
    let (code, _, summary) = examine(&["--strict", "--adapter", adapter.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{summary}");
}

#[test]
fn failure_shows_requirement_bytes_and_mistake() {
    // [R2.5]
    let arguments =
        ["--only", "F001", "--adapter", "python3", PEER, "--mistake", "length-read-little-endian", "adapter"];
    let (code, text, _) = conform(&arguments);
    assert_eq!(code, Some(1));
    for line in [
        "FAILS  F001  The MESSAGE `hi` of section 2, twelve bytes.",
        "    R2.5       The length MUST be the number of bytes of the body, without header and END.",
        "    sent       frame 1048576 whole f5f80202000000026869f8f5",
        "    expected   02:2:6869 end",
        "    seen       fault:too-long:4",
        "2 Frame        0/1",
        "does not conform: 0 passed, 1 failed, ",
    ] {
        assert!(text.lines().any(|shown| shown.starts_with(line)), "{line}\n{text}");
    }
    let (_, cases, _) =
        examine(&["--only", "F007", "--adapter", "python3", PEER, "--mistake", "length-in-characters", "adapter"]);
    assert!(cases[0]["diagnosis"].as_str().unwrap().starts_with("length-counts-characters"), "{}", cases[0]);
}

#[test]
fn filters_select_cases_and_an_empty_selection_is_an_error() {
    let ids = |filters: &[&str]| -> Vec<String> {
        let (_, cases, _) = examine(&[filters, &["--adapter", "python3", PEER, "adapter"]].concat());
        cases.iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--only", "F002"]), ["F002"]);
    assert!(ids(&["--only", "R8.1"]).contains(&"memory-whole".into()));
    assert!(!ids(&["--only", "R2", "--skip", "frames"]).iter().any(|id| id.starts_with('F')));
    assert_eq!(conform(&["--only", "frams", "--adapter", "python3", PEER, "adapter"]).0, Some(2));
    assert_eq!(conform(&["--only", "R2.99", "--adapter", "python3", PEER, "adapter"]).0, Some(2));
    assert_eq!(conform(&["--adapter"]).0, Some(2));
}

#[test]
fn adapter_that_cannot_start_or_hangs_or_exits_does_not_pass() {
    assert_eq!(conform(&["--adapter", "./no-such-program"]).0, Some(3));
    let hangs = ["--adapter", "python3", "-c", "import sys; sys.stdin.read()"];
    let soon = ["--timeout", "0.3", "--start-timeout", "0.3", "--only", "texts"];
    let (code, cases, summary) = examine(&[&soon[..], &hangs].concat());
    assert_eq!(code, Some(1));
    assert_eq!((&summary["cases"]["failed"], &summary["cases"]["passed"]), (&3.into(), &0.into()));
    assert_eq!(cases[3]["verdict"], "not-run");
    let (code, _, summary) = examine(&["--only", "ends", "--adapter", "python3", "-c", "raise SystemExit(7)"]);
    assert_eq!((code, &summary["cases"]["failed"]), (Some(1), &1.into()));
}

#[test]
fn reports_are_written() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conform");
    std::fs::create_dir_all(&folder).unwrap();
    let [junit, html] = ["report.xml", "report.html"].map(|name| folder.join(name).to_str().unwrap().to_owned());
    let peer = ["--adapter", "python3", PEER, "--mistake", "mark-kept", "adapter"];
    let (code, ..) = conform(&[&["--only", "R5", "--junit", &junit, "--html", &html], &peer[..]].concat());
    assert_eq!(code, Some(1));
    let [junit, html] = [junit, html].map(|path| std::fs::read_to_string(path).unwrap());
    assert!(junit.starts_with("<?xml ") && junit.contains("<failure ") && junit.ends_with("</testsuites>\n"));
    assert!(html.starts_with("<!doctype html>") && html.contains("A receiver MUST remove one leading byte order mark"));
    let nowhere = folder.join("no/such/folder").to_str().unwrap().to_owned();
    let (code, _, errors) = conform(&["--html", &nowhere, "--only", "F001", "--adapter", "python3", PEER, "adapter"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("no/such/folder"), "{errors}");
}
