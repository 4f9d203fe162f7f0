//! The numbers of one room: which may be delivered, so that none is ever given twice (R9.50).
//!
//! The row of a room has a *ceiling*: no number from there on was delivered. After a power loss the file may be as it was
//! at any commit since the last one that is on stable storage, so a number may be delivered if it is less than the
//! ceilings of all of them. This is pure: commits and syncs go in, a ceiling or a number comes out.

use std::collections::VecDeque;

/// The number of a transaction, 1 for the first one.
pub(super) type Commit = u64;

/// How far the ceiling is ahead if messages are delivered although they cannot be written.
pub(super) const LIVE_MARGIN: u64 = 1 << 16;

#[derive(Debug)]
pub(super) struct Numbers {
    /// The ceiling in the last commit.
    ceiling: u64,
    /// The least ceiling that the file may have after a power loss.
    limit: u64,
    /// Ceilings of commits that may not be on stable storage, oldest first.
    pending: VecDeque<(Commit, u64)>,
    /// The ceiling that is on stable storage for certain.
    synced: u64,
    /// Members may read the messages before this number.
    told: u64,
    /// The ends of transactions, or of blocks, whose messages may not be delivered yet.
    ends: VecDeque<u64>,
    /// Messages since the last sync, and in the interval before it.
    current: u64,
    last: u64,
}

impl Numbers {
    /// The numbers of a room whose row is on stable storage.
    pub(super) fn new(next: u64, ceiling: u64) -> Numbers {
        let (pending, ends) = (VecDeque::new(), VecDeque::new());
        Numbers { ceiling, limit: ceiling, pending, synced: ceiling, told: next, ends, current: 0, last: 0 }
    }

    /// The ceiling that a transaction writes, after which `next` is the number of the next message.
    pub(super) fn plan(&self, next: u64, messages: u64, live: bool) -> u64 {
        let margin = if live { LIVE_MARGIN } else { (2 * (self.current + messages).max(self.last)).max(1) };
        match live && self.ceiling >= next + LIVE_MARGIN / 2 {
            true => self.ceiling,
            false => self.ceiling.max(next + margin),
        }
    }

    /// A transaction has been committed: `next` is the number of the next message.
    pub(super) fn committed(&mut self, commit: Commit, next: u64, messages: u64, ceiling: u64) {
        self.current += messages;
        self.note_end(next);
        self.note_ceiling(commit, ceiling);
    }

    /// A block that ends before `end` is delivered although it is not written, if its numbers permit it.
    pub(super) fn note_end(&mut self, end: u64) {
        if end > self.ends.back().copied().unwrap_or(self.told) {
            self.ends.push_back(end);
        }
    }

    fn note_ceiling(&mut self, commit: Commit, ceiling: u64) {
        if ceiling != self.ceiling {
            self.ceiling = ceiling;
            self.pending.push_back((commit, ceiling));
            self.limit = self.limit.min(ceiling);
        }
    }

    /// The room is quiet: a transaction that may begin now sets its ceiling to `next`, so that a power loss leaves no
    /// void. Nothing that the lower ceiling forbids is delivered from now on.
    pub(super) fn settling(&mut self, next: u64) {
        self.limit = self.limit.min(next);
    }

    /// That transaction has been committed.
    pub(super) fn settled(&mut self, commit: Commit, next: u64) {
        self.note_ceiling(commit, next);
    }

    /// All transactions up to this one are on stable storage.
    pub(super) fn synced(&mut self, commit: Commit) {
        (self.last, self.current) = (self.current, 0);
        while let Some(&(_, ceiling)) = self.pending.front().filter(|&&(pending, _)| pending <= commit) {
            self.synced = ceiling;
            self.pending.pop_front();
        }
        self.limit = self.pending.iter().map(|&(_, ceiling)| ceiling).fold(self.synced, u64::min);
    }

    /// Members may read the messages before this number, if that has changed.
    pub(super) fn tell(&mut self) -> Option<u64> {
        let mut told = None;
        while let Some(end) = self.ends.front().copied().filter(|&end| end <= self.limit) {
            self.ends.pop_front();
            (self.told, told) = (end, Some(end));
        }
        told
    }

