//! What is for one connection alone: messages to its member, and the order to close.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use bookend::Code;

/// Bytes of messages that wait, beyond which no more are taken.
const MAX_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// Is there anything? Looked at far more often than there is.
    full: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whole frames or lines.
    bytes: Vec<u8>,
    count: usize,
    close: Option<Code>,
    /// No more messages are taken.
    sealed: bool,
    waker: Option<Waker>,
}

impl Mailbox {
    /// Puts a frame or a line in and wakes the connection. False if `limit` of them wait already, or too many bytes, or
    /// none is taken any more.
    pub(crate) fn put(&self, frame: &[u8], limit: usize) -> bool {
        let mut state = self.lock();
        if state.sealed || state.count >= limit || (state.count > 0 && state.bytes.len() + frame.len() > MAX_BYTES) {
            return false;
        }
        state.bytes.extend_from_slice(frame);
        state.count += 1;
        self.full.store(true, Ordering::Release);
        let waker = state.waker.clone();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
        true
    }

    /// Orders the connection to close.
    pub(crate) fn close(&self, code: Code) {
        let mut state = self.lock();
        state.close.get_or_insert(code);
        self.full.store(true, Ordering::Release);
        let waker = state.waker.clone();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
    }

    /// Takes no more messages, unless some wait to be taken out. Is it so?
    pub(crate) fn seal(&self) -> bool {
        let mut state = self.lock();
        state.sealed = state.count == 0;
        state.sealed
    }

    /// Says whom to wake.
    pub(crate) fn register(&self, waker: &Waker) {
        self.lock().waker = Some(waker.clone());
    }

    /// May there be anything?
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// The order to close, once.
    pub(crate) fn take_close(&self) -> Option<Code> {
        let mut state = self.lock();
        self.full.store(state.count > 0, Ordering::Release);
        state.close.take()
    }

    /// Moves the messages to `out`.
    pub(crate) fn take(&self, out: &mut Vec<u8>) {
        let mut state = self.lock();
        out.extend_from_slice(&std::mem::take(&mut state.bytes));
        state.count = 0;
        self.full.store(state.close.is_some(), Ordering::Release);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
