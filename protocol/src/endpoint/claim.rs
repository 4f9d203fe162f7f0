//! Who waits for a message before the application sees it.

use core::num::NonZeroU32;

use super::account::Account;
use crate::fault::Fault;
use crate::message::{Message, Probe};
use crate::session::Session;

/// Takes the messages that a caller waits for before the application sees them.
pub(crate) trait Claim {
    /// Does a caller wait for this message? If so, the caller has it now.
    fn claim(&mut self, message: &Message<'_>) -> bool;

    /// A request of the peer has arrived, in the frame of that number. True if the application need not see it.
    fn asked(&mut self, _id: NonZeroU32, _frame: u32) -> bool {
        false
    }

    /// The REPLY to the request of that id arrived and was refused.
    fn refused(&mut self, id: u32, fault: Fault);

    /// The peer has answered the barrier of this ordinal, and so all before it (R3.9).
    fn reached(&mut self, ordinal: u64);

    /// Has one of these calls made an event? It is reported before the next message.
    fn has_event(&self) -> bool {
        false
    }
}

/// Does the application not see this message, which the session has returned last?
#[inline]
pub(super) fn is_claimed(
    claim: &mut dyn Claim,
    message: &Message<'_>,
    session: &Session,
    account: &mut Account,
) -> bool {
    match *message {
        Message::Message(_) => false,
        Message::Request { id, .. } => claim.asked(id, session.frame_number()),
        _ => {
            account.received(message);
            claim.claim(message)
        }
    }
}

/// The ordinal of the barrier that a PONG answers: none is later than the last.
pub(super) fn barrier_of(probe: Probe<'_>, last: Option<u64>) -> Option<u64> {
    let ordinal = u64::from_be_bytes(probe.as_bytes().try_into().ok()?);
    last.map(|last| last.min(ordinal))
}
