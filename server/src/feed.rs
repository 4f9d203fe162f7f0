//! A feed: one member's cursor into its room's log, and what of it is being written.

use std::cell::Cell;
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::task::Waker;

use bookend::PresenceEvent;

use crate::block::Block;
use crate::hub::Hub;
use crate::log::{Cursor, Missed};
use crate::rendition::{Rendered, Rendition};
use crate::room::{Here, Room};
use crate::scratch;

/// Chunks that a thread's spare queue may have room for.
const MAX_SPARE: usize = 64;

thread_local! {
    /// An empty queue of chunks, for whoever writes next: without it, each delivery to a member that was asleep would be
    /// one allocation more.
    static SPARE: Cell<VecDeque<Chunk>> = const { Cell::new(VecDeque::new()) };
}

#[derive(Debug)]
pub(crate) struct Feed {
    room: Arc<Room>,
    id: u32,
    rendition: Rendition,
    max_body: u32,
    /// Behind everything in `chunks`.
    cursor: Cursor,
    replay: Option<Box<Replay>>,
    /// What is to be written, in order; the first may be written in part.
    chunks: VecDeque<Chunk>,
    /// Where and when this member was listed as asleep.
    listed: Option<NonZeroU64>,
    /// Messages that the member was told it missed.
    missed: u64,
}

/// What a member asked to get again: messages only, up to where it joined.
#[derive(Debug)]
struct Replay {
    /// The last message that it had.
    after: u64,
    /// Where it joined.
    end: Cursor,
}

#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    rendition: Rendition,
    written: usize,
    told: Count,
    /// The cursor before it.
    before: Cursor,
}

/// What a member is told with some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Messages.
    pub(crate) messages: u64,
    /// Messages that it missed.
    pub(crate) missed: u64,
}

#[derive(Debug)]
enum Bytes {
    Shared(Arc<Block>),
    Own(Vec<u8>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Shared(block) => block.rendered(self.rendition).map_or(&[], |rendered| &rendered.bytes),
            Bytes::Own(bytes) => bytes,
        }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes()[self.written..]
    }
}

impl Feed {
    pub(crate) fn new(room: Arc<Room>, id: u32, rendition: Rendition, max_body: u32, cursor: Cursor) -> Feed {
        Feed { room, id, rendition, max_body, cursor, replay: None, chunks: VecDeque::new(), listed: None, missed: 0 }
    }

    /// Begins with the messages behind number `after`, which lie from `start` on.
    pub(crate) fn replay(&mut self, after: u64, start: Cursor) {
        self.replay = Some(Box::new(Replay { after, end: self.cursor }));
        self.cursor = start;
    }

    pub(crate) fn rendition(&self) -> Rendition {
        self.rendition
    }

    /// Messages that have not been written as a whole.
    pub(crate) fn behind(&self) -> u64 {
        let begun: u64 = self.chunks.iter().map(|chunk| chunk.told.messages).sum();
        begun + self.room.messages_behind(self.cursor)
    }

    /// Messages that the member was told it missed.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    /// Counts messages that the member was told it missed, not by this feed.
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

    /// What is told from now on comes in this form.
    pub(crate) fn set_rendition(&mut self, rendition: Rendition) {
        self.give_back();
        self.rendition = rendition;
        self.listed = None;
    }

    /// Is anything to be written?
    pub(crate) fn is_behind(&self) -> bool {
        !self.chunks.is_empty() || self.room.is_behind(self.cursor)
    }

    /// Is nothing written in part, no frame and no line?
    pub(crate) fn is_at_boundary(&self) -> bool {
        self.chunks.front().is_none_or(|chunk| chunk.rendition.is_boundary(chunk.bytes(), chunk.written))
    }

