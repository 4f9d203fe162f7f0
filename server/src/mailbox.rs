//! What is for one connection alone: messages to its member, the order to close, and questions; and whose it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use bookend::Code;
use tokio::sync::mpsc::UnboundedSender;

use crate::hub::Peer;
use crate::report::Report;

/// Bytes of messages that wait, beyond which no more are taken.
const MAX_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Mailbox {
    peer: Peer,
    /// Is there anything? Looked at far more often than there is.
    full: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Made when there is something, as there is nothing for most connections most of the time.
    content: Option<Box<Content>>,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Content {
    /// Whole frames or lines.
    bytes: Vec<u8>,
    count: usize,
    close: Option<Code>,
    /// What an operator wants; it is rare.
    control: Option<Box<Control>>,
    /// No more messages are taken.
    sealed: bool,
}

/// What an operator wants of a connection.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// Who is to be told how it is.
    pub(crate) asked: Option<UnboundedSender<Report>>,
    /// Why it is to close at once.
    pub(crate) kick: Option<String>,
    /// Its token is to be looked at again.
    pub(crate) look_again: bool,
}

impl Mailbox {
    pub(crate) fn new(peer: Peer) -> Mailbox {
        Mailbox { peer, full: AtomicBool::new(false), state: Mutex::default() }
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Puts a frame or a line in and wakes the connection. False if `limit` of them wait already, or too many bytes, or
    /// none is taken any more.
    pub(crate) fn put(&self, frame: &[u8], limit: usize) -> bool {
        self.fill(|content| {
            let Content { bytes, count, sealed, .. } = content;
            if *sealed || *count >= limit || (*count > 0 && bytes.len() + frame.len() > MAX_BYTES) {
                return false;
            }
            bytes.extend_from_slice(frame);
            *count += 1;
            true
        })
    }

    /// Orders the connection to close.
    pub(crate) fn close(&self, code: Code) {
        self.fill(|content| {
            content.close.get_or_insert(code);
            true
        });
    }

    /// Asks how the connection is. Who asked before and has no answer yet gets none.
    pub(crate) fn ask(&self, asked: UnboundedSender<Report>) {
        self.control(|control| control.asked = Some(asked));
    }

    /// Orders the connection to close at once, whatever waits to be written.
    pub(crate) fn kick(&self, why: String) {
        self.control(|control| control.kick = Some(why));
    }

    /// Tells the connection that its token may end at another time than before.
    pub(crate) fn look_again(&self) {
        self.control(|control| control.look_again = true);
    }

    fn control(&self, change: impl FnOnce(&mut Control)) {
        self.fill(|content| {
            change(content.control.get_or_insert_default());
            true
        });
    }

    /// Puts something in and wakes the connection, unless `put` refuses to.
    fn fill(&self, put: impl FnOnce(&mut Content) -> bool) -> bool {
        let mut state = self.lock();
        if !put(state.content.get_or_insert_default()) {
            return false;
        }
        self.full.store(true, Ordering::Release);
        let waker = state.waker.clone();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
        true
    }

    /// What an operator wants, once.
    pub(crate) fn take_control(&self) -> Option<Box<Control>> {
        self.empty(|content| content.control.take())
    }

    /// Takes no more messages, unless some wait to be taken out. Is it so?
    pub(crate) fn seal(&self) -> bool {
        self.empty(|content| {
            content.sealed = content.count == 0;
            content.sealed
        })
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
        self.empty(|content| content.close.take())
    }

    /// Moves the messages to `out`. How many are they?
    pub(crate) fn take(&self, out: &mut Vec<u8>) -> usize {
        self.empty(|content| {
            out.extend_from_slice(&std::mem::take(&mut content.bytes));
            std::mem::take(&mut content.count)
        })
    }

    /// Takes something out, and gives the memory back when nothing is left.
    fn empty<T>(&self, take: impl FnOnce(&mut Content) -> T) -> T {
        let mut state = self.lock();
        let content = state.content.get_or_insert_default();
        let taken = take(content);
        let is_full = content.is_full();
        if !is_full && !content.sealed {
            state.content = None;
        }
        self.full.store(is_full, Ordering::Release);
        taken
    }

    /// Bytes of messages that wait.
    pub(crate) fn length(&self) -> usize {
        self.lock().content.as_ref().map_or(0, |content| content.bytes.len())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn is_full(&self) -> bool {
        self.count > 0 || self.close.is_some() || self.control.is_some()
    }
}
