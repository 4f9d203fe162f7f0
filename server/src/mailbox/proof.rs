//! The proof that a member was still there after a private message had been written to it (R9.41).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::Mailbox;

#[derive(Debug)]
pub(crate) struct Proof {
    is_done: AtomicBool,
    /// The mailbox of the sender, whose task waits. It may hold a proof of the receiver's, too.
    sender: Weak<Mailbox>,
}

impl Proof {
    pub(crate) fn new(sender: &Arc<Mailbox>) -> Arc<Proof> {
        Arc::new(Proof { is_done: AtomicBool::new(false), sender: Arc::downgrade(sender) })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    /// Something has arrived from the member. Wakes the sender.
    pub(crate) fn succeed(&self) {
        self.is_done.store(true, Ordering::Release);
        if let Some(sender) = self.sender.upgrade() {
            sender.wake();
        }
    }
}
