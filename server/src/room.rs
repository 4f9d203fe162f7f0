//! A room: its members, their names, and the log of what was told.

mod crowd;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bookend::MAX_LINE;

use crate::block::{Block, Told};
use crate::log::{Cursor, Log, Missed};
use crate::mailbox::Mailbox;
use crate::rendition::{Change, Rendition};
use crowd::{Crowd, When};

#[derive(Debug)]
pub(crate) struct Room {
    name: Arc<str>,
    /// More members are a crowd.
    crowd: usize,
    /// The number of the block that comes next; written under the lock.
    head: AtomicU64,
    /// Which time it is that each list of sleepers waits to be woken, from 1 on; written under the lock.
    woken: [AtomicU64; 2],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    log: Log,
    members: BTreeMap<u32, Member>,
    names: HashMap<Arc<str>, u32>,
    crowd: Option<Crowd>,
    /// Who waits for messages, and who waits for anything that is told.
    sleepers: Sleepers,
}

/// Who is to be woken by messages, and who by anything that is told.
type Sleepers = [Vec<(u32, Waker)>; 2];

/// What others need of a member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: Arc<str>,
    pub(crate) rendition: Rendition,
    /// The longest body that the member accepts, in bytes.
    pub(crate) max_body: u32,
    /// May it be told what is said?
    pub(crate) reads: bool,
    pub(crate) mailbox: Arc<Mailbox>,
}

/// A room in numbers.
#[derive(Debug)]
pub(crate) struct Census {
    /// Members by kind.
    pub(crate) kinds: BTreeMap<&'static str, usize>,
    pub(crate) members: usize,
    /// Messages to everyone, ever.
    pub(crate) messages: u64,
    pub(crate) log_bytes: usize,
    pub(crate) is_crowd: bool,
}

/// What a new member finds.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) name: Arc<str>,
    /// Where what is told from now on begins.
    pub(crate) cursor: Cursor,
    /// The number of the next message.
    pub(crate) next_seq: u64,
    /// Who is here, the new member last.
    pub(crate) here: Here,
    /// What was asked to be resumed: `None` if nothing was, `Some(None)` if there are no such messages.
    pub(crate) resumed: Option<Option<(Cursor, Missed)>>,
}

/// What was read from the log at a cursor.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Where the blocks begin, once what is not kept has been skipped.
    pub(crate) cursor: Cursor,
    pub(crate) missed: Missed,
    /// The block at the cursor: mostly the only one, which needs no list.
    pub(crate) first: Option<Arc<Block>>,
    pub(crate) others: Vec<Arc<Block>>,
    /// Who is here, if changes of that were missed and are to be made good.
    pub(crate) here: Option<Here>,
}

/// Who is here, as a member is told.
#[derive(Debug, Default)]
pub(crate) struct Here {
    /// How many, if they are too many to tell.
    pub(crate) crowd: Option<usize>,
    /// Numbers and names; in a crowd only the member's own.
    pub(crate) members: Vec<(u32, Arc<str>)>,
}

