//! Standard output and standard error, each written by a thread, so that a reader that stalls does not block the
//! connection. The output is data: a command waits for its reader. Errors are not waited for.

mod errors;

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self as std_mpsc, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio::select;
use tokio::sync::mpsc;

use crate::output;
use errors::Errors;

/// The most batches of lines that wait to be written.
const WAITING: usize = 4;

/// How long to wait at the end for standard error.
const ERRORS_TIMEOUT: Duration = Duration::from_secs(1);

/// The output of a command, and its errors.
pub(crate) struct Console {
    lines: mpsc::Sender<Vec<u8>>,
    /// The result of writing.
    written: std_mpsc::Receiver<io::Result<()>>,
    /// The output is the standard output of the program.
    is_standard: bool,
    /// The output, in a report that it cannot be written.
    name: String,
    errors: Errors,
    has_errors: Cell<bool>,
}

/// The reader has closed the output.
#[derive(Debug)]
pub(crate) struct Unread;

impl Console {
    /// Standard output and standard error.
    pub(crate) fn standard() -> Console {
        Console { is_standard: true, ..Console::new(io::stdout(), io::stderr()) }
    }

    /// A file in place of standard output, and standard error.
    pub(crate) fn file(file: File, path: &Path) -> Console {
        Console { name: path.display().to_string(), ..Console::new(file, io::stderr()) }
    }

    pub(crate) fn new(mut output: impl Write + Send + 'static, errors: impl Write + Send + 'static) -> Console {
        let (lines, mut waiting) = mpsc::channel::<Vec<u8>>(WAITING);
        let (ended, written) = std_mpsc::channel();
        thread::spawn(move || {
            let mut write = || {
                while let Some(lines) = waiting.blocking_recv() {
                    output.write_all(&lines)?;
                    output.flush()?;
                }
                Ok(())
            };
            let _ = ended.send(write()); // the console may have been dropped
        });
        let (errors, name) = (Errors::new(errors), "standard output".into());
        Console { lines, written, is_standard: false, name, errors, has_errors: Cell::new(false) }
    }

    /// Writes a batch of lines to the output.
    pub(crate) async fn print(&self, mut lines: Vec<u8>) -> Result<(), Unread> {
        self.print_all(&mut lines).await
    }

    /// Writes a batch of lines to the output, and empties it. A call that is cancelled has done neither.
    pub(crate) async fn print_all(&self, lines: &mut Vec<u8>) -> Result<(), Unread> {
        if !lines.is_empty() {
            self.lines.reserve().await.map_err(|_| Unread)?.send(std::mem::take(lines));
        }
        Ok(())
    }

    /// Waits until nothing more can be written to the output: its reader has closed it, or writing has failed.
    pub(crate) async fn unread(&self) {
        select! {
            () = self.lines.closed() => {}
            () = output::reader_gone(), if self.is_standard => {}
        }
    }

    /// Reports an error, in one line.
    pub(crate) fn error(&self, what: fmt::Arguments<'_>) {
        self.has_errors.set(true);
        self.note(what);
    }

    /// Reports something that is not an error, in one line.
    pub(crate) fn note(&self, what: fmt::Arguments<'_>) {
        self.errors.line(&what.to_string());
    }

    /// Waits until everything has been written, or for `timeout`. True if no error occurred; a reader that closed the
    /// output is not an error. Errors that nobody reads are lost a second later.
    pub(crate) fn finish(self, timeout: Duration) -> bool {
        let Console { lines, written, name, errors, has_errors, .. } = self;
        drop(lines);
        let why = match written.recv_timeout(timeout) {
            Ok(Ok(())) => None,
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(RecvTimeoutError::Timeout) => Some("the reader has stalled".into()),
            Err(RecvTimeoutError::Disconnected) => Some("its writer has ended".into()),
        };
        if let Some(why) = &why {
            errors.line(&format!("{name}: {why}"));
        }
        errors.finish(ERRORS_TIMEOUT);
        why.is_none() && !has_errors.get()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A console whose output can be read.
    #[derive(Clone, Default)]
    pub(crate) struct Captured {
        pub(crate) output: Shared,
        pub(crate) errors: Shared,
    }

    #[derive(Clone, Default)]
    pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        pub(crate) fn bytes(&self) -> Vec<u8> {
            self.0.lock().unwrap().clone()
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.bytes()).unwrap()
        }
    }

    impl Captured {
        pub(crate) fn console(&self) -> Console {
            Console::new(self.output.clone(), self.errors.clone())
        }
    }

    /// Blocks until the other end is dropped.
    pub(crate) struct Stuck(pub(crate) std_mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv(); // an error means released
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Always fails.
    pub(crate) struct Broken(pub(crate) io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn everything_printed_is_written_before_finish_returns() {
        let captured = Captured::default();
        let console = captured.console();
        for number in 0..100 {
            console.print(format!("{number}\n").into_bytes()).await.unwrap();
        }
        assert!(console.finish(Duration::MAX));
        assert_eq!(captured.output.text(), (0..100).map(|number| format!("{number}\n")).collect::<String>());
    }

    #[tokio::test]
    async fn output_is_flushed_at_once() {
        let output = Shared::default();
        let console = Console::new(io::BufWriter::new(output.clone()), io::sink());
        console.print(b"no line end".to_vec()).await.unwrap();
        let written = async {
            while output.bytes().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), written).await.unwrap();
        console.finish(Duration::MAX);
    }

    #[tokio::test]
    async fn error_is_one_line_and_finish_returns_false() {
        let captured = Captured::default();
        let console = captured.console();
        console.error(format_args!("a\nb\x1b[31m"));
        assert!(!console.finish(Duration::MAX));
        assert_eq!(captured.errors.text(), "bookend: a\\u{a}b\\u{1b}[31m\n");
    }

    #[tokio::test]
    async fn finish_does_not_wait_longer_than_its_timeout_for_stalled_output() {
        let (_release, stuck) = std_mpsc::channel();
        let errors = Shared::default();
        let console = Console::new(Stuck(stuck), errors.clone());
        console.print(b"x".to_vec()).await.unwrap();
        assert!(!console.finish(Duration::ZERO));
        assert_eq!(errors.text(), "bookend: standard output: the reader has stalled\n");
    }

    #[tokio::test]
    async fn closed_pipe_is_not_an_error_but_a_full_disk_is() {
        for (kind, is_success) in [(io::ErrorKind::BrokenPipe, true), (io::ErrorKind::StorageFull, false)] {
            let errors = Shared::default();
            let console = Console::new(Broken(kind), errors.clone());
            while console.print(b"x".to_vec()).await.is_ok() {}
            assert_eq!(console.finish(Duration::MAX), is_success);
            assert_eq!(errors.text().is_empty(), is_success);
        }
    }
}
