//! What a client tells: progress, messages, what was missed, and how it ended.

mod incoming;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bookend::Hello;
use tokio::sync::{Semaphore, mpsc};

use crate::error::{ConnectError, SendError};
use crate::joined::Welcome;
use crate::state::{NOBODY_LISTENS, Shared};
use crate::step::Step;
pub use incoming::Incoming;

/// Bytes of events that wait to be taken before the client reads no more.
pub(crate) const BUDGET: u32 = 1 << 20;
/// What an event costs beside its message.
const EVENT: u32 = 64;

/// Something that a client tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A step on the way to the hub begins. Not told if too much waits to be taken.
    Progress {
        /// Which one.
        step: Step,
        /// The time since the attempt began.
        after: Duration,
    },
    /// A session is open: the first one, or one more. Who is in the room is told anew.
    Up(Box<Up>),
    /// A message of the hub, or of another peer.
    Message(Incoming),
    /// Messages did not come, or may not have.
    Missed(Missed),
    /// A message of this client was not confirmed, and nobody held its [`Receipt`](crate::Receipt).
    Failed(SendError),
    /// The other side has been silent for a quarter longer than it promised; twice that long is the end of the session.
    Suspect,
    /// The other side, which was suspect, has been heard again.
    Heard,
    /// There is no session, and there will be another attempt.
    Down {
        /// Why.
        error: ConnectError,
        /// When.
        retry_in: Duration,
    },
    /// The last event of all.
    Closed(End),
}

/// A session that is open.
#[derive(Clone, Debug)]
pub struct Up {
    /// How many there have been, this one included.
    pub session: u64,
    /// The hub's WELCOME; `None` where the hub profile is not in force.
    pub welcome: Option<Welcome>,
    /// What the other side said of itself.
    pub peer: Hello,
    /// This side's address, where there is one.
    pub local: Option<SocketAddr>,
    /// The address that was connected to, where there is one: the proxy's if there is a proxy.
    pub remote: Option<SocketAddr>,
}

/// What was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// The hub says that it left out so many messages to everyone (GAP).
    Gap(u64),
    /// So many numbers are missing, and no GAP says why: the hub makes a mistake.
    Skipped(u64),
    /// So many frames came and were refused, because their text is not legal.
    Illegal(u64),
    /// Any number: the hub does not know what this client had last, or there is no hub that counts. Messages to this
    /// client alone are never kept by a hub: those of the time without a session are not told of at all.
    Unknown,
}

/// How a client ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum End {
    /// This side closed.
    Here,
    /// The hub closed with code 1000.
    There,
    /// A fault that does not pass, or that was not to be waited for.
    Failed(ConnectError),
}

impl Event {
    fn cost(&self) -> u32 {
        let more = match self {
            Event::Message(message) => message.length(),
            _ => 0,
        };
        u32::try_from(more).unwrap_or(BUDGET).saturating_add(EVENT).min(BUDGET)
    }
}

/// The receiving half of a client.
///
/// Take the events: while more than 1 MiB of them waits, the client reads no more, so that the hub sees a slow
/// member; no confirmation comes, and the session may end of it. Without interest in them, drop this.
#[derive(Debug)]
pub struct Events {
    events: mpsc::UnboundedReceiver<(Event, u32)>,
    budget: Arc<Semaphore>,
    /// The one that is next, though it has been looked at.
    first: Option<Event>,
    /// The client goes on while this or a sender is there.
    shared: Arc<Shared>,
}

impl Events {
    /// The next event; `None` behind [`Event::Closed`]. Cancel-safe: no event is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let (event, cost) = self.events.recv().await?;
        self.budget.add_permits(cost as usize);
        if let Event::Up(up) = &event {
            self.shared.known.store(up.session, Ordering::Relaxed);
        }
        Some(event)
    }

    pub(crate) fn put_back(&mut self, event: Event) {
        self.first = Some(event);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.budget.close();
        self.shared.known.store(NOBODY_LISTENS, Ordering::Relaxed);
    }
}

/// The client's end of [`Events`].
#[derive(Debug)]
pub(crate) struct Outlet {
    events: mpsc::UnboundedSender<(Event, u32)>,
    budget: Arc<Semaphore>,
}

pub(crate) fn events(shared: Arc<Shared>) -> (Outlet, Events) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let budget = Arc::new(Semaphore::new(BUDGET as usize));
    let outlet = Outlet { events: sender, budget: Arc::clone(&budget) };
    (outlet, Events { events: receiver, budget, first: None, shared })
}

impl Outlet {
    /// Waits until there is room. Cancel-safe, as the event is only borrowed so far.
    pub(crate) async fn room(&self, event: &Event) {
        if let Ok(permit) = self.budget.acquire_many(event.cost()).await {
            permit.forget();
        }
    }

    /// Tells, where there was room. Who is gone hears nothing.
    pub(crate) fn tell(&self, event: Event) {
        let cost = event.cost();
        let _gone = self.events.send((event, cost));
    }

    /// Tells if there is room.
    pub(crate) fn tell_if_room(&self, event: Event) {
        if let Ok(permit) = self.budget.try_acquire_many(event.cost()) {
            permit.forget();
            self.tell(event);
        }
    }

    /// Tells at once: there is only one of these.
    pub(crate) fn tell_last(&self, end: End) {
        let _gone = self.events.send((Event::Closed(end), 0));
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missed::Gap(count) => write!(f, "{count} messages were missed"),
            Missed::Skipped(count) => write!(f, "{count} messages were skipped without a GAP"),
            Missed::Illegal(count) => write!(f, "{count} frames of the peer were refused: their text is not legal"),
            Missed::Unknown => f.write_str("messages may have been missed: the hub does not know what came last"),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Here => f.write_str("closed"),
            End::There => f.write_str("normal: the hub closed the session"),
            End::Failed(error) => error.fmt(f),
        }
    }
}
