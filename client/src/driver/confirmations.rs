//! The messages that a session was given, until it is known what became of each.

use std::collections::VecDeque;

use crate::command::Outgoing;
use crate::error::SendError;

/// Messages under way, and the barrier after the first of them.
///
/// One barrier is under way at a time. It confirms every message that was queued before it.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    /// In the order in which they were queued.
    messages: VecDeque<Message>,
    /// The ordinal of the barrier under way.
    barrier: Option<u64>,
}

#[derive(Debug)]
struct Message {
    /// The ordinal of its frame.
    ordinal: u64,
    outgoing: Outgoing,
    refused: Option<SendError>,
}

/// A message, and what became of it.
pub(super) type Settled = (Outgoing, Result<(), SendError>);

/// Messages that are under way at most.
const MAX_MESSAGES: usize = 4096;

impl Confirmations {
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MAX_MESSAGES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Adds a message that was queued under `ordinal`.
    pub(super) fn push(&mut self, ordinal: u64, outgoing: Outgoing) {
        self.messages.push_back(Message { ordinal, outgoing, refused: None });
    }

    /// Notes that the message of this ordinal was refused. False if it is none of them.
    pub(super) fn refuse(&mut self, ordinal: u64, error: SendError) -> bool {
        let found = self.messages.binary_search_by_key(&ordinal, |message| message.ordinal);
        let Ok(index) = found else { return false };
        self.messages[index].refused = Some(error);
        true
    }

    /// Whether the messages need a barrier, and none is under way.
    pub(super) fn need_barrier(&self) -> bool {
        self.barrier.is_none() && !self.is_empty()
    }

    /// Notes that a barrier was queued under `ordinal`.
    pub(super) fn expect(&mut self, ordinal: u64) {
        self.barrier = Some(ordinal);
    }

    /// The peer has acted on every frame before `ordinal`: their messages are settled.
    pub(super) fn reached(&mut self, ordinal: u64) -> Vec<Settled> {
        if self.barrier.is_some_and(|barrier| barrier <= ordinal) {
            self.barrier = None;
        }
        let count = self.messages.partition_point(|message| message.ordinal < ordinal);
        let settled = self.messages.drain(..count);
        settled.map(|message| (message.outgoing, message.refused.map_or(Ok(()), Err))).collect()
    }

    /// The session is over, and the frames before `written` were written whole. Returns their messages, which were not
    /// confirmed, and the others, on which the peer cannot have acted.
    pub(super) fn end(mut self, written: u64) -> (Vec<(Outgoing, Option<SendError>)>, VecDeque<Outgoing>) {
        let count = self.messages.partition_point(|message| message.ordinal < written);
        let unwritten = self.messages.split_off(count).into_iter().map(|message| message.outgoing).collect();
        (self.messages.into_iter().map(|message| (message.outgoing, message.refused)).collect(), unwritten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use bookend::OwnedContent;
    use tokio::sync::oneshot;

    fn confirmations(ordinals: &[u64]) -> Confirmations {
        let mut confirmations = Confirmations::default();
        for &ordinal in ordinals {
            let content = OwnedContent::Text(ordinal.to_string());
            let outgoing =
                Outgoing { to: None, content, done: oneshot::channel().0, is_written: false, hold: Arc::default() };
            confirmations.push(ordinal, outgoing);
        }
        confirmations
    }

    #[test]
    fn barrier_settles_the_messages_before_it_and_a_refused_one_fails() {
        let mut confirmations = confirmations(&[1, 2, 4]);
        assert!(confirmations.need_barrier());
        confirmations.expect(3);
        assert!(!confirmations.need_barrier(), "one is under way");
        assert!(confirmations.refuse(2, SendError::TimedOut) && !confirmations.refuse(3, SendError::TimedOut));
        let settled: Vec<_> = confirmations.reached(3).into_iter().map(|(_, result)| result).collect();
        assert_eq!(settled, [Ok(()), Err(SendError::TimedOut)]);
        assert!(confirmations.need_barrier(), "4 was queued after it");
    }

    #[test]
    fn message_that_was_not_written_whole_is_not_lost() {
        let (written, unwritten) = confirmations(&[1, 2, 4]).end(2);
        assert_eq!((written.len(), unwritten.len()), (1, 2));
    }
}
