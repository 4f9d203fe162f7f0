//! What this peer said to everyone and is not on stable storage yet.
//!
//! A PONG confirms what was said before its PING, so it waits until that is (R9.49).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bookend::Session;

use crate::store::{Position, Store};

/// With this many, the last one also stands for what is said later: PONGs then wait longer than they must.
const MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// The oldest first.
    flushes: VecDeque<Flush>,
    /// The frame of the first message since the last flush.
    said: Option<u32>,
    /// The position for which the connection is woken already, and its waker: the store forgets it when this is dropped.
    awaited: Option<(Position, Arc<Waker>)>,
}

#[derive(Debug)]
struct Flush {
    /// The number of the frame of its first message.
    frame: u32,
    position: Position,
}

impl Unsynced {
    /// The frame that the session used last is a message.
    pub(super) fn said(&mut self, session: &mut Session) {
        if self.said.is_none() {
            self.said = Some(session.frame_number());
            self.hold(session);
        }
    }

    /// The store has everything so far, up to this position.
    pub(super) fn flushed(&mut self, position: Position) {
        let Some(frame) = self.said.take() else { return };
        let is_full = self.flushes.len() == MAX;
        match self.flushes.back_mut().filter(|_| is_full) {
            Some(last) => last.position = position,
            None => self.flushes.push_back(Flush { frame, position }),
        }
    }

    /// Everything up to this position is on stable storage. Returns whether nothing else waits.
    pub(super) fn settle(&mut self, synced: Position, session: &mut Session) -> bool {
        let settled = self.flushes.partition_point(|flush| flush.position <= synced);
        if settled > 0 {
            self.flushes.drain(..settled);
            self.hold(session);
        }
        self.flushes.is_empty() && self.said.is_none()
    }

    /// Has `waker` woken when the oldest flush is on stable storage. False if it is.
    pub(super) fn wait(&mut self, store: &dyn Store, waker: &Waker) -> bool {
        let Some(&Flush { position, .. }) = self.flushes.front() else { return true };
        if store.synced() >= position {
            return false;
        }
        if self.awaited.as_ref().is_none_or(|(awaited, _)| *awaited != position) {
            let (_, waker) = self.awaited.insert((position, Arc::new(waker.clone())));
            store.wake_when_synced(position, waker);
        }
        true
    }

    pub(super) fn forget_waker(&mut self) {
        self.awaited = None;
    }

    fn hold(&self, session: &mut Session) {
        session.hold_pongs_from(self.flushes.front().map(|flush| flush.frame).or(self.said));
    }
}
