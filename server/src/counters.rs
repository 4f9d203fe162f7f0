//! Counters of the hub, from its start.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use crate::lock::lock;

/// How many threads have counters of their own; more threads share them.
const SHARDS: usize = 16;

/// All counters. Those that every read and write changes are sharded by thread; the others change rarely.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    shards: [Shard; SHARDS],
    transports: [PerTransport; Transport::ALL.len()],
    pub(crate) gaps: AtomicU64,
    pub(crate) missed: AtomicU64,
    /// Bytes that logs gave back because all together had too many.
    pub(crate) log_bytes_removed: AtomicU64,
    /// Joins that were refused because there were too many rooms.
    pub(crate) rooms_refused: AtomicU64,
    /// Characters that were escaped, because an encoding in use cannot represent them.
    pub(crate) escapes: AtomicU64,
    pub(crate) reloads: AtomicU64,
    pub(crate) reloads_refused: AtomicU64,
    /// Lines that the log of the program has lost.
    pub(crate) log_lost: AtomicU64,
    /// When the first certificate of the chain in use expires.
    pub(crate) certificate_end: Mutex<Option<SystemTime>>,
    /// Connections that were rejected, by reason.
    pub(crate) refused: NamedCounters,
    /// TLS handshakes that failed, by cause.
    pub(crate) handshakes_failed: NamedCounters,
    /// Connections that ended, by side and reason.
    closed: Mutex<BTreeMap<(Side, &'static str), u64>>,
    /// ERRORs that were sent, by name.
    pub(crate) errors: NamedCounters,
    pub(crate) faults: NamedCounters,
    pub(crate) diagnoses: NamedCounters,
    /// How often peers were held back, by what they sent too fast.
    pub(crate) throttled: NamedCounters,
}

/// Alone on its cache line, and on the neighbour that the processor fetches with it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    bytes_received: AtomicU64,
    bytes_sent: AtomicU64,
    messages: AtomicU64,
    deliveries: AtomicU64,
}

#[derive(Debug, Default)]
struct PerTransport {
    accepted: AtomicU64,
    /// Connections that ended without a byte from the peer.
    silent: AtomicU64,
    /// Open connections, by [`ConnectionState`].
    by_state: [AtomicU64; ConnectionState::ALL.len()],
}

/// Bytes and messages of all connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) messages: u64,
    pub(crate) deliveries: u64,
}

/// How a peer is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Unix,
    /// A stream that the embedding program provides.
    Other,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// It has not identified itself with HELLO or a first line.
    Waiting,
    Member,
    Closing,
}

/// Which side ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Hub,
    Peer,
}

/// Counters by name; there are few names.
#[derive(Debug, Default)]
pub(crate) struct NamedCounters(Mutex<BTreeMap<&'static str, u64>>);

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

    /// Messages were accepted from a member.
    pub(crate) fn accepted_messages(&self, messages: u64) {
        add(&self.shard().messages, messages);
    }

    pub(crate) fn missed(&self, messages: u64) {
        add(&self.gaps, 1);
        add(&self.missed, messages);
    }

    pub(crate) fn count_escapes(&self, escapes: usize) {
        if escapes > 0 {
            add(&self.escapes, escapes as u64);
        }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        self.shards.iter().fold(Traffic::default(), |sum, shard| Traffic {
            bytes_received: sum.bytes_received + get(&shard.bytes_received),
            bytes_sent: sum.bytes_sent + get(&shard.bytes_sent),
            messages: sum.messages + get(&shard.messages),
            deliveries: sum.deliveries + get(&shard.deliveries),
        })
    }

    /// A connection was accepted, and not rejected at once.
    pub(crate) fn accepted(&self, transport: Transport) {
        add(&self.transports[transport as usize].accepted, 1);
    }

    /// How many connections were accepted over a transport.
    pub(crate) fn accepted_by(&self, transport: Transport) -> u64 {
        get(&self.transports[transport as usize].accepted)
    }

    /// A peer disconnected without having sent a byte, as the checks of load balancers do.
    pub(crate) fn silent(&self, transport: Transport) {
        add(&self.transports[transport as usize].silent, 1);
    }

    /// How many peers disconnected without having sent a byte.
    pub(crate) fn silent_by(&self, transport: Transport) -> u64 {
        get(&self.transports[transport as usize].silent)
    }

    /// A connection changed its state; `None` is not connected.
    pub(crate) fn changed(&self, transport: Transport, from: Option<ConnectionState>, to: Option<ConnectionState>) {
        let by_state = &self.transports[transport as usize].by_state;
        if let Some(from) = from {
            by_state[from as usize].fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(to) = to {
            add(&by_state[to as usize], 1);
        }
    }

    /// How many connections are in a state now.
    pub(crate) fn connections(&self, transport: Transport, state: ConnectionState) -> u64 {
        get(&self.transports[transport as usize].by_state[state as usize])
    }

    pub(crate) fn closed(&self, by: Side, reason: &'static str) {
        *lock(&self.closed).entry((by, reason)).or_default() += 1;
    }

    /// How many connections ended, by side and reason.
    pub(crate) fn closed_by(&self) -> BTreeMap<(Side, &'static str), u64> {
        lock(&self.closed).clone()
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

impl Transport {
    pub(crate) const ALL: [Transport; 3] = [Transport::Tcp, Transport::Unix, Transport::Other];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Unix => "unix",
            Transport::Other => "other",
        }
    }
}

impl ConnectionState {
    pub(crate) const ALL: [ConnectionState; 3] =
        [ConnectionState::Waiting, ConnectionState::Member, ConnectionState::Closing];

    pub(crate) fn name(self) -> &'static str {
        match self {
            ConnectionState::Waiting => "waiting",
            ConnectionState::Member => "member",
            ConnectionState::Closing => "closing",
        }
    }
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Side::Hub => "hub",
            Side::Peer => "peer",
        }
    }
}

impl NamedCounters {
    pub(crate) fn count(&self, name: &'static str) {
        *lock(&self.0).entry(name).or_default() += 1;
    }

    pub(crate) fn all(&self) -> Vec<(&'static str, u64)> {
        lock(&self.0).iter().map(|(&name, &count)| (name, count)).collect()
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
    fn counts_of_all_threads_are_summed() {
        let counters = Arc::new(Counters::default());
        let threads: Vec<_> = (0..SHARDS + 2)
            .map(|_| {
                let counters = counters.clone();
                std::thread::spawn(move || {
                    for _ in 0..100 {
                        counters.received(3);
                        counters.sent(5, 2);
                        counters.accepted_messages(1);
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
    fn a_connection_is_in_one_state_at_a_time() {
        let counters = Counters::default();
        let there = || ConnectionState::ALL.map(|state| counters.connections(Transport::Tcp, state));
        counters.changed(Transport::Tcp, None, Some(ConnectionState::Waiting));
        counters.changed(Transport::Tcp, None, Some(ConnectionState::Waiting));
        assert_eq!(there(), [2, 0, 0]);
        counters.changed(Transport::Tcp, Some(ConnectionState::Waiting), Some(ConnectionState::Member));
        assert_eq!(there(), [1, 1, 0]);
        counters.changed(Transport::Tcp, Some(ConnectionState::Member), None);
        counters.changed(Transport::Tcp, Some(ConnectionState::Waiting), None);
        assert_eq!(there(), [0, 0, 0]);
    }
}
