//! The hub: its rooms and its connections.

mod control;

pub(crate) use control::Census;
pub use control::{ConnectionList, RoomList, RoomReport, Target};

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bookend::{Code, Hello, Limits, Role, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use crate::access::{Access, Grant};
use crate::admission::{Admission, Shut, Ticket};
use crate::config::Config;
use crate::connection;
use crate::counters::{Counters, Door, Standing};
use crate::framed;
use crate::mailbox::Mailbox;
use crate::report::{Closed, Ending, Report};
use crate::room::{Joined, Member, Room};
#[cfg(feature = "tls")]
use crate::tls::{self, Tls};

/// The room of whoever names none.
pub(crate) const LOBBY: &str = "lobby";
/// Connections that have ended and are remembered.
const RECENT: usize = 256;
/// At a shut-down, connections that are few are closed with so much time between them at most.
const PACE: Duration = Duration::from_millis(10);

/// Rooms and their members. Its clones are the same hub.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
    /// What was in force when the connection began that has this clone.
    terms: Arc<Terms>,
}

/// What connections go by, made once for all of them.
struct Terms {
    config: Config,
    /// What the hub says of itself to every framed peer.
    hello: Arc<Hello>,
    limits: Arc<Limits>,
}

struct Shared {
    /// What is in force for new connections.
    terms: Mutex<Arc<Terms>>,
    admission: Admission,
    rooms: Mutex<Rooms>,
    connections: Mutex<Connections>,
    /// Told when the last connection is gone.
    empty: Notify,
    escapes: AtomicU64,
    counters: Counters,
    /// Connections that ended, the last ones.
    recent: Mutex<VecDeque<Closed>>,
    /// Held while the connections are asked how they are.
    inquiry: tokio::sync::Mutex<()>,
    began: SystemTime,
}

#[derive(Default)]
struct Rooms {
    by_name: HashMap<Box<str>, Arc<Room>>,
    last_member: u32,
    /// Behind every number that a message of a room has had which is gone.
    beyond: u64,
}

impl Rooms {
    /// The first number of a room that begins: behind all that it may have had before (R9.32).
    fn first_seq(&self, clock: u64) -> u64 {
        clock.max(self.beyond).max(1)
    }
}

#[derive(Default)]
struct Connections {
    by_number: HashMap<u64, Arc<Mailbox>>,
    /// Which of them are members by a token, and where.
    passes: HashMap<u64, Pass>,
    last: u64,
    closing: Option<Code>,
    /// How those ended that did since the hub began to shut down.
    farewell: Farewell,
}

/// What lets a connection into a room.
struct Pass {
    grant: Grant,
    room: Box<str>,
}

/// How the connections ended when a hub shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Farewell {
    /// Everything that was told to these was written, and CLOSE or the last line behind it.
    pub closed: usize,
    /// These were still there at the deadline, or ended in another way.
    pub given_up: usize,
}

/// Who is at the other end: a label for the logs, and the address that is counted at the door if there is one.
#[derive(Clone, Debug)]
pub struct Peer {
    label: Arc<str>,
    address: Option<IpAddr>,
    /// It has shown a certificate that the hub trusts.
    certified: bool,
    door: Door,
}

/// A connection that the hub knows; it is forgotten when this is dropped.
pub(crate) struct Registration {
    hub: Hub,
    id: u64,
    pub(crate) mailbox: Arc<Mailbox>,
    /// Everything was written, the end too.
    pub(crate) closed: bool,
    standing: Standing,
}

impl Hub {
    /// A hub without rooms.
    #[must_use]
    pub fn new(config: Config) -> Hub {
        let terms = Arc::new(Terms::new(config));
        Hub {
            shared: Arc::new(Shared {
                terms: Mutex::new(terms.clone()),
                admission: Admission::default(),
                rooms: Mutex::default(),
                connections: Mutex::default(),
                empty: Notify::new(),
                escapes: AtomicU64::new(0),
                counters: Counters::default(),
                recent: Mutex::default(),
                inquiry: tokio::sync::Mutex::default(),
                began: SystemTime::now(),
            }),
            terms,
        }
    }

    /// Takes other settings: for the connections that come from now on, and at once for what the rooms keep. A
    /// connection that is there keeps those that it began with, but is closed if it came with a token that does not
    /// allow the same any more.
    pub fn reconfigure(&self, config: Config) {
        let log_bytes = config.log_bytes;
        let terms = Arc::new(Terms::new(config));
        *lock(&self.shared.terms) = terms.clone();
        let connections = lock(&self.shared.connections);
        for (number, Pass { grant, room }) in &connections.passes {
            let Some(mailbox) = connections.by_number.get(number) else { continue };
            if terms.config.access.keeps(grant, room) {
                mailbox.look_again();
            } else {
                tracing::info!(peer = mailbox.peer().label(), token = grant.name(), room = &**room, "token-revoked");
                mailbox.close(Code::POLICY);
            }
        }
        drop(connections);
        for room in lock(&self.shared.rooms).by_name.values() {
            room.set_log_bytes(log_bytes);
        }
    }

