//! A store that writes, syncs, reads and refuses when a test says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Waker;

use tokio::sync::oneshot;

use crate::block::Block;
use crate::lock::lock;
use crate::store::{Opened, Position, RoomId, Store, StoreCensus, StoreQuery, StoreRead, Written};

#[derive(Debug, Default)]
pub(super) struct Fake(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// Number, first number and next number.
    rooms: BTreeMap<String, Opened>,
    /// What was given and is not written.
    queue: VecDeque<(RoomId, Arc<Block>, Weak<dyn Written>)>,
    /// What is written.
    pub(super) blocks: Vec<(RoomId, Arc<Block>)>,
    /// How many blocks were given.
    pub(super) given: Position,
    synced: Position,
    wakers: Vec<(Position, Weak<Waker>)>,
    /// Questions that wait for an answer.
    reads: VecDeque<(RoomId, StoreQuery, oneshot::Sender<StoreRead>)>,
    pub(super) refusal: Option<&'static str>,
    /// There is no space for more.
    pub(super) is_full: bool,
    pub(super) is_closed: bool,
}

impl Fake {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }

    /// Writes the next `count` blocks.
    pub(super) fn write(&self, count: usize) {
        for _ in 0..count {
            let mut state = self.state();
            let Some((id, block, room)) = state.queue.pop_front() else { return };
            let next_seq = block.first_seq() + block.messages();
            state.blocks.push((id, block));
            drop(state);
            if let Some(room) = room.upgrade() {
                room.written(next_seq);
            }
        }
    }

    /// Syncs everything up to this position.
    pub(super) fn sync(&self, position: Position) {
        let mut state = self.state();
        state.synced = position;
        let (due, later) = std::mem::take(&mut state.wakers).into_iter().partition(|(at, _)| *at <= position);
        state.wakers = later;
        drop(state);
        let due: Vec<(Position, Weak<Waker>)> = due;
        due.iter().filter_map(|(_, waker)| waker.upgrade()).for_each(|waker| waker.wake_by_ref());
    }

    /// How many connections wait for a sync.
    pub(super) fn waiting(&self) -> usize {
        self.state().wakers.iter().filter(|(_, waker)| waker.strong_count() > 0).count()
    }

    /// Answers the oldest question, with at most `count` blocks. Returns what it was.
    pub(super) fn answer(&self, count: usize) -> Option<StoreQuery> {
        let mut state = self.state();
        let (id, query, sender) = state.reads.pop_front()?;
        let StoreQuery::From { from, .. } = query else { panic!("a feed reads forwards") };
        let wanted = |(room, block): &&(RoomId, Arc<Block>)| *room == id && block.first_seq() + block.messages() > from;
        let mut blocks: Vec<_> = state.blocks.iter().filter(wanted).map(|(_, block)| block.clone()).collect();
        let is_end = blocks.len() <= count;
        blocks.truncate(count);
        let _ = sender.send(StoreRead { blocks, is_end, ..StoreRead::default() }); // the member may have left
        Some(query)
    }

    /// How many questions wait for an answer.
    pub(super) fn reading(&self) -> usize {
        self.state().reads.len()
    }

    /// Fails the oldest question.
    pub(super) fn fail_read(&self) {
        self.state().reads.pop_front().expect("a member reads");
    }
}

impl Store for Fake {
    fn open(&self, name: &str, fresh: u64) -> Option<Opened> {
        if name == "unkept" {
            return None;
        }
        let mut state = self.state();
        let id = RoomId(state.rooms.len() as u64);
        Some(*state.rooms.entry(name.into()).or_insert(Opened { id, first_seq: fresh, next_seq: fresh }))
    }

    fn append(&self, id: RoomId, block: &Arc<Block>, room: &Weak<dyn Written>) -> Position {
        let mut state = self.state();
        let next = block.first_seq() + block.messages();
        state.rooms.values_mut().filter(|opened| opened.id == id).for_each(|opened| opened.next_seq = next);
        state.queue.push_back((id, block.clone(), room.clone()));
        state.given += 1;
        state.given
    }

    fn has_space(&self, _: RoomId) -> bool {
        !self.state().is_full
    }

    fn refusal(&self) -> Option<&'static str> {
        self.state().refusal
    }

    fn synced(&self) -> Position {
        self.state().synced
    }

    fn wake_when_synced(&self, position: Position, waker: &Arc<Waker>) {
        self.state().wakers.push((position, Arc::downgrade(waker)));
    }

    fn read(&self, id: RoomId, query: StoreQuery) -> oneshot::Receiver<StoreRead> {
        let (sender, receiver) = oneshot::channel();
        self.state().reads.push_back((id, query, sender));
        receiver
    }

    fn census(&self, _: RoomId) -> StoreCensus {
        StoreCensus::default()
    }

    fn close(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.write(usize::MAX);
        self.state().is_closed = true;
        let _ = sender.send(());
        receiver
    }
}
