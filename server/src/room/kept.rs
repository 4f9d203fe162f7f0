//! A room whose messages are kept: what its members may read, and how much may wait to be written.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::{Room, State};
use crate::block::Block;
use crate::store::{StoreQuery, StoreRead, Written};

/// While more bytes of a room are not written, its members are not read.
const MAX_UNWRITTEN: usize = 8 << 20;
/// About how many bytes are read from the store at a time for one member.
const READ: usize = 64 << 10;

/// Messages that are in memory.
#[derive(Debug)]
pub(crate) struct InMemory {
    /// The blocks, oldest first, without presence. The first and the last one may contain other messages, too.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// The number of the room's first message, in memory or not.
    pub(crate) first_seq: u64,
    /// The number of the next message that may be read.
    pub(crate) next_seq: u64,
}

/// A part of the past of a room that is being read from the store.
#[derive(Debug)]
pub(crate) struct Past {
    /// Messages before this number may be read.
    pub(crate) before: u64,
    state: PastState,
}

#[derive(Debug)]
enum PastState {
    Asked(oneshot::Receiver<StoreRead>),
    /// `None` if the store could not read.
    Read(Option<StoreRead>),
}

impl Room {
    /// The last messages whose numbers are less than `before`, as far as they are in memory: at least `count`, or all.
    pub(crate) fn last_in_memory(&self, before: u64, count: u64) -> InMemory {
        let state = self.lock();
        let (first_seq, next_seq) = (state.log.first_seq(), state.log.head().seq());
        InMemory { blocks: state.log.last_before(before, count), first_seq, next_seq }
    }

    /// Is any message not written?
    pub(crate) fn is_unwritten(&self) -> bool {
        self.unwritten.load(Ordering::Acquire) > 0
    }

    /// Must its members say no more until something is written? A room of which nothing waits may always have something.
    pub(crate) fn is_congested(&self) -> bool {
        match self.unwritten.load(Ordering::Acquire) {
            0 => false,
            unwritten => unwritten > MAX_UNWRITTEN || self.store().is_some_and(|(store, id)| !store.has_space(id)),
        }
    }

    /// Has `waker` woken when the room is no longer congested. False if it is not.
    pub(crate) fn wait_for_space(&self, id: u32, waker: &Waker) -> bool {
        let mut state = self.lock();
        let is_congested = self.is_congested();
        if is_congested {
            state.speakers.insert(id, waker.clone());
        }
        is_congested
    }

    /// Reads a part of the past, from that number on; messages before `before` may be read.
    pub(crate) fn read_past(&self, from: u64, before: u64) -> Past {
        let state = match self.store() {
            Some((store, id)) => PastState::Asked(store.read(id, StoreQuery::From { from, bytes: READ })),
            None => PastState::Read(None),
        };
        Past { before, state }
    }

    /// The number of its first message in memory, now or in the past.
    pub(crate) fn began(&self) -> u64 {
        self.began
    }

    /// The number of the first message that is in memory, or of the next one if none is.
    pub(crate) fn first_in_memory(&self) -> u64 {
        self.lock().log.first_in_memory()
    }

    /// The number after the last message of that member which may not be read yet; 0 if there is none.
    pub(crate) fn end_of_unwritten(&self, member: u32) -> u64 {
        self.lock().log.end_of_unwritten(member)
    }

    /// May messages before that number be read? If the store writes nothing now, none that may not will be soon.
    pub(crate) fn is_readable_before(&self, seq: u64) -> bool {
        let is_failing = || self.store().is_some_and(|(store, _)| store.refusal().is_some());
        seq == 0 || self.lock().log.head().seq() >= seq || is_failing()
    }

    /// Publishes how many bytes are not written.
    pub(super) fn count_unwritten(&self, state: &State) {
        self.unwritten.store(state.log.unwritten(), Ordering::Release);
    }
}

impl Written for Room {
    fn written(&self, next_seq: u64) {
        let mut state = self.lock();
        let had_too_many_changes = state.has_too_many_changes();
        let new = state.log.written(next_seq);
        self.count_unwritten(&state);
        state.report();
        let mut woken: Vec<_> = new.map(|has_messages| self.show(&mut state, !has_messages)).into_iter().collect();
        if had_too_many_changes && state.crowd.is_some() && !state.has_too_many_changes() {
            woken.push(self.append_late_changes(&mut state));
        }
        let speakers = if self.is_congested() { BTreeMap::new() } else { std::mem::take(&mut state.speakers) };
        drop(state);
        woken.into_iter().for_each(super::waiters::Woken::wake);
        speakers.into_values().for_each(Waker::wake);
    }
}

impl Past {
    /// What was read, `None` if the store could not.
    pub(crate) fn take(&mut self) -> Poll<Option<StoreRead>> {
        match &mut self.state {
            PastState::Read(read) => Poll::Ready(read.take()),
            PastState::Asked(receiver) => match receiver.try_recv() {
                Ok(read) => Poll::Ready(Some(read)),
                Err(TryRecvError::Empty) => Poll::Pending,
                Err(TryRecvError::Closed) => Poll::Ready(None),
            },
        }
    }

    /// Has `waker` woken when it has been read. False if it has.
    pub(crate) fn wait(&mut self, waker: &Waker) -> bool {
        let PastState::Asked(receiver) = &mut self.state else { return false };
        match Future::poll(std::pin::Pin::new(receiver), &mut Context::from_waker(waker)) {
            Poll::Pending => true,
            Poll::Ready(read) => {
                self.state = PastState::Read(read.ok());
                false
            }
        }
    }
}
