//! The rooms that have members.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use crate::canonical::folded;
use crate::lock::lock;
use crate::mailbox::Mailbox;
use crate::room::{Joined, Member, Room};

#[derive(Default)]
pub(crate) struct Rooms(Mutex<State>);

#[derive(Default)]
struct State {
    /// By the form that all spellings of a name share.
    by_name: HashMap<Box<str>, Arc<Room>>,
    last_member: u32,
    /// The first sequence number that no message of a removed room has had.
    free_seq: u64,
}

/// All rooms in numbers.
#[derive(Debug, Default)]
pub(crate) struct Census {
    pub(crate) rooms: usize,
    /// Members by kind.
    pub(crate) kinds: BTreeMap<&'static str, usize>,
    pub(crate) log_bytes: usize,
}

impl Rooms {
    /// Adds a member to a room; `make` gets the number of the member. If there is no such room, `create` makes it; it
    /// gets the lowest sequence number that its first message may have (R9.32).
    pub(crate) fn join(
        &self,
        name: &str,
        create: impl FnOnce(u64) -> Room,
        make: impl FnOnce(u32) -> Member,
        resume: Option<u64>,
    ) -> (Arc<Room>, u32, Joined) {
        let name = folded(name);
        let mut state = lock(&self.0);
        let room = match state.by_name.get(&name) {
            Some(room) => room.clone(),
            None => {
                let new = Arc::new(create(state.free_seq.max(1)));
                state.by_name.insert(name, new.clone());
                new
            }
        };
        let id = loop {
            state.last_member = state.last_member.checked_add(1).unwrap_or(1);
            if !room.has(state.last_member) {
                break state.last_member;
            }
        };
        let joined = room.join(id, make(id), resume);
        (room, id, joined)
    }

    /// Removes a member, and the room if that was the last one. The others are notified if `notify`.
    pub(crate) fn leave(&self, room: &Arc<Room>, id: u32, notify: bool) {
        let name = folded(room.name());
        let mut state = lock(&self.0);
        if room.leave(id, notify) == 0 {
            state.free_seq = state.free_seq.max(room.next_seq());
            state.by_name.remove(&name);
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Room>> {
        let name = folded(name);
        lock(&self.0).by_name.get(&name).cloned()
    }

    pub(crate) fn member(&self, id: u32) -> Option<Member> {
        lock(&self.0).by_name.values().find_map(|room| room.member(id))
    }

    /// The mailboxes of the members whose names match.
    pub(crate) fn mailboxes_of(&self, matches: impl Fn(&str) -> bool) -> Vec<Arc<Mailbox>> {
        self.all().iter().flat_map(|room| room.mailboxes_of(&matches)).collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        lock(&self.0).by_name.values().cloned().collect()
    }

    /// Sets how many bytes each room keeps.
    pub(crate) fn set_log_bytes(&self, log_bytes: usize) {
        for room in lock(&self.0).by_name.values() {
            room.set_log_bytes(log_bytes);
        }
    }

    pub(crate) fn census(&self) -> Census {
        let rooms = self.all();
        let mut all = Census { rooms: rooms.len(), ..Census::default() };
        for room in rooms {
            let census = room.census();
            all.log_bytes += census.log_bytes;
            for (kind, count) in census.kinds {
                *all.kinds.entry(kind).or_default() += count;
            }
        }
        all
    }
}
