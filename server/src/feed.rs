//! A feed: the cursor of one member into the log of its room, and the blocks that are being written.

mod past;

use std::cell::Cell;
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::block::{Block, Measured, RenderedPart, Selection};
use crate::log::{Cursor, Missed};
use crate::rendition::{Rendition, longest_body};
use crate::room::{Interest, Room};
use crate::scratch;
use past::Replay;

/// A rendering of at least this many bytes that the log has no space for is shared with other members that resume.
const LONG: usize = scratch::SIZE / 4;
/// What it costs to skip a message, in bytes of work.
const SKIP: usize = 32;

/// The largest queue of chunks that a thread keeps as a spare.
const MAX_SPARE: usize = 64;

thread_local! {
    /// An empty queue of chunks for the next feed that writes. It saves one allocation for each delivery to a member
    /// that waited.
    static SPARE: Cell<VecDeque<Chunk>> = const { Cell::new(VecDeque::new()) };
}

#[derive(Debug)]
pub(crate) struct Feed {
    room: Arc<Room>,
    id: u32,
    rendition: Rendition,
    max_body: u32,
    /// The position after everything in `chunks`.
    cursor: Cursor,
    /// Boxed, because it is used rarely.
    replay: Option<Box<Replay>>,
    /// What to write, in order. The first chunk may be partly written.
    chunks: VecDeque<Chunk>,
    /// The generation in which this member was listed as waiting.
    listed: Option<NonZeroU64>,
    /// Messages that GAP reported to the member as missed.
    missed: u64,
    /// Bytes that were rendered or skipped since the last [`take_work`](Feed::take_work).
    work: u32,
}

#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    rendition: Rendition,
    written: usize,
    delivered: Delivered,
    /// The position before it.
    before: Cursor,
}

/// What a member has received when some bytes have been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Messages.
    pub(crate) messages: u64,
    /// Messages that a GAP reported as missed.
    pub(crate) missed: u64,
}

#[derive(Debug)]
enum Bytes {
    /// The rendering of the block.
    Block(Arc<Block>),
    Shared(Arc<Vec<u8>>),
    Owned(Vec<u8>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Block(block) => block.rendered(self.rendition).map_or(&[], |rendered| &rendered.bytes),
            Bytes::Shared(bytes) => bytes,
            Bytes::Owned(bytes) => bytes,
        }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes()[self.written..]
    }
}

impl Feed {
    /// The feed of a member with that rendition and longest body. It starts at the cursor; events of presence before the
    /// block of number `joined` are skipped.
    pub(crate) fn new(
        room: Arc<Room>,
        id: u32,
        (rendition, max_body): (Rendition, u32),
        (cursor, joined): (Cursor, u64),
    ) -> Feed {
        let replay = Replay::new(cursor, joined);
        let chunks = VecDeque::new();
        Feed { room, id, rendition, max_body, cursor, replay, chunks, listed: None, missed: 0, work: 0 }
    }

    /// The number of the next message that it has.
    pub(crate) fn next_seq(&self) -> u64 {
        self.cursor.seq()
    }

    pub(crate) fn rendition(&self) -> Rendition {
        self.rendition
    }

    /// Messages that have not been written completely.
    pub(crate) fn behind(&self) -> u64 {
        let begun: u64 = self.chunks.iter().map(|chunk| chunk.delivered.messages).sum();
        begun + self.room.messages_from(self.cursor)
    }

    /// Messages that GAP reported to the member as missed.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    /// Counts missed messages that were reported to the member, but not by this feed.
    pub(crate) fn count_missed(&mut self, messages: u64) {
        self.missed += messages;
    }

    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// The member's number.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Renders from now on in this rendition.
    pub(crate) fn set_rendition(&mut self, rendition: Rendition) {
        self.release();
        self.rendition = rendition;
        self.listed = None;
    }

    /// Is there anything to write?
    pub(crate) fn is_behind(&self) -> bool {
        !self.chunks.is_empty() || self.room.has_more(self.cursor)
    }

    /// Is no frame or line partly written?
    pub(crate) fn is_at_boundary(&self) -> bool {
        self.chunks.front().is_none_or(|chunk| chunk.rendition.is_boundary(chunk.bytes(), chunk.written))
    }

