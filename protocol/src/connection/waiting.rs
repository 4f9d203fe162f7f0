//! Which caller waits for which answer.

use core::num::NonZeroU32;
use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use super::Event;
use crate::endpoint::Claim;
use crate::error::{ConnectionError, Reply};
use crate::fault::Fault;
use crate::message::Message;

pub(super) type Answer = Result<Reply, ConnectionError>;
type Done = oneshot::Sender<Result<(), ConnectionError>>;

#[derive(Default)]
pub(super) struct Waiting {
    requests: HashMap<NonZeroU32, Waiter>,
    /// In the order in which their PINGs were queued, each with its PING's ordinal; `None` stands for an [`Event`].
    barriers: VecDeque<(u64, Option<Done>)>,
    /// The last barrier that the peer has answered.
    reached: Option<u64>,
    /// Events that have not been taken.
    events: VecDeque<Event<'static>>,
}

/// What becomes of the answer to a request.
enum Waiter {
    Task(oneshot::Sender<Answer>),
    Event,
    /// The request is cancelled, and the answer is ignored.
    Nobody,
}

impl Waiting {
    /// A task waits for the answer to a request.
    pub(super) fn expect(&mut self, id: NonZeroU32) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.requests.insert(id, Waiter::Task(sender));
        receiver
    }

    /// The answer to a request becomes an event.
    pub(super) fn expect_event(&mut self, id: NonZeroU32) {
        self.requests.insert(id, Waiter::Event);
    }

    /// The answer to a request that has been cancelled is ignored.
    pub(super) fn cancelled(&mut self, id: NonZeroU32) {
        self.requests.insert(id, Waiter::Nobody);
    }

    /// The requests whose tasks have stopped waiting, to cancel.
    pub(super) fn abandoned(&mut self) -> Vec<NonZeroU32> {
        let is_abandoned = |waiter: &Waiter| matches!(waiter, Waiter::Task(sender) if sender.is_closed());
        self.requests.iter().filter(|(_, waiter)| is_abandoned(waiter)).map(|(id, _)| *id).collect()
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

    /// Gives the answer to the task that waits for it; false if it is for the application.
    fn answer(&mut self, id: NonZeroU32, answer: impl FnOnce() -> Answer) -> bool {
        match self.requests.remove(&id) {
            Some(Waiter::Task(sender)) => {
                let _ = sender.send(answer()); // the task may be gone
                true
            }
            Some(Waiter::Nobody) => true,
            Some(Waiter::Event) | None => false,
        }
    }

    /// The session is over, and so is all waiting.
    pub(super) fn fail(&mut self, error: &ConnectionError) {
        for (_, waiter) in self.requests.drain() {
            if let Waiter::Task(sender) = waiter {
                let _ = sender.send(Err(error.copy())); // the task may be gone
            }
        }
        for (_, done) in self.barriers.drain(..) {
            let _ = done.map(|done| done.send(Err(error.copy()))); // the task may be gone
        }
    }
}

impl Claim for Waiting {
    fn claim(&mut self, message: &Message<'_>) -> bool {
        match message {
            Message::Reply { id, payload } => self.answer(*id, || Ok(Reply::of(*payload))),
            Message::Error(refusal) => NonZeroU32::new(refusal.id).is_some_and(|id| {
                let reason = refusal.reason.to_str().into_owned();
                self.answer(id, || Err(ConnectionError::Refused { code: refusal.code, reason }))
            }),
            _ => false,
        }
    }

    fn refused(&mut self, id: u32, fault: Fault) {
        let Some(id) = NonZeroU32::new(id) else { return };
        match self.requests.remove(&id) {
            Some(Waiter::Task(sender)) => {
                let _ = sender.send(Err(ConnectionError::Unreadable(fault))); // the task may be gone
            }
            Some(Waiter::Event) => self.events.push_back(Event::Unreadable { id, fault }),
            Some(Waiter::Nobody) | None => {}
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
