//! What is for one connection alone: messages to its member, the order to close, and questions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use bookend::Code;
use tokio::sync::mpsc::UnboundedSender;

use crate::report::Report;

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
    /// What an operator wants; it is rare.
    control: Option<Box<Control>>,
    /// No more messages are taken.
    sealed: bool,
    waker: Option<Waker>,
}

/// What an operator wants of a connection.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// Who is to be told how it is.
    pub(crate) asked: Option<UnboundedSender<Report>>,
    /// Why it is to close at once.
    pub(crate) kick: Option<String>,
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

    /// Asks how the connection is. Who asked before and has no answer yet gets none.
    pub(crate) fn ask(&self, asked: UnboundedSender<Report>) {
        self.control(|control| control.asked = Some(asked));
    }

    /// Orders the connection to close at once, whatever waits to be written.
    pub(crate) fn kick(&self, why: String) {
        self.control(|control| control.kick = Some(why));
    }

    fn control(&self, change: impl FnOnce(&mut Control)) {
        let mut state = self.lock();
        change(state.control.get_or_insert_default());
        self.full.store(true, Ordering::Release);
        let waker = state.waker.clone();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
    }

    /// What an operator wants, once.
    pub(crate) fn take_control(&self) -> Option<Box<Control>> {
        let mut state = self.lock();
        let control = state.control.take();
        self.full.store(state.is_full(), Ordering::Release);
        control
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
        let close = state.close.take();
        self.full.store(state.is_full(), Ordering::Release);
        close
    }

    /// Moves the messages to `out`. How many are they?
    pub(crate) fn take(&self, out: &mut Vec<u8>) -> usize {
        let mut state = self.lock();
        out.extend_from_slice(&std::mem::take(&mut state.bytes));
        let count = std::mem::take(&mut state.count);
        self.full.store(state.is_full(), Ordering::Release);
        count
    }

    /// Bytes of messages that wait.
    pub(crate) fn length(&self) -> usize {
        self.lock().bytes.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.count > 0 || self.close.is_some() || self.control.is_some()
    }
}
