//! The messages between a driver and its receiver.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::owned::OwnedMessage;
use crate::error::ConnectionError;

/// What may wait for the receiver, in bytes, each message's own memory included.
const ROOM: usize = 64 << 10;
/// About what a message takes besides its bytes.
const OVERHEAD: usize = 128;

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    messages: VecDeque<OwnedMessage>,
    bytes: usize,
    /// The receiver has not come back after the message that it took last.
    in_hand: bool,
    receiver: Option<Waker>,
    /// Woken once there is room.
    wants_room: Option<Waker>,
    /// Woken once every message has been acted on.
    wants_rest: Option<Waker>,
    end: Option<Result<(), ConnectionError>>,
    /// The receiver has been dropped.
    is_gone: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is there room for another message? If not, the driver is woken once there is.
    pub(super) fn has_room(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        let full = state.bytes >= ROOM;
        state.wants_room = full.then(|| cx.waker().clone());
        !full
    }

    /// Gives the receiver a message. A message for a receiver that is gone is dropped.
    pub(super) fn push(&self, message: OwnedMessage) {
        let mut state = self.lock();
        if state.is_gone {
            drop(state);
            return drop(message);
        }
        state.bytes += message.length() + OVERHEAD;
        state.messages.push_back(message);
        let receiver = state.receiver.take();
        drop(state);
        receiver.into_iter().for_each(Waker::wake);
    }

    /// Has the receiver acted on every message? If not, the driver is woken once it has, if it wants that.
    pub(super) fn is_at_rest(&self, wake: Option<&Waker>) -> bool {
        let mut state = self.lock();
        let rests = state.is_gone || state.messages.is_empty() && !state.in_hand;
        state.wants_rest = wake.filter(|_| !rests).cloned();
        rests
    }

    pub(super) fn end(&self, end: Result<(), ConnectionError>) {
        let mut state = self.lock();
        state.end.get_or_insert(end);
        let receiver = state.receiver.take();
        drop(state);
        receiver.into_iter().for_each(Waker::wake);
    }

    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Result<Option<OwnedMessage>, ConnectionError>> {
        let mut state = self.lock();
        state.in_hand = false;
        let Some(message) = state.messages.pop_front() else {
            if let Some(end) = &mut state.end {
                // An error is reported once.
                return Poll::Ready(std::mem::replace(end, Ok(())).map(|()| None));
            }
            state.receiver = Some(cx.waker().clone());
            let driver = state.wants_rest.take();
            drop(state);
            driver.into_iter().for_each(Waker::wake);
            return Poll::Pending;
        };
        state.in_hand = true;
        state.bytes -= message.length() + OVERHEAD;
        if state.messages.is_empty() {
            state.messages = VecDeque::new(); // an idle receiver holds no memory
        }
        let driver = if state.bytes <= ROOM / 2 { state.wants_room.take() } else { None };
        drop(state);
        driver.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(Some(message)))
    }

    /// The receiver is gone: what waits is dropped.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.is_gone = true;
        state.bytes = 0;
        let messages = std::mem::take(&mut state.messages);
        let drivers = [state.wants_room.take(), state.wants_rest.take()];
        drop(state);
        drop(messages); // refuses the requests among them
        drivers.into_iter().flatten().for_each(Waker::wake);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.lock().is_gone
    }
}
