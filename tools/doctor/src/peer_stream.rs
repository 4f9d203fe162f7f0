//! A connection to a peer, and the peer's process if it was started for this connection.

use std::io;
use std::time::Duration;

use bookend_client::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use super::side::Side;

/// A connection to a peer.
pub(super) struct PeerStream {
    pub(super) stream: Stream,
    pub(super) side: Side,
    /// The peer, if it was started for this connection.
    pub(super) process: Option<PeerProcess>,
}

/// How long a client that was started here has to exit once its connection is closed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// A client that was started for one connection. It has a moment to exit by itself, then it is killed.
#[derive(Debug)]
pub(super) struct PeerProcess {
    child: Option<Child>,
    /// Its standard input, which stays open: a client that reads lines to send would exit at its end.
    input: Option<ChildStdin>,
    /// Its standard output, if that is a pipe.
    output: Option<ChildStdout>,
    /// What it has printed.
    printed: Vec<u8>,
}

/// The most that is kept of what a client prints, in bytes.
const MAX_PRINTED: usize = 1 << 20;

impl PeerProcess {
    pub(super) fn new(mut child: Child) -> PeerProcess {
        let (input, output) = (child.stdin.take(), child.stdout.take());
        PeerProcess { child: Some(child), input, output, printed: Vec::new() }
    }

    /// Waits until the process has exited.
    pub(super) async fn ended(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.wait().await; // whatever the status is, it runs no more
        }
    }

    /// The process id, while the process runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }

    /// Writes to the standard input of the process.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(bytes).await?;
        input.flush().await
    }

    /// Everything that the process has printed, once that contains `wanted`, at the deadline or at its end.
    pub(super) async fn printed(&mut self, wanted: &[u8], deadline: Instant) -> &[u8] {
        while !self.printed.windows(wanted.len()).any(|window| window == wanted) && self.printed.len() < MAX_PRINTED {
            let Some(output) = &mut self.output else { break };
            match timeout_at(deadline, output.read_buf(&mut self.printed)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) | Err(_) => break,
            }
        }
        &self.printed
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        if let (Some(mut child), Ok(runtime)) = (self.child.take(), Handle::try_current()) {
            drop(self.input.take());
            // The next check begins meanwhile. Dropping the child after the timeout kills it.
            runtime.spawn(async move { timeout(EXIT_TIMEOUT, child.wait()).await });
        }
    }
}
