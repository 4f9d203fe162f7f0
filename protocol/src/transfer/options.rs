//! How a transfer is sent.

use core::time::Duration;

use super::chunk::CHUNK_HEADER;
use crate::hello::Hello;

/// The bytes of DATA in a chunk, by default.
const CHUNK: usize = 128 << 10;

/// The id of a REQUEST.
const ID_LENGTH: usize = 4;

/// How a transfer is sent.
///
/// ```
/// use bookend::{Hello, transfer::SendOptions};
///
/// let peer = Hello::new().with_max_body(4096); // usually `connection.peer()`
/// assert_eq!(SendOptions::new(&peer).chunk(), 4096 - 4 - 17);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOptions {
    max_chunk: usize,
    chunk: usize,
    pub(super) window: usize,
    pub(super) timeout: Duration,
    pub(super) one_way: bool,
}

impl SendOptions {
    /// For a peer with this HELLO: chunks of 128 KiB, or as many bytes as the peer accepts if that is less; 4 unanswered
    /// REQUESTs; 30 s for each answer.
    #[must_use]
    pub fn new(peer: &Hello) -> SendOptions {
        let body = usize::try_from(peer.max_body()).unwrap_or(usize::MAX);
        let max_chunk = body.saturating_sub(ID_LENGTH + CHUNK_HEADER).max(1);
        let timeout = Duration::from_secs(30);
        SendOptions { max_chunk, chunk: max_chunk.min(CHUNK), window: 4, timeout, one_way: false }
    }

    /// Sets the bytes of DATA in a chunk: at least 1, and no more than the peer accepts.
    #[must_use]
    pub fn with_chunk(mut self, bytes: usize) -> SendOptions {
        self.chunk = bytes.clamp(1, self.max_chunk);
        self
    }

    /// Sets how many REQUESTs may be unanswered: 1..64. As many chunks are in memory. A blocking connection has 1.
    #[must_use]
    pub fn with_window(mut self, window: usize) -> SendOptions {
        self.window = window.clamp(1, 64);
        self
    }

    /// Sets how long each REQUEST waits for its answer, sending included. The receiver answers an OFFER when it has
    /// decided, and DATA when the bytes have been written.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> SendOptions {
        self.timeout = timeout;
        self
    }

    /// Sends MESSAGEs in place of REQUESTs: the receiver answers nothing, so that no transfer resumes, and what happened
    /// is unknown. A barrier shows that the receiver has taken it all.
    #[must_use]
    pub fn one_way(mut self) -> SendOptions {
        self.one_way = true;
        self
    }

    /// The bytes of DATA in a chunk.
    #[must_use]
    pub fn chunk(&self) -> usize {
        self.chunk
    }
}
