//! A running program, and how a test observes it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use bookend_testing::HANG_TIMEOUT;

/// The program with these arguments, and without settings from the environment of this process.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookend-server"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BOOKEND_") {
            command.env_remove(name);
        }
    }
    command
}

/// The status and output of a program that ends by itself.
pub(crate) fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A program that listens. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    log: Receiver<String>,
    /// The log so far.
    pub(crate) seen: String,
    /// Its standard output, one line for each address.
    pub(crate) printed: Vec<String>,
}

impl Running {
    /// Starts it, and waits until it listens on this number of addresses.
    pub(crate) fn start(command: &mut Command, places: usize) -> Running {
        let mut child = command.spawn().unwrap();
        let (sender, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut running = Running { child, log, seen: String::new(), printed: Vec::new() };
        running.printed = lines.take(places).map(Result::unwrap).collect();
        if running.printed.len() < places {
            running.end();
            panic!("it ends at once: {}", running.seen);
        }
        running
    }

    /// The port of the first address.
    pub(crate) fn port(&self) -> u16 {
        self.printed[0].split([':', ' ']).nth(3).unwrap().parse().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log that contains these words.
    pub(crate) fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.log.recv_timeout(HANG_TIMEOUT);
            let line = line.unwrap_or_else(|error| panic!("{error}: no {words:?} after {}", self.seen));
            self.seen.push_str(&line);
            self.seen.push('\n');
            if line.contains(words) {
                return line;
            }
        }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits until it ends, and reads the rest of the log.
    pub(crate) fn end(&mut self) -> ExitStatus {
        loop {
            match self.log.recv_timeout(HANG_TIMEOUT) {
                Ok(line) => self.seen.push_str(&format!("{line}\n")),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {}", self.seen),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait(); // killed
    }
}

/// A directory for one test, removed at its end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Directory {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bookend-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().into()
    }

    /// Writes a file that only this user may read, and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // best effort
    }
}

pub(crate) fn exists(path: &str) -> bool {
    Path::new(path).symlink_metadata().is_ok()
}