    /// Members may read the messages before this number.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// Do messages wait until a ceiling is on stable storage?
    pub(super) fn is_gated(&self) -> bool {
        !self.ends.is_empty()
    }

    /// Does nothing depend on the next sync?
    pub(super) fn is_at_rest(&self) -> bool {
        self.pending.is_empty() && self.ends.is_empty() && self.current == 0 && self.last == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the file may contain after a power loss: `(next, ceiling)` of each commit since the last sync.
    struct Disk {
        states: Vec<(Commit, u64, u64)>,
    }

    impl Disk {
        fn sync(&mut self, commit: Commit) {
            let kept = self.states.iter().rposition(|&(state, ..)| state <= commit).unwrap_or(0);
            self.states.drain(..kept);
        }
    }

    #[test]
    fn the_first_message_of_a_quiet_room_waits_for_its_sync_and_later_ones_do_not() {
        let mut numbers = Numbers::new(10, 10);
        let ceiling = numbers.plan(11, 1, false);
        assert_eq!(ceiling, 13);
        numbers.committed(1, 11, 1, ceiling);
        assert_eq!((numbers.tell(), numbers.is_gated()), (None, true));
        numbers.synced(1);
        assert_eq!((numbers.tell(), numbers.is_gated()), (Some(11), false));
        numbers.committed(2, 12, 1, numbers.plan(12, 1, false));
        assert_eq!(numbers.tell(), Some(12));
    }

    #[test]
    fn the_ceiling_of_a_quiet_room_is_its_next_number() {
        let mut numbers = Numbers::new(10, 16);
        numbers.settling(10);
        numbers.note_end(11);
        assert_eq!(numbers.tell(), None, "the lower ceiling may be on the disk already");
        numbers.settled(1, 10);
        numbers.synced(1);
        assert_eq!((numbers.tell(), numbers.plan(10, 0, false)), (None, 11));
    }

    #[test]
    fn a_live_room_is_told_at_once_within_its_margin() {
        let mut numbers = Numbers::new(10, 10);
        numbers.committed(1, 11, 1, numbers.plan(11, 1, true));
        numbers.synced(1);
        assert_eq!(numbers.tell(), Some(11));
        numbers.note_end(11 + LIVE_MARGIN);
        assert_eq!(numbers.tell(), Some(11 + LIVE_MARGIN));
        numbers.note_end(12 + LIVE_MARGIN);
        assert_eq!(numbers.tell(), None);
    }

    proptest! {
        /// After any power loss, the ceiling in the file is not less than any number that members were told; after the end
        /// of the process alone, neither is the next number in the file.
        #[test]
        fn no_number_is_given_twice(steps in proptest::collection::vec((0u8..4, 1u64..50), 1..80), live in any::<bool>()) {
            let (mut numbers, mut next, mut commit, mut told) = (Numbers::new(1, 1), 1, 0, 1);
            let mut disk = Disk { states: vec![(0, 1, 1)] };
            for (step, count) in steps {
                match step {
                    0 | 1 => {
                        next += count;
                        let ceiling = numbers.plan(next, count, live);
                        prop_assert!(ceiling > next);
                        commit += 1;
                        disk.states.push((commit, next, ceiling));
                        numbers.committed(commit, next, count, ceiling);
                    }
                    2 => {
                        let synced = commit.saturating_sub(count % 3);
                        if synced >= disk.states[0].0 {
                            disk.sync(synced);
                            numbers.synced(synced);
                        }
                    }
                    _ => {
                        numbers.settling(next);
                        commit += 1;
                        disk.states.push((commit, next, next));
                        numbers.settled(commit, next);
                    }
                }
                if let Some(now) = numbers.tell() {
                    prop_assert!(now > told);
                    told = now;
                }
                prop_assert!(disk.states.iter().all(|&(.., ceiling)| told <= ceiling), "{told} {:?}", disk.states);
                prop_assert!(told <= disk.states.last().unwrap().1);
            }
            disk.sync(commit);
            numbers.synced(commit);
            numbers.tell();
            if disk.states[0].2 > next {
                prop_assert!(!numbers.is_gated(), "a raised ceiling releases everything");
            }
        }
    }
}
