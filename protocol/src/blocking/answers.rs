//! The answers that the caller of a blocking connection waits for.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use crate::endpoint::Claim;
use crate::error::{ConnectionError, Reply};
use crate::fault::Fault;
use crate::message::Message;

/// The one answer, and the one PONG, that the caller waits for.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) wanted: Option<NonZeroU32>,
    pub(super) answer: Option<Result<Reply, ConnectionError>>,
    /// Requests whose answers are ignored.
    pub(super) cancelled: BTreeSet<NonZeroU32>,
    /// The last barrier that the peer has answered.
    pub(super) reached: Option<u64>,
}

impl Answers {
    fn settle(&mut self, id: u32, answer: Result<Reply, ConnectionError>) -> bool {
        let wanted = self.wanted.is_some_and(|wanted| wanted.get() == id);
        if wanted {
            self.wanted = None;
            self.answer = Some(answer);
        }
        wanted || NonZeroU32::new(id).is_some_and(|id| self.cancelled.remove(&id))
    }
}

impl Claim for Answers {
    fn claim(&mut self, message: &Message<'_>) -> bool {
        match message {
            Message::Reply { id, payload } => self.settle(id.get(), Ok(Reply::of(*payload))),
            Message::Error(refusal) => {
                let reason = refusal.reason.to_str().into_owned();
                self.settle(refusal.id, Err(ConnectionError::Refused { code: refusal.code, reason }))
            }
            _ => false,
        }
    }

    fn reached(&mut self, ordinal: u64) {
        self.reached = self.reached.max(Some(ordinal));
    }

    fn refused(&mut self, id: u32, fault: Fault) {
        self.settle(id, Err(ConnectionError::Unreadable(fault)));
    }
}
