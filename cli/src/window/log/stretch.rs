//! Consecutive entries, and how many bytes they take.

use std::collections::VecDeque;

use crate::window::entry::Entry;

#[derive(Debug, Default)]
pub(super) struct Stretch {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Stretch {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += entry.cost();
        self.entries.push_back(entry);
    }

    pub(super) fn push_first(&mut self, entry: Entry) {
        self.bytes += entry.cost();
        self.entries.push_front(entry);
    }

    pub(super) fn pop_first(&mut self) -> Option<Entry> {
        self.entries.pop_front().inspect(|entry| self.bytes -= entry.cost())
    }

    pub(super) fn remove(&mut self, index: usize) {
        if let Some(entry) = self.entries.remove(index) {
            self.bytes -= entry.cost();
        }
    }

    /// Changes the last entry; removes it if `change` returns false.
    pub(super) fn change_last(&mut self, change: impl FnOnce(&mut Entry) -> bool) {
        if let Some(mut last) = self.entries.pop_back() {
            self.bytes -= last.cost();
            if change(&mut last) {
                self.push(last);
            }
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        let removed: usize = self.entries.iter().skip(len).map(Entry::cost).sum();
        self.bytes -= removed;
        self.entries.truncate(len);
    }

    pub(super) fn clear(&mut self) {
        *self = Stretch::default();
    }
}
