//! The part of the log that the hub has kept: pages are added before it, and what is far from the view is dropped.

use jiff::civil::Date;

use super::Log;
use crate::window::entry::Entry;

/// The most entries that are remembered of each, the past and the present.
pub(super) const ENTRIES: usize = 5_000;
/// The most bytes of them.
const BYTES: usize = 16 << 20;
/// So many parts of the past are remembered, whatever their size.
const CHUNKS: usize = 4;

/// Messages that the hub has kept: the last `count` ones before number `before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::window) struct Part {
    pub(in crate::window) before: u64,
    pub(in crate::window) count: u32,
}

/// Entries that are dropped, and loaded again, together.
#[derive(Debug)]
pub(super) struct Chunk {
    part: Part,
    entries: usize,
}

impl Log {
    /// The number of the first message, or the number before which the hub is to be asked if there is none.
    pub(super) fn oldest(&self) -> u64 {
        self.entries().find_map(Entry::seq).unwrap_or(self.paging.next)
    }

    /// Adds what the hub has kept before number `before`, which was the oldest one; the last message is of `last_day`.
    pub(super) fn prepend(&mut self, before: u64, mut entries: Vec<Entry>, last_day: Option<Date>) {
        match (self.get(0), last_day, self.live_day) {
            // The new entries begin with their day, so the old ones need not.
            (Some(Entry::Day(day)), Some(last), _) if *day == last => self.remove(0),
            (Some(Entry::Day(_)), ..) => {}
            (_, Some(last), Some(live)) if self.past.len() == 0 && live != last => entries.push(Entry::Day(live)),
            _ => {}
        }
        if entries.is_empty() {
            return;
        }
        if let Some(place) = &mut self.place {
            place.entry += entries.len();
        }
        self.chunks.push_front(Chunk { part: Part { before, count: messages(&entries) }, entries: entries.len() });
        entries.into_iter().rev().for_each(|entry| self.past.push_first(entry));
        self.limit_past();
    }

    /// Adds what had been dropped after the past.
    pub(super) fn reload(&mut self, entries: Vec<Entry>) {
        if let Some(part) = self.dropped.pop_front() {
            self.add_after_past(part, entries);
        }
    }

    fn add_after_past(&mut self, part: Part, entries: Vec<Entry>) {
        self.chunks.push_back(Chunk { part, entries: entries.len() });
        entries.into_iter().for_each(|entry| self.past.push(entry));
        self.limit_past();
    }

    /// The messages that follow the past and were dropped.
    pub(super) fn dropped(&self) -> Option<Part> {
        self.dropped.front().copied()
    }

    /// The number of the last message of the past.
    pub(super) fn last_seq(&self) -> u64 {
        self.past.iter().rev().find_map(Entry::seq).unwrap_or_default()
    }

    /// The time of the last message of the past.
    pub(super) fn last_time(&self) -> Option<u64> {
        self.past.iter().rev().find_map(|entry| if let Entry::Said(said) = entry { said.time } else { None })
    }

    /// Removes one entry. The view stays.
    pub(super) fn remove(&mut self, index: usize) {
        if index >= self.past.len() {
            self.live.remove(index - self.past.len());
        } else {
            self.past.remove(index);
            let mut end = 0;
            let chunk = self.chunks.iter_mut().find(|chunk| {
                end += chunk.entries;
                index < end
            });
            if let Some(chunk) = chunk {
                chunk.entries -= 1;
            }
        }
        if let Some(place) = self.place.as_mut().filter(|place| place.entry > index) {
            place.entry -= 1;
        }
    }

    /// Moves entries from the present to the past if there are too many, or drops them if others in between are dropped.
    pub(super) fn make_room(&mut self) {
        if self.live.len() <= ENTRIES && self.live.bytes() <= BYTES {
            return;
        }
        let mut moved = Vec::new();
        while self.live.len() > 1 && (self.live.len() > ENTRIES / 8 * 7 || self.live.bytes() > BYTES / 8 * 7) {
            moved.extend(self.live.pop_first());
        }
        if let Some(day) =
            moved.iter().rev().find_map(|entry| if let Entry::Day(day) = entry { Some(*day) } else { None })
        {
            self.live_day = Some(day);
        }
        let before = self.live.iter().find_map(Entry::seq).unwrap_or(self.paging.next);
        let part = Part { before, count: messages(&moved) };
        if self.dropped.is_empty() {
            self.add_after_past(part, moved);
        } else if part.count > 0 {
            self.dropped.push_back(part);
        }
    }

    /// The view is at the newest entry: what has no connection to it is dropped.
    pub(super) fn forget_far(&mut self) {
        if !self.dropped.is_empty() {
            self.past.clear();
            self.chunks.clear();
            self.dropped.clear();
            self.paging.has_dropped_oldest();
        }
    }

    /// Drops the end of the past that is farther from the view, until the past is within its limits.
    fn limit_past(&mut self) {
        while self.chunks.len() > CHUNKS && (self.past.len() > ENTRIES || self.past.bytes() > BYTES) {
            if self.is_farther_from_the_end()
                && let Some(last) = self.chunks.pop_back()
            {
                self.past.truncate(self.past.len() - last.entries);
                if last.part.count > 0 {
                    self.dropped.push_front(last.part);
                }
            } else if let Some(first) = self.chunks.pop_front() {
                (0..first.entries).for_each(|_| _ = self.past.pop_first());
                if let Some(place) = &mut self.place {
                    place.entry = place.entry.saturating_sub(first.entries);
                }
                self.paging.has_dropped_oldest();
            }
        }
    }

    /// True if the last chunk may be dropped, and is farther from the view than the first one. A hub that keeps nothing
    /// would not give it back.
    fn is_farther_from_the_end(&self) -> bool {
        let (Some(place), Some(first), Some(last)) = (self.place, self.chunks.front(), self.chunks.back()) else {
            return false;
        };
        let is_near_start = place.entry < self.past.len() / 2 || place.entry < first.entries;
        let is_outside = place.entry < self.past.len() - last.entries;
        is_near_start && is_outside && !self.paging.is_without_history()
    }
}

/// How many messages to everyone these are.
fn messages(entries: &[Entry]) -> u32 {
    u32::try_from(entries.iter().filter(|entry| entry.seq().is_some()).count()).unwrap_or(u32::MAX)
}
