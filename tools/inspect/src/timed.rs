//! Input that ends when time is up, however long its next byte takes.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is read at once, in bytes.
const READ: usize = 64 << 10;
/// Pieces that may wait.
const WAITING: usize = 4;

/// Opens and reads in a thread of its own; from some moment on it is at its end.
pub(super) struct Timed {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Cursor<Vec<u8>>,
    end: Instant,
    /// Pieces that may still be taken once time is up: they had come before.
    waiting: usize,
    is_over: Rc<Cell<bool>>,
}

impl Timed {
    /// `is_over` becomes true when the end is not that of the input.
    pub(super) fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        patience: Duration,
        is_over: Rc<Cell<bool>>,
    ) -> Timed {
        let (sender, pieces) = sync_channel(WAITING);
        // It is not waited for: at the end of the program it may stand in a read that nothing ends.
        thread::spawn(move || {
            // Who does not listen any more has had enough.
            if let Err(error) = open().and_then(|input| pass_on(input, &sender)) {
                let _unread = sender.send(Err(error));
            }
        });
        Timed { pieces, piece: Cursor::default(), end: Instant::now() + patience, waiting: WAITING, is_over }
    }

    /// What has come next.
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
#[allow(clippy::unwrap_used, reason = "it is how a test fails")]
mod tests {
    use super::*;

    fn timed<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        patience: Duration,
    ) -> (Timed, Rc<Cell<bool>>) {
        let is_over = Rc::default();
        (Timed::new(open, patience, Rc::clone(&is_over)), is_over)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn all_of_it_is_read_where_there_is_time() {
        let input: Vec<u8> = (0..=255).cycle().take(3 * READ + 5).collect();
        let (copy, mut read) = (input.clone(), Vec::new());
        let (mut timed, is_over) = timed(|| Ok(Cursor::new(copy)), LONG);
        timed.read_to_end(&mut read).unwrap();
        assert!(read == input && !is_over.get());
    }

    /// Bytes, and then nothing for ever.
    struct Endless(&'static [u8], Receiver<()>);

    impl Read for Endless {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                let _ended = self.1.recv();
            }
            self.0.read(space)
        }
    }

    #[test]
    fn what_never_comes_is_not_waited_for_and_what_came_is_read() {
        let (kept, never) = std::sync::mpsc::channel();
        let (mut timed, is_over) = timed(|| Ok(Endless(b"abc", never)), Duration::from_millis(500));
        let mut read = Vec::new();
        timed.read_to_end(&mut read).unwrap();
        assert_eq!((&*read, is_over.get()), (&b"abc"[..], true));
        assert_eq!(timed.read(&mut [0; 8]).unwrap(), 0);
        drop(kept);
    }

    #[test]
    fn what_always_comes_has_an_end_too() {
        let (mut timed, is_over) = timed(|| Ok(io::repeat(7)), Duration::from_millis(10));
        io::copy(&mut timed, &mut io::sink()).unwrap();
        assert!(is_over.get());
    }

    #[test]
    fn what_cannot_be_opened_in_time_is_not_waited_for() {
        let (kept, never) = std::sync::mpsc::channel::<()>();
        let open = move || {
            let _ended = never.recv();
            Ok(io::empty())
        };
        let (mut timed, is_over) = timed(open, Duration::from_millis(10));
        assert_eq!((timed.read(&mut [0; 8]).unwrap(), is_over.get()), (0, true));
        drop(kept);
    }

    #[test]
    fn trouble_is_passed_on() {
        let (mut timed, _) = timed(|| Err::<io::Empty, _>(io::Error::other("broken")), LONG);
        assert_eq!(timed.read(&mut [0; 8]).unwrap_err().to_string(), "broken");
    }
}
