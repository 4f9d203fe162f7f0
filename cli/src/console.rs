//! Standard output and standard error. A thread writes the output, so that the connection lives while nobody reads it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{self as std_mpsc, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use bookend::escaped;
use tokio::sync::mpsc;

/// Batches of lines that wait to be written.
const WAITING: usize = 4;

/// What a command prints, and complains of.
pub(crate) struct Console {
    lines: mpsc::Sender<Vec<u8>>,
    /// How writing ended.
    written: std_mpsc::Receiver<io::Result<()>>,
    errors: RefCell<Box<dyn Write>>,
    complained: Cell<bool>,
}

/// Nobody reads the output any more.
#[derive(Debug)]
pub(crate) struct Unread;

impl Console {
    pub(crate) fn new(mut output: impl Write + Send + 'static, errors: impl Write + 'static) -> Console {
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
            // Who does not wait for it need not know.
            let _unheard = ended.send(write());
        });
        Console { lines, written, errors: RefCell::new(Box::new(errors)), complained: Cell::new(false) }
    }

    /// Writes lines to the output, all at once.
    pub(crate) async fn print(&self, lines: Vec<u8>) -> Result<(), Unread> {
        if lines.is_empty() { Ok(()) } else { self.lines.send(lines).await.map_err(|_| Unread) }
    }

    /// Tells of something that went wrong, in one line.
    pub(crate) fn complain(&self, what: fmt::Arguments<'_>) {
        self.complained.set(true);
        self.remark(what);
    }

    /// Tells of something that is worth a line, and no fault.
    pub(crate) fn remark(&self, what: fmt::Arguments<'_>) {
        let line = format!("bookend: {}\n", escaped(&what.to_string()));
        // There is nobody else to tell.
        let _told = self.errors.borrow_mut().write_all(line.as_bytes());
    }

    /// Waits until everything is written, or `patience` has passed. True if nothing went wrong; that nobody reads on
    /// is nothing wrong.
    pub(crate) fn finish(self, patience: Duration) -> bool {
        let Console { lines, written, errors, complained } = self;
        drop(lines);
        let told = match written.recv_timeout(patience) {
            Ok(Ok(())) => return !complained.get(),
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => return !complained.get(),
            Ok(Err(error)) => error.to_string(),
            Err(RecvTimeoutError::Timeout) => "nobody reads it".into(),
            Err(RecvTimeoutError::Disconnected) => "its writer is gone".into(),
        };
        let _told = writeln!(errors.into_inner(), "bookend: standard output: {told}");
        false
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A console whose words can be read.
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

    /// Takes nothing as long as the other end is there.
    pub(crate) struct Stuck(pub(crate) std_mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _released = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Fails always.
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
    async fn everything_printed_is_written_before_the_end() {
        let captured = Captured::default();
        let console = captured.console();
        for number in 0..100 {
            console.print(format!("{number}\n").into_bytes()).await.unwrap();
        }
        assert!(console.finish(Duration::MAX));
        assert_eq!(captured.output.text(), (0..100).map(|number| format!("{number}\n")).collect::<String>());
    }

    #[tokio::test]
    async fn what_is_printed_is_not_kept_until_more_comes() {
        let output = Shared::default();
        let console = Console::new(io::BufWriter::new(output.clone()), io::sink());
        console.print(b"no line end".to_vec()).await.unwrap();
        let written = async {
            while output.bytes().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), written).await.unwrap();
        console.finish(Duration::MAX);
    }

    #[tokio::test]
    async fn complaint_is_one_line_and_nothing_well() {
        let captured = Captured::default();
        let console = captured.console();
        console.complain(format_args!("a\nb\x1b[31m"));
        assert!(!console.finish(Duration::MAX));
        assert_eq!(captured.errors.text(), "bookend: a\\u{a}b\\u{1b}[31m\n");
    }

    #[tokio::test]
    async fn output_that_stands_still_is_not_waited_for_longer_than_asked() {
        let (_release, stuck) = std_mpsc::channel();
        let errors = Shared::default();
        let console = Console::new(Stuck(stuck), errors.clone());
        console.print(b"x".to_vec()).await.unwrap();
        assert!(!console.finish(Duration::ZERO));
        assert_eq!(errors.text(), "bookend: standard output: nobody reads it\n");
    }

    #[tokio::test]
    async fn that_nobody_reads_on_is_nothing_wrong_but_a_full_disk_is() {
        for (kind, is_well) in [(io::ErrorKind::BrokenPipe, true), (io::ErrorKind::StorageFull, false)] {
            let errors = Shared::default();
            let console = Console::new(Broken(kind), errors.clone());
            while console.print(b"x".to_vec()).await.is_ok() {}
            assert_eq!(console.finish(Duration::MAX), is_well);
            assert_eq!(errors.text().is_empty(), is_well);
        }
    }
}