    /// The rest of the frame or line that is partly written.
    pub(crate) fn rest_of_unit(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| {
            let end = chunk.rendition.unit_end(chunk.bytes(), chunk.written);
            &chunk.bytes()[chunk.written..end]
        })
    }

    /// Is there anything to write? Events that this member does not receive are skipped, up to a limit: if there is
    /// nothing but the feed [is behind](Feed::is_behind), ask again after other connections.
    pub(crate) fn has_more(&mut self) -> bool {
        if self.chunks.is_empty() {
            self.fetch();
        }
        !self.chunks.is_empty()
    }

    /// What to write next: one large piece of the log, or many small ones gathered in `buffer`.
    pub(crate) fn next<'a>(&'a mut self, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        self.has_more();
        let Some(first) = self.chunks.front() else { return &[] };
        if self.chunks.len() == 1 || first.rest().len() >= scratch::SIZE / 4 {
            return self.chunks.front().map_or(&[], Chunk::rest);
        }
        for chunk in &self.chunks {
            let rest = chunk.rest();
            let space = scratch::SIZE - buffer.len();
            buffer.extend_from_slice(&rest[..rest.len().min(space)]);
            if rest.len() >= space {
                break;
            }
        }
        buffer
    }

    /// Returns and resets how many bytes were rendered or skipped.
    pub(crate) fn take_work(&mut self) -> usize {
        std::mem::take(&mut self.work) as usize
    }

    fn count_work(&mut self, bytes: usize) {
        self.work = self.work.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// `count` bytes have been written. Returns what the member has received completely with them.
    pub(crate) fn wrote(&mut self, mut count: usize) -> Delivered {
        let mut delivered = Delivered::default();
        while count > 0
            && let Some(first) = self.chunks.front_mut()
        {
            let rest = first.rest().len();
            if count < rest {
                first.written += count;
                break;
            }
            count -= rest;
            delivered.messages += first.delivered.messages;
            delivered.missed += first.delivered.missed;
            self.chunks.pop_front();
        }
        self.missed += delivered.missed;
        delivered
    }

    /// Keeps no block of the log but one that is partly written: the rest may not be written for a long time.
    pub(crate) fn release(&mut self) {
        let keep = usize::from(self.chunks.front().is_some_and(|chunk| chunk.written > 0));
        if let Some(dropped) = self.chunks.get(keep) {
            self.cursor = dropped.before;
            self.chunks.truncate(keep);
        }
        if self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
    }

    /// Has `waker` woken when there is something to write. False if there is already.
    pub(crate) fn wait(&mut self, waker: &Waker) -> bool {
        if self.chunks.is_empty()
            && let Some(past) = self.past()
        {
            return past.wait(waker);
        }
        if self.is_behind() {
            return false;
        }
        self.spare_chunks();
        self.end_replay();
        let interest = Interest::of(self.rendition);
        if self.listed.is_some_and(|generation| self.room.is_listed(interest, generation)) {
            return true;
        }
        self.listed = self.room.wait(self.id, interest, self.cursor, waker);
        self.listed.is_some()
    }

    /// Forgets that it was listed as waiting, because it was with another waker.
    pub(crate) fn forget_waker(&mut self) {
        self.listed = None;
    }

    /// Reads blocks from the log, enough for one write. What is no longer there is asked of the store, which answers later.
    fn fetch(&mut self) {
        while self.chunks.is_empty() && (self.work as usize) < scratch::MAX_WORK && self.room.has_more(self.cursor) {
            if let Some(past) = self.past() {
                let (Poll::Ready(read), before) = (past.take(), past.before) else { return };
                self.set_past(None);
                self.push_past(read, before);
                continue;
            }
            let read = self.room.read(self.cursor, self.rendition, scratch::SIZE);
            if let Some(before) = read.past {
                self.set_past(Some(self.room.read_past(self.cursor.seq(), before)));
                continue;
            }
            if read.missed != Missed::default() {
                self.push_missed(read.present, read.missed);
            }
            self.cursor = read.cursor;
            let mut space = read.space;
            for block in read.first.into_iter().chain(read.others) {
                self.push_block(block, &mut space);
            }
        }
    }

    /// Adds a block. The log has `space` for renderings.
    fn push_block(&mut self, block: Arc<Block>, space: &mut usize) {
        let before = self.cursor;
        self.cursor = before.after(&block);
        let is_replay = self.is_replay(before);
        // Changes of presence before the join are skipped: the member has received the list of members.
        if block.is_presence() && (is_replay || !self.rendition.shows_presence()) {
            self.count_work(SKIP);
            return;
        }
        let messages = block.messages();
        let is_whole = before.seq() <= block.first_seq();
        let bytes = match block.rendered(self.rendition).map(|rendered| rendered.longest <= self.max_body as usize) {
            Some(fits) if fits && is_whole => Bytes::Block(block),
            None if is_whole && !self.has_too_long(&block, before) => {
                if is_replay {
                    self.render_for_replay(block, before, space)
                } else {
                    self.prepare(&block, before);
                    Bytes::Block(block)
                }
            }
            _ => return self.push_part(&block, before, u64::MAX),
        };
        self.push(bytes, Delivered { messages, missed: 0 }, before);
    }

    /// Renders a block for all members with the same rendition. Returns the bytes that this added.
    fn prepare(&mut self, block: &Block, before: Cursor) -> usize {
        let Some((bytes, escaped)) = block.prepare(self.rendition) else { return 0 };
        self.count_work(bytes);
        self.room.add_rendered(before.block, bytes);
        self.room.counters().count_escapes(escaped);
        bytes
    }

    /// Renders a block of which the others may not need a rendering. It must not push messages out of the log.
    fn render_for_replay(&mut self, block: Arc<Block>, before: Cursor, space: &mut usize) -> Bytes {
        let most = longest_body(block.footprint());
        if most <= *space {
            *space -= self.prepare(&block, before).min(*space);
            return Bytes::Block(block);
        }
        if most >= LONG
            && let Some(bytes) = self.room.long_rendering(before.block, self.rendition)
        {
            return Bytes::Shared(bytes);
        }
        let rendered = block.render(self.rendition);
        self.count_work(rendered.bytes.len());
        self.room.counters().count_escapes(rendered.escapes);
        if rendered.bytes.len() < LONG {
            return Bytes::Owned(rendered.bytes);
        }
        let bytes = Arc::new(rendered.bytes);
        self.room.keep_long_rendering(before.block, self.rendition, &bytes);
        Bytes::Shared(bytes)
    }

    /// Is a message of the block longer than the member accepts?
    fn has_too_long(&mut self, block: &Block, before: Cursor) -> bool {
        let mut measured = Measured::default();
        let has = block.has_too_long(self.rendition, self.max_body as usize, &mut measured);
        self.count_measured(measured, before);
        has
    }

    /// Adds the messages of a block from the position on whose numbers are less than `end`, as far as they are not too long.
    fn push_part(&mut self, block: &Block, before: Cursor, end: u64) {
        let (rendition, after) = (self.rendition, before.seq() - 1);
        let selection = Selection { rendition, after, before: end, max_body: self.max_body as usize };
        let mut measured = Measured::default();
        let RenderedPart { rendered, messages, missed } = block.render_part(selection, &mut measured);
        self.count_measured(measured, before);
        self.count_work(rendered.bytes.len() + SKIP * usize::try_from(block.messages()).unwrap_or(usize::MAX));
        self.room.counters().count_escapes(rendered.escapes);
        self.push(Bytes::Owned(rendered.bytes), Delivered { messages, missed }, before);
    }

    fn count_measured(&mut self, measured: Measured, before: Cursor) {
        self.count_work(measured.work);
        if measured.added > 0 {
            self.room.add_rendered(before.block, measured.added);
        }
    }

    fn push(&mut self, bytes: Bytes, delivered: Delivered, before: Cursor) {
        let chunk = Chunk { bytes, rendition: self.rendition, written: 0, delivered, before };
        if !chunk.bytes().is_empty() {
            if self.chunks.capacity() == 0 {
                self.chunks = SPARE.take();
            }
            self.chunks.push_back(chunk);
        }
    }

    /// Gives the queue to the next feed that writes: this member may wait for a long time.
    fn spare_chunks(&mut self) {
        let chunks = std::mem::take(&mut self.chunks);
        if (1..=MAX_SPARE).contains(&chunks.capacity()) {
            SPARE.set(chunks);
        }
    }
}
