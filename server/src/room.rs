//! A room: its members, their names, and the log of its events.

mod crowd;
mod names;
mod present;
mod waiters;
mod wanted;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use bookend::addressee::Unaddressed;

use crate::access::Identity;
use crate::block::{Block, Event};
use crate::canonical::{folded, key};
use crate::counters::Counters;
use crate::lock::lock;
use crate::log::{Cursor, Log, Missed};
use crate::mailbox::Mailbox;
use crate::rendition::{Change, Rendition};
use crowd::{Crowd, Due};
use names::Names;
use waiters::{Generations, Waiters, Woken};
use wanted::Wanted;

pub(crate) use present::Present;
pub(crate) use waiters::Interest;

#[derive(Debug)]
pub(crate) struct Room {
    name: Arc<str>,
    /// A room with more members is a crowd.
    crowd: usize,
    counters: Arc<Counters>,
    /// The number of the next block; written under the lock.
    head: AtomicU64,
    generations: Generations,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    log: Log,
    members: BTreeMap<u32, Member>,
    names: Names,
    wanted: Wanted,
    crowd: Option<Crowd>,
    waiters: Waiters,
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
    /// The number of the next message.
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
    /// The messages begin at the cursor; those before it are not kept.
    From(Cursor, Missed),
}

/// What was read from the log at a cursor.
#[derive(Debug)]
pub(crate) struct LogRead {
    /// Where the blocks begin, after what is not kept has been skipped.
    pub(crate) cursor: Cursor,
    pub(crate) missed: Missed,
    /// The block at the cursor. It usually is the only one, so that no list is allocated.
    pub(crate) first: Option<Arc<Block>>,
    pub(crate) others: Vec<Arc<Block>>,
    /// Who is present, if the member missed changes and lists members.
    pub(crate) present: Option<Present>,
}

impl Room {
    /// A room without members, whose first message has the number `first_seq`.
    pub(crate) fn new(name: &str, log_bytes: usize, crowd: usize, first_seq: u64, counters: Arc<Counters>) -> Room {
        Room {
            name: name.into(),
            crowd,
            counters,
            head: AtomicU64::new(0),
            generations: Generations::new(),
            state: Mutex::new(State {
                log: Log::new(log_bytes, first_seq),
                members: BTreeMap::new(),
                names: Names::default(),
                wanted: Wanted::default(),
                crowd: None,
                waiters: Waiters::default(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    // ---- members

    /// Adds a member under a name like `member.name`, and notifies the others.
    pub(crate) fn join(self: &Arc<Self>, id: u32, mut member: Member, resume: Option<u64>) -> Joined {
        let mut state = self.lock();
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
        let (cursor, next_seq) = (state.log.head(), state.log.next_seq());
        let resumed = match resume.map(|after| state.log.resume(after)) {
            None => Resumed::NotRequested,
            Some(None) => Resumed::Refused,
            Some(Some((cursor, missed))) => Resumed::From(cursor, missed),
        };
        drop(state);
        woken.wake();
        Joined { name, cursor, next_seq, present, resumed }
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
        let left = state.members.len();
        if !notify {
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
        let next = if name == before { None } else { state.next_for(&before, None) };
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

    /// The mailboxes of the members whose names match.
    pub(crate) fn mailboxes_of(&self, matches: impl Fn(&str) -> bool) -> Vec<Arc<Mailbox>> {
        let state = self.lock();
        state.members.values().filter(|member| matches(&member.name)).map(|member| member.mailbox.clone()).collect()
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
            log_bytes: state.log.bytes(),
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

    // ---- the log

    /// Publishes an event to every member.
    pub(crate) fn publish(&self, event: Event) {
        let mut state = self.lock();
        let woken = self.append(&mut state, event);
        drop(state);
        woken.wake();
    }

    /// Reads blocks from the cursor on, enough for a write of `enough` bytes, and what was missed before them.
    pub(crate) fn read(&self, mut cursor: Cursor, rendition: Rendition, enough: usize) -> LogRead {
        let state = self.lock();
        let missed = state.log.catch_up(&mut cursor);
        let present = (missed.changes > 0 && rendition.lists_members()).then(|| state.present());
        let mut bytes = 0;
        let mut blocks = state.log.from(cursor).take_while(|block| {
            let more = bytes < enough;
            bytes += block.footprint();
            more
        });
        let (first, others) = (blocks.next().cloned(), blocks.cloned().collect());
        LogRead { cursor, missed, first, others, present }
    }

    /// Messages from the cursor on.
    pub(crate) fn messages_from(&self, cursor: Cursor) -> u64 {
        if self.has_more(cursor) { self.lock().log.messages_from(cursor) } else { 0 }
    }

    /// The number of the next message.
    pub(crate) fn next_seq(&self) -> u64 {
        self.lock().log.next_seq()
    }

    /// Has the room had a message of that number?
    pub(crate) fn has_had(&self, seq: u64) -> bool {
        self.lock().log.resume(seq).is_some()
    }

    /// Sets how many bytes the log keeps.
    pub(crate) fn set_log_bytes(&self, log_bytes: usize) {
        self.lock().log.set_limit(log_bytes);
    }

    /// Adds the bytes of a rendering to the block of that number.
    pub(crate) fn add_rendered(&self, block: u64, bytes: usize) {
        self.lock().log.add_rendered(block, bytes);
    }

    /// Is there a block at the cursor?
    pub(crate) fn has_more(&self, cursor: Cursor) -> bool {
        self.head.load(Ordering::Acquire) > cursor.block
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

    // ---- events

    /// Appends that a member joined, left or has another name. In a crowd only the number of members is appended, and
    /// only if it has changed much, so that the number of events grows with the members and not with their square.
    fn append_change(self: &Arc<Self>, state: &mut State, member: u32, change: Change, name: Arc<str>) -> Woken {
        let count = state.members.len();
        let event = match &mut state.crowd {
            None if count > self.crowd => {
                state.crowd = Some(Crowd::new(count));
                self.crowd_event(count)
            }
            None => Event::Change { member, change, name, count },
            Some(_) if count <= self.crowd / 2 => {
                state.crowd = None;
                Event::Members(state.members())
            }
            Some(crowd) => match crowd.count(count) {
                Due::Now => self.crowd_event(count),
                Due::At(time) => {
                    self.announce_at(time);
                    return Woken::default();
                }
                Due::Never => return Woken::default(),
            },
        };
        self.append(state, event)
    }

    fn append(&self, state: &mut State, event: Event) -> Woken {
        let is_presence = event.is_presence();
        state.log.append(event);
        self.head.store(state.log.head().block, Ordering::Release);
        state.waiters.take(is_presence, &self.generations)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}
