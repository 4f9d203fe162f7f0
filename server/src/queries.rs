//! The queries of one member, which are answered one after the other (R9.44).
//!
//! A page is made of what the room has in memory, and if that is not enough, of what its store reads. Nothing blocks.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bookend::Encoding;
use tokio::sync::oneshot;

use crate::block::Block;
use crate::matching::Pattern;
use crate::page::{Form, Page, Wanted};
use crate::rendition::Rendered;
use crate::room::{InMemory, Room};
use crate::store::{StoreQuery, StoreRead};

/// How many bytes of blocks in memory are looked at before others go on.
const PIECE: usize = 64 << 10;
/// How many bytes of blocks a store is asked for at a time.
const BYTES: usize = 256 << 10;

#[derive(Debug, Default)]
pub(crate) struct Queries {
    waiting: VecDeque<Query>,
    reading: Option<Reading>,
}

/// What a member asks for.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) asker: Asker,
    pub(crate) before: u64,
    /// How many messages. A page may have fewer.
    pub(crate) count: usize,
    /// Only messages that contain this text.
    pub(crate) text: Option<Box<str>>,
    pub(crate) form: Form,
    /// It is answered when messages before this number may be read.
    pub(crate) after: u64,
}

/// Who is to get the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The REQUEST of that id.
    Request(NonZeroU32),
    /// A command of a terminal.
    Command,
    /// A terminal that has joined: it is shown what was said before, and then what is said.
    Newcomer,
}

/// A page, or the error that the store could not read it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) asker: Asker,
    pub(crate) page: Result<Rendered, Unreadable>,
}

/// The store has failed or is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// What was done for the queries.
#[derive(Debug)]
pub(crate) enum Progress {
    Answer(Answer),
    /// That many bytes were looked at.
    Work(usize),
}

/// The query that is being answered.
#[derive(Debug)]
struct Reading {
    asker: Asker,
    page: Page,
    /// All that is kept from this number on has been added, or is in `blocks`.
    before: u64,
    text: Option<Arc<Pattern>>,
    /// Blocks that have been read, oldest first. The last one is added next.
    blocks: Vec<Arc<Block>>,
    /// The messages in `blocks` that a store has found, if it has searched.
    found: Option<Vec<u64>>,
    source: Source,
}

/// Where the next blocks come from.
#[derive(Debug)]
enum Source {
    Memory,
    /// The store, which has been asked or will be.
    Store(Option<oneshot::Receiver<StoreRead>>),
    /// No more are kept.
    Nowhere,
}

/// What one step has brought: the page, or how many bytes were looked at, and more may follow.
enum Step {
    More(usize),
    Done(Result<Rendered, Unreadable>),
}

impl Queries {
    pub(crate) fn push(&mut self, query: Query) {
        self.waiting.push_back(query);
    }

    /// Drops a query that is not answered yet.
    pub(crate) fn cancel(&mut self, asker: Asker) {
        self.waiting.retain(|query| query.asker != asker);
        self.reading.take_if(|reading| reading.asker == asker);
    }

    /// Are all answered?
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.reading.is_none()
    }

    /// Must the events of the room wait, because the member is shown first what was said before?
    pub(crate) fn hold_events(&self) -> bool {
        let next = self.reading.as_ref().map(|reading| reading.asker);
        next.or_else(|| self.waiting.front().map(|query| query.asker)) == Some(Asker::Newcomer)
    }

    /// Goes on with the first query, whose answer has at most `most` messages. Pending if there is none, or the store reads,
    /// which wakes the task.
    pub(crate) fn poll(&mut self, room: &Room, most: usize, cx: &mut Context<'_>) -> Poll<Progress> {
        if self.reading.is_none() {
            if self.waiting.front().is_some_and(|query| !room.is_readable_before(query.after)) {
                return Poll::Pending; // the task is woken by the events of the room
            }
            self.reading = self.waiting.pop_front().map(|query| Reading::new(query, room, most));
        }
        let Some(reading) = &mut self.reading else { return Poll::Pending };
        match reading.step(room, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Step::More(work)) => Poll::Ready(Progress::Work(work)),
            Poll::Ready(Step::Done(page)) => {
                let asker = reading.asker;
                self.reading = None;
                Poll::Ready(Progress::Answer(Answer { asker, page }))
            }
        }
    }
}

