//! All rooms: those that have members, and those that linger because everybody has left them.

mod linger;
mod relief;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::access::LOBBY;
use crate::canonical::folded;
use crate::lock::lock;
use crate::mailbox::Mailbox;
use crate::memory::Memory;
use crate::room::{Joined, Member, Room};
use crate::source::Source;

pub(crate) struct Rooms {
    state: Arc<Mutex<State>>,
    memory: Arc<Memory>,
    /// Held while logs give way.
    relieving: Mutex<()>,
    /// How often all rooms were looked through.
    #[cfg(test)]
    pub(crate) walks: std::sync::atomic::AtomicUsize,
}

struct State {
    /// By the form that all spellings of a name share.
    by_name: HashMap<Box<str>, Entry>,
    last_member: u32,
    /// The first sequence number that no message of a removed room has had.
    free_seq: u64,
    /// The rooms that ended without a message.
    silent: HashMap<Box<str>, SilentRoom>,
    /// How long a room outlives its last member.
    linger: Duration,
    /// Removes the rooms that have lingered long enough, as long as any lingers.
    sweep: Option<JoinHandle<()>>,
}

struct Entry {
    room: Arc<Room>,
    /// When its last member left, if it has none.
    empty_since: Option<Instant>,
}

/// A room that ended without a message. It begins again with the same number, so that a member that was the first one
/// can resume what was said after it had left.
struct SilentRoom {
    first_seq: u64,
    since: Instant,
}

/// The number of the first message of a new room (R9.32).
#[derive(Clone, Copy, Debug)]
pub(crate) enum FirstSeq {
    Known(u64),
    AtLeast(u64),
}

/// There are as many rooms as there may be.
#[derive(Debug)]
pub(crate) struct TooManyRooms;

/// A room, the number of the new member, and what the member needs to know.
pub(crate) type JoinedRoom = (Arc<Room>, u32, Joined);

/// All rooms in numbers.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Rooms with members.
    pub(crate) rooms: usize,
    /// Rooms without members.
    pub(crate) lingering: usize,
    /// Members by kind.
    pub(crate) kinds: BTreeMap<&'static str, usize>,
    pub(crate) log_bytes: usize,
}

impl Rooms {
    /// No rooms. Their logs may use that much memory in all.
    pub(crate) fn new(memory: Arc<Memory>, linger: Duration) -> Rooms {
        let (by_name, silent) = (HashMap::new(), HashMap::new());
        let state = State { by_name, last_member: 0, free_seq: 1, silent, linger, sweep: None };
        Rooms {
            state: Arc::new(Mutex::new(state)),
            memory,
            relieving: Mutex::default(),
            #[cfg(test)]
            walks: Default::default(),
        }
    }

    /// Adds a member to a room; `make` gets the number of the member. If there is no such room, `create` makes it. `max`
    /// rooms may exist besides the lobby; rooms that linger give way.
    pub(crate) fn join(
        &self,
        name: &str,
        max: usize,
        create: impl FnOnce(FirstSeq) -> Room,
        make: impl FnOnce(u32) -> Member,
        resume: Option<u64>,
    ) -> Result<JoinedRoom, TooManyRooms> {
        let key = folded(name);
        let mut state = lock(&self.state);
        let room = match state.by_name.get_mut(&key) {
            Some(entry) => {
                entry.empty_since = None;
                entry.room.clone()
            }
            None => {
                if !state.has_place(&key, max) {
                    return Err(TooManyRooms);
                }
                let silent = state.silent.remove(&key);
                let seq = silent.map_or(FirstSeq::AtLeast(state.free_seq), |room| FirstSeq::Known(room.first_seq));
                let room = Arc::new(create(seq));
                state.by_name.insert(key, Entry { room: room.clone(), empty_since: None });
                room
            }
        };
        let id = loop {
            state.last_member = state.last_member.checked_add(1).unwrap_or(1);
            if !room.has(state.last_member) {
                break state.last_member;
            }
        };
        let joined = room.join(id, make(id), resume);
        Ok((room, id, joined))
    }

