//! Standard output and standard error. A thread writes the output, so that the connection lives while nobody reads it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Write};
use std::thread::{self, JoinHandle};

use bookend::escaped;
use tokio::sync::mpsc;

/// Batches of lines that wait to be written.
const WAITING: usize = 4;

/// What a command prints, and complains of.
pub(crate) struct Console {
    lines: mpsc::Sender<Vec<u8>>,
    writer: JoinHandle<io::Result<()>>,
    errors: RefCell<Box<dyn Write>>,
    complained: Cell<bool>,
}

/// Nobody reads the output any more.
#[derive(Debug)]
pub(crate) struct Unread;

impl Console {
    pub(crate) fn new(mut output: impl Write + Send + 'static, errors: impl Write + 'static) -> Console {
        let (lines, mut waiting) = mpsc::channel::<Vec<u8>>(WAITING);
        let writer = thread::spawn(move || {
            while let Some(lines) = waiting.blocking_recv() {
                output.write_all(&lines)?;
                output.flush()?;
            }
            Ok(())
        });
        Console { lines, writer, errors: RefCell::new(Box::new(errors)), complained: Cell::new(false) }
    }

    /// Writes lines to the output, all at once.
    pub(crate) async fn print(&self, lines: Vec<u8>) -> Result<(), Unread> {
        if lines.is_empty() { Ok(()) } else { self.lines.send(lines).await.map_err(|_| Unread) }
    }

    /// Tells of something that went wrong, in one line.
    pub(crate) fn complain(&self, what: fmt::Arguments<'_>) {
        self.complained.set(true);
        let line = format!("bookend: {}\n", escaped(&what.to_string()));
        // There is nobody else to tell.
        let _told = self.errors.borrow_mut().write_all(line.as_bytes());
    }

    /// Waits until everything is written. True if nothing went wrong; that nobody reads on is nothing wrong.
    pub(crate) fn finish(self) -> bool {
        let Console { lines, writer, errors, complained } = self;
        drop(lines);
        match writer.join() {
            Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                let _told = writeln!(errors.into_inner(), "bookend: standard output: {error}");
                false
            }
            Ok(_) => !complained.get(),
            Err(_) => false,
        }
    }
}
