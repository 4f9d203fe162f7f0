//! What the halves of a client know of its task.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;

use tokio::sync::watch;

/// Whether a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// No session is open. The client connects, or pauses before it does.
    Connecting,
    /// A session is open.
    Up,
    /// A session is open, but the other side has been silent for longer than it promised.
    Suspect,
    /// The client has ended.
    Closed,
}

/// What [`Sender`](crate::Sender) and [`Events`](crate::Events) share with the task.
#[derive(Debug)]
pub(crate) struct Shared {
    /// True once the client should close.
    pub(crate) wish: watch::Sender<bool>,
    pub(crate) snapshot: watch::Receiver<Snapshot>,
    /// The session of the [`Event::Up`](crate::Event::Up) that was taken last; `NOBODY_LISTENS` once the events are
    /// dropped.
    pub(crate) known: AtomicU64,
}

pub(crate) const NOBODY_LISTENS: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    pub(crate) status: Status,
    /// Sessions so far.
    pub(crate) session: u64,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) remote: Option<SocketAddr>,
}
