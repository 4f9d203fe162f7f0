//! The window of `bookend chat` in tmux, with a hub, a telnet user, a Python peer and a recorder.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

#[path = "window/history.rs"]
mod history;
#[cfg(target_os = "linux")] // it uses `env --default-signal` and /proc
#[path = "window/modes.rs"]
mod modes;
#[path = "window/residue.rs"]
mod residue;
#[path = "window/returning.rs"]
mod returning;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bookend_server::{Access, Config, Hub, Listener, Rights, make_token};
use bookend_testing::HANG_TIMEOUT;
use tokio::runtime::Runtime;

/// A hub in a runtime of its own.
struct Server {
    runtime: Runtime,
    address: SocketAddr,
}

impl Server {
    fn start(address: &str) -> Server {
        Server::with(address, Config::default())
    }

    fn with(address: &str, config: Config) -> Server {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(Listener::bind(address.parse().unwrap())).unwrap();
        let address = listener.address();
        runtime.spawn(listener.run(Hub::new(config)));
        Server { runtime, address }
    }

    /// Ends at once, without a CLOSE, and returns the address.
    fn kill(self) -> String {
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        self.address.to_string()
    }
}

/// A terminal with a program in it.
struct Terminal {
    socket: String,
}

impl Terminal {
    /// A terminal of this size, or `None` without tmux, which is a failure in CI.
    fn start(columns: u16, rows: u16, program: &str) -> Option<Terminal> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let terminal = Terminal { socket: format!("bookend-{}-{number}", std::process::id()) };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let arguments = ["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, program];
        match terminal.command(&arguments).status() {
            Ok(status) => assert!(status.success()),
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "tmux: {error}");
                eprintln!("NOT TESTED: tmux: {error}");
                return None;
            }
        }
        Some(terminal)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-u", "-L", &self.socket]).args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn types(&self, text: &str) {
        self.run(&["send-keys", "-l", text]);
    }

    fn presses(&self, key: &str) {
        self.run(&["send-keys", key]);
    }

    fn enters(&self, text: &str) {
        self.types(text);
        self.presses("Enter");
    }

    fn pastes(&self, text: &str) {
        self.run(&["set-buffer", text]);
        self.run(&["paste-buffer", "-p"]);
    }

    fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// Waits until the screen shows this.
    fn shows(&self, text: &str) -> String {
        self.waits(text, |screen| screen.contains(text))
    }

    fn waits(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + HANG_TIMEOUT;
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "no {what:?} on\n{screen}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).status(); // it may have ended
    }
}

/// `bookend chat` in a terminal, joined.
fn chat(name: &str, address: &str, columns: u16, rows: u16) -> Option<Terminal> {
    let program =
        format!("{} chat {address} --name {name}; echo ended with $?; sleep 90", env!("CARGO_BIN_EXE_bookend"));
    let terminal = Terminal::start(columns, rows, &program)?;
    terminal.shows("● up");
    Some(terminal)
}

#[test]
fn window_talks_to_telnet_and_to_python() {
    let server = Server::start("127.0.0.1:0");
    let address = server.address.to_string();
    let Some(window) = chat("ann", &address, 80, 24) else { return };

    let mut telnet = TcpStream::connect(server.address).unwrap();
    telnet.set_read_timeout(Some(HANG_TIMEOUT)).unwrap();
    telnet.write_all("/name bob\r\nann: are you there?\r\n\x1b[2Jgrüß 漢字\r\n".as_bytes()).unwrap();
    window.shows("bob: ann: are you there?");
    let screen = window.shows("grüß 漢字");
    assert!(!screen.contains("\x1b[2J"), "{screen}");

    window.types("bo");
    window.presses("Tab");
    window.enters("yes 😀");
    let mut lines = BufReader::new(telnet.try_clone().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ann: bob: yes 😀"));

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut python = Command::new("python3")
        .args(["-m", "bookend.chat", &address, "--name", "cid"])
        .env("PYTHONPATH", root.join("interop/python/src"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    window.shows("cid joined");
    writeln!(python.stdin.as_ref().unwrap(), "from python: שלום").unwrap();
    window.shows("cid: from python: שלום");
    window.enters("/to cid for you alone");
    window.shows("(private) to cid: for you alone");
    let mut heard = BufReader::new(python.stdout.take().unwrap()).lines();
    assert!(heard.any(|line| line.unwrap().contains("for you alone")));
    drop(python.stdin.take());
    assert!(python.wait().unwrap().success());
    window.shows("cid left");

    window.enters("/quit");
    window.shows("ended with 0");
}

#[test]
fn paste_is_one_message_and_the_size_may_change() {
    let server = Server::start("127.0.0.1:0");
    let Some(window) = chat("ann", &server.address.to_string(), 80, 24) else { return };
    window.pastes("one\ntwo\nthree");
    window.shows("  three");
    window.presses("Enter");
    let screen = window.shows("ann: one");
    assert!(screen.contains("\n        two") && screen.contains("\n        three"), "{screen}");
    assert_eq!(screen.matches("ann: ").count(), 1, "{screen}");

    window.enters("/me waves");
    window.shows("* ann waves");
    window.run(&["resize-window", "-x", "30", "-y", "8"]);
    window.waits("no members", |screen| !screen.contains("here"));
    window.enters("a line that is longer than the window is now");
    window.shows("        longer than the");
    window.run(&["resize-window", "-x", "100", "-y", "30"]);
    window.shows("1 here");
    window.presses("C-d");
    window.shows("ended with 0");
}

#[test]
fn window_reconnects_and_marks_what_was_missed() {
    let server = Server::start("127.0.0.1:0");
    let Some(window) = chat("ann", &server.address.to_string(), 80, 24) else { return };
    window.enters("before");
    window.shows("ann: before");
    let address = server.kill();
    window.shows("connection lost");
    window.shows("reconnecting in");
    window.enters("typed while the hub was gone");
    window.shows("1 pending");

    let server = Server::start(&address);
    window.shows("reconnected");
    window.shows("messages may have been missed");
    window.shows("ann: typed while the hub was gone");
    window.shows("● up");
    drop(server);
}

#[test]
fn refused_or_disconnected_user_sees_the_reason_and_an_exit_code() {
    let program = env!("CARGO_BIN_EXE_bookend");
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let Some(terminal) = Terminal::start(100, 20, &format!("{program} chat {refused}; echo code $?; sleep 90")) else {
        return;
    };
    let screen = terminal.shows("code 3");
    assert!(screen.contains("connection-refused"), "{screen}");

    let end = humantime::format_rfc3339_seconds(std::time::SystemTime::now() + Duration::from_secs(20)).to_string();
    let (token, entry) = make_token("ann", &["*".into()], Rights::READ_WRITE, Some(&end)).unwrap();
    let hub = Server::with("127.0.0.1:0", Config { access: Access::from_toml(&entry).unwrap(), ..Config::default() });
    let address = hub.address;
    let chat = format!("BOOKEND_TOKEN={token} {program} chat {address}; echo code $?; sleep 90");
    let terminal = Terminal::start(100, 20, &chat).unwrap();
    terminal.shows("welcome to lobby");
    terminal.shows("closed"); // and the window stays
    terminal.presses("C-d");
    let screen = terminal.shows("code 1");
    assert!(screen.contains("the token has expired"), "{screen}");
}
