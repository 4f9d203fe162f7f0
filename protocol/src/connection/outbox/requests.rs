//! The unanswered requests of both sides, as the tasks see them that send and answer them.

use core::num::NonZeroU32;
use std::task::{Context, Poll, Waker};

use tokio::sync::{SemaphorePermit, TryAcquireError, oneshot};

use super::{Command, Outbox, State, cost, encode_long, wake};
use crate::code::Code;
use crate::error::{ConnectionError, Reply};
use crate::kind;
use crate::misuse::Misuse;
use crate::payload::Content;

pub(in crate::connection) type Answer = Result<Reply, ConnectionError>;

/// Who wants the answer to a request of this side.
pub(in crate::connection) enum Waiter {
    Task(oneshot::Sender<Answer>),
    /// The answer becomes an [`Event`](crate::Event).
    Event,
    /// Nobody any more. Until the answer arrives, the request still counts for the peer.
    Gone,
}

impl Waiter {
    pub(super) fn fail(self, why: &ConnectionError) {
        if let Waiter::Task(sender) = self {
            let _ = sender.send(Err(why.clone())); // the task may be gone
        }
    }
}

/// A request of the peer.
pub(super) struct Asked {
    /// The number of its frame: it tells requests with the same id apart.
    frame: u32,
    /// Wakes the task that answers it, when it is cancelled.
    task: Option<Waker>,
}

impl Asked {
    pub(super) fn wake(self) {
        if let Some(task) = self.task {
            task.wake();
        }
    }
}

/// This side's requests.
impl Outbox {
    /// Waits until the peer permits another request.
    pub(in crate::connection) async fn slot(&self) -> Result<SemaphorePermit<'_>, ConnectionError> {
        if self.terms()?.requests == 0 {
            return Err(Misuse::TooManyRequests.into());
        }
        self.slots.acquire().await.map_err(|_| self.why())
    }

    /// The same without waiting.
    pub(in crate::connection) fn try_slot(&self) -> Result<SemaphorePermit<'_>, Misuse> {
        self.slots.try_acquire().map_err(|error| match error {
            TryAcquireError::NoPermits => Misuse::TooManyRequests,
            TryAcquireError::Closed => Misuse::NotOpen,
        })
    }

    /// Queues a REQUEST and returns its id.
    pub(in crate::connection) fn request(
        &self,
        content: Content<'_>,
        slot: SemaphorePermit<'_>,
        room: SemaphorePermit<'_>,
        waiter: Waiter,
    ) -> Result<NonZeroU32, ConnectionError> {
        let id = self.request_with(content, room.num_permits(), waiter)?;
        room.forget();
        slot.forget();
        Ok(id)
    }

    /// The same with a slot and so many permits of room, which the caller forgets if this succeeds. If the permits are
    /// fewer than the content needs, it takes as many more as are free.
    pub(in crate::connection) fn request_with(
        &self,
        content: Content<'_>,
        room: usize,
        waiter: Waiter,
    ) -> Result<NonZeroU32, ConnectionError> {
        let terms = self.terms()?;
        let encoded = encode_long(terms, kind::REQUEST, &[0; 4], content)?;
        let missing = (cost(content.length()) as usize).saturating_sub(room);
        self.change(|state| {
            let id = state.free_id();
            let start = state.append(terms, kind::REQUEST, &id.get().to_be_bytes(), content, encoded)?;
            state.command_at(start, Command::Ask(id));
            state.frames += 1;
            state.requests.insert(id, waiter);
            state.permits += room + self.room.forget_permits(missing);
            Ok(id)
        })
    }

    /// The id for a request that the connection sends itself.
    pub(in crate::connection) fn expect(&self, slot: SemaphorePermit<'_>, waiter: Waiter) -> NonZeroU32 {
        let mut state = self.lock();
        let id = state.free_id();
        state.requests.insert(id, waiter);
        slot.forget();
        id
    }

    /// The request was not sent.
    pub(in crate::connection) fn withdraw(&self, id: NonZeroU32) {
        if self.lock().requests.remove(&id).is_some() {
            self.slots.add_permits(1);
        }
    }

    /// The answer becomes an event.
    pub(in crate::connection) fn expect_event(&self, id: NonZeroU32) {
        if let Some(waiter) = self.lock().requests.get_mut(&id) {
            *waiter = Waiter::Event;
        }
    }

    /// Nobody wants the answer any more: the connection cancels the request.
    pub(in crate::connection) fn abandon(&self, id: NonZeroU32) {
        let mut state = self.lock();
        if let Some(waiter) = state.requests.get_mut(&id)
            && !matches!(waiter, Waiter::Gone)
        {
            let before = std::mem::replace(waiter, Waiter::Gone);
            state.command(Command::Cancel(id));
            wake(state);
            drop(before);
        }
    }

    /// The answer to a request has arrived. Returns who wants it, and `None` if there was no such request.
    pub(in crate::connection) fn settle(&self, id: NonZeroU32) -> Option<Waiter> {
        let waiter = self.lock().requests.remove(&id)?;
        self.slots.add_permits(1);
        Some(waiter)
    }

    /// Gives the answer to the task that waits for it; false if the application wants it as an event.
    pub(in crate::connection) fn answer(&self, id: NonZeroU32, answer: impl FnOnce() -> Answer) -> bool {
        match self.settle(id) {
            Some(Waiter::Task(sender)) => {
                let _ = sender.send(answer()); // the task may be gone
                true
            }
            Some(Waiter::Gone) => true,
            Some(Waiter::Event) | None => false,
        }
    }
}