    /// Who may do what now.
    #[must_use]
    pub fn access(&self) -> Access {
        self.current().config.access.clone()
    }

    /// Serves one connection, until it is over.
    pub fn serve<S, P>(&self, stream: S, peer: P) -> impl Future<Output = ()> + use<S, P>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        P: Into<Peer>,
    {
        connection::serve(&self.at_present(), stream, peer, None)
    }

    /// Serves one connection that begins with a TLS handshake, until it is over.
    #[cfg(feature = "tls")]
    pub fn serve_tls<S, P>(&self, stream: S, peer: P, tls: &Tls) -> impl Future<Output = ()> + use<S, P>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        P: Into<Peer>,
    {
        tls::serve(self.at_present(), stream, peer, tls)
    }

    /// The same hub, on the terms that hold for whoever comes now.
    fn at_present(&self) -> Hub {
        Hub { shared: self.shared.clone(), terms: self.current() }
    }

    /// Closes every connection with CLOSE 1001 or a line, one after the other, behind everything that was told to it;
    /// takes no more, and waits until all are gone, or the deadline has come.
    pub async fn shut_down(&self) -> Farewell {
        let start = Instant::now();
        let terms = self.current();
        let mailboxes: Vec<_> = {
            let mut connections = lock(&self.shared.connections);
            connections.closing = Some(Code::GOING_AWAY);
            connections.by_number.values().cloned().collect()
        };
        let count = u32::try_from(mailboxes.len()).unwrap_or(u32::MAX).max(1);
        let step = (terms.config.shut_down_spread / count).min(PACE);
        let all_are_gone = async {
            let mut due = start;
            for mailbox in mailboxes {
                sleep_until(due).await;
                mailbox.close(Code::GOING_AWAY);
                due += step;
            }
            loop {
                let empty = self.shared.empty.notified();
                if lock(&self.shared.connections).by_number.is_empty() {
                    break;
                }
                empty.await;
            }
        };
        let _the_late_are_given_up = timeout(terms.config.shut_down_deadline, all_are_gone).await;
        let connections = lock(&self.shared.connections);
        for mailbox in connections.by_number.values() {
            mailbox.close(Code::GOING_AWAY);
            tracing::warn!(peer = mailbox.peer().label(), "give-up");
        }
        let Farewell { closed, given_up } = connections.farewell;
        Farewell { closed, given_up: given_up + connections.by_number.len() }
    }

    /// How many characters had to be shown as `\u{hex}` so far, because an encoding in use cannot carry them.
    #[must_use]
    pub fn escaped_characters(&self) -> u64 {
        self.shared.escapes.load(Ordering::Relaxed)
    }

