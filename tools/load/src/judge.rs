//! The judge checks that every delivery arrives exactly once, in its publisher's order, and byte for byte as published.

use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;

use super::payload::Stamp;

/// The longest latency that the histogram distinguishes, in nanoseconds: ten minutes.
const LONGEST: u64 = 600_000_000_000;

/// The number of deliveries of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Correct, and for the first time.
    pub(super) delivered: u64,
    /// Never arrived.
    pub(super) lost: u64,
    /// Arrived again.
    pub(super) doubled: u64,
    /// Arrived after a later message of the same publisher.
    pub(super) reordered: u64,
    /// Not as a publisher wrote it. The message also counts as lost.
    pub(super) damaged: u64,
    /// Reported by the server as left out. The message also counts as lost.
    pub(super) missed: u64,
}

/// Checks and counts the deliveries to all members.
pub(super) struct Judge {
    publishers: usize,
    size: usize,
    /// The next sequence number, for each publisher of each member.
    due: Vec<u64>,
    /// The number of messages, of all publishers, that each member has received or passed over.
    past: Vec<u64>,
    /// The numbers that were passed over, by the index in `due`: the first, and the one after the last.
    holes: HashMap<usize, BTreeMap<u64, u64>>,
    counts: Counts,
    latency: Histogram<u64>,
    /// The last latency, and how often in a row it occurred: messages sent together usually arrive together.
    run: (u64, u64),
}

impl Judge {
    pub(super) fn new(members: usize, publishers: usize, size: usize) -> Judge {
        Judge {
            publishers,
            size,
            due: vec![0; members * publishers],
            past: vec![0; members],
            holes: HashMap::new(),
            counts: Counts::default(),
            latency: Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order"),
            run: (0, 0),
        }
    }

    /// Checks a delivery to `member` at `now`, in nanoseconds. `published` has the number of messages of each publisher.
    #[inline]
    pub(super) fn take(&mut self, member: usize, payload: &[u8], now: u64, published: &[u64]) {
        let stamp = Stamp::read(payload).filter(|stamp| {
            payload.len() == self.size
                && published.get(usize::from(stamp.publisher)).is_some_and(|&sent| stamp.seq < sent)
        });
        let Some(stamp) = stamp else {
            self.counts.damaged += 1;
            return;
        };
        let place = member * self.publishers + usize::from(stamp.publisher);
        let due = &mut self.due[place];
        if stamp.seq < *due {
            return self.take_late(place, stamp.seq);
        }
        if stamp.seq > *due {
            self.counts.lost += stamp.seq - *due;
            self.holes.entry(place).or_default().insert(*due, stamp.seq);
        }
        self.past[member] += stamp.seq + 1 - *due;
        *due = stamp.seq + 1;
        self.counts.delivered += 1;
        self.time(now.saturating_sub(stamp.time));
    }

    /// The server reports that it left out `count` messages.
    pub(super) fn take_missed(&mut self, count: u64) {
        self.counts.missed += count;
    }

    /// The number of messages that every member has received or passed over.
    pub(super) fn past_all(&self) -> u64 {
        self.past.iter().copied().min().unwrap_or(u64::MAX)
    }

    /// Begins the measurement. Errors so far still count.
    pub(super) fn begin(&mut self) {
        self.latency.reset();
        self.run = (0, 0);
        self.counts.delivered = 0;
    }

    /// The result, once nothing more is expected.
    pub(super) fn finish(mut self, published: &[u64]) -> (Counts, Histogram<u64>) {
        for due in self.due.chunks(self.publishers) {
            self.counts.lost += due.iter().zip(published).map(|(due, sent)| sent - due).sum::<u64>();
        }
        self.latency.saturating_record_n(self.run.0, self.run.1);
        (self.counts, self.latency)
    }

    fn take_late(&mut self, place: usize, seq: u64) {
        let holes = self.holes.entry(place).or_default();
        match holes.range(..=seq).next_back().map(|(&start, &end)| (start, end)) {
            Some((start, end)) if seq < end => {
                holes.remove(&start);
                if start < seq {
                    holes.insert(start, seq);
                }
                if seq + 1 < end {
                    holes.insert(seq + 1, end);
                }
                self.counts.lost -= 1;
                self.counts.reordered += 1;
                self.counts.delivered += 1;
            }
            _ => self.counts.doubled += 1,
        }
    }

    #[inline]
    fn time(&mut self, latency: u64) {
        if self.run.0 == latency {
            self.run.1 += 1;
            return;
        }
        self.latency.saturating_record_n(self.run.0, self.run.1);
        self.run = (latency, 1);
    }
}

impl Counts {
    /// True if every delivery arrived exactly once, in order, and as published.
    pub(super) fn is_complete(&self) -> bool {
        let Counts { delivered: _, lost, doubled, reordered, damaged, missed } = *self;
        [lost, doubled, reordered, damaged, missed] == [0; 5]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: [u64; 2] = [5, 5];

    fn judged(deliveries: &[(u16, u64)]) -> Counts {
        let mut judge = Judge::new(1, 2, 24);
        for &(publisher, seq) in deliveries {
            let mut payload = [0; 24];
            Stamp { publisher, seq, time: 0 }.write(&mut payload);
            judge.take(0, &payload, 1, &PUBLISHED);
        }
        judge.finish(&PUBLISHED).0
    }

    #[test]
    fn order_is_checked_per_publisher() {
        let counts = judged(&[0, 1, 2, 3, 4].map(|seq| [(1, seq), (0, seq)]).concat());
        assert_eq!(counts, Counts { delivered: 10, ..Counts::default() });
        assert!(counts.is_complete());
    }

    #[test]
    fn each_wrong_delivery_is_counted_once() {
        let all = |publisher| [0, 1, 2, 3, 4].map(|seq| (publisher, seq));
        let with = |wrong: &[(u16, u64)]| judged(&[&all(0)[..], wrong].concat());
        let base = Counts { delivered: 9, ..Counts::default() };
        assert_eq!(with(&[(1, 0), (1, 1), (1, 3), (1, 4)]), Counts { lost: 1, ..base });
        assert_eq!(with(&[(1, 0), (1, 1), (1, 2), (1, 3)]), Counts { lost: 1, ..base });
        assert_eq!(with(&[(1, 2), (1, 2), (1, 3), (1, 4)]), Counts { lost: 2, doubled: 1, delivered: 8, ..base });
        assert_eq!(with(&[(1, 3), (1, 1), (1, 0), (1, 4)]), Counts { lost: 1, reordered: 2, ..base });
        assert_eq!(
            with(&[(1, 0), (1, 4), (1, 2), (1, 2)]),
            Counts { lost: 2, reordered: 1, doubled: 1, delivered: 8, ..base }
        );
        assert_eq!(with(&[(1, 0), (1, 1), (1, 2), (1, 3), (1, 5)]), Counts { lost: 1, damaged: 1, ..base });
        assert_eq!(with(&[(1, 0), (1, 1), (1, 2), (1, 3), (2, 0)]), Counts { lost: 1, damaged: 1, ..base });
    }

    #[test]
    fn slowest_member_decides_what_was_received_by_all() {
        let mut judge = Judge::new(2, 1, 24);
        let mut payload = [0; 24];
        Stamp { publisher: 0, seq: 0, time: 0 }.write(&mut payload);
        judge.take(0, &payload, 1, &[1]);
        assert_eq!(judge.past_all(), 0);
        judge.take(1, &payload, 1, &[1]);
        assert_eq!(judge.past_all(), 1);
    }
}
