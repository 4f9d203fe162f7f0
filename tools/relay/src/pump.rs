//! One direction of one connection: reads, reports, and writes.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use bookend_inspect::{Side, Watch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep, timeout_at};

use super::event::Event;
use super::impairer::{Impairer, Step};
use super::reporter::Reporter;

/// The size of a read, in bytes.
const READ: usize = 64 << 10;
/// The most bytes that are joined.
const JOINED: usize = 1 << 20;

/// Why a connection ends at once.
pub(super) enum Broken {
    Reset,
    /// Reading from this side, or writing what it sent, failed.
    Error(Side, io::Error),
}

/// One direction of one connection.
pub(super) struct Pump<'a> {
    pub(super) sender: Side,
    pub(super) from: ReadHalf<'a>,
    pub(super) to: WriteHalf<'a>,
    pub(super) impairer: Impairer,
    pub(super) join: Option<Duration>,
    pub(super) watch: Option<&'a RefCell<Watch>>,
    pub(super) reporter: &'a Reporter,
}

impl Pump<'_> {
    pub(super) async fn run(mut self) -> Result<(), Broken> {
        let sender = self.sender;
        let broken = |error| Broken::Error(sender, error);
        let mut buffer = vec![0; READ];
        let mut ended = false;
        while !ended {
            let packet = self.read(&mut buffer).await.map_err(broken)?;
            ended = packet.is_empty();
            let mut steps = self.impairer.pass(&packet);
            if ended {
                steps.extend(self.impairer.end());
            }
            for step in steps {
                match step {
                    Step::Write(bytes) => self.to.write_all(&bytes).await.map_err(broken)?,
                    Step::Wait(time) => sleep(time).await,
                    Step::Report(offset, what) => {
                        self.show(|watch, out| watch.done(sender, offset, &what, out)).await;
                    }
                    Step::Reset => return Err(Broken::Reset),
                    Step::HalfClose => {
                        let _ = self.to.shutdown().await; // the peer may be gone
                        // The rest is read and dropped, so that its sender notices nothing.
                        while !ended && self.from.read(&mut buffer).await.map_err(broken)? > 0 {}
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// The bytes of one read, or all that arrive within the time to join. Empty at the end of the stream.
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<Vec<u8>> {
        let sender = self.sender;
        let mut packet = Vec::new();
        let mut until = None;
        while packet.len() < JOINED {
            let read = self.from.read(buffer);
            let count = match until {
                None => read.await?,
                Some(until) => match timeout_at(until, read).await {
                    Ok(count) => count?,
                    Err(_) => break,
                },
            };
            if count == 0 {
                // If bytes were joined, the next call reads the end again.
                if packet.is_empty() {
                    self.show(|watch, out| watch.end(sender, out)).await;
                }
                break;
            }
            self.show(|watch, out| watch.packet(sender, &buffer[..count], out)).await;
            packet.extend_from_slice(&buffer[..count]);
            match self.join {
                Some(join) => _ = until.get_or_insert_with(|| Instant::now() + join),
                None => break,
            }
        }
        Ok(packet)
    }

    async fn show(&self, show: impl FnOnce(&mut Watch, &mut Vec<u8>) -> io::Result<()>) {
        let Some(watch) = self.watch else { return };
        let mut out = Vec::new();
        show(&mut watch.borrow_mut(), &mut out).expect("writing to a vector does not fail");
        if !out.is_empty() {
            self.reporter.report(Event::Lines(out)).await;
        }
    }
}
