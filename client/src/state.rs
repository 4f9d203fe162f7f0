//! How a client is, as its halves see it.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;

use tokio::sync::watch;

/// How a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no session; one is on its way, or a pause comes first.
    Connecting,
    /// A session is open.
    Up,
    /// A session is open, and the other side has been silent for longer than it promised.
    Suspect,
    /// It is over.
    Closed,
}

/// What both halves hold of the task.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) wish: watch::Sender<bool>,
    pub(crate) status: watch::Receiver<Status>,
    /// The session of the [`Event::Up`] that was taken last; `NOBODY_LISTENS` once nobody takes any.
    pub(crate) known: AtomicU64,
}

pub(crate) const NOBODY_LISTENS: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// How many sessions there have been.
    pub(crate) session: u64,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) remote: Option<SocketAddr>,
}