/// The peer's requests.
impl Outbox {
    /// A request has arrived, in the frame of that number. True if it has been refused.
    pub(in crate::connection) fn asked(&self, id: NonZeroU32, frame: u32) -> bool {
        let mut state = self.lock();
        if state.end.is_some() {
            return false;
        }
        if state.draining {
            let detail = String::from("this side shuts down");
            state.command(Command::Refuse { id, frame, code: Code::GOING_AWAY, detail });
            wake(state);
            return true;
        }
        state.asked.insert(id, Asked { frame, task: None });
        false
    }

    /// The peer has cancelled a request, and the session has answered it.
    pub(in crate::connection) fn cancelled(&self, id: NonZeroU32) {
        let asked = self.lock().asked.remove(&id);
        asked.into_iter().for_each(Asked::wake);
    }

    /// The number of the frame of an unanswered request.
    pub(in crate::connection) fn frame_of(&self, id: NonZeroU32) -> Result<u32, Misuse> {
        self.lock().frame_of(id, None)
    }

    /// The connection itself has answered.
    pub(in crate::connection) fn answered(&self, id: NonZeroU32) {
        self.lock().asked.remove(&id);
    }

    /// Ready once the request is no longer unanswered.
    pub(in crate::connection) fn poll_cancelled(&self, id: NonZeroU32, frame: u32, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        match state.asked.get_mut(&id).filter(|asked| asked.frame == frame) {
            Some(asked) => {
                asked.task = Some(cx.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }

    pub(in crate::connection) fn is_unanswered(&self, id: NonZeroU32, frame: u32) -> bool {
        self.lock().frame_of(id, Some(frame)).is_ok()
    }

    /// Queues the answer to a request, which came in the frame of that number, if one is given.
    pub(in crate::connection) fn reply(
        &self,
        id: NonZeroU32,
        frame: Option<u32>,
        content: Content<'_>,
        room: SemaphorePermit<'_>,
    ) -> Result<(), ConnectionError> {
        let terms = self.terms()?;
        let fixed = id.get().to_be_bytes();
        let encoded = encode_long(terms, kind::REPLY, &fixed, content)?;
        self.change(|state| {
            let frame = state.frame_of(id, frame)?;
            let start = state.append(terms, kind::REPLY, &fixed, content, encoded)?;
            state.command_at(start, Command::Reply { id, frame, length: state.bytes.len() - start });
            state.asked.remove(&id);
            state.permits += room.num_permits();
            room.forget();
            Ok(())
        })
    }

    /// Queues an ERROR as the answer, likewise. The requests that the session admits bound how many there are.
    pub(in crate::connection) fn refuse(
        &self,
        id: NonZeroU32,
        frame: Option<u32>,
        code: Code,
        detail: &str,
    ) -> Result<(), ConnectionError> {
        self.change(|state| {
            let frame = state.frame_of(id, frame)?;
            state.asked.remove(&id);
            state.command(Command::Refuse { id, frame, code, detail: detail.into() });
            Ok(())
        })
    }

    /// Is nothing queued, and no request of either side unanswered?
    pub(in crate::connection) fn is_drained(&self) -> bool {
        let state = self.lock();
        state.asked.is_empty() && state.requests.is_empty() && state.bytes.is_empty() && state.commands.is_empty()
    }
}

impl State {
    /// An id that no unanswered request of this side has.
    fn free_id(&mut self) -> NonZeroU32 {
        loop {
            let id = self.next_id;
            self.next_id = id.checked_add(1).unwrap_or(NonZeroU32::MIN);
            if !self.requests.contains_key(&id) {
                return id;
            }
        }
    }

    fn frame_of(&self, id: NonZeroU32, expected: Option<u32>) -> Result<u32, Misuse> {
        let asked = self.asked.get(&id).filter(|asked| expected.is_none_or(|frame| frame == asked.frame));
        asked.map(|asked| asked.frame).ok_or(Misuse::NoSuchRequest { id: id.get() })
    }
}
