//! The events of a room: publishing them, reading them, and the memory that they use.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::crowd::Crowd;
use super::long::LongRenderings;
use super::waiters::Woken;
use super::{Present, Room, State};
use crate::block::{Block, Event};
use crate::log::{Cursor, Missed};
use crate::rendition::{Change, Rendition};
use crate::store::{Position, Written};

/// What was read from the log at a cursor.
#[derive(Debug)]
pub(crate) struct LogRead {
    /// Where the blocks begin, after what is not kept has been skipped.
    pub(crate) cursor: Cursor,
    pub(crate) missed: Missed,
    /// Only the store has what is at the cursor: messages before this number may be read there.
    pub(crate) past: Option<u64>,
    /// The block at the cursor. It usually is the only one, so that no list is allocated.
    pub(crate) first: Option<Arc<Block>>,
    pub(crate) others: Vec<Arc<Block>>,
    /// Who is present, if the member missed changes and lists members.
    pub(crate) present: Option<Present>,
    /// How many bytes of renderings may be added before the log removes blocks.
    pub(crate) space: usize,
}

impl Room {
    /// Publishes an event to every member.
    ///
    /// Returns the position of messages that a store keeps: what was said is safe when that is synced.
    pub(crate) fn publish(self: &Arc<Self>, event: Event) -> Option<Position> {
        let mut state = self.lock();
        let is_presence = event.is_presence();
        let woken = self.append(&mut state, event);
        let position = match self.store() {
            Some((store, id)) if !is_presence => {
                let room: Weak<dyn Written> = Arc::<Room>::downgrade(self);
                state.log.last().map(|block| store.append(id, block, &room))
            }
            _ => None,
        };
        drop(state);
        woken.wake();
        position
    }

    /// Reads blocks from the cursor on, enough for a write of `enough` bytes, and what was missed before them.
    pub(crate) fn read(&self, mut cursor: Cursor, rendition: Rendition, enough: usize) -> LogRead {
        let state = self.lock();
        let Some(missed) = state.log.catch_up(&mut cursor) else {
            let (missed, past) = (Missed::default(), Some(state.log.first_in_memory()));
            return LogRead { cursor, missed, past, first: None, others: Vec::new(), present: None, space: 0 };
        };
        let present = (missed.changes > 0 && rendition.lists_members()).then(|| state.present());
        let mut bytes = 0;
        let mut blocks = state.log.from(cursor).take_while(|block| {
            let more = bytes < enough;
            bytes += block.footprint();
            more
        });
        let (first, others) = (blocks.next().cloned(), blocks.cloned().collect());
        LogRead { cursor, missed, past: None, first, others, present, space: state.log.space() }
    }

    /// Messages from the cursor on.
    pub(crate) fn messages_from(&self, cursor: Cursor) -> u64 {
        if self.has_more(cursor) { self.lock().log.messages_from(cursor) } else { 0 }
    }

    /// The number of the next message.
    pub(crate) fn next_seq(&self) -> u64 {
        self.lock().log.next_seq()
    }

    /// The number of the last message that may be read.
    pub(crate) fn last_seq(&self) -> u64 {
        self.lock().log.head().seq() - 1
    }

    /// Has the room had a message of that number?
    pub(crate) fn has_had(&self, seq: u64) -> bool {
        self.lock().log.resume(seq).is_some()
    }

    /// Has it had a message?
    pub(crate) fn has_messages(&self) -> bool {
        self.lock().log.messages() > 0
    }

    /// Is there a block at the cursor?
    pub(crate) fn has_more(&self, cursor: Cursor) -> bool {
        self.head.load(Ordering::Acquire) > cursor.block
    }

    // ---- memory

    /// Sets how many bytes the log keeps.
    pub(crate) fn set_log_bytes(&self, log_bytes: usize) {
        let mut state = self.lock();
        state.log.set_limit(log_bytes);
        state.long = LongRenderings::new(log_bytes);
        state.report();
    }

    /// Adds the bytes of a rendering to the block of that number.
    pub(crate) fn add_rendered(&self, block: u64, bytes: usize) {
        let mut state = self.lock();
        state.log.add_rendered(block, bytes);
        state.report();
    }

    /// A long rendering of the block of that number that was made for a member that resumes, if it is still in memory.
    pub(crate) fn long_rendering(&self, block: u64, rendition: Rendition) -> Option<Arc<Vec<u8>>> {
        self.lock().long.find(block, rendition)
    }

    /// Keeps such a rendering for the next member that resumes.
    pub(crate) fn keep_long_rendering(&self, block: u64, rendition: Rendition, bytes: &Arc<Vec<u8>>) {
        let mut state = self.lock();
        state.long.keep(block, rendition, bytes);
        state.report();
    }

    /// Bytes of its log and of renderings for members that resume.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    /// Removes renderings and the oldest blocks until about `bytes` are freed. Returns how many were freed.
    pub(crate) fn shorten(&self, bytes: usize) -> usize {
        let mut state = self.lock();
        let renderings = state.long.clear();
        let freed = renderings + state.log.shorten(bytes.saturating_sub(renderings));
        // Exactly: what is left over by many rooms must not look as if it could be freed.
        let (bytes, unwritten) = (state.bytes(), state.log.unwritten());
        state.share.set(bytes, unwritten);
        freed
    }

    /// When it was used last: greater than the number of any use before.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// It is used now.
    pub(super) fn count_use(&self, state: &State) {
        self.used.store(state.share.memory().count_use(), Ordering::Relaxed);
    }

    // ---- events

    /// Appends that a member joined, left or has another name. In a crowd only the number of members is appended, and
    /// only if it has changed much, so that the number of events grows with the members and not with their square.
    pub(super) fn append_change(
        self: &Arc<Self>,
        state: &mut State,
        member: u32,
        change: Change,
        name: Arc<str>,
    ) -> Woken {
        let count = state.members.len();
        let event = match &state.crowd {
            None if count > self.crowd || state.has_too_many_changes() => {
                state.crowd = Some(Crowd::new(count));
                self.crowd_event(count)
            }
            None => Event::Change { member, change, name, count },
            Some(_) => match self.change_of_crowd(state) {
                Some(event) => event,
                None => return Woken::default(),
            },
        };
        self.append(state, event)
    }

    pub(super) fn append(&self, state: &mut State, event: Event) -> Woken {
        let is_presence = event.is_presence();
        if !is_presence {
            self.count_use(state);
        }
        state.log.append(event);
        state.report();
        if self.store.is_some() {
            self.count_unwritten(state);
            if state.log.unwritten() > 0 {
                return Woken::default(); // it waits until what is before it, or itself, is written
            }
        }
        self.show(state, is_presence)
    }

    /// Members may read more, without messages if it is only presence.
    pub(super) fn show(&self, state: &mut State, is_presence: bool) -> Woken {
        self.head.store(state.log.head().block, Ordering::Release);
        state.waiters.take(is_presence, &self.generations)
    }
}

impl State {
    /// Bytes of the log and of the renderings for members that resume.
    pub(super) fn bytes(&self) -> usize {
        self.log.bytes() + self.long.bytes()
    }

    /// Reports the bytes to the memory of all logs.
    pub(super) fn report(&mut self) {
        self.share.report(self.bytes(), self.log.unwritten());
    }
}