impl Room {
    /// A room whose first message will have that number.
    pub(crate) fn new(name: &str, log_bytes: usize, crowd: usize, first_seq: u64) -> Room {
        Room {
            name: name.into(),
            crowd,
            head: AtomicU64::new(0),
            woken: [const { AtomicU64::new(1) }; 2],
            state: Mutex::new(State {
                log: Log::new(log_bytes, first_seq),
                members: BTreeMap::new(),
                names: HashMap::new(),
                crowd: None,
                sleepers: Default::default(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    // ---- members

    /// Takes a member in under a name like `member.name`, and tells everybody else.
    pub(crate) fn join(self: &Arc<Self>, id: u32, mut member: Member, resume: Option<u64>) -> Joined {
        let mut state = self.lock();
        let name = state.free_name(&member.name, id);
        member.name = name.clone();
        let lists = member.rendition.lists_members();
        state.names.insert(name.clone(), id);
        state.members.insert(id, member);
        let sleepers = self.tell_change(&mut state, id, Change::Joined, name.clone());
        let mut here = if lists { state.whole_here() } else { Here { crowd: state.crowd_here(), ..Here::default() } };
        here.members.retain(|&(other, _)| other != id);
        here.members.push((id, name.clone()));
        let (cursor, next_seq) = (state.log.head(), state.log.next_seq());
        let resumed = resume.map(|after| state.log.resume(after));
        drop(state);
        wake(sleepers);
        Joined { name, cursor, next_seq, here, resumed }
    }

    /// Lets a member go, and tells the others if `tell`. How many are left?
    pub(crate) fn leave(self: &Arc<Self>, id: u32, tell: bool) -> usize {
        let mut state = self.lock();
        let Some(member) = state.members.remove(&id) else { return state.members.len() };
        state.names.remove(&member.name);
        if !member.rendition.tells_presence() {
            // the others' list is woken below, and with it emptied
            state.sleepers[0].retain(|(sleeper, _)| *sleeper != id);
        }
        let left = state.members.len();
        if !tell {
            return left;
        }
        let sleepers = self.tell_change(&mut state, id, Change::Left, member.name);
        drop(state);
        wake(sleepers);
        left
    }

    /// Gives a member another name, or one like it, and tells everybody, but for a crowd. Was it told?
    pub(crate) fn rename(self: &Arc<Self>, id: u32, wanted: &str) -> Option<(Arc<str>, bool)> {
        let mut state = self.lock();
        let before = state.members.get(&id)?.name.clone();
        if *before == *wanted {
            return Some((before, true));
        }
        let name = state.free_name(wanted, id);
        state.names.remove(&before);
        state.names.insert(name.clone(), id);
        state.members.get_mut(&id)?.name = name.clone();
        let told = state.crowd.is_none();
        let sleepers = self.tell_change(&mut state, id, Change::Renamed(before), name.clone());
        drop(state);
        wake(sleepers);
        Some((name, told))
    }

    /// From now on a member gets what is for it alone in this form.
    pub(crate) fn set_rendition(&self, id: u32, rendition: Rendition) {
        if let Some(member) = self.lock().members.get_mut(&id) {
            member.rendition = rendition;
        }
    }

    pub(crate) fn member(&self, id: u32) -> Option<Member> {
        self.lock().members.get(&id).cloned()
    }

    pub(crate) fn member_named(&self, name: &str) -> Option<u32> {
        self.lock().names.get(name).copied()
    }

    /// The names of some members, `most` at most, and how many there are.
    pub(crate) fn here(&self, most: usize) -> (Vec<Arc<str>>, usize) {
        let state = self.lock();
        (state.members.values().take(most).map(|member| member.name.clone()).collect(), state.members.len())
    }

    /// What an operator is told of it.
    pub(crate) fn census(&self) -> Census {
        let state = self.lock();
        let mut census = Census {
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

    /// Messages at and behind the cursor.
    pub(crate) fn messages_behind(&self, cursor: Cursor) -> u64 {
        if self.is_behind(cursor) { self.lock().log.messages_behind(cursor) } else { 0 }
    }

    /// The number of the next message.
    pub(crate) fn next_seq(&self) -> u64 {
        self.lock().log.next_seq()
    }

    /// How many are here.
    pub(crate) fn count(&self) -> usize {
        self.lock().members.len()
    }

    pub(crate) fn has(&self, id: u32) -> bool {
        self.lock().members.contains_key(&id)
    }

    // ---- the log

    /// Tells everybody.
    pub(crate) fn tell(&self, told: Told) {
        let mut state = self.lock();
        let sleepers = self.append(&mut state, told);
        drop(state);
        wake(sleepers);
    }

    /// The blocks from the cursor on, enough of them for a write of `enough` bytes, and what was missed before them.
    pub(crate) fn read(&self, mut cursor: Cursor, rendition: Rendition, enough: usize) -> Reading {
        let state = self.lock();
        let missed = state.log.catch_up(&mut cursor);
        let here = (missed.changes > 0 && rendition.lists_members()).then(|| state.whole_here());
        let mut bytes = 0;
        let mut blocks = state.log.from(cursor).take_while(|block| {
            let more = bytes < enough;
            bytes += block.footprint();
            more
        });
        let (first, others) = (blocks.next().cloned(), blocks.cloned().collect());
        Reading { cursor, missed, first, others, here }
    }

    /// Keeps so many bytes of what is told.
    pub(crate) fn set_log_bytes(&self, log_bytes: usize) {
        self.lock().log.set_limit(log_bytes);
    }

    /// Counts the bytes of a rendition of the block of that number.
    pub(crate) fn grew(&self, block: u64, bytes: usize) {
        self.lock().log.grew(block, bytes);
    }

    /// Is there anything at the cursor?
    pub(crate) fn is_behind(&self, cursor: Cursor) -> bool {
        self.head.load(Ordering::Acquire) > cursor.block
    }

    /// Will who was listed at `since` still be woken?
    pub(crate) fn is_listed(&self, any: bool, since: NonZeroU64) -> bool {
        self.woken[usize::from(any)].load(Ordering::Acquire) == since.get()
    }

    /// Wakes `waker` once when something is told behind the cursor: anything, or just messages. `None` if there is
    /// something already.
    pub(crate) fn sleep(&self, id: u32, any: bool, cursor: Cursor, waker: &Waker) -> Option<NonZeroU64> {
        let mut state = self.lock();
        if self.is_behind(cursor) {
            return None;
        }
        state.sleepers[usize::from(any)].push((id, waker.clone()));
        NonZeroU64::new(self.woken[usize::from(any)].load(Ordering::Relaxed))
    }

    /// Tells who came, went, or has another name; in a crowd only how many there are, and only if that has changed
    /// much. So what a room is told grows with its members, and not with their square.
    fn tell_change(self: &Arc<Self>, state: &mut State, member: u32, change: Change, name: Arc<str>) -> Sleepers {
        let here = state.members.len();
        let told = match &mut state.crowd {
            None if here > self.crowd => {
                state.crowd = Some(Crowd::new(here));
                self.number(here)
            }
            None => Told::Change { member, change, name, here },
            Some(_) if here <= self.crowd / 2 => {
                state.crowd = None;
                Told::Roll(state.here())
            }
            Some(crowd) => match crowd.count(here) {
                When::Now => self.number(here),
                When::Then(time) => {
                    self.look_again_at(time);
                    return Sleepers::default();
                }
                When::Never => return Sleepers::default(),
            },
        };
        self.append(state, told)
    }

    /// Appends to the log; who is returned is to be woken once the lock has been let go.
    fn append(&self, state: &mut State, told: Told) -> Sleepers {
        let is_change = told.is_change();
        state.log.append(told);
        self.head.store(state.log.head().block, Ordering::Release);
        let mut sleepers = Sleepers::default();
        for (any, list) in sleepers.iter_mut().enumerate() {
            if (any == 1 || !is_change) && !state.sleepers[any].is_empty() {
                let awake = Vec::with_capacity(state.sleepers[any].len());
                *list = std::mem::replace(&mut state.sleepers[any], awake);
                self.woken[any].fetch_add(1, Ordering::Release);
            }
        }
        sleepers
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn here(&self) -> Vec<(u32, Arc<str>)> {
        self.members.iter().map(|(&id, member)| (id, member.name.clone())).collect()
    }

    fn whole_here(&self) -> Here {
        let members = if self.crowd.is_none() { self.here() } else { Vec::new() };
        Here { crowd: self.crowd_here(), members }
    }

    /// How many are here, if it is a crowd.
    fn crowd_here(&self) -> Option<usize> {
        self.crowd.as_ref().map(|_| self.members.len())
    }

    /// `wanted`, or the same with the first suffix that nobody has (R9.15).
    fn free_name(&self, wanted: &str, id: u32) -> Arc<str> {
        let is_free = |name: &str| self.names.get(name).is_none_or(|&holder| holder == id);
        if is_free(wanted) {
            return wanted.into();
        }
        // A crowd of one name is not searched through: behind -9 comes the member's own number.
        (2..10)
            .chain(u64::from(id).max(10)..)
            .map(|number| suffixed(wanted, number))
            .find(|name| is_free(name))
            .expect("there are more numbers than members")
            .into()
    }
}

/// `name-number`, of at most 64 bytes.
fn suffixed(name: &str, number: u64) -> String {
    let suffix = format!("-{number}");
    let room = MAX_LINE - suffix.len();
    let end = (0..=room.min(name.len())).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
    format!("{}{suffix}", &name[..end])
}

fn wake(sleepers: Sleepers) {
    for (_, waker) in sleepers.into_iter().flatten() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use bookend::{Encodings, Payload};

    use super::*;
    use crate::block::Payloads;
    use crate::rendition::{LineEncoding, Wanted};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn member(rendition: Rendition) -> Member {
        let mailbox = Arc::new(Mailbox::new("test".into()));
        Member { name: "ann".into(), rendition, max_body: 1024, reads: true, mailbox }
    }

    #[test]
    fn who_sleeps_is_woken_once_and_for_what_it_is_told_only() {
        let room = Arc::new(Room::new("room", 1 << 20, 256, 1));
        let wanted = Wanted { preferred: bookend::Encoding::Utf8, accepted: Encodings::CORE };
        let plain = room.join(1, member(Rendition::Messages(wanted)), None).cursor;
        let person = room.join(2, member(Rendition::Lines(LineEncoding::Utf8)), None).cursor;
        assert_eq!(room.sleep(1, false, plain, &Waker::noop().clone()), None, "the second one's coming");
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let head = person;
        let listed = room.sleep(1, false, head, &first.clone().into()).expect("nothing new");
        room.sleep(2, true, head, &second.clone().into()).expect("nothing new");
        let woken = || (first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed));

        room.join(3, member(Rendition::Lines(LineEncoding::Utf8)), None);
        assert_eq!(woken(), (0, 1));
        assert!(room.is_listed(false, listed));
        for _ in 0..2 {
            let mut payloads = Payloads::default();
            payloads.push(Payload::Binary(b"x"));
            room.tell(Told::Messages { from: 3, name: "ann-3".into(), time: 0, payloads });
            assert_eq!(woken(), (1, 1), "who is awake is not woken");
        }
        assert!(!room.is_listed(false, listed));
    }
}
