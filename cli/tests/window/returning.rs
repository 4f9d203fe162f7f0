//! A hub that keeps its rooms on a disk is killed, or told to end, and started again: whoever was away continues without a hole
//! and without a message twice.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bookend_server::{Config, History, HistoryConfig, Hub, Listener};
use bookend_testing::HANG_TIMEOUT;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::chat;
use super::history::{Speaker, Wire};

/// Set in the process that is the hub of a test: its address and its file.
const BE_A_HUB: &str = "BOOKEND_TEST_BE_A_HUB";

#[test]
#[ignore = "the other tests start it as their hub"]
fn hub_in_a_process() {
    let Ok(place) = std::env::var(BE_A_HUB) else { return };
    let (address, path) = place.split_once(' ').unwrap();
    Runtime::new().unwrap().block_on(async {
        let history = History::open(HistoryConfig::new(path)).unwrap();
        let hub = Hub::with_history(Config { recent: 10, ..Config::default() }, history);
        let mut terminated = signal(SignalKind::terminate()).unwrap();
        let listener = Listener::bind(address.parse().unwrap()).await.unwrap();
        println!("\nlistening on {}", listener.address());
        tokio::spawn(listener.run(hub.clone()));
        // It ends when the test ends, too.
        let watched = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        tokio::select! {
            _ = terminated.recv() => {}
            _ = watched => {}
        }
        hub.shut_down().await;
        std::process::exit(0); // the input may be open
    });
}

/// A hub in a process of its own, so that it can be killed.
struct HubProcess {
    child: Child,
    address: SocketAddr,
}

impl HubProcess {
    fn start(address: &str, file: &Path) -> HubProcess {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "returning::hub_in_a_process", "--ignored", "--nocapture", "--test-threads=1"])
            .env(BE_A_HUB, format!("{address} {}", file.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().strip_prefix("listening on ").map(str::to_owned));
        let address = line.expect("it listens").parse().unwrap();
        thread::spawn(move || lines.for_each(drop));
        HubProcess { child, address }
    }

    /// Sends it a signal, and returns its address when it has ended.
    fn end(mut self, signal: &str) -> String {
        send_signal(signal, &self.child);
        self.child.wait().unwrap();
        self.address.to_string()
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait(); // killed
    }
}

fn send_signal(signal: &str, child: &Child) {
    let status = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// A directory for one test, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("bookend-returning-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // it is in a directory for temporary files
    }
}

/// `listen --json --append`.
struct Recorder {
    child: Child,
    file: PathBuf,
}

