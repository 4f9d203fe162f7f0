//! The hub: what its connections share.

mod bans;
#[cfg(feature = "history")]
mod history;
mod operator;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bookend::{Code, Hello, Limits, Role, Session};
use tokio::time::{Instant, sleep_until, timeout};

use crate::access::{Access, Grant};
use crate::admission::{Admission, Entry, Rejection, TokenShare};
use crate::bans::Bans;
use crate::clock::wall_clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::lock::lock;
use crate::memory::Memory;
use crate::peer::Peer;
use crate::quota::Share;
use crate::registry::{Registration, Registry, ShutdownSummary};
use crate::room::{Member, Numbers, Room, RoomOptions};
use crate::rooms::{FirstSeq, JoinedRoom, Rooms, TooManyRooms};
use crate::source::{Source, canonical};
use crate::store::Store;
use crate::wrong_tokens::DelayedAnswer;

pub use bans::{Banned, Kicked};
pub use operator::{KeptReport, RoomList, RoomReport, Target};

/// At shut-down, the longest time between one connection's CLOSE and the next.
const CLOSE_INTERVAL: Duration = Duration::from_millis(10);
/// At shut-down, the shortest time that a store has to write and sync everything.
const SHORTEST_CLOSE: Duration = Duration::from_secs(1);

/// Rooms and their members. Clones are the same hub.
///
/// Create it once, pass each connection to [`serve`](Hub::serve) or run a [`Listener`](crate::Listener), and end with
/// [`shut_down`](Hub::shut_down). It needs a tokio runtime with timers. No call returns a fault of a peer: faults are
/// logged and counted.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use bookend_server::{Config, Hub};
///
/// let hub = Hub::new(Config::default());
/// let (stream, other_end) = tokio::io::duplex(1 << 16);
/// let connection = tokio::spawn(hub.serve(stream, "in memory"));
/// drop(other_end);
/// connection.await.unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
    /// The configuration when the connection that has this clone was accepted.
    accepted_with: Arc<ActiveConfig>,
}

/// A configuration, and what every connection needs of it.
struct ActiveConfig {
    config: Config,
    hello: Arc<Hello>,
    limits: Arc<Limits>,
}

struct Shared {
    /// The configuration for new connections.
    current: Mutex<Arc<ActiveConfig>>,
    admission: Admission,
    bans: Arc<Bans>,
    rooms: Rooms,
    memory: Arc<Memory>,
    /// What keeps the messages of rooms, if anything does.
    store: Option<Arc<dyn Store>>,
    registry: Arc<Registry>,
    counters: Arc<Counters>,
    started: SystemTime,
    /// The store, if it is a file.
    #[cfg(feature = "history")]
    history: std::sync::OnceLock<Arc<crate::history::History>>,
}

impl Hub {
    /// A hub without rooms.
    #[must_use]
    pub fn new(config: Config) -> Hub {
        Hub::with_store(config, None)
    }

    /// A hub whose rooms are kept in a store, which it closes when it shuts down.
    pub(crate) fn with_store(config: Config, store: Option<Arc<dyn Store>>) -> Hub {
        let (log_memory, linger) = (config.log_memory, config.linger);
        let active = Arc::new(ActiveConfig::new(config));
        let counters = Arc::new(Counters::default());
        let memory = Arc::new(Memory::new(log_memory));
        let shared = Shared {
            current: Mutex::new(active.clone()),
            admission: Admission::default(),
            bans: Arc::default(),
            rooms: Rooms::new(memory.clone(), linger),
            memory,
            store,
            registry: Arc::new(Registry::new(counters.clone())),
            counters,
            started: SystemTime::now(),
            #[cfg(feature = "history")]
            history: std::sync::OnceLock::new(),
        };
        Hub { shared: Arc::new(shared), accepted_with: active }
    }

    /// Replaces the configuration: for new connections, and at once for what rooms keep and how long. A connection keeps the
    /// configuration with which it was accepted, but is closed if its token no longer allows what it does.
    ///
    /// ```
    /// # use bookend_server::{Config, Hub};
    /// let hub = Hub::new(Config::default());
    /// hub.reconfigure(Config { max_body: 64 << 10, ..Config::default() });
    /// ```
    pub fn reconfigure(&self, config: Config) {
        let Config { log_bytes, log_memory, linger, .. } = config;
        let active = Arc::new(ActiveConfig::new(config));
        *lock(&self.shared.current) = active.clone();
        self.shared.registry.recheck_tokens(&active.config.access);
        self.shared.rooms.reconfigure(log_bytes, log_memory, linger);
        self.relieve();
    }

