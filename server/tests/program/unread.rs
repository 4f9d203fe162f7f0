//! The law of output that nobody reads: it delays neither the work nor the end.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::admin::unix;
use crate::running::{Directory, program};

/// After a signal the hub ends within `shut_down.delay` + `shut_down.deadline` and this, says docs/operating.md. A busy
/// machine gets more.
const BOUND: Duration = Duration::from_secs(12 + 20);

/// A program that is killed when this is dropped.
struct Unread(Child);

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

/// A full channel: the writing end for a program, and the reading end.
fn full() -> (OwnedFd, UnixStream) {
    let (mut output, reader) = UnixStream::pair().unwrap();
    output.set_nonblocking(true).unwrap();
    while output.write(&[b'.'; 4096]).is_ok() {}
    while output.write(b".").is_ok() {}
    output.set_nonblocking(false).unwrap();
    (output.into(), reader)
}

fn visit(port: u16) {
    let mut person = TcpStream::connect(("127.0.0.1", port)).unwrap();
    person.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    person.write_all(b"hello\n/quit\n").unwrap();
    // Otherwise the hub waits for a pause before it takes this for lines (R9.43).
    person.shutdown(Shutdown::Write).unwrap();
    let mut heard = String::new();
    person.read_to_string(&mut heard).unwrap();
    assert!(heard.ends_with("* bye\r\n"), "{heard}");
}

/// Polls until there is something. Nothing else can tell about a program whose output is not read.
fn until<T>(what: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a hub whose output goes to one full channel. Returns its first port.
fn start(directory: &Directory, output: OwnedFd) -> (Unread, u16) {
    let (ready, admin) = (directory.path("ready"), format!("admin.listen=unix:{}", directory.path("admin")));
    let mut command = program(&["--listen", "127.0.0.1:0", "--ready-file", &ready, "--set", &admin]);
    command.stdout(output.try_clone().unwrap()).stderr(output);
    let hub = Unread(command.spawn().unwrap());
    let addresses = until(|| fs::read_to_string(&ready).ok());
    (hub, addresses.trim().rsplit(':').next().unwrap().parse().unwrap())
}

fn lost(directory: &Directory) -> u64 {
    let (_, metrics) = unix(&directory.path("admin"), "GET /metrics", "");
    let value = metrics.split("\nbookend_log_lost_total ").nth(1).unwrap();
    value.lines().next().unwrap().parse().unwrap()
}

#[test]
fn a_hub_serves_and_ends_while_nobody_reads_its_output() {
    let directory = Directory::new();
    let (output, _unread) = full();
    let (mut hub, port) = start(&directory, output);
    (0..20).for_each(|_| visit(port));
    let start = Instant::now();
    let status = std::process::Command::new("kill").args(["-TERM", &hub.0.id().to_string()]).status().unwrap();
    assert!(status.success());
    assert_eq!(hub.0.wait().unwrap().code(), Some(0));
    assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
}

#[test]
fn lost_lines_are_counted_and_reported_when_somebody_reads_again() {
    let directory = Directory::new();
    let (output, reader) = full();
    let (_hub, port) = start(&directory, output);
    // Each visit is four lines, and 4096 may wait.
    (0..1100).for_each(|_| visit(port));
    let lost = until(|| Some(lost(&directory)).filter(|lost| *lost > 0));
    reader.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let report = lines.find(|line| line.contains(" WARN log-lost lines=")).expect("the loss is reported");
    let lines: u64 = report.rsplit('=').next().unwrap().parse().unwrap();
    assert!(lines >= lost, "{report}, after {lost}");
}

#[test]
fn a_log_that_cannot_be_written_does_not_end_the_hub() {
    for closed in [true, false] {
        let directory = Directory::new();
        let output: OwnedFd = match closed {
            true => std::io::pipe().unwrap().1.into(), // its reader is gone
            false => fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into(),
        };
        let (mut hub, port) = start(&directory, output);
        visit(port);
        until(|| Some(lost(&directory)).filter(|lost| *lost > 0));
        assert!(hub.0.try_wait().unwrap().is_none(), "it serves");
    }
}
