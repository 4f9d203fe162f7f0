//! The messages and events that the window remembers: `past` is what was loaded from the hub, `live` what has happened since.
//!
//! `paging` decides what to ask the hub for. Memory is bounded: of the past, what is far from the view is dropped, and
//! loaded again when the view comes near (`past`). The view is held at an entry, so that it stays where it is when entries
//! are added before or after it.

mod paging;
mod past;
mod stretch;

use std::collections::VecDeque;

use jiff::civil::Date;

use super::entry::{Change, Entry};
use paging::Paging;
pub(super) use paging::{Ask, Top};
use past::Chunk;
pub(super) use past::Part;
use stretch::Stretch;

/// The most changes of presence in one entry.
const FOLDED: usize = 50;

/// Where the last line of the view is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The index of its entry.
    pub(super) entry: usize,
    /// How many lines of the entry are below it.
    pub(super) hidden: usize,
}

/// Entries, and which of them are shown.
#[derive(Debug, Default)]
pub(super) struct Log {
    past: Stretch,
    /// The parts of `past`, oldest first.
    chunks: VecDeque<Chunk>,
    /// What was dropped between `past` and `live`, oldest first. If there is any, the view is in `past`.
    dropped: VecDeque<Part>,
    live: Stretch,
    /// The day to which the first entry of `live` belongs.
    live_day: Option<Date>,
    /// `None` if the newest entry is shown.
    place: Option<Place>,
    /// Lines by which the view is to move up.
    scroll: isize,
    /// Messages since the newest entry was last shown.
    unseen: usize,
    has_unread_mark: bool,
    pub(super) paging: Paging,
}

impl Log {
    /// An empty log; messages that the hub has kept precede number `next`.
    pub(super) fn before(next: u64) -> Log {
        Log { paging: Paging::before(next), ..Log::default() }
    }

    /// Adds an entry after all others.
    pub(super) fn push(&mut self, entry: Entry) {
        if let Entry::Said(said) = &entry {
            self.unseen += usize::from(!said.own);
            self.paging.passed(said.seq);
        }
        let mut entry = Some(entry);
        self.live.change_last(|last| {
            if let (Entry::Presence(changes), Some(Entry::Presence(more))) = (last, &entry)
                && changes.len() + more.len() <= FOLDED
            {
                changes.extend_from_slice(more);
                entry = None;
            }
            true
        });
        if let Some(entry) = entry {
            self.live.push(entry);
            self.make_room();
        }
    }

    /// Removes the last change if it is that `name` left: the member has only changed its name.
    pub(super) fn remove_last_left(&mut self, name: &str) {
        self.live.change_last(|last| match last {
            Entry::Presence(changes) => {
                changes.pop_if(|(left, change)| left == name && *change == Change::Left);
                !changes.is_empty()
            }
            _ => true,
        });
    }

    /// Marks the entries after this point as unread, unless there is a mark already.
    pub(super) fn mark(&mut self) {
        if !std::mem::replace(&mut self.has_unread_mark, true) && self.newest_first().next() != Some(&Entry::Away) {
            self.push(Entry::Unread);
        }
    }

    /// Removes the mark: everything has been read.
    pub(super) fn unmark(&mut self) {
        if std::mem::take(&mut self.has_unread_mark) {
            self.remove_all(&Entry::Unread);
        }
    }

    /// Removes the mark if the newest entry is shown.
    pub(super) fn unmark_if_seen(&mut self) {
        if !self.is_scrolled() {
            self.unmark();
        }
    }

    /// What follows was said while there was no connection. Only the last mark of this kind remains.
    pub(super) fn mark_away(&mut self) {
        self.remove_all(&Entry::Away);
        self.push(Entry::Away);
    }

    fn remove_all(&mut self, mark: &Entry) {
        let marks: Vec<usize> = (0..self.len()).rev().filter(|&index| self.get(index) == Some(mark)).collect();
        marks.into_iter().for_each(|index| self.remove(index));
    }

    /// Removes all entries. What the hub has kept is loaded when the user scrolls back.
    pub(super) fn clear(&mut self, today: Option<Date>) {
        let mut paging = std::mem::take(&mut self.paging);
        paging.rest();
        *self = Log { paging, live_day: today, ..Log::default() };
    }

    /// The first entry belongs to this day, unless its day is known.
    pub(super) fn begin_day(&mut self, day: Date) {
        self.live_day.get_or_insert(day);
    }

    pub(super) fn len(&self) -> usize {
        self.past.len() + self.live.len()
    }

    /// The index after the last entry that the view can reach now.
    pub(super) fn end(&self) -> usize {
        if self.dropped.is_empty() { self.len() } else { self.past.len() }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Entry> {
        self.past.get(index).or_else(|| self.live.get(index.checked_sub(self.past.len())?))
    }

    /// From the oldest to the newest.
    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.past.iter().chain(self.live.iter())
    }

    /// From the newest to the oldest.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries().rev()
    }

    // ---- the view

    /// Moves the view up by so many lines, or down.
    pub(super) fn scroll(&mut self, lines: isize) {
        self.scroll = self.scroll.saturating_add(lines);
        self.paging.scrolled(lines > 0);
    }

    /// Moves the view to the newest entry.
    pub(super) fn show_newest(&mut self) {
        (self.place, self.scroll, self.unseen) = (None, 0, 0);
        self.paging.returned();
        self.forget_far();
    }

    /// True if the newest entry is not shown.
    pub(super) fn is_scrolled(&self) -> bool {
        self.place.is_some() || self.scroll > 0
    }

    /// How many messages have arrived since the newest entry was last shown.
    pub(super) fn unseen(&self) -> usize {
        self.unseen
    }

    pub(super) fn place(&self) -> Option<Place> {
        self.place
    }

    pub(super) fn take_scroll(&mut self) -> isize {
        std::mem::take(&mut self.scroll)
    }

    /// The view is here now: at the newest entry if `place` is `None`.
    pub(super) fn shown(&mut self, place: Option<Place>) {
        self.place = place;
        if place.is_none() {
            self.unseen = 0;
        }
    }
}

#[cfg(test)]
mod tests;
