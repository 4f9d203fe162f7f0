//! A client in a room whose messages are kept: whether it may say more.

use std::sync::Arc;
use std::task::Waker;

use super::Client;
use crate::store::Store;

impl Client {
    /// The store that keeps what the member says, if one does.
    pub(crate) fn store(&self) -> Option<Arc<dyn Store>> {
        Some(self.member.as_ref()?.room().store()?.0)
    }

    /// Why no message to everyone is accepted now, if so.
    pub(crate) fn refusal(&self) -> Option<String> {
        Some(format!("the hub cannot keep messages now: {}", self.store()?.refusal()?))
    }

    /// Must it say no more until the store has written something?
    pub(crate) fn is_congested(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.room().is_congested() && member.may_write())
    }

    /// Has `waker` woken when it may say more. False if it may.
    pub(crate) fn wait_for_space(&self, waker: &Waker) -> bool {
        let writer = self.member.as_ref().filter(|member| member.may_write());
        writer.is_some_and(|member| member.room().wait_for_space(member.id(), waker))
    }
}
