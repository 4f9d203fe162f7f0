//! The mailbox of a connection: private messages, and requests to close or to report. Any task may put them in.

mod proof;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use bookend::Code;
use tokio::sync::mpsc::UnboundedSender;

use crate::lock::lock;
use crate::peer::Peer;
use crate::report::ConnectionReport;

pub(crate) use proof::Proof;

/// The most bytes of waiting messages. A single message may be longer.
const MAX_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Mailbox {
    peer: Peer,
    /// Is there anything? It is read without the lock, far more often than there is something.
    full: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Allocated when there is something: most mailboxes are empty most of the time.
    content: Option<Box<Content>>,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Content {
    /// Whole frames or lines.
    bytes: Vec<u8>,
    count: usize,
    close: Option<Code>,
    /// Rare, hence boxed.
    request: Option<Box<Request>>,
    /// No more messages are accepted.
    sealed: bool,
}

/// What an operator, the room or another member requests of a connection.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Report to this receiver.
    pub(crate) report: Option<UnboundedSender<ConnectionReport>>,
    /// Close at once, for this reason.
    pub(crate) kick: Option<String>,
    /// Check the token again.
    pub(crate) recheck_token: bool,
    /// Take the name that it asked for: it is free now.
    pub(crate) reclaim_name: bool,
    /// Close, unless the peer answers a PING: it has joined again under this name.
    pub(crate) challenge: bool,
    /// Prove that the peer is there after what has been put in.
    pub(crate) prove: Vec<Arc<Proof>>,
}

impl Mailbox {
    pub(crate) fn new(peer: Peer) -> Mailbox {
        Mailbox { peer, full: AtomicBool::new(false), state: Mutex::default() }
    }

    /// The peer whose connection it is.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Adds a frame or a line, and wakes the connection. With a `proof`, the connection proves that the peer is there after
    /// it. False if `limit` of them or too many bytes already wait, or the connection accepts no more.
    pub(crate) fn put(&self, frame: &[u8], limit: usize, proof: Option<Arc<Proof>>) -> bool {
        self.fill(|content| {
            let Content { bytes, count, sealed, request, .. } = content;
            if *sealed || *count >= limit || (*count > 0 && bytes.len() + frame.len() > MAX_BYTES) {
                return false;
            }
            bytes.extend_from_slice(frame);
            *count += 1;
            if let Some(proof) = proof {
                request.get_or_insert_default().prove.push(proof);
            }
            true
        })
    }

    /// Requests to close, after everything that was accepted for the peer has been written.
    pub(crate) fn close(&self, code: Code) {
        self.fill(|content| {
            content.close.get_or_insert(code);
            true
        });
    }

    /// Requests a report. It replaces a request that has not been answered.
    pub(crate) fn request_report(&self, receiver: UnboundedSender<ConnectionReport>) {
        self.request(|request| request.report = Some(receiver));
    }

    /// Requests to close at once, whatever waits to be written.
    pub(crate) fn kick(&self, reason: String) {
        self.request(|request| request.kick = Some(reason));
    }

    /// Requests to check the token again: it may expire at another time than before.
    pub(crate) fn recheck_token(&self) {
        self.request(|request| request.recheck_token = true);
    }

    /// Requests to take the name that the member asked for: it is free now.
    pub(crate) fn reclaim_name(&self) {
        self.request(|request| request.reclaim_name = true);
    }

    /// Requests to close, unless the peer answers a PING: it has joined again under this name.
    pub(crate) fn challenge(&self) {
        self.request(|request| request.challenge = true);
    }

    /// Wakes the connection.
    fn wake(&self) {
        let waker = lock(&self.state).waker.clone();
        waker.inspect(Waker::wake_by_ref);
    }

    fn request(&self, change: impl FnOnce(&mut Request)) {
        self.fill(|content| {
            change(content.request.get_or_insert_default());
            true
        });
    }

    /// Changes the content and wakes the connection, unless `put` returns false.
    fn fill(&self, put: impl FnOnce(&mut Content) -> bool) -> bool {
        let mut state = lock(&self.state);
        if !put(state.content.get_or_insert_default()) {
            return false;
        }
        self.full.store(true, Ordering::Release);
        let waker = state.waker.clone();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
        true
    }

    /// Takes out what others request.
    pub(crate) fn take_request(&self) -> Option<Box<Request>> {
        self.empty(|content| content.request.take())
    }

    /// Accepts no more messages, unless some wait to be taken out. Returns whether it is sealed.
    pub(crate) fn seal(&self) -> bool {
        self.empty(|content| {
            content.sealed = content.count == 0;
            content.sealed
        })
    }

    /// Sets the waker of the connection.
    pub(crate) fn register(&self, waker: &Waker) {
        lock(&self.state).waker = Some(waker.clone());
    }

    /// Whether anything waits.
    pub(crate) fn has_content(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Takes out the request to close.
    pub(crate) fn take_close(&self) -> Option<Code> {
        self.empty(|content| content.close.take())
    }

    /// Moves the messages to `out`. Returns how many there were.
    pub(crate) fn take(&self, out: &mut Vec<u8>) -> usize {
        self.empty(|content| {
            out.extend_from_slice(&std::mem::take(&mut content.bytes));
            std::mem::take(&mut content.count)
        })
    }

    /// Takes something out, and frees the memory when nothing is left.
    fn empty<T>(&self, take: impl FnOnce(&mut Content) -> T) -> T {
        let mut state = lock(&self.state);
        let content = state.content.get_or_insert_default();
        let taken = take(content);
        let is_full = content.is_waiting();
        if !is_full && !content.sealed {
            state.content = None;
        }
        self.full.store(is_full, Ordering::Release);
        taken
    }

    /// Bytes of waiting messages.
    pub(crate) fn length(&self) -> usize {
        lock(&self.state).content.as_ref().map_or(0, |content| content.bytes.len())
    }
}

impl Content {
    fn is_waiting(&self) -> bool {
        self.count > 0 || self.close.is_some() || self.request.is_some()
    }
}
