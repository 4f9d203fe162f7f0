//! What a connection waits for if a store keeps the messages of its room.

use std::task::Waker;

use super::{ConnectionCore, PeerKind};

impl ConnectionCore {
    /// Takes note of what is on stable storage now.
    pub(super) fn settle(&mut self) {
        if let PeerKind::Framed(framed) = &mut self.kind {
            framed.settle(&self.client);
        }
    }

    /// Has `waker` woken when the store has done what this connection waits for. False if it has.
    pub(in crate::connection) fn wait_for_store(&mut self, waker: &Waker) -> bool {
        if self.client.hub().store().is_none() || self.is_ending() {
            return true;
        }
        if self.client.is_congested() {
            self.is_congested = self.client.wait_for_space(waker);
            if !self.is_congested {
                return false;
            }
        }
        match &mut self.kind {
            PeerKind::Framed(framed) => framed.wait_for_sync(&self.client, waker),
            _ => true,
        }
    }

    /// Another waker is used from now on.
    pub(in crate::connection) fn forget_waker(&mut self) {
        if let Some(feed) = self.client.feed() {
            feed.forget_waker();
        }
        if let PeerKind::Framed(framed) = &mut self.kind {
            framed.forget_waker();
        }
    }
}
