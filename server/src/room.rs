//! A room: its members, their names, and the log of its events.

mod crowd;
mod events;
mod kept;
mod long;
mod names;
#[cfg(feature = "history")]
mod notices;
mod present;
mod waiters;
mod wanted;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Waker;

use bookend::addressee::Unaddressed;

use crate::access::Identity;
use crate::canonical::{folded, key};
use crate::counters::Counters;
use crate::lock::lock;
use crate::log::{Cursor, Log, Missed};
use crate::mailbox::Mailbox;
use crate::memory::{Memory, Share};
use crate::rendition::{Change, Rendition};
use crate::source::Source;
use crate::store::{Opened, RoomId, Store};
use crowd::Crowd;
use long::LongRenderings;
use names::Names;
use waiters::{Generations, Waiters};
use wanted::Wanted;

pub(crate) use kept::{InMemory, Past};
pub(crate) use present::Present;
pub(crate) use waiters::Interest;

#[derive(Debug)]
pub(crate) struct Room {
    name: Arc<str>,
    /// A room with more members is a crowd.
    crowd: usize,
    /// The network of the member that created it, if it has an address.
    owner: Source,
    counters: Arc<Counters>,
    /// The number of its last use; written under the lock.
    used: AtomicU64,
    /// The number of the first block that members may not read yet, or of the next one; written under the lock.
    head: AtomicU64,
    /// Bytes of the blocks that are not written, 0 if all are; written under the lock.
    unwritten: AtomicUsize,
    generations: Generations,
    /// What keeps its messages, if they are kept. The hub owns it.
    store: Option<(Weak<dyn Store>, RoomId)>,
    /// The number of its first message in memory, now or in the past.
    began: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    log: Log,
    long: LongRenderings,
    share: Share,
    members: BTreeMap<u32, Member>,
    names: Names,
    wanted: Wanted,
    crowd: Option<Crowd>,
    waiters: Waiters,
    /// The members from which nothing is read until more is written.
    speakers: BTreeMap<u32, Waker>,
}

/// What other members need of a member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: Arc<str>,
    /// The name that it asked for; the room keeps it while somebody else has it.
    pub(crate) wanted: Option<Arc<str>>,
    /// Who it has proved to be.
    pub(crate) identity: Option<Identity>,
    pub(crate) rendition: Rendition,
    /// The longest body that the member accepts, in bytes.
    pub(crate) max_body: u32,
    /// Has it the right to read?
    pub(crate) reads: bool,
    pub(crate) mailbox: Arc<Mailbox>,
}

/// What a room needs when it begins.
#[derive(Debug)]
pub(crate) struct RoomOptions {
    /// How many bytes its log keeps.
    pub(crate) log_bytes: usize,
    /// A room with more members is a crowd.
    pub(crate) crowd: usize,
    pub(crate) numbers: Numbers,
    /// The network of the member that creates it, if it has an address.
    pub(crate) owner: Source,
    pub(crate) counters: Arc<Counters>,
    /// The memory of all logs.
    pub(crate) memory: Arc<Memory>,
}

/// The numbers of the messages of a room when it begins in memory.
#[derive(Debug)]
pub(crate) enum Numbers {
    /// It has had no message. The first one has this number.
    From(u64),
    /// A store keeps its messages.
    Kept(Arc<dyn Store>, Opened),
}

/// A room in numbers.
#[derive(Debug)]
pub(crate) struct RoomCensus {
    /// Members by kind.
    pub(crate) kinds: BTreeMap<&'static str, usize>,
    pub(crate) members: usize,
    /// Messages to everyone since the room was created.
    pub(crate) messages: u64,
    pub(crate) log_bytes: usize,
    pub(crate) is_crowd: bool,
}

/// What a new member needs to know.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) name: Arc<str>,
    /// Where the events after the join begin.
    pub(crate) cursor: Cursor,
    /// The number of the first block after the join. Changes of presence before it are in `present`.
    pub(crate) joined: u64,
    /// The number of the next message that may be read.
    pub(crate) next_seq: u64,
    /// Who is present, the new member last.
    pub(crate) present: Present,
    pub(crate) resumed: Resumed,
}