    /// Could a member join a room of that name now?
    pub(crate) fn have_place(&self, name: &str, max: usize) -> bool {
        let key = folded(name);
        let mut state = lock(&self.state);
        state.by_name.contains_key(&key) || state.has_place(&key, max)
    }

    /// Removes a member. The others are notified if `notify`. If that was the last one, the room lingers if it has had
    /// a message, and otherwise ends.
    pub(crate) fn leave(&self, room: &Arc<Room>, id: u32, notify: bool) {
        let mut state = lock(&self.state);
        if room.leave(id, notify) > 0 {
            return;
        }
        if state.linger.is_zero() && !room.is_unwritten() {
            state.remove(room);
        } else if !room.has_messages() {
            state.remove_silent(room);
            self.sweep_later(&mut state);
        } else if let Some(entry) = state.by_name.get_mut(&folded(room.name())) {
            entry.empty_since = Some(Instant::now());
            self.sweep_later(&mut state);
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Room>> {
        let key = folded(name);
        lock(&self.state).by_name.get(&key).map(|entry| entry.room.clone())
    }

    pub(crate) fn member(&self, id: u32) -> Option<Member> {
        lock(&self.state).by_name.values().find_map(|entry| entry.room.member(id))
    }

    /// The mailboxes of the members whose names have this key.
    pub(crate) fn mailboxes_with_key(&self, key: &str) -> Vec<Arc<Mailbox>> {
        self.all().iter().filter_map(|room| room.mailbox_with_key(key)).collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        lock(&self.state).by_name.values().map(|entry| entry.room.clone()).collect()
    }

    /// Sets how many bytes each room keeps, and all together, and how long a room outlives its last member.
    pub(crate) fn reconfigure(&self, log_bytes: usize, memory: usize, linger: Duration) {
        for room in self.all() {
            room.set_log_bytes(log_bytes);
        }
        self.memory.set_limit(memory);
        let mut state = lock(&self.state);
        state.linger = linger;
        state.sweep(Instant::now());
    }

    pub(crate) fn census(&self) -> Census {
        let mut all = Census::default();
        for room in self.all() {
            let census = room.census();
            *if census.members > 0 { &mut all.rooms } else { &mut all.lingering } += 1;
            all.log_bytes += census.log_bytes;
            for (kind, count) in census.kinds {
                *all.kinds.entry(kind).or_default() += count;
            }
        }
        all
    }
}

/// The rooms of each owner. The one that was used least recently is last.
fn by_owner(rooms: impl IntoIterator<Item = Arc<Room>>) -> Vec<Vec<Arc<Room>>> {
    let mut by_owner: HashMap<Source, Vec<Arc<Room>>> = HashMap::new();
    for room in rooms {
        by_owner.entry(room.owner()).or_default().push(room);
    }
    let mut owners: Vec<_> = by_owner.into_values().collect();
    for rooms in &mut owners {
        // Each is asked once: a room may be used while they are sorted.
        rooms.sort_by_cached_key(|room| Reverse(room.used()));
    }
    owners
}

impl State {
    /// May a room of that key begin? Rooms that linger give way if there are `max` rooms.
    fn has_place(&mut self, key: &str, max: usize) -> bool {
        if key != LOBBY && self.besides_lobby() >= max {
            self.remove_lingering(self.besides_lobby() - max + 1 + max / 16);
        }
        key == LOBBY || self.besides_lobby() < max
    }

    fn besides_lobby(&self) -> usize {
        self.by_name.len() - usize::from(self.by_name.contains_key(LOBBY))
    }

    fn remove(&mut self, room: &Room) {
        self.free_seq = self.free_seq.max(room.next_seq());
        self.by_name.remove(&folded(room.name()));
    }

    /// Removes a room that has had no message.
    fn remove_silent(&mut self, room: &Room) {
        let key = folded(room.name());
        self.by_name.remove(&key);
        if self.silent.len() < MAX_SILENT {
            let silent = SilentRoom { first_seq: room.next_seq(), since: Instant::now() };
            self.silent.insert(key, silent);
        }
    }
}

/// How many rooms that ended without a message are remembered: about 1 MiB.
const MAX_SILENT: usize = 10_000;
