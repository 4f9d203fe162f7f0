//! What a client reports: progress, messages, what was missed, and how it ended.

mod incoming;

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bookend::Hello;
use futures_core::Stream;
use tokio::sync::{Semaphore, mpsc};

use crate::error::{ConnectError, SendError};
use crate::joined::Welcome;
use crate::status::{NOBODY_LISTENS, Shared};
use crate::step::ConnectStep;
pub use incoming::Incoming;

/// Bytes of events that may wait. While more would wait, the client reads nothing.
pub(crate) const BUDGET: u32 = 1 << 20;
/// What an event costs beside its message.
const EVENT: u32 = 64;

/// Something that a client reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A step on the way to the hub begins. Omitted if too many events wait.
    Progress {
        /// The step.
        step: ConnectStep,
        /// The time since the attempt began.
        after: Duration,
    },
    /// A session is open: the first one, or another. The hub lists the members again.
    Up(Box<Up>),
    /// A message from the hub, or from another peer.
    Message(Incoming),
    /// Messages did not arrive, or may not have.
    Missed(Missed),
    /// A message of this client was not confirmed, and its [`Receipt`](crate::Receipt) was dropped.
    Failed(SendError),
    /// The other side has been silent for a quarter longer than it promised. After twice the promised time the session
    /// ends.
    Suspect,
    /// The other side was suspect and has been heard again.
    Heard,
    /// There is no session, and another attempt follows.
    Down {
        /// Why.
        error: ConnectError,
        /// The pause before the next attempt.
        retry_in: Duration,
    },
    /// The last event.
    Closed(End),
}

/// A session that is open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Up {
    /// The number of this session, starting at 1.
    pub session: u64,
    /// The hub's WELCOME; `None` if the hub profile is not in force.
    pub welcome: Option<Welcome>,
    /// The other side's HELLO.
    pub peer: Hello,
    /// This side's address, if it has one.
    pub local: Option<SocketAddr>,
    /// The address that was connected to, if there is one: the proxy's if a proxy is used.
    pub remote: Option<SocketAddr>,
}

/// What was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missed {
    /// The hub reports that it left out messages to everyone (GAP).
    Gap {
        /// The number of the first one.
        first: u64,
        /// How many there are, at most.
        count: u64,
    },
    /// Numbers are missing without a GAP: among messages that arrive a mistake of the hub; in what it has kept, the place
    /// where the room began anew, for example because its history was restored (SPEC 9, History).
    Skipped {
        /// The first one.
        first: u64,
        /// How many there are.
        count: u64,
    },
    /// This many frames arrived and were refused because their text is invalid.
    Illegal(u64),
    /// Any number: the hub does not know the last message that this client received, or the peer is not a hub. A hub
    /// never stores messages to one member: those sent while there was no session are lost and not reported.
    Unknown {
        /// The number of that message. What followed it before the hub's WELCOME may be missing. `None` if the peer is
        /// not a hub.
        after: Option<u64>,
    },
}

/// How a client ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum End {
    /// This side closed.
    Closed,
    /// The other side closed the session with code 1000.
    PeerClosed,
    /// A fault that does not pass, or one attempt too many.
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

/// The receiving half of a client, and a [`Stream`] of its events.
///
/// Take the events promptly. While more than 1 MiB of them waits, the client reads nothing: the hub sees a slow member,
/// no confirmation arrives, and the session may end for that reason. A program that needs no events drops this.
///
/// ```no_run
/// # async fn example(client: bookend_client::Client) {
/// use bookend_client::{Event, Message};
/// use futures_util::StreamExt;
///
/// let (sender, events) = client.split();
/// let lines = events.filter_map(async |event| match event {
///     Event::Message(incoming) => Some(format!("{incoming:?}")),
///     _ => None,
/// });
/// lines.for_each(async |line| println!("{line}")).await;
/// # }
/// ```
#[derive(Debug)]
pub struct Events {
    events: mpsc::UnboundedReceiver<(Event, u32)>,
    budget: Arc<Semaphore>,
    /// An event that was taken and put back.
    first: Option<Event>,
    /// The client lives while this or a sender does.
    shared: Arc<Shared>,
}

impl Events {
    /// The next event; `None` after [`Event::Closed`]. Cancel-safe: no event is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    pub(crate) fn put_back(&mut self, event: Event) {
        self.first = Some(event);
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let Some((event, cost)) = ready!(self.events.poll_recv(cx)) else { return Poll::Ready(None) };
        self.budget.add_permits(cost as usize);
        if let Event::Up(up) = &event {
            self.shared.known.store(up.session, Ordering::Relaxed);
        }
        Poll::Ready(Some(event))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.budget.close();
        self.shared.known.store(NOBODY_LISTENS, Ordering::Relaxed);
    }
}

/// The task's end of [`Events`].
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
    /// Waits until there is room for the event. Cancel-safe: the event is only borrowed.
    pub(crate) async fn reserve(&self, event: &Event) {
        if let Ok(permit) = self.budget.acquire_many(event.cost()).await {
            permit.forget();
        }
    }

    /// Is there room for the event?
    pub(crate) fn has_room(&self, event: &Event) -> bool {
        self.budget.available_permits() >= event.cost() as usize || self.budget.is_closed()
    }

    /// Waits until there is room for the event, and does not take it.
    pub(crate) async fn room(&self, event: &Event) {
        let _ = self.budget.acquire_many(event.cost()).await; // given back, or closed
    }

    /// Reports an event for which there is room.
    pub(crate) fn report(&self, event: Event) {
        let cost = event.cost();
        let _ = self.events.send((event, cost)); // the events may be dropped
    }

    /// Reports an event if there is room.
    pub(crate) fn report_if_room(&self, event: Event) {
        if let Ok(permit) = self.budget.try_acquire_many(event.cost()) {
            permit.forget();
            self.report(event);
        }
    }

    /// Reports the last event, whatever the room: there is only one.
    pub(crate) fn report_last(&self, end: End) {
        let _ = self.events.send((Event::Closed(end), 0)); // the events may be dropped
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missed::Gap { count, .. } => write!(f, "{count} messages were missed"),
            Missed::Skipped { count, .. } => write!(f, "{count} numbers were skipped without a GAP"),
            Missed::Illegal(count) => write!(f, "{count} frames from the peer were refused: their text is invalid"),
            Missed::Unknown { .. } => {
                f.write_str("messages may have been missed: ")?;
                f.write_str("the hub does not know the last message that this client received")
            }
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Closed => f.write_str("closed"),
            End::PeerClosed => f.write_str("normal: the hub closed the session"),
            End::Failed(error) => error.fmt(f),
        }
    }
}