    /// The number of members that have joined without a token. A member stays when [`reconfigure`](Hub::reconfigure)
    /// changes what peers without a token may do.
    #[must_use]
    pub fn members_without_token(&self) -> usize {
        self.shared.registry.members_without_token()
    }

    /// The access rules in force.
    #[must_use]
    pub fn access(&self) -> Access {
        self.current().config.access.clone()
    }

    /// Shuts down. New connections are closed at once. Open ones are closed one after the other with CLOSE 1001 or a line,
    /// each after everything that was accepted for it. Returns when all have ended or
    /// [`Config::shut_down_deadline`] has passed; what keeps messages then has at least one second more to write them. It
    /// cannot be undone; if the future is dropped, a second call continues.
    pub async fn shut_down(&self) -> ShutdownSummary {
        let start = Instant::now();
        let active = self.current();
        let registry = &self.shared.registry;
        let mailboxes = registry.start_closing(Code::GOING_AWAY);
        let count = u32::try_from(mailboxes.len()).unwrap_or(u32::MAX).max(1);
        let interval = (active.config.shut_down_spread / count).min(CLOSE_INTERVAL);
        let close_all = async {
            let mut due = start;
            for mailbox in mailboxes {
                sleep_until(due).await;
                mailbox.close(Code::GOING_AWAY);
                due += interval;
            }
            registry.until_empty().await;
        };
        let deadline = active.config.shut_down_deadline;
        let _ = timeout(deadline, close_all).await; // the rest is given up
        let summary = registry.give_up(Code::GOING_AWAY);
        if let Some(store) = &self.shared.store {
            let left = deadline.saturating_sub(start.elapsed()).max(SHORTEST_CLOSE);
            if timeout(left, store.close()).await.is_err() {
                tracing::warn!(seconds = left.as_secs(), "history-not-closed");
            }
        }
        summary
    }

    /// The same hub, for a connection that is accepted now.
    pub(crate) fn with_current_config(&self) -> Hub {
        Hub { shared: self.shared.clone(), accepted_with: self.current() }
    }

    /// The configuration with which this connection was accepted.
    pub(crate) fn config(&self) -> &Config {
        &self.accepted_with.config
    }

    /// After this time without a byte the system probes a TCP peer.
    pub(crate) fn probe(&self) -> Duration {
        self.current().config.probe
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What keeps the messages of rooms, if anything does.
    pub(crate) fn store(&self) -> Option<&Arc<dyn Store>> {
        self.shared.store.as_ref()
    }

    fn current(&self) -> Arc<ActiveConfig> {
        lock(&self.shared.current).clone()
    }

    /// The session of a framed peer, which begins with its first byte. Its clock starts at 0 when the peer connects.
    pub(crate) fn session(&self, now: Duration) -> Session {
        let ActiveConfig { hello, limits, .. } = &*self.accepted_with;
        Session::new(Role::Server, hello.clone(), limits.clone(), now)
    }

    // ---- admission

    /// Admits a peer, or rejects it and logs why.
    pub(crate) fn admit(&self, peer: &Peer) -> Result<Entry, Rejection> {
        let banned = peer.address().and_then(|address| self.shared.bans.of_address(address));
        let admitted = match banned {
            Some(reason) => Err(Rejection::Banned(reason)),
            None => self.shared.admission.admit(peer.source(), peer.transport(), self.config()),
        };
        admitted.inspect_err(|rejection| self.log_rejection(peer, rejection))
    }

    /// Counts the connection of a proxy, until its header names the peer.
    pub(crate) fn admit_proxy(&self, proxy: &Peer) -> Result<Share<Source>, Rejection> {
        let admitted = self.shared.admission.connect(proxy.source(), self.config());
        admitted.inspect_err(|rejection| self.log_rejection(proxy, rejection))
    }

    /// Must connections from that address begin with a header of the PROXY protocol?
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.config().proxies.iter().any(|network| canonical(*network).contains(&address))
    }

    /// Logs and counts a rejection. An operator knows of a ban: its attempts must not fill the log.
    pub(crate) fn log_rejection(&self, peer: &Peer, rejection: &Rejection) {
        if let Rejection::Banned(reason) = rejection {
            return self.count_banned(peer, reason);
        }
        let fault = rejection.code().name().unwrap_or_default();
        tracing::info!(peer = peer.label(), fault, detail = &*rejection.reason(), "refuse");
        self.count_rejection(rejection);
    }

