//! Which messages to everyone have arrived, by their numbers (R9.8).

use crate::event::Missed;

/// The numbers of a room's messages, over all sessions.
#[derive(Debug)]
pub(super) struct Sequence {
    /// The number of the last message that arrived, or that was sent before this client joined.
    last: Option<u64>,
    /// How many messages after it a GAP has reported as missed.
    missed: u64,
}

impl Sequence {
    pub(super) fn new(last: Option<u64>) -> Sequence {
        Sequence { last, missed: 0 }
    }

    /// The number to resume after: messages that a GAP reported are not requested again.
    pub(super) fn last(&self) -> Option<u64> {
        self.last.map(|last| last.saturating_add(self.missed))
    }

    /// A hub announces the next number. Earlier messages do not concern this client unless it resumes.
    pub(super) fn welcome(&mut self, next: u64) {
        if self.last.is_none() {
            *self = Sequence::new(Some(next.saturating_sub(1)));
        }
    }

    /// The hub does not know the earlier messages.
    pub(super) fn restart(&mut self, next: u64) -> Missed {
        let after = self.last();
        *self = Sequence::new(Some(next.saturating_sub(1)));
        Missed::Unknown { after }
    }

    /// This many messages will not arrive.
    pub(super) fn gap(&mut self, count: u64) -> Missed {
        let first = self.last().map_or(0, |last| last.saturating_add(1));
        self.missed = self.missed.saturating_add(count);
        Missed::Gap { first, count }
    }

    /// A message arrived. Returns the ones missing before it that no GAP has reported.
    pub(super) fn delivery(&mut self, seq: u64) -> Option<Missed> {
        if seq == 0 {
            return None;
        }
        let expected = self.last().map(|last| last.saturating_add(1));
        *self = Sequence::new(Some(seq));
        let first = expected?;
        let count = seq.saturating_sub(first);
        (count > 0).then_some(Missed::Skipped { first, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_missing_without_a_gap_are_reported() {
        let mut seen = Sequence::new(None);
        seen.welcome(7);
        assert_eq!((seen.last(), seen.delivery(7), seen.delivery(0), seen.delivery(8)), (Some(6), None, None, None));
        assert_eq!(seen.gap(3), Missed::Gap { first: 9, count: 3 });
        assert_eq!(seen.last(), Some(11));
        assert_eq!((seen.delivery(12), seen.delivery(15)), (None, Some(Missed::Skipped { first: 13, count: 2 })));
        seen.welcome(20);
        assert_eq!(seen.last(), Some(15), "a new session resumes, whatever number the hub announces");
        assert_eq!(seen.restart(1), Missed::Unknown { after: Some(15) });
        assert_eq!((seen.last(), seen.delivery(1)), (Some(0), None));
        assert_eq!(seen.delivery(u64::MAX), Some(Missed::Skipped { first: 2, count: u64::MAX - 2 }));
        seen.gap(u64::MAX);
        assert_eq!(seen.delivery(1), None, "no number from a hub overflows");
    }
}
