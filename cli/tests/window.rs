//! The window of `bookend chat` in tmux, with a hub, a telnet user and a Python peer.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "it is how a test fails")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bookend::{Delivery, Message, Payload, Text};
use bookend_server::{Access, Config, Hub, Listener, Rights, make_token};
use bookend_testing::HANG_TIMEOUT;
use bookend_testing::hub as scripted;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
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

impl Terminal {
    /// Ctrl-l draws everything again; that changes nothing.
    fn is_what_a_redraw_shows(&self, what: &str) {
        let before = self.settled();
        self.presses("C-l");
        let after = self.settled();
        assert_eq!(before, after, "{what}");
    }

    /// The screen, once it no longer changes.
    fn settled(&self) -> String {
        let mut last = self.screen();
        loop {
            thread::sleep(Duration::from_millis(60));
            let now = self.screen();
            if now == last {
                return now;
            }
            last = now;
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

/// A file of this test, removed when it is dropped.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        Scratch(std::env::temp_dir().join(format!("bookend-{}-{name}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // it may never have been written
    }
}

#[test]
fn every_signal_gives_the_terminal_back() {
    let server = Server::start("127.0.0.1:0");
    for (signal, status) in [("HUP", 129), ("INT", 130), ("QUIT", 131), ("TERM", 143)] {
        let id = Scratch::new(signal);
        // The shell writes the id that the program then has.
        let program = format!(
            "sh -c 'echo $$ > {}; exec env --default-signal=HUP {} chat {} --name ann'; echo ended with $?; stty -a; sleep 90",
            id.0.display(),
            env!("CARGO_BIN_EXE_bookend"),
            server.address
        );
        let Some(terminal) = Terminal::start(100, 24, &program) else { return };
        terminal.shows("● up");
        assert_eq!(terminal.run(&["display-message", "-p", "#{alternate_on}"]), "1\n");
        let written = Scratch::new(&format!("{signal}-written"));
        terminal.run(&["pipe-pane", &format!("cat > {}", written.0.display())]);
        let program = std::fs::read_to_string(&id.0).unwrap();
        assert!(Command::new("kill").args([&format!("-{signal}"), program.trim()]).status().unwrap().success());
        terminal.shows(&format!("ended with {status}"));
        let screen = terminal.shows("iexten");
        assert!(screen.contains(" icanon ") && screen.contains(" echo "), "{signal}: {screen}");
        assert_eq!(terminal.run(&["display-message", "-p", "#{alternate_on}"]), "0\n");
        terminal.run(&["pipe-pane"]);
        let restored = |bytes: &[u8]| ["2004l", "1004l", "7h", "25h"].iter().all(|mode| holds(bytes, mode));
        let end = Instant::now() + HANG_TIMEOUT;
        while !restored(&std::fs::read(&written.0).unwrap_or_default()) {
            assert!(Instant::now() < end, "{signal}: bracketed paste, focus, line wrap and the cursor are as before");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// True if the output sets this private mode.
fn holds(output: &[u8], mode: &str) -> bool {
    String::from_utf8_lossy(output).contains(&format!("\x1b[?{mode}"))
}

#[test]
fn ctrl_z_suspends_and_the_shell_continues() {
    let server = Server::start("127.0.0.1:0");
    let Some(terminal) = Terminal::start(80, 24, "PS1='$ ' bash --norc --noprofile -i") else { return };
    terminal.shows("$");
    terminal.enters(&format!("{} chat {} --name ann", env!("CARGO_BIN_EXE_bookend"), server.address));
    terminal.shows("● up");
    terminal.types("begun");
    terminal.presses("C-z");
    terminal.shows("Stopped");
    terminal.enters("echo at the $((40 + 2)) shell");
    terminal.shows("at the 42 shell");
    terminal.enters("fg");
    terminal.shows("> begun");
    terminal.presses("Enter");
    terminal.shows("ann: begun");
    // Stopped and continued by others: SIGTSTP is the same as ctrl-z, SIGCONT draws the window again.
    terminal.presses("C-z");
    terminal.waits("the shell", |screen| !screen.contains("ann: begun"));
    terminal.enters("fg");
    terminal.shows("ann: begun");
    terminal.enters("/quit");
    terminal.waits("the shell", |screen| !screen.contains("ann: begun"));
    terminal.enters("echo exit $?");
    terminal.shows("exit 0");
}

/// Text that terminals disagree about.
const CLUSTERS: [(&str, &str); 8] = [
    ("Devanagari", "नमस्ते दुनिया"),
    ("Thai", "สวัสดีชาวโลก กำลัง"),
    ("Tamil", "வணக்கம் கௌ"),
    ("Arabic", "السلام عليكم لا"),
    ("a family", "👨‍👩‍👧‍👦 x 👨‍👩‍👧‍👦"),
    ("flags", "🇩🇪🇫🇷🏳️‍🌈"),
    ("variation selectors", "❤\u{fe0f} ☎\u{fe0f} 1\u{fe0f}\u{20e3}"),
    ("marks", "Z\u{351}\u{36b}a\u{369}l\u{363}g\u{30a}\u{302}o"),
];

#[test]
fn text_of_uncertain_width_leaves_no_residue() {
    let server = Server::start("127.0.0.1:0");
    let Some(window) = chat("ann", &server.address.to_string(), 80, 24) else { return };
    let mut telnet = TcpStream::connect(server.address).unwrap();
    telnet.write_all(b"/name bob\r\n").unwrap();
    window.shows("│bob");
    for (number, (what, text)) in CLUSTERS.iter().enumerate() {
        // Each step ends with something plain, which shows that the step is done.
        window.types(&format!("{text} typed{number}"));
        window.shows(&format!(" typed{number}"));
        window.is_what_a_redraw_shows(what);
        window.presses("C-u");
        window.types(&format!("x{number}x"));
        window.shows(&format!("> x{number}x"));
        window.is_what_a_redraw_shows(what);
        window.presses("C-u");
        telnet.write_all(format!("{text} said{number}\r\n").as_bytes()).unwrap();
        window.shows(&format!(" said{number}"));
        window.is_what_a_redraw_shows(what);
    }
    for number in 0..25 {
        telnet.write_all(format!("short {number}\r\n").as_bytes()).unwrap();
    }
    window.shows("short 24");
    window.is_what_a_redraw_shows("after scrolling");
    let screen = window.screen();
    assert!(screen.contains("short 24") && !screen.contains("said"), "{screen}");
    window.presses("PageUp");
    window.shows("lines below");
    window.is_what_a_redraw_shows("scrolled back");
}

#[test]
fn window_names_the_day_when_it_changes() {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        let mut hub = scripted::Hub::welcome(listener.accept().await.unwrap().0, &[]).await;
        let noon =
            |day: &str| day.parse::<jiff::civil::Date>().unwrap().at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        let days = ["2026-02-28", "2026-02-28", "2026-03-01"];
        for (seq, day) in (1..).zip(days) {
            let time = u64::try_from(noon(day).timestamp().as_millisecond()).unwrap();
            let text = Payload::Text(Text::utf8(day));
            hub.say(&Message::Delivery(Delivery::new(7, 0, seq, time, "bob", text).unwrap())).await;
        }
        hub.rest().await
    });
    let program = format!("TZ=UTC {} chat {address} --name ann; sleep 90", env!("CARGO_BIN_EXE_bookend"));
    let Some(window) = Terminal::start(70, 12, &program) else { return };
    let screen = window.shows("bob: 2026-03-01");
    let lines: Vec<&str> = screen.lines().map(|line| line.split('│').next().unwrap().trim_end()).collect();
    let first = lines.iter().position(|line| line.starts_with("── Saturday, 28 February 2026 ──")).expect(&screen);
    assert_eq!(lines[first + 1..first + 3], ["12:00 bob: 2026-02-28"; 2], "{screen}");
    assert!(lines[first + 3].starts_with("── Sunday, 1 March 2026 ──"), "{screen}");
    assert_eq!(lines[first + 4], "12:00 bob: 2026-03-01", "{screen}");
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
