//! The hub: its rooms and its connections.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bookend::{Code, Hello, Limits, Role, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use crate::admission::{Admission, Ticket};
use crate::config::Config;
use crate::connection;
use crate::framed;
use crate::mailbox::Mailbox;
use crate::room::{Joined, Member, Room};

/// The room of whoever names none.
pub(crate) const LOBBY: &str = "lobby";

/// Rooms and their members. Its clones are the same hub.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    config: Config,
    /// What the hub says of itself to every framed peer.
    hello: Arc<Hello>,
    limits: Arc<Limits>,
    admission: Admission,
    rooms: Mutex<Rooms>,
    connections: Mutex<Connections>,
    /// Told when the last connection is gone.
    empty: Notify,
    escapes: AtomicU64,
}

#[derive(Default)]
struct Rooms {
    by_name: HashMap<Box<str>, Arc<Room>>,
    last_member: u32,
}

#[derive(Default)]
struct Connections {
    mailboxes: HashMap<u64, Arc<Mailbox>>,
    last: u64,
    closing: Option<Code>,
}

/// Who is at the other end: a label for the logs, and the address that is counted at the door if there is one.
#[derive(Clone, Debug)]
pub struct Peer {
    label: Arc<str>,
    address: Option<IpAddr>,
}

/// A connection that the hub knows; it is forgotten when this is dropped.
pub(crate) struct Registration {
    hub: Hub,
    id: u64,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Hub {
    /// A hub without rooms.
    #[must_use]
    pub fn new(config: Config) -> Hub {
        Hub(Arc::new(Shared {
            hello: Arc::new(framed::hello(&config)),
            limits: Arc::new(config.limits),
            config,
            admission: Admission::default(),
            rooms: Mutex::default(),
            connections: Mutex::default(),
            empty: Notify::new(),
            escapes: AtomicU64::new(0),
        }))
    }

    /// Serves one connection, until it is over.
    pub fn serve<S, P>(&self, stream: S, peer: P) -> impl Future<Output = ()> + use<S, P>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        P: Into<Peer>,
    {
        connection::serve(self, stream, peer)
    }

    /// Closes every connection with CLOSE 1001 or a line, takes no more, and waits until all are gone.
    pub async fn shut_down(&self) {
        let mailboxes: Vec<_> = {
            let mut connections = lock(&self.0.connections);
            connections.closing = Some(Code::GOING_AWAY);
            connections.mailboxes.values().cloned().collect()
        };
        for mailbox in mailboxes {
            mailbox.close(Code::GOING_AWAY);
        }
        // A connection that closes is over after the drain and the time to write its last bytes; see `Endpoint`.
        let patience = self.0.config.limits.close_timeout.saturating_add(Duration::from_secs(1));
        let _late_ones_are_dropped = tokio::time::timeout(patience, async {
            loop {
                let empty = self.0.empty.notified();
                if lock(&self.0.connections).mailboxes.is_empty() {
                    break;
                }
                empty.await;
            }
        })
        .await;
    }

    /// How many characters had to be shown as `\u{hex}` so far, because an encoding in use cannot carry them.
    #[must_use]
    pub fn escaped_characters(&self) -> u64 {
        self.0.escapes.load(Ordering::Relaxed)
    }

    pub(crate) fn count_escapes(&self, escapes: usize) {
        if escapes > 0 {
            self.0.escapes.fetch_add(escapes as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// The session of a framed peer that connected when the clock was 0.
    pub(crate) fn session(&self) -> Session {
        Session::new(Role::Server, self.0.hello.clone(), self.0.limits.clone(), Duration::ZERO)
    }

    /// A place at the door, if there is one.
    pub(crate) fn admit(&self, peer: &Peer) -> Option<Ticket> {
        self.0.admission.enter(peer.address, self.0.config.waiting, self.0.config.waiting_per_address)
    }

    /// Makes a connection known.
    pub(crate) fn register(&self) -> Registration {
        let mut connections = lock(&self.0.connections);
        connections.last += 1;
        let (id, mailbox) = (connections.last, Arc::new(Mailbox::default()));
        if let Some(code) = connections.closing {
            mailbox.close(code);
        }
        connections.mailboxes.insert(id, mailbox.clone());
        Registration { hub: self.clone(), id, mailbox }
    }

    /// Takes a member into a room, which begins to exist if it did not. `make` gets the member's number.
    pub(crate) fn join(
        &self,
        room: &str,
        make: impl FnOnce(u32) -> Member,
        resume: Option<u64>,
    ) -> (Arc<Room>, u32, Joined) {
        let mut rooms = lock(&self.0.rooms);
        let room = match rooms.by_name.get(room) {
            Some(room) => room.clone(),
            None => {
                let new = Arc::new(Room::new(room, self.0.config.log_bytes, self.0.config.crowd));
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

    /// Lets a member go; a room without members is forgotten.
    pub(crate) fn leave(&self, room: &Room, id: u32) {
        let mut rooms = lock(&self.0.rooms);
        if room.leave(id) == 0 {
            rooms.by_name.remove(room.name());
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Peer {
    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl From<&str> for Peer {
    fn from(label: &str) -> Peer {
        Peer { label: label.into(), address: None }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Peer {
        Peer { label: address.to_string().into(), address: Some(address.ip()) }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let shared = &self.hub.0;
        let mut connections = lock(&shared.connections);
        connections.mailboxes.remove(&self.id);
        if connections.mailboxes.is_empty() {
            shared.empty.notify_waiters();
        }
    }
}

/// The wall clock, in milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
