//! Which messages to everyone have come, by their numbers (R9.8).

use crate::event::Missed;

/// What was seen of a room, over all sessions.
#[derive(Debug)]
pub(super) struct Seen {
    /// The number of the last message that came, or that was there before.
    last: Option<u64>,
    /// The messages behind that one that a GAP has told of, or a refused frame.
    told: u64,
}

impl Seen {
    pub(super) fn new(last: Option<u64>) -> Seen {
        Seen { last, told: 0 }
    }

    /// The number to resume behind: messages that a GAP told of are not to be told of again.
    pub(super) fn last(&self) -> Option<u64> {
        self.last.map(|last| last.saturating_add(self.told))
    }

    /// A hub says which number is next. What came before is behind this client, unless it resumes.
    pub(super) fn welcome(&mut self, next: u64) {
        if self.last.is_none() {
            self.restart(next);
        }
    }

    /// The hub does not know of what came before.
    pub(super) fn restart(&mut self, next: u64) {
        *self = Seen::new(Some(next.saturating_sub(1)));
    }

    /// So many messages will not come.
    pub(super) fn gap(&mut self, missed: u64) {
        self.told = self.told.saturating_add(missed);
    }

    /// A message came: which ones before it have not, and nobody has told of?
    pub(super) fn delivery(&mut self, seq: u64) -> Option<Missed> {
        if seq == 0 {
            return None;
        }
        let expected = self.last().map(|last| last.saturating_add(1));
        *self = Seen::new(Some(seq));
        let skipped = seq.saturating_sub(expected?);
        (skipped > 0).then_some(Missed::Skipped(skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_nobody_accounts_for_are_told() {
        let mut seen = Seen::new(None);
        seen.welcome(7);
        assert_eq!((seen.last(), seen.delivery(7), seen.delivery(0), seen.delivery(8)), (Some(6), None, None, None));
        seen.gap(3);
        assert_eq!(seen.last(), Some(11));
        assert_eq!((seen.delivery(12), seen.delivery(15)), (None, Some(Missed::Skipped(2))));
        seen.welcome(20);
        assert_eq!(seen.last(), Some(15), "what a new session resumes is not behind it");
        seen.restart(1);
        assert_eq!((seen.last(), seen.delivery(1)), (Some(0), None));
        assert_eq!(seen.delivery(u64::MAX), Some(Missed::Skipped(u64::MAX - 2)));
        seen.gap(u64::MAX);
        assert_eq!(seen.delivery(1), None, "nothing that a hub counts overflows");
    }
}
