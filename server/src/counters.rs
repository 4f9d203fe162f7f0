//! What the hub counts, from its beginning on.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Threads that count by themselves; more of them share.
const SHARDS: usize = 16;

/// All that is counted. What each read and write adds to lies apart for each thread, the rest is rare.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    shards: [Shard; SHARDS],
    doors: [AtDoor; Door::ALL.len()],
    pub(crate) gaps: AtomicU64,
    pub(crate) missed: AtomicU64,
    pub(crate) reloads: AtomicU64,
    pub(crate) reloads_refused: AtomicU64,
    /// Connections that were not let in, by reason.
    pub(crate) refused: Names,
    /// Connections that ended: by whom, and the reason.
    closed: Mutex<BTreeMap<(By, &'static str), u64>>,
    /// ERRORs that were sent.
    pub(crate) errors: Names,
    pub(crate) faults: Names,
    pub(crate) diagnoses: Names,
}

/// On a cache line of its own, and not on the one that is fetched with it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    bytes_received: AtomicU64,
    bytes_sent: AtomicU64,
    messages: AtomicU64,
    deliveries: AtomicU64,
}

#[derive(Debug, Default)]
struct AtDoor {
    accepted: AtomicU64,
    /// Connections that are there, by [`Standing`].
    standing: [AtomicU64; Standing::ALL.len()],
}

/// Bytes and messages of all connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) messages: u64,
    pub(crate) deliveries: u64,
}

/// How a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Tcp,
    Unix,
    /// A stream that the program that has the hub brought.
    Other,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has not said yet who it is.
    Waiting,
    Member,
    Closing,
}

/// Which side ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    Hub,
    Peer,
}

/// Counts by names, of which there are few.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<BTreeMap<&'static str, u64>>);

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

impl Counters {
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.shard().bytes_received, bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize, deliveries: u64) {
        let shard = self.shard();
        add(&shard.bytes_sent, bytes as u64);
        if deliveries > 0 {
            add(&shard.deliveries, deliveries);
        }
    }

    /// Messages were taken from a member.
    pub(crate) fn said(&self, messages: u64) {
        add(&self.shard().messages, messages);
    }

    pub(crate) fn missed(&self, messages: u64) {
        add(&self.gaps, 1);
        add(&self.missed, messages);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.shards.iter().fold(Traffic::default(), |sum, shard| Traffic {
            bytes_received: sum.bytes_received + get(&shard.bytes_received),
            bytes_sent: sum.bytes_sent + get(&shard.bytes_sent),
            messages: sum.messages + get(&shard.messages),
            deliveries: sum.deliveries + get(&shard.deliveries),
        })
    }

    /// A connection has come, and has been let in as far as the door.
    pub(crate) fn accepted(&self, door: Door) {
        add(&self.doors[door as usize].accepted, 1);
    }

    /// How many have come through a door.
    pub(crate) fn accepted_by(&self, door: Door) -> u64 {
        get(&self.doors[door as usize].accepted)
    }

    /// A connection goes on from one standing to another; `None` is that it is not there.
    pub(crate) fn moved(&self, door: Door, from: Option<Standing>, to: Option<Standing>) {
        let standing = &self.doors[door as usize].standing;
        if let Some(from) = from {
            standing[from as usize].fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(to) = to {
            add(&standing[to as usize], 1);
        }
    }

    /// How many are there now.
    pub(crate) fn standing(&self, door: Door, standing: Standing) -> u64 {
        get(&self.doors[door as usize].standing[standing as usize])
    }

    pub(crate) fn closed(&self, by: By, reason: &'static str) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner).entry((by, reason)).or_default() += 1;
    }

    /// How many ended, by whom, and why.
    pub(crate) fn closed_by(&self) -> BTreeMap<(By, &'static str), u64> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn shard(&self) -> &Shard {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let mut number = SHARD.get();
        if number == usize::MAX {
            number = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            SHARD.set(number);
        }
        &self.shards[number]
    }
}

impl Door {
    pub(crate) const ALL: [Door; 3] = [Door::Tcp, Door::Unix, Door::Other];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Door::Tcp => "tcp",
            Door::Unix => "unix",
            Door::Other => "other",
        }
    }
}

impl Standing {
    pub(crate) const ALL: [Standing; 3] = [Standing::Waiting, Standing::Member, Standing::Closing];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Standing::Waiting => "waiting",
            Standing::Member => "member",
            Standing::Closing => "closing",
        }
    }
}

impl By {
    pub(crate) fn name(self) -> &'static str {
        match self {
            By::Hub => "hub",
            By::Peer => "peer",
        }
    }
}

impl Names {
    pub(crate) fn count(&self, name: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }

    pub(crate) fn all(&self) -> Vec<(&'static str, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(&name, &count)| (name, count)).collect()
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_all_threads_count_is_one_sum() {
        let counters = Arc::new(Counters::default());
        let threads: Vec<_> = (0..SHARDS + 2)
            .map(|_| {
                let counters = counters.clone();
                std::thread::spawn(move || {
                    for _ in 0..100 {
                        counters.received(3);
                        counters.sent(5, 2);
                        counters.said(1);
                    }
                })
            })
            .collect();
        let count = threads.len() as u64 * 100;
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let Traffic { bytes_received, bytes_sent, messages, deliveries } = counters.traffic();
        assert_eq!((bytes_received, bytes_sent, messages, deliveries), (3 * count, 5 * count, count, 2 * count));
    }

    #[test]
    fn a_connection_is_in_one_place_at_a_time() {
        let counters = Counters::default();
        let there = || Standing::ALL.map(|standing| counters.standing(Door::Tcp, standing));
        counters.moved(Door::Tcp, None, Some(Standing::Waiting));
        counters.moved(Door::Tcp, None, Some(Standing::Waiting));
        assert_eq!(there(), [2, 0, 0]);
        counters.moved(Door::Tcp, Some(Standing::Waiting), Some(Standing::Member));
        assert_eq!(there(), [1, 1, 0]);
        counters.moved(Door::Tcp, Some(Standing::Member), None);
        counters.moved(Door::Tcp, Some(Standing::Waiting), None);
        assert_eq!(there(), [0, 0, 0]);
    }
}
