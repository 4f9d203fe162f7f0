//! Standard error, which never blocks a command.

use std::cell::Cell;
use std::io::Write;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use bookend::escaped;

/// The most lines that wait to be written.
const WAITING: usize = 1 << 16;

/// Lines for people, written by a thread. While nobody reads them they wait, and once too many wait, further ones are
/// dropped and counted.
pub(super) struct Errors {
    lines: SyncSender<String>,
    /// Disconnected once everything has been written.
    written: mpsc::Receiver<()>,
    /// Lines dropped since the last report of them.
    lost: Cell<u64>,
}

impl Errors {
    pub(super) fn new(output: impl Write + Send + 'static) -> Errors {
        Errors::with_capacity(output, WAITING)
    }

    fn with_capacity(mut output: impl Write + Send + 'static, waiting: usize) -> Errors {
        let (lines, queue) = mpsc::sync_channel::<String>(waiting);
        let (ended, written) = mpsc::channel();
        thread::spawn(move || {
            for line in queue {
                let _ = output.write_all(line.as_bytes()); // standard error may be closed
            }
            drop(ended);
        });
        Errors { lines, written, lost: Cell::new(0) }
    }

    /// Writes a line, or drops it.
    pub(super) fn line(&self, what: &str) {
        let lost = self.lost.get();
        if lost > 0 && self.send(&format!("{lost} lines before this one were lost: nobody read them")) {
            self.lost.set(0);
        }
        if !self.send(what) {
            self.lost.set(self.lost.get() + 1);
        }
    }

    /// False if the queue is full.
    fn send(&self, what: &str) -> bool {
        let line = format!("bookend: {}\n", escaped(what));
        !matches!(self.lines.try_send(line), Err(TrySendError::Full(_)))
    }

    /// Waits until everything has been written, or for `timeout`.
    pub(super) fn finish(self, timeout: Duration) {
        drop(self.lines);
        let _ = self.written.recv_timeout(timeout); // disconnected when done; after the timeout, the rest is lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::{Shared, Stuck};

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted() {
        const REPORT: &str = " lines before this one were lost: nobody read them";

        struct Both(Stuck, Shared);

        impl Write for Both {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.write(bytes)?;
                self.1.write(bytes)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let (release, stuck) = mpsc::channel();
        let read = Shared::default();
        let errors = Errors::with_capacity(Both(Stuck(stuck), read.clone()), 4);
        for number in 0..100 {
            errors.line(&number.to_string()); // returns although nobody reads
        }
        assert!(errors.lost.get() > 0);
        drop(release);
        // The queue empties; the report needs room in it.
        let mut sent = 100;
        while errors.lost.get() > 0 {
            errors.line("again");
            sent += 1;
            thread::yield_now();
        }
        errors.finish(Duration::from_secs(60));
        let read = read.text();
        assert!(read.starts_with("bookend: 0\nbookend: 1\n"), "{read}");
        assert!(read.contains(" lines before this one were lost: nobody read them\nbookend: again\n"), "{read}");
        let lost =
            read.lines().filter_map(|line| line.strip_prefix("bookend: ")?.strip_suffix(REPORT)?.parse::<usize>().ok());
        let written = read.lines().filter(|line| !line.ends_with(REPORT)).count();
        assert_eq!(written + lost.sum::<usize>(), sent, "each line is written or counted: {read}");
        let numbers = read.lines().filter(|line| line.ends_with(|c: char| c.is_ascii_digit())).count();
        assert!(numbers <= 5, "4 wait and one may be being written: {read}");
    }
}