    /// The rest of the frame or line that is written in part.
    pub(crate) fn rest_of_unit(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| {
            let end = chunk.rendition.unit_end(chunk.bytes(), chunk.written);
            &chunk.bytes()[chunk.written..end]
        })
    }

    /// Is anything to be written? What was told and is nothing to this member is passed over.
    pub(crate) fn has_more(&mut self, hub: &Hub) -> bool {
        if self.chunks.is_empty() {
            self.fetch(hub);
        }
        !self.chunks.is_empty()
    }

    /// What is to be written next: one large piece as it lies in the log, or many small ones gathered in `buffer`.
    pub(crate) fn next<'a>(&'a mut self, buffer: &'a mut Vec<u8>, hub: &Hub) -> &'a [u8] {
        self.has_more(hub);
        let Some(first) = self.chunks.front() else { return &[] };
        if self.chunks.len() == 1 || first.rest().len() >= scratch::SIZE / 4 {
            return self.chunks.front().map_or(&[], Chunk::rest);
        }
        for chunk in &self.chunks {
            let rest = chunk.rest();
            let room = scratch::SIZE - buffer.len();
            buffer.extend_from_slice(&rest[..rest.len().min(room)]);
            if rest.len() >= room {
                break;
            }
        }
        buffer
    }

    /// `count` bytes of what is to be written next have been. What has been told with them, to its end?
    pub(crate) fn wrote(&mut self, mut count: usize) -> Count {
        let mut told = Count::default();
        while count > 0
            && let Some(first) = self.chunks.front_mut()
        {
            let rest = first.rest().len();
            if count < rest {
                first.written += count;
                break;
            }
            count -= rest;
            told.messages += first.told.messages;
            told.missed += first.told.missed;
            self.chunks.pop_front();
        }
        self.missed += told.missed;
        told
    }

    /// Keeps nothing of the log but what is written in part: it may be long until the rest can be.
    pub(crate) fn give_back(&mut self) {
        let keep = usize::from(self.chunks.front().is_some_and(|chunk| chunk.written > 0));
        if let Some(dropped) = self.chunks.get(keep) {
            self.cursor = dropped.before;
            self.chunks.truncate(keep);
        }
        if self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
    }

    /// Sees to it that `waker` is woken when something is told. False if something is to be written now.
    pub(crate) fn sleep(&mut self, waker: &Waker) -> bool {
        if self.is_behind() {
            return false;
        }
        self.spare_chunks();
        let any = self.rendition.tells_presence();
        if self.listed.is_some_and(|since| self.room.is_listed(any, since)) {
            return true;
        }
        self.listed = self.room.sleep(self.id, any, self.cursor, waker);
        self.listed.is_some()
    }

    /// Forgets that it was listed as asleep: it was with another waker.
    pub(crate) fn relist(&mut self) {
        self.listed = None;
    }

    /// Takes what was told and not yet written, as much as is good for one write.
    fn fetch(&mut self, hub: &Hub) {
        while self.chunks.is_empty() && self.room.is_behind(self.cursor) {
            let reading = self.room.read(self.cursor, self.rendition, scratch::SIZE);
            if reading.missed != Missed::default() {
                self.push_missed(reading.here, reading.missed);
            }
            self.cursor = reading.cursor;
            for block in reading.first.into_iter().chain(reading.others) {
                self.push_block(block, hub);
            }
        }
    }

    fn push_block(&mut self, block: Arc<Block>, hub: &Hub) {
        let before = self.cursor;
        self.cursor = before.behind(&block);
        if let Some(after) =
            self.replay.as_ref().filter(|replay| before.block < replay.end.block).map(|replay| replay.after)
        {
            // Older changes of who is here are skipped, the member's own coming is the last of them.
            if !block.is_change() {
                let rendered = block.render(self.rendition, after);
                hub.count_escapes(rendered.escapes);
                self.push_within(&rendered, block.messages_behind(after), before);
            }
            return;
        }
        if block.is_change() && !self.rendition.tells_presence() {
            return;
        }
        if let Some((bytes, escaped)) = block.prepare(self.rendition) {
            self.room.grew(before.block, bytes);
            hub.count_escapes(escaped);
        }
        match block.rendered(self.rendition) {
            Some(rendered) if rendered.longest > self.max_body as usize => {
                self.push_within(rendered, block.messages(), before);
            }
            _ => {
                let told = Count { messages: block.messages(), missed: 0 };
                self.push(Bytes::Shared(block), told, before);
            }
        }
    }

    fn push_within(&mut self, rendered: &Rendered, messages: u64, before: Cursor) {
        let (bytes, missed) = if rendered.longest > self.max_body as usize {
            self.rendition.within(self.max_body as usize, rendered)
        } else {
            (rendered.bytes.clone(), 0)
        };
        self.push(Bytes::Own(bytes), Count { messages: messages - missed, missed }, before);
    }

    /// Tells what was missed: how many messages, and who is here where that may have changed.
    fn push_missed(&mut self, here: Option<Here>, missed: Missed) {
        let mut out = Rendered::default();
        if missed.messages > 0 {
            self.rendition.gap(missed.messages, &mut out);
        }
        let Here { crowd, members } = here.unwrap_or_default();
        if let Some(here) = crowd {
            self.rendition.crowd(here, self.room.name(), &mut out);
        }
        for (id, name) in members {
            self.rendition.presence(id, PresenceEvent::Here, &name, &mut out);
        }
        self.push(Bytes::Own(out.bytes), Count { messages: 0, missed: missed.messages }, self.cursor);
    }

    fn push(&mut self, bytes: Bytes, told: Count, before: Cursor) {
        let chunk = Chunk { bytes, rendition: self.rendition, written: 0, told, before };
        if !chunk.bytes().is_empty() {
            if self.chunks.capacity() == 0 {
                self.chunks = SPARE.take();
            }
            self.chunks.push_back(chunk);
        }
    }

    /// Keeps no room for chunks: this member may be asleep for long, and the next one to write is there already.
    fn spare_chunks(&mut self) {
        let chunks = std::mem::take(&mut self.chunks);
        if (1..=MAX_SPARE).contains(&chunks.capacity()) {
            SPARE.set(chunks);
        }
    }
}
