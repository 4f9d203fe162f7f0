//! What keeps the messages of rooms beyond the memory of the hub (SPEC 9, History).
//!
//! Data flow one way: a room gives its blocks to the store, in order; the store writes them, and then tells the room how
//! far its members may read ([`Written`]), and connections how far what they said is safe ([`Store::synced`]).
//!
//! Nothing here blocks: a store has threads of its own.

use std::fmt::Debug;
use std::sync::{Arc, Weak};
use std::task::Waker;

use tokio::sync::oneshot;

use crate::block::Block;
use crate::matching::Pattern;

/// The order in which blocks were given to the store, over all rooms: 1 for the first one.
pub(crate) type Position = u64;

/// The number of a room in its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RoomId(pub(crate) u64);

/// The numbers of a room when it begins in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) id: RoomId,
    /// The number of the room's first message, kept or not.
    pub(crate) first_seq: u64,
    /// The number of its next message, which no message had before.
    pub(crate) next_seq: u64,
}

/// A store of rooms. All calls return at once.
pub(crate) trait Store: Debug + Send + Sync {
    /// A room that begins in memory. `fresh` is the number of its first message if the store knows nothing of it. `None`
    /// if messages of that room are not kept.
    fn open(&self, name: &str, fresh: u64) -> Option<Opened>;

    /// Takes a block of messages of a room, whose lock is held. `room` is told when it is written, if it still exists.
    fn append(&self, id: RoomId, block: &Arc<Block>, room: &Weak<dyn Written>) -> Position;

    /// May the room be given more? If not, its speakers are not read until [`Written::written`] is called.
    fn has_space(&self, id: RoomId) -> bool;

    /// Why no message may be accepted now, if so: for example because the disk is full.
    fn refusal(&self) -> Option<&'static str>;

    /// Every block up to this position is on stable storage.
    fn synced(&self) -> Position;

    /// Wakes `waker` when [`synced`](Store::synced) has reached that position, unless it is dropped before.
    fn wake_when_synced(&self, position: Position, waker: &Arc<Waker>);

    /// Reads blocks. The receiver fails if the store cannot read or has closed.
    fn read(&self, id: RoomId, query: StoreQuery) -> oneshot::Receiver<StoreRead>;

    /// What is kept of a room.
    fn census(&self, id: RoomId) -> StoreCensus;

    /// Writes and syncs everything that it was given, and accepts no more. The receiver is told when that is done.
    fn close(&self) -> oneshot::Receiver<()>;
}

/// A room whose blocks are written.
pub(crate) trait Written: Debug + Send + Sync {
    /// All messages whose number is less than `next_seq` may be delivered.
    #[cfg_attr(not(any(feature = "history", test)), expect(dead_code, reason = "only a store calls it"))]
    fn written(&self, next_seq: u64);
}

/// Which messages are read. A store reads whole blocks: the first or last block may contain others, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreQuery {
    /// Those from number `from` on, oldest first: blocks of about `bytes` in all, and at least one.
    From { from: u64, bytes: usize },
    /// The last `count` whose number is less than `before`, in blocks of about `bytes` at most, and at least one.
    Before { before: u64, count: usize, bytes: usize },
    /// The last `count` whose number is less than `before` and that contain the text, in upper or lower case.
    Search { before: u64, count: usize, bytes: usize, text: Arc<Pattern> },
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreRead {
    /// Oldest first. Numbers that are missing between them are not kept.
    pub(crate) blocks: Vec<Arc<Block>>,
    /// After a search, the numbers of the messages that were found, in ascending order.
    pub(crate) found: Vec<u64>,
    /// Nothing that matches is before the first block (or after the last one, in answer to [`StoreQuery::From`]).
    pub(crate) is_end: bool,
}

/// What is kept of a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreCensus {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// The time of the oldest message, in milliseconds since 1970; 0 if none is kept.
    pub(crate) since: u64,
}
