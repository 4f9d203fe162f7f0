//! The messages and events that the window remembers.

use std::collections::VecDeque;

/// The most entries that are remembered.
const ENTRIES: usize = 10_000;
/// The most changes of presence in one entry.
const FOLDED: usize = 50;

/// A message or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Said(Said),
    /// Members that joined and left, in this order, with no other entry between them.
    Presence(Vec<(String, Change)>),
    /// Information from the program.
    Notice(String),
    /// An error.
    Error(String),
    /// Messages that were missed.
    Missed(String),
    /// The entries after this one are unread.
    Unread,
    /// The entries after this one are of this day.
    Day(String),
}

/// A change of presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Joined,
    Left,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// In milliseconds since 1970, if the hub sent it.
    pub(super) time: Option<u64>,
    pub(super) name: String,
    /// The text, or the number of bytes of a binary message.
    pub(super) text: String,
    /// True if this client sent it.
    pub(super) own: bool,
    /// True if it was sent to one member only.
    pub(super) private: bool,
    /// True if it mentions this client.
    pub(super) mention: bool,
}

/// The newest entries.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Entries since the last call of `take_new`.
    new: usize,
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry) {
        if let (Some(Entry::Presence(changes)), Entry::Presence(more)) = (self.entries.back_mut(), &entry)
            && changes.len() + more.len() <= FOLDED
        {
            changes.extend_from_slice(more);
            return;
        }
        self.entries.push_back(entry);
        self.new += 1;
        if self.entries.len() > ENTRIES {
            self.entries.pop_front();
        }
    }

    /// Removes the last change if it is that `name` left: the member has only changed its name.
    pub(super) fn remove_last_left(&mut self, name: &str) {
        if let Some(Entry::Presence(changes)) = self.entries.back_mut()
            && changes.pop_if(|(left, change)| left == name && *change == Change::Left).is_some()
            && changes.is_empty()
        {
            self.entries.pop_back();
            self.new = self.new.saturating_sub(1);
        }
    }

    /// Marks the entries after this point as unread, unless there is a mark already.
    pub(super) fn mark(&mut self) {
        if !self.entries.contains(&Entry::Unread) {
            self.push(Entry::Unread);
        }
    }

    /// Removes the mark: everything has been read.
    pub(super) fn unmark(&mut self) {
        self.entries.retain(|entry| *entry != Entry::Unread);
    }

    pub(super) fn unmark_if(&mut self, read: bool) {
        if read {
            self.unmark();
        }
    }

    /// The number of entries since the last call.
    pub(super) fn take_new(&mut self) -> usize {
        std::mem::take(&mut self.new)
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// From the newest to the oldest.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }
}

/// A name in a list, where a comma must not make two of it.
pub(super) fn listed(shown: &str) -> String {
    shown.replace(',', "\\u{2c}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence(name: &str, change: Change) -> Entry {
        Entry::Presence(vec![(name.into(), change)])
    }

    #[test]
    fn consecutive_changes_of_presence_are_one_entry() {
        let mut log = Log::default();
        log.push(presence("ann", Change::Joined));
        log.push(presence("bob", Change::Joined));
        log.push(presence("ann", Change::Left));
        log.push(Entry::Notice("x".into()));
        log.push(presence("cid", Change::Joined));
        let entries: Vec<_> = log.newest_first().cloned().collect();
        let folded = vec![("ann".into(), Change::Joined), ("bob".into(), Change::Joined), ("ann".into(), Change::Left)];
        assert_eq!(entries, [presence("cid", Change::Joined), Entry::Notice("x".into()), Entry::Presence(folded)]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut log = Log::default();
        for number in 0..2 * ENTRIES {
            log.push(Entry::Notice(number.to_string()));
            log.push(presence("ann", if number % 2 == 0 { Change::Joined } else { Change::Left }));
        }
        assert_eq!(log.newest_first().count(), ENTRIES);
    }
}