impl Reading {
    fn new(query: Query, room: &Room, most: usize) -> Reading {
        let Query { asker, before, count, text, form, .. } = query;
        let InMemory { first_seq, next_seq, .. } = room.last_in_memory(before, 0);
        let before = before.min(next_seq);
        let wanted = match asker {
            // A newcomer has not asked.
            Asker::Newcomer => Wanted { before, count, asked: 0, is_search: false },
            _ => Wanted { before, count: count.min(most.max(1)), asked: count, is_search: text.is_some() },
        };
        let page = Page::new(wanted, first_seq, form);
        let text = text.map(|text| Arc::new(Pattern::new(&text)));
        Reading { asker, page, before, text, blocks: Vec::new(), found: None, source: Source::Memory }
    }

    fn step(&mut self, room: &Room, cx: &mut Context<'_>) -> Poll<Step> {
        let looked_at = self.add_blocks();
        if self.page.is_full() {
            return Poll::Ready(Step::Done(Ok(self.page.render())));
        }
        if !self.blocks.is_empty() {
            return Poll::Ready(Step::More(looked_at));
        }
        match &mut self.source {
            Source::Memory => {
                self.blocks = room.last_in_memory(self.before, self.wanted() as u64).blocks;
                match self.blocks.first() {
                    Some(oldest) => self.before = oldest.first_seq(),
                    None => self.source = Source::Store(None),
                }
            }
            Source::Store(None) => self.ask_store(room),
            Source::Store(Some(receiver)) => {
                let read = ready!(Pin::new(receiver).poll(cx));
                if !read.is_ok_and(|read| self.take_stored(read)) {
                    return Poll::Ready(Step::Done(Err(Unreadable)));
                }
            }
            Source::Nowhere => {
                if self.asker != Asker::Newcomer {
                    self.page.end();
                }
                return Poll::Ready(Step::Done(Ok(self.page.render())));
            }
        }
        Poll::Ready(Step::More(looked_at))
    }

    /// How many messages are needed: one more, which shows that the page does not begin with the first one.
    fn wanted(&self) -> usize {
        self.page.missing().saturating_add(1)
    }

    /// Adds blocks to the page, up to a limit. Returns how many bytes it has looked at.
    fn add_blocks(&mut self) -> usize {
        let mut looked_at = 0;
        let (text, found) = (self.text.as_ref(), self.found.as_deref());
        while looked_at < PIECE
            && !self.page.is_full()
            && let Some(block) = self.blocks.pop()
        {
            looked_at += block.footprint();
            self.page.add(&block, |seq, payload| match (found, text) {
                (Some(found), _) => found.binary_search(&seq).is_ok(),
                (None, Some(pattern)) => payload.encoding != Encoding::Binary && pattern.is_in(&payload.to_str()),
                (None, None) => true,
            });
        }
        looked_at
    }

    /// Has the store read what is not in memory.
    fn ask_store(&mut self, room: &Room) {
        let (before, count, bytes) = (self.before, self.wanted(), BYTES);
        let query = match &self.text {
            None => StoreQuery::Before { before, count, bytes },
            Some(text) => StoreQuery::Search { before, count, bytes, text: text.clone() },
        };
        self.source = match room.store() {
            None => Source::Nowhere,
            Some((store, id)) => Source::Store(Some(store.read(id, query))),
        };
    }

    /// Takes what the store has read. False if that is nothing new, although it has more.
    fn take_stored(&mut self, read: StoreRead) -> bool {
        let StoreRead { blocks, found, is_end, .. } = read;
        self.found = self.text.is_some().then_some(found);
        let oldest = match &self.found {
            Some(found) => found.first().copied(),
            None => blocks.first().map(|block| block.first_seq()),
        };
        self.blocks = blocks;
        self.source = if is_end { Source::Nowhere } else { Source::Store(None) };
        let is_new = oldest.is_some_and(|oldest| oldest < self.before);
        self.before = oldest.unwrap_or(self.before);
        is_new || is_end
    }
}

#[cfg(test)]
mod tests;
