//! Input that ends when time is up, however long its next byte takes.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is read at once, in bytes.
const READ: usize = 64 << 10;
/// Pieces that may wait.
const WAITING: usize = 4;

/// Reads in a thread of its own; from some moment on every read fails with [`io::ErrorKind::TimedOut`].
pub(super) struct Timed {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Cursor<Vec<u8>>,
    end: Instant,
}

impl Timed {
    pub(super) fn new(mut input: impl Read + Send + 'static, patience: Duration) -> Timed {
        let (sender, pieces) = sync_channel(WAITING);
        // It is not waited for: at the end of the program it may stand in a read that nothing ends.
        thread::spawn(move || {
            loop {
                let mut piece = vec![0; READ];
                let read = match input.read(&mut piece) {
                    Ok(0) => return,
                    Ok(count) => {
                        piece.truncate(count);
                        Ok(piece)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_last = read.is_err();
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Timed { pieces, piece: Cursor::default(), end: Instant::now() + patience }
    }
}

impl Read for Timed {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(space)?;
            if count > 0 || space.is_empty() {
                return Ok(count);
            }
            let left = self.end.saturating_duration_since(Instant::now());
            let next = if left.is_zero() { Err(RecvTimeoutError::Timeout) } else { self.pieces.recv_timeout(left) };
            match next {
                Ok(piece) => self.piece = Cursor::new(piece?),
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "it is how a test fails")]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_read_where_there_is_time() {
        let input: Vec<u8> = (0..=255).cycle().take(3 * READ + 5).collect();
        let mut read = Vec::new();
        Timed::new(Cursor::new(input.clone()), Duration::from_secs(60)).read_to_end(&mut read).unwrap();
        assert!(read == input);
    }

    #[test]
    fn what_never_comes_is_not_waited_for() {
        struct Endless(Receiver<()>);
        impl Read for Endless {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                let _ended = self.0.recv();
                Ok(0)
            }
        }
        let (kept, never) = std::sync::mpsc::channel();
        let mut timed = Timed::new(Endless(never), Duration::from_millis(10));
        for _ in 0..2 {
            assert_eq!(timed.read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
        drop(kept);
    }

    #[test]
    fn trouble_is_passed_on() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let error = Timed::new(Broken, Duration::from_secs(60)).read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }
}
