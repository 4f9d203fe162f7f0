//! A connection to a peer, and the peer's process if it was started for this connection.

use std::time::Duration;

use bookend_client::Stream;
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::time::timeout;

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
pub(super) struct PeerProcess(Option<Child>);

impl PeerProcess {
    pub(super) fn new(child: Child) -> PeerProcess {
        PeerProcess(Some(child))
    }

    /// Waits until the process has exited.
    pub(super) async fn ended(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.wait().await; // whatever the status is, it runs no more
        }
    }

    /// The process id, while the process runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.0.as_ref()?.id()
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        if let (Some(mut child), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(child.stdin.take());
            // The next check begins meanwhile. Dropping the child after the timeout kills it.
            runtime.spawn(async move { timeout(EXIT_TIMEOUT, child.wait()).await });
        }
    }
}