    /// Logs and counts a peer that has left without a byte, as the checks of load balancers do.
    pub(crate) fn log_silent(&self, peer: &Peer) {
        tracing::debug!(peer = peer.label(), "silent");
        self.counters().silent(peer.transport());
    }

    /// Counts a rejection after which the connection ends with a fault, which is logged.
    pub(crate) fn count_rejection(&self, rejection: &Rejection) {
        self.counters().refused.count(rejection.name());
    }

    /// Counts the connection for its token, unless too many connections use it.
    pub(crate) fn admit_token(&self, grant: &Grant) -> Option<TokenShare> {
        self.shared.admission.connect_with_token(grant.name(), self.config().connections_per_token)
    }

    /// Counts a wrong token. `None` if too many wrong tokens of this source wait for their answers already.
    pub(crate) fn count_wrong_token(&self, peer: &Peer) -> Option<DelayedAnswer> {
        self.shared.admission.count_wrong_token(peer.source(), self.config())
    }

    /// Does the token still allow the same in the room? It is recorded first, so that either this call or the reload
    /// that revokes it finds out.
    pub(crate) fn admits(&self, registration: &Registration, grant: &Grant, room: &str) -> bool {
        registration.record_token(grant, room);
        self.current().config.access.keeps(grant, room)
    }

    // ---- connections and members

    pub(crate) fn register(&self, peer: Peer) -> Registration {
        self.shared.registry.register(peer)
    }

    /// The room of that name, if there is one.
    pub(crate) fn room(&self, name: &str) -> Option<Arc<Room>> {
        self.shared.rooms.find(name)
    }

    /// Adds a member to a room, which is created if there is none of that name; `owner` is where its peer connects from.
    /// `make` gets the number of the member.
    pub(crate) fn join(
        &self,
        name: &str,
        owner: Source,
        make: impl FnOnce(u32) -> Member,
        resume: Option<u64>,
    ) -> Result<JoinedRoom, TooManyRooms> {
        let current = self.current();
        let Config { log_bytes, crowd, first_seq, rooms, .. } = current.config;
        let (counters, memory) = (self.shared.counters.clone(), self.shared.memory.clone());
        let create = |seq: FirstSeq| {
            let fresh = match seq {
                FirstSeq::Known(seq) => seq,
                FirstSeq::AtLeast(free) => first_seq.unwrap_or_else(seq_of_now).max(free),
            };
            let kept = self.store().and_then(|store| Some(Numbers::Kept(store.clone(), store.open(name, fresh)?)));
            let numbers = kept.unwrap_or(Numbers::From(fresh));
            Room::new(name, RoomOptions { log_bytes, crowd, numbers, owner, counters, memory })
        };
        let joined = self.shared.rooms.join(name, rooms, create, make, resume);
        if joined.is_err() {
            self.shared.counters.rooms_refused.fetch_add(1, Ordering::Relaxed);
        }
        joined
    }

    /// Could a member join a room of that name now?
    pub(crate) fn has_place(&self, name: &str) -> bool {
        let has_place = self.shared.rooms.have_place(name, self.current().config.rooms);
        if !has_place {
            self.shared.counters.rooms_refused.fetch_add(1, Ordering::Relaxed);
        }
        has_place
    }

    /// Shortens the logs of some rooms if all use more memory than they may.
    pub(crate) fn relieve(&self) {
        if self.shared.memory.is_over() {
            let freed = self.shared.rooms.relieve();
            self.shared.counters.log_bytes_removed.fetch_add(freed as u64, Ordering::Relaxed);
        }
    }

    /// Removes a member. While the hub shuts down the others are not notified: with many members, that would be most
    /// of what is written at the end.
    pub(crate) fn leave(&self, room: &Arc<Room>, id: u32) {
        let notify = !self.shared.registry.is_closing();
        self.shared.rooms.leave(room, id, notify);
    }
}

impl ActiveConfig {
    fn new(config: Config) -> ActiveConfig {
        ActiveConfig { hello: Arc::new(config.hello()), limits: Arc::new(config.limits), config }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

/// A sequence number that no message had before now, unless a room has more than a million messages a second.
fn seq_of_now() -> u64 {
    wall_clock().saturating_mul(1024)
}

#[cfg(test)]
mod tests;
