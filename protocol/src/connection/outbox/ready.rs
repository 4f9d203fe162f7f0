//! A request's place, kept by something that owns its outbox (feature `tower`).

use std::sync::Arc;

use super::Outbox;
use crate::error::ConnectionError;

/// A slot and a permit of room for one request. Both are given back if this is dropped.
pub(in crate::connection) struct Ready {
    outbox: Arc<Outbox>,
    is_used: bool,
}

impl Ready {
    /// Waits until the peer permits another request and there is room.
    pub(in crate::connection) async fn wait(outbox: Arc<Outbox>) -> Result<Ready, ConnectionError> {
        {
            let slot = outbox.slot().await?;
            outbox.room(0).await?.forget();
            slot.forget();
        }
        Ok(Ready { outbox, is_used: false })
    }

    /// The request has been queued with them.
    pub(in crate::connection) fn use_up(mut self) {
        self.is_used = true;
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if !self.is_used {
            self.outbox.slots.add_permits(1);
            self.outbox.room.add_permits(1);
        }
    }
}
