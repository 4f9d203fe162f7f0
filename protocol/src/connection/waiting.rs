//! Which caller waits for which answer, as far as the connection alone knows.

use core::num::NonZeroU32;
use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::Event;
use super::outbox::{Outbox, Waiter};
use crate::endpoint::Claim;
use crate::error::{ConnectionError, Reply};
use crate::fault::Fault;
use crate::message::Message;
use crate::misuse::Misuse;

type Done = oneshot::Sender<Result<(), ConnectionError>>;

pub(super) struct Waiting {
    pub(super) outbox: Arc<Outbox>,
    /// In the order in which their PINGs were queued, each with its PING's ordinal; `None` becomes an [`Event`].
    barriers: VecDeque<(u64, Option<Done>)>,
    /// The last barrier that the peer has answered.
    reached: Option<u64>,
    /// Events that have not been taken.
    events: VecDeque<Event<'static>>,
}

impl Waiting {
    pub(super) fn new() -> Waiting {
        let outbox = Arc::new(Outbox::new());
        Waiting { outbox, barriers: VecDeque::new(), reached: None, events: VecDeque::new() }
    }

    /// A task waits for the barrier whose PING has this ordinal.
    pub(super) fn barrier(&mut self, ordinal: u64, done: Done) {
        if self.reached >= Some(ordinal) {
            let _ = done.send(Ok(())); // the task may be gone
        } else {
            self.barriers.push_back((ordinal, Some(done)));
        }
    }

    /// The barrier whose PING has this ordinal becomes an event.
    pub(super) fn barrier_event(&mut self, ordinal: u64) {
        if self.reached >= Some(ordinal) {
            self.events.push_back(Event::Barrier(ordinal));
        } else {
            self.barriers.push_back((ordinal, None));
        }
    }

    /// The next event that is not a message.
    pub(super) fn take_event(&mut self) -> Option<Event<'static>> {
        self.events.pop_front()
    }

    /// The session is over, and so is all waiting.
    pub(super) fn fail(&mut self, why: ConnectionError) {
        for (_, done) in self.barriers.drain(..) {
            let _ = done.map(|done| done.send(Err(why.clone()))); // the task may be gone
        }
        self.outbox.end(why);
    }
}

impl Drop for Waiting {
    /// The connection is gone: its handles must not wait for it.
    fn drop(&mut self) {
        self.outbox.end(Misuse::NotOpen.into());
    }
}

impl Claim for Waiting {
    fn claim(&mut self, message: &Message<'_>) -> bool {
        match message {
            Message::Reply { id, payload } => self.outbox.answer(*id, || Ok(Reply::of(*payload))),
            Message::Error(refusal) => NonZeroU32::new(refusal.id).is_some_and(|id| {
                let reason = || refusal.reason.to_str().into_owned();
                self.outbox.answer(id, || Err(ConnectionError::Refused { code: refusal.code, reason: reason() }))
            }),
            Message::Cancel { id } => {
                self.outbox.cancelled(*id);
                false
            }
            _ => false,
        }
    }

    fn asked(&mut self, id: NonZeroU32, frame: u32) -> bool {
        self.outbox.asked(id, frame)
    }

    fn refused(&mut self, id: u32, fault: Fault) {
        let Some(id) = NonZeroU32::new(id) else { return };
        match self.outbox.settle(id) {
            Some(Waiter::Task(sender)) => {
                let _ = sender.send(Err(ConnectionError::Unreadable(fault))); // the task may be gone
            }
            Some(Waiter::Event) => self.events.push_back(Event::Unreadable { id, fault }),
            Some(Waiter::Gone) | None => {}
        }
    }

    fn reached(&mut self, ordinal: u64) {
        self.reached = self.reached.max(Some(ordinal));
        while self.barriers.front().is_some_and(|(waiting, _)| *waiting <= ordinal)
            && let Some((waiting, done)) = self.barriers.pop_front()
        {
            match done {
                Some(done) => {
                    let _ = done.send(Ok(())); // the task may be gone
                }
                None => self.events.push_back(Event::Barrier(waiting)),
            }
        }
    }

    fn has_event(&self) -> bool {
        !self.events.is_empty()
    }
}