    pub(crate) fn count_escapes(&self, escapes: usize) {
        if escapes > 0 {
            self.shared.escapes.fetch_add(escapes as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What was in force when this connection began.
    pub(crate) fn config(&self) -> &Config {
        &self.terms.config
    }

    /// After so long without a byte a TCP peer is probed.
    pub(crate) fn probe(&self) -> Duration {
        self.current().config.probe
    }

    /// What is in force now.
    fn current(&self) -> Arc<Terms> {
        lock(&self.shared.terms).clone()
    }

    /// The session of a framed peer that connected when the clock was 0.
    pub(crate) fn session(&self) -> Session {
        Session::new(Role::Server, self.terms.hello.clone(), self.terms.limits.clone(), Duration::ZERO)
    }

    /// A place at the door.
    pub(crate) fn admit(&self, peer: &Peer) -> Result<Ticket, Shut> {
        let Config { waiting, waiting_per_address, arrivals_per_address, wrong_tokens, .. } = self.terms.config;
        let admission = &self.shared.admission;
        if peer.address.is_some_and(|address| admission.is_barred(address, wrong_tokens)) {
            return Err(Shut::Barred);
        }
        let ticket = admission.enter(peer.address, waiting, waiting_per_address).ok_or(Shut::Full)?;
        match peer.address.is_none_or(|address| admission.arrive(address, arrivals_per_address)) {
            true => Ok(ticket),
            false => Err(Shut::Restless),
        }
    }

    /// Counts a wrong token at the door.
    pub(crate) fn count_wrong_token(&self, peer: &Peer) {
        if let Some(address) = peer.address {
            self.shared.admission.count_wrong_token(address, self.terms.config.token_window);
        }
    }

    /// Remembers by what a connection is let into a room. False if that does not hold any more: whoever is remembered
    /// before the settings change is found then, and whoever is remembered later knows the new ones.
    pub(crate) fn pass(&self, registration: &Registration, grant: &Grant, room: &str) -> bool {
        let pass = Pass { grant: grant.clone(), room: room.into() };
        lock(&self.shared.connections).passes.insert(registration.id, pass);
        self.current().config.access.keeps(grant, room)
    }

    /// Makes a connection known.
    pub(crate) fn register(&self, peer: Peer) -> Registration {
        let mut connections = lock(&self.shared.connections);
        connections.last += 1;
        let (id, door) = (connections.last, peer.door);
        let mailbox = Arc::new(Mailbox::new(peer));
        if let Some(code) = connections.closing {
            mailbox.close(code);
        }
        connections.by_number.insert(id, mailbox.clone());
        self.shared.counters.moved(door, None, Some(Standing::Waiting));
        Registration { hub: self.clone(), id, mailbox, closed: false, standing: Standing::Waiting }
    }

    /// Takes a member into a room, which begins to exist if it did not. `make` gets the member's number.
    pub(crate) fn join(
        &self,
        room: &str,
        make: impl FnOnce(u32) -> Member,
        resume: Option<u64>,
    ) -> (Arc<Room>, u32, Joined) {
        let mut rooms = lock(&self.shared.rooms);
        let room = match rooms.by_name.get(room) {
            Some(room) => room.clone(),
            None => {
                let Config { log_bytes, crowd, first_seq, .. } = self.current().config;
                let first_seq = rooms.first_seq(first_seq.unwrap_or_else(seq_of_now));
                let new = Arc::new(Room::new(room, log_bytes, crowd, first_seq));
                rooms.by_name.insert(room.into(), new.clone());
                new
            }
        };
        let id = loop {
            rooms.last_member = rooms.last_member.checked_add(1).unwrap_or(1);
            if !room.has(rooms.last_member) {
                break rooms.last_member;
            }
        };
        let joined = room.join(id, make(id), resume);
        (room, id, joined)
    }

    /// Lets a member go; a room without members is forgotten. Who goes because all go is not told of: with many, that
    /// would be most of what is written at the end.
    pub(crate) fn leave(&self, room: &Arc<Room>, id: u32) {
        let tell = lock(&self.shared.connections).closing.is_none();
        let mut rooms = lock(&self.shared.rooms);
        if room.leave(id, tell) == 0 {
            rooms.beyond = rooms.beyond.max(room.next_seq());
            rooms.by_name.remove(room.name());
        }
    }
}

impl Terms {
    fn new(config: Config) -> Terms {
        Terms { hello: Arc::new(framed::hello(&config)), limits: Arc::new(config.limits), config }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Peer {
    /// Has it shown a certificate that the hub trusts?
    #[must_use]
    pub fn is_certified(&self) -> bool {
        self.certified
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The peer, who has shown a certificate for `subject`.
    #[cfg(feature = "tls")]
    pub(crate) fn certified(self, subject: &str) -> Peer {
        let label = format!("{}({subject})", self.label);
        Peer { label: label.into(), certified: true, ..self }
    }

    /// Somebody who came through a Unix socket.
    #[cfg(unix)]
    pub(crate) fn unix(label: &str) -> Peer {
        Peer { door: Door::Unix, ..Peer::from(label) }
    }

    pub(crate) fn door(&self) -> Door {
        self.door
    }
}

impl From<&str> for Peer {
    fn from(label: &str) -> Peer {
        Peer { label: label.into(), address: None, certified: false, door: Door::Other }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        Peer { label: address.to_string().into(), address: Some(address.ip()), certified: false, door: Door::Tcp }
    }
}

impl Registration {
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The number of the connection.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    pub(crate) fn stands(&mut self, standing: Standing) {
        self.hub.counters().moved(self.mailbox.peer().door, Some(self.standing), Some(standing));
        self.standing = standing;
    }

    /// Remembers how the connection ended, once.
    pub(crate) fn ends(&mut self, ending: Ending, report: Report) {
        if self.standing == Standing::Closing {
            return;
        }
        self.hub.counters().closed(ending.by, ending.reason);
        if ending.is_fault {
            self.hub.counters().faults.count(ending.reason);
        }
        let closed = Closed { report, by: ending.by.name(), reason: ending.reason, at: wall_clock() };
        let mut recent = lock(&self.hub.shared.recent);
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(closed);
        drop(recent);
        self.stands(Standing::Closing);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let shared = &self.hub.shared;
        shared.counters.moved(self.mailbox.peer().door, Some(self.standing), None);
        let mut connections = lock(&shared.connections);
        connections.by_number.remove(&self.id);
        connections.passes.remove(&self.id);
        if connections.closing.is_some() {
            let Farewell { closed, given_up } = &mut connections.farewell;
            *if self.closed { closed } else { given_up } += 1;
        }
        if connections.by_number.is_empty() {
            shared.empty.notify_waiters();
        }
    }
}

/// The wall clock, in milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// A number that no message had before now, but in a room with a million messages a second.
fn seq_of_now() -> u64 {
    wall_clock().saturating_mul(1024)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