/// The answer to a request to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    NotRequested,
    /// The room has had no such message.
    Refused,
    /// The messages begin at the cursor, in memory or in the store; those before it are not kept.
    From(Cursor, Missed),
}

impl Room {
    /// A room without members.
    pub(crate) fn new(name: &str, options: RoomOptions) -> Room {
        let RoomOptions { log_bytes, crowd, numbers, owner, counters, memory } = options;
        let (log, store) = match numbers {
            Numbers::From(first_seq) => (Log::new(log_bytes, first_seq), None),
            Numbers::Kept(store, Opened { id, first_seq, next_seq }) => {
                (Log::kept(log_bytes, first_seq, next_seq), Some((Arc::downgrade(&store), id)))
            }
        };
        Room {
            name: name.into(),
            crowd,
            owner,
            counters,
            used: AtomicU64::new(memory.count_use()),
            head: AtomicU64::new(log.head().block),
            unwritten: AtomicUsize::new(0),
            generations: Generations::new(),
            store,
            began: log.next_seq(),
            state: Mutex::new(State {
                log,
                long: LongRenderings::new(log_bytes),
                share: Share::new(memory),
                members: BTreeMap::new(),
                names: Names::default(),
                wanted: Wanted::default(),
                crowd: None,
                waiters: Waiters::default(),
                speakers: BTreeMap::new(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The network of the member that created it, if it has an address.
    pub(crate) fn owner(&self) -> Source {
        self.owner
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What keeps its messages, if they are kept, and the number of the room there.
    pub(crate) fn store(&self) -> Option<(Arc<dyn Store>, RoomId)> {
        let (store, id) = self.store.as_ref()?;
        Some((store.upgrade()?, *id))
    }

    // ---- members

    /// Adds a member under a name like `member.name`, and notifies the others.
    pub(crate) fn join(self: &Arc<Self>, id: u32, mut member: Member, resume: Option<u64>) -> Joined {
        let mut state = self.lock();
        self.count_use(&state);
        let name = state.names.assign(&member.name, id);
        member.name = name.clone();
        state.note_wanted(id, &mut member);
        let lists_members = member.rendition.lists_members();
        state.members.insert(id, member);
        let woken = self.append_change(&mut state, id, Change::Joined, name.clone());
        let mut present = match lists_members {
            true => state.present(),
            false => Present { crowd: state.crowd_size(), ..Present::default() },
        };
        present.members.retain(|&(other, _)| other != id);
        present.members.push((id, name.clone()));
        let (cursor, end) = (state.log.head(), state.log.end());
        let resumed = match resume.map(|after| state.log.resume(after)) {
            None => Resumed::NotRequested,
            Some(None) => Resumed::Refused,
            Some(Some((start, missed))) if missed.messages > 0 && self.store.is_some() => {
                Resumed::From(Cursor::in_past(start.seq() - missed.messages, end.changes()), Missed::default())
            }
            Some(Some((start, missed))) => Resumed::From(start, missed),
        };
        drop(state);
        woken.wake();
        Joined { name, cursor, joined: end.block, next_seq: cursor.seq(), present, resumed }
    }

    /// Removes a member, and notifies the others if `notify`. Returns the number of members that are left.
    pub(crate) fn leave(self: &Arc<Self>, id: u32, notify: bool) -> usize {
        let mut state = self.lock();
        let Some(member) = state.members.remove(&id) else { return state.members.len() };
        state.names.remove(id);
        let given_up = member.wanted.inspect(|wanted| state.wanted.remove(wanted, id));
        if Interest::of(member.rendition) == Interest::Messages {
            state.waiters.remove(id);
        }
        state.speakers.remove(&id);
        let left = state.members.len();
        if left == 0 {
            // Nobody is notified. The room may linger, without what only members need.
            (state.crowd, state.waiters) = (None, Waiters::default());
            state.speakers.clear();
        }
        if !notify || left == 0 {
            return left;
        }
        let freed = [Some(member.name.clone()), given_up];
        let next = freed.map(|name| state.next_for(&name?, member.identity.as_ref()));
        let woken = self.append_change(&mut state, id, Change::Left, member.name);
        drop(state);
        woken.wake();
        next.into_iter().flatten().for_each(|mailbox| mailbox.reclaim_name());
        left
    }

    /// Gives a member another name, or one like it. Returns the name, and whether the members are notified: in a crowd
    /// they are not.
    pub(crate) fn rename(self: &Arc<Self>, id: u32, wanted: &str) -> Option<(Arc<str>, bool)> {
        let mut state = self.lock();
        let before = state.members.get(&id)?.name.clone();
        if *before == *wanted {
            if let Some(given_up) = state.members.get_mut(&id)?.wanted.take() {
                state.wanted.remove(&given_up, id);
            }
            return Some((before, true));
        }
        let name = state.names.assign(wanted, id);
        let mut member = state.members.remove(&id)?;
        if let Some(wanted) = &member.wanted {
            state.wanted.remove(wanted, id);
        }
        (member.name, member.wanted) = (name.clone(), Some(wanted.into()));
        state.note_wanted(id, &mut member);
        state.members.insert(id, member);
        if name == before {
            return Some((name, false)); // the wanted name is not free
        }
        let next = state.next_for(&before, None);
        let notified = state.crowd.is_none();
        let woken = self.append_change(&mut state, id, Change::Renamed(before), name.clone());
        drop(state);
        woken.wake();
        next.inspect(|mailbox| mailbox.reclaim_name());
        Some((name, notified))
    }

    /// Sets the form in which a member gets private messages.
    pub(crate) fn set_rendition(&self, id: u32, rendition: Rendition) {
        if let Some(member) = self.lock().members.get_mut(&id) {
            member.rendition = rendition;
        }
    }

    pub(crate) fn member(&self, id: u32) -> Option<Member> {
        self.lock().members.get(&id).cloned()
    }

    /// The member of that name, however it is written (R9.35); one that only looks alike is another one.
    pub(crate) fn member_named(&self, name: &str) -> Result<u32, Unaddressed> {
        let key = key(name);
        let state = self.lock();
        let found = state.names.find(&key).and_then(|id| Some((id, state.members.get(&id)?.name.clone())));
        drop(state);
        match found {
            Some((id, found)) if folded(&found) == folded(name) => Ok(id),
            _ => Err(Unaddressed::NoSuchMember),
        }
    }

    /// The mailbox of the member whose name has this key.
    pub(crate) fn mailbox_with_key(&self, wanted: &str) -> Option<Arc<Mailbox>> {
        let state = self.lock();
        let member = state.members.get(&state.names.find(wanted)?)?;
        (*key(&member.name) == *wanted).then(|| member.mailbox.clone())
    }

    /// The names of at most `max` members, and the number of members.
    pub(crate) fn member_names(&self, max: usize) -> (Vec<Arc<str>>, usize) {
        let state = self.lock();
        (state.members.values().take(max).map(|member| member.name.clone()).collect(), state.members.len())
    }

    pub(crate) fn census(&self) -> RoomCensus {
        let state = self.lock();
        let mut census = RoomCensus {
            kinds: BTreeMap::new(),
            members: state.members.len(),
            messages: state.log.messages(),
            log_bytes: state.bytes(),
            is_crowd: state.crowd.is_some(),
        };
        for member in state.members.values() {
            *census.kinds.entry(member.rendition.member_kind()).or_default() += 1;
        }
        census
    }

    /// The number of members.
    pub(crate) fn count(&self) -> usize {
        self.lock().members.len()
    }

    pub(crate) fn has(&self, id: u32) -> bool {
        self.lock().members.contains_key(&id)
    }

    // ---- waiting

    /// Will the member that was listed in that generation still be woken?
    pub(crate) fn is_listed(&self, interest: Interest, generation: NonZeroU64) -> bool {
        self.generations.is_current(interest, generation)
    }

    /// Lists a member, so that `waker` is woken once when an event of interest is published after the cursor. Returns
    /// the generation of its entry, or `None` if there already is such an event.
    pub(crate) fn wait(&self, id: u32, interest: Interest, cursor: Cursor, waker: &Waker) -> Option<NonZeroU64> {
        let mut state = self.lock();
        if self.has_more(cursor) {
            return None;
        }
        state.waiters.add(id, interest, waker, &self.generations)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
