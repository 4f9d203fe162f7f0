//! The modes of the terminal: a signal gives them back, and the window can be suspended.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bookend_testing::HANG_TIMEOUT;

use super::{Server, Terminal};

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

/// Starts the program on a large terminal, reads until it has joined, and never again; then prints its id and, at its end,
/// its exit code.
const STALLED: &str = r#"
import fcntl, os, pty, struct, subprocess, sys, termios
near, far = pty.openpty()
fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 200, 300, 0, 0))
program = subprocess.Popen(sys.argv[1:], stdin=far, stdout=far, stderr=far, env={**os.environ, "TERM": "xterm"})
shown = b""
while b"welcome" not in shown:
    shown += os.read(near, 65536)
print(program.pid, flush=True)
print(program.wait(), flush=True)
"#;

/// The time of the processor that a program has used.
fn ticks(id: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = status.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_signal_ends_the_window_on_a_terminal_that_takes_nothing() {
    let server = Server::start("127.0.0.1:0");
    let address = server.address.to_string();
    let mut python = Command::new("python3")
        .args(["-c", STALLED, env!("CARGO_BIN_EXE_bookend"), "chat", &address, "--name", "ann"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(python.stdout.take().unwrap()).lines().map(Result::unwrap);
    let id = lines.next().unwrap();
    let mut telnet = TcpStream::connect(server.address).unwrap();
    // Until messages take it no more time of the processor: it waits for the terminal.
    let end = Instant::now() + HANG_TIMEOUT;
    loop {
        let before = ticks(&id);
        for _ in 0..25 {
            telnet.write_all(format!("{}\r\n", "x".repeat(300)).as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        if ticks(&id) == before {
            break;
        }
        assert!(Instant::now() < end, "the terminal takes everything");
    }
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(lines.next().as_deref(), Some("143"));
    assert!(python.wait().unwrap().success());
}
