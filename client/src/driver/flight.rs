//! The messages that have been given to a session and have not been settled.

use std::collections::VecDeque;

use bookend::Refusal;

use crate::command::Outgoing;
use crate::error::SendError;
use crate::wire::Written;

/// In the order in which they were given; the first of them are those that were written.
pub(super) struct Flight {
    messages: VecDeque<(Outgoing, Option<SendError>)>,
    written: Written,
}

/// Messages that are under way at most.
const MOST: usize = 4096;

impl Flight {
    pub(super) fn new(written: Written) -> Flight {
        Flight { messages: VecDeque::new(), written }
    }

    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MOST
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn push(&mut self, outgoing: Outgoing) {
        self.messages.push_back((outgoing, None));
    }

    /// Takes note that one of them was refused. False if it is about none of them.
    pub(super) fn refuse(&mut self, refusal: &Refusal<'_>) -> bool {
        let found = self.written.tally().messages.iter().position(|&number| number == refusal.frame);
        let Some((_, refused)) = found.and_then(|index| self.messages.get_mut(index)) else { return false };
        let reason = refusal.reason.to_str().into_owned();
        *refused = Some(SendError::Refused { code: refusal.code, reason });
        true
    }

    /// The other side has acted on the first `count` of them: each with what became of it.
    pub(super) fn confirmed(&mut self, count: usize) -> Vec<(Outgoing, Result<(), SendError>)> {
        let mut tally = self.written.tally();
        let count = count.min(self.messages.len());
        let settled = tally.messages.len().min(count);
        tally.messages.drain(..settled);
        self.messages.drain(..count).map(|(outgoing, refused)| (outgoing, refused.map_or(Ok(()), Err))).collect()
    }

    /// The session is over: what was written and not confirmed, and what was never written whole, so that nobody can
    /// have acted on it.
    pub(super) fn end(self) -> (Vec<(Outgoing, Option<SendError>)>, VecDeque<Outgoing>) {
        let written = self.written.tally().messages.len().min(self.messages.len());
        let mut under_way: Vec<_> = self.messages.into();
        let unwritten = under_way.split_off(written).into_iter().map(|(outgoing, _)| outgoing).collect();
        (under_way, unwritten)
    }
}