impl Recorder {
    fn start(address: &str, file: &Path) -> Recorder {
        let child = Command::new(env!("CARGO_BIN_EXE_bookend"))
            .args(["listen", address, "--json", "--append", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Recorder { child, file: file.into() }
    }

    /// Waits for the whole lines in the file.
    fn waits(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + HANG_TIMEOUT;
        loop {
            let mut written = fs::read_to_string(&self.file).unwrap_or_default();
            written.truncate(written.rfind('\n').map_or(0, |at| at + 1));
            if holds(&written) {
                return written;
            }
            assert!(Instant::now() < end, "not {what:?}:\n{written}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until so many messages are recorded.
    fn records(&self, count: usize) -> Vec<(u64, String)> {
        messages(&self.waits("as many messages", |written| messages(written).len() >= count))
    }

    /// Sends it a signal. Returns its exit code.
    fn end(mut self, signal: &str) -> Option<i32> {
        send_signal(signal, &self.child);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait(); // killed
    }
}

/// The messages in the output of `--json`. A gap is a failure.
fn messages(printed: &str) -> Vec<(u64, String)> {
    let objects = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects
        .filter(|object| {
            assert_ne!(object["event"], "gap", "{printed}");
            object["seq"].is_u64()
        })
        .map(|object| (object["seq"].as_u64().unwrap(), object["text"].as_str().unwrap().to_owned()))
        .collect()
}

fn export(address: &str) -> Vec<(u64, String)> {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_bookend")).args(["export", address, "--json"]).output().unwrap();
    assert!(status.success() && stderr.is_empty(), "{}", String::from_utf8_lossy(&stderr));
    messages(&String::from_utf8(stdout).unwrap())
}

/// What a telnet user is shown until it leaves: `time` for the time of a message that was said before.
fn telnet(address: SocketAddr, typed: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
    stream.write_all(format!("/name tel\r\n{typed}/quit\r\n").as_bytes()).unwrap();
    let mut shown = String::new();
    stream.read_to_string(&mut shown).unwrap();
    let said = shown.lines().filter(|line| line.contains("bob: "));
    said.map(|line| match line.split_once(" bob: ") {
        Some((time, text)) if time.starts_with("* ") => format!("time bob: {text}"),
        _ => line.into(),
    })
    .collect()
}

#[test]
fn a_recorder_an_export_and_a_telnet_user_continue_after_a_restart() {
    for signal in ["KILL", "TERM"] {
        let directory = Directory::new(&format!("all-{signal}"));
        let (kept, recorded) = (directory.0.join("history.db"), directory.0.join("record.jsonl"));
        let hub = HubProcess::start("127.0.0.1:0", &kept);
        let address = hub.address.to_string();
        let recorder = Recorder::start(&address, &recorded);
        let bob = Speaker::new(hub.address);
        recorder.waits("it has joined", |written| written.contains("\"event\":\"welcome\""));
        ["one", "two", "three"].iter().for_each(|text| bob.says(text));
        let before = export(&address);
        assert_eq!(before.len(), 3);
        assert_eq!(telnet(hub.address, ""), ["time bob: one", "time bob: two", "time bob: three"]);
        assert_eq!(recorder.records(3), before);
        assert_eq!(recorder.end("KILL"), None);
        drop(bob);
        let address = hub.end(signal);

        let hub = HubProcess::start(&address, &kept);
        let bob = Speaker::new(hub.address);
        ["four", "five"].iter().for_each(|text| bob.says(text));
        let shown = telnet(hub.address, "/last 3\r\n/search OU\r\n");
        let texts = ["one", "two", "three", "four", "five", "three", "four", "five", "four"];
        assert_eq!(shown, texts.map(|text| format!("time bob: {text}")), "{signal}");
        let recorder = Recorder::start(&address, &recorded);
        let after = export(&address);
        bob.says("six");
        let last = (after[4].0 + 1, "six".to_owned());
        let texts = ["one", "two", "three", "four", "five"].map(str::to_owned);
        assert_eq!(after, (before[0].0..).zip(texts).collect::<Vec<_>>(), "{signal}");
        assert_eq!(after[..3], before, "{signal}");
        assert_eq!(recorder.records(6), [&after[..], &[last]].concat(), "{signal}");
        assert_eq!(recorder.end("TERM"), Some(143));
    }
}

#[test]
fn a_window_that_was_away_during_a_restart_shows_what_was_said_once() {
    for signal in ["KILL", "TERM"] {
        let directory = Directory::new(&format!("window-{signal}"));
        let kept = directory.0.join("history.db");
        let hub = HubProcess::start("127.0.0.1:0", &kept);
        let wire = Wire::to(hub.address);
        let bob = Speaker::new(hub.address);
        bob.says("before ann");
        let Some(window) = chat("ann", &wire.address.to_string(), 80, 24) else { return };
        bob.says("before the end");
        let before = window.shows("bob: before the end");
        assert!(before.contains("bob: before ann"), "{before}");
        wire.pause();
        drop(bob);
        let address = hub.end(signal);
        window.shows("connection lost");

        let hub = HubProcess::start(&address, &kept);
        let bob = Speaker::new(hub.address);
        ["while ann is away", "漢字"].iter().for_each(|text| bob.says(text));
        wire.resume();
        window.shows("reconnected");
        let screen = window.shows("bob: 漢字");
        let (_, after) = screen.split_once("── new since you left ─").unwrap_or_else(|| panic!("{screen}"));
        assert!(after.contains("bob: while ann is away") && !screen.contains("missed"), "{screen}");
        bob.says("after");
        window.enters("and I am here");
        window.shows("bob: after");
        let screen = window.shows("ann: and I am here");
        for text in ["before ann", "before the end", "while ann is away", "漢字", "after", "and I am here"] {
            assert_eq!(screen.matches(&format!(": {text}  ")).count(), 1, "{signal}: {text:?} on\n{screen}");
        }
        window.enters("/quit");
        window.shows("ended with 0");
    }
}
