//! Input that ends at a timeout, however long its next byte takes.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The size of a read, in bytes.
const READ: usize = 64 << 10;
/// The most pieces in the queue.
const WAITING: usize = 4;

/// Opens and reads an input in another thread, and ends at the timeout.
pub(super) struct Timed {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Cursor<Vec<u8>>,
    end: Instant,
    /// The number of pieces that may still be taken after the timeout: they arrived before it.
    waiting: usize,
    is_over: Rc<Cell<bool>>,
}

impl Timed {
    /// `is_over` becomes true if the timeout ends the input.
    pub(super) fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        timeout: Duration,
        is_over: Rc<Cell<bool>>,
    ) -> Timed {
        let (sender, pieces) = sync_channel(WAITING);
        // Nothing joins the thread: it may be blocked in a read for ever.
        thread::spawn(move || {
            if let Err(error) = open().and_then(|input| pass_on(input, &sender)) {
                let _ = sender.send(Err(error)); // the receiver may have timed out
            }
        });
        Timed { pieces, piece: Cursor::default(), end: Instant::now() + timeout, waiting: WAITING, is_over }
    }

    /// The next piece.
    fn next(&mut self) -> Result<io::Result<Vec<u8>>, RecvTimeoutError> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.waiting = self.waiting.checked_sub(1).ok_or(RecvTimeoutError::Timeout)?;
        }
        self.pieces.recv_timeout(left)
    }
}

fn pass_on(mut input: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) -> io::Result<()> {
    loop {
        let mut piece = vec![0; READ];
        match input.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => piece.truncate(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if sender.send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
}

impl Read for Timed {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(space)?;
            if count > 0 || space.is_empty() {
                return Ok(count);
            }
            match self.next() {
                Ok(piece) => self.piece = Cursor::new(piece?),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {
                    self.is_over.set(true);
                    return Ok(0);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn timed<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        timeout: Duration,
    ) -> (Timed, Rc<Cell<bool>>) {
        let is_over = Rc::default();
        (Timed::new(open, timeout, Rc::clone(&is_over)), is_over)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn input_is_read_to_its_end_before_the_timeout() {
        let input: Vec<u8> = (0..=255).cycle().take(3 * READ + 5).collect();
        let (copy, mut read) = (input.clone(), Vec::new());
        let (mut timed, is_over) = timed(|| Ok(Cursor::new(copy)), LONG);
        timed.read_to_end(&mut read).unwrap();
        assert!(read == input && !is_over.get());
    }

    /// Yields its bytes, then blocks for ever.
    struct Endless(&'static [u8], Receiver<()>);

    impl Read for Endless {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                let _ = self.1.recv(); // until the test ends
            }
            self.0.read(space)
        }
    }

    #[test]
    fn input_that_stalls_ends_at_the_timeout() {
        let (kept, never) = std::sync::mpsc::channel();
        let (mut timed, is_over) = timed(|| Ok(Endless(b"abc", never)), Duration::from_millis(500));
        let mut read = Vec::new();
        timed.read_to_end(&mut read).unwrap();
        assert_eq!((&*read, is_over.get()), (&b"abc"[..], true));
        assert_eq!(timed.read(&mut [0; 8]).unwrap(), 0);
        drop(kept);
    }

    #[test]
    fn input_without_end_ends_at_the_timeout() {
        let (mut timed, is_over) = timed(|| Ok(io::repeat(7)), Duration::from_millis(10));
        io::copy(&mut timed, &mut io::sink()).unwrap();
        assert!(is_over.get());
    }

    #[test]
    fn open_that_blocks_ends_at_the_timeout() {
        let (kept, never) = std::sync::mpsc::channel::<()>();
        let open = move || {
            let _ = never.recv(); // until the test ends
            Ok(io::empty())
        };
        let (mut timed, is_over) = timed(open, Duration::from_millis(10));
        assert_eq!((timed.read(&mut [0; 8]).unwrap(), is_over.get()), (0, true));
        drop(kept);
    }

    #[test]
    fn error_of_the_input_is_returned() {
        let (mut timed, _) = timed(|| Err::<io::Empty, _>(io::Error::other("broken")), LONG);
        assert_eq!(timed.read(&mut [0; 8]).unwrap_err().to_string(), "broken");
    }
}
