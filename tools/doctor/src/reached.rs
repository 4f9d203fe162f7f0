//! A connection to a peer, and the process behind it if one was started for it.

use std::time::Duration;

use bookend_client::Stream;
use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::side::Side;

/// A connection to a peer.
pub(super) struct Reached {
    pub(super) stream: Stream,
    pub(super) side: Side,
    /// The peer, if it was started for this connection.
    pub(super) process: Option<Started>,
}

/// How long a client that was started has to end by itself, once its connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// A client that was started for one connection: it may end by itself, and has to end.
#[derive(Debug)]
pub(super) struct Started(Option<Child>);

impl Started {
    pub(super) fn new(child: Child) -> Started {
        Started(Some(child))
    }

    /// The number of the process, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.0.as_ref()?.id()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let (Some(mut child), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(child.stdin.take());
            // Nobody waits for it: the next check begins meanwhile. Behind the time it is killed as it is dropped.
            runtime.spawn(async move {
                let _ended = timeout(FAREWELL, child.wait()).await;
            });
        }
    }
}
