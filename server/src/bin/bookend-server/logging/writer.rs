//! A writer that never blocks: a thread writes the lines, and lines that find the queue full are lost and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// The most lines that wait to be written: about a megabyte.
const WAITING: usize = 4096;
/// How often the end tries again to get into a full queue.
const RETRY: Duration = Duration::from_millis(10);

// `tracing-appender` has the same, but prints to standard output when its queue is full at the end, and thereby waits for
// a reader that never comes.

/// The sending end. Clones are the same writer.
#[derive(Clone)]
pub(super) struct BoundedWriter {
    queue: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before it has been written when the sender is dropped.
    End(SyncSender<()>),
}

impl BoundedWriter {
    /// Writes to `output` from a thread of its own.
    pub(super) fn new(output: impl Write + Send + 'static) -> BoundedWriter {
        let (queue, entries) = sync_channel(WAITING);
        let failed = Arc::<AtomicU64>::default();
        let failures = failed.clone();
        thread::spawn(move || write_all(&entries, output, &failures));
        BoundedWriter { queue, lost: Arc::default(), failed }
    }

    /// How many lines have been lost because the queue was full.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many lines have been lost because they could not be written, for instance to a closed pipe.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Waits until everything has been written, but not longer than `timeout`.
    pub(super) fn finish(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let (written, wait) = sync_channel(0);
        let mut entry = Entry::End(written);
        while let Err(TrySendError::Full(unsent)) = self.queue.try_send(entry) {
            if Instant::now() >= deadline {
                return;
            }
            entry = unsent;
            thread::sleep(RETRY);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let _ = wait.recv_timeout(left); // an error is the end, or the timeout
    }
}

fn write_all(entries: &Receiver<Entry>, mut output: impl Write, failures: &AtomicU64) {
    for entry in entries {
        match entry {
            Entry::Line(line) => {
                if output.write_all(&line).and_then(|()| output.flush()).is_err() {
                    failures.fetch_add(1, Ordering::Relaxed);
                }
            }
            Entry::End(written) => drop(written),
        }
    }
}

/// The log writes each line with one call.
impl Write for BoundedWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Entry::Line(line.into())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for BoundedWriter {
    type Writer = BoundedWriter;

    fn make_writer(&self) -> BoundedWriter {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Blocks in each write until the other end is dropped or sends.
    struct Stuck {
        release: Receiver<()>,
        output: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.release.recv(); // an error means released
            self.output.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_for_a_stuck_output_are_lost_and_counted_and_the_others_are_written() {
        let (release, stuck) = sync_channel(0);
        let output = Arc::new(Mutex::new(Vec::new()));
        let mut writer = BoundedWriter::new(Stuck { release: stuck, output: output.clone() });
        const LINES: u64 = 2 * WAITING as u64;
        for _ in 0..LINES {
            writer.write_all(b"a line\n").unwrap();
        }
        let lost = writer.lost();
        let kept = LINES - lost;
        assert!((WAITING as u64..=WAITING as u64 + 1).contains(&kept), "{kept}: the queue, and the line in progress");
        writer.finish(Duration::ZERO);
        drop(release);
        writer.finish(Duration::MAX / 4);
        assert_eq!(output.lock().unwrap().len() as u64, kept * 7);
        assert_eq!(writer.lost(), lost);
    }
}
