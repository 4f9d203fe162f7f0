//! What has been said and has happened, as far as it is remembered.

use std::collections::VecDeque;

/// Entries that are remembered.
const ENTRIES: usize = 10_000;
/// Names that an entry of comings and goings holds.
const FOLDED: usize = 50;

/// One thing that has been said or has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Said(Said),
    /// Who came and went, one after the other, with nothing said in between: true for who came.
    Moved(Vec<(String, bool)>),
    /// Something that the program has to say.
    Notice(String),
    /// The same, of something that went wrong.
    Trouble(String),
    /// Messages that did not come.
    Missed(String),
    /// What is behind it has not been read.
    Unread,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Milliseconds since 1970, where the hub says it.
    pub(super) time: Option<u64>,
    pub(super) name: String,
    /// Bytes are shown as so many.
    pub(super) text: String,
    /// Is it this client's own?
    pub(super) own: bool,
    /// Is it for this client alone, or from it for one alone?
    pub(super) private: bool,
    /// Does it name this client?
    pub(super) mention: bool,
}

/// The newest entries.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// How many have come since that was asked.
    new: usize,
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry) {
        if let (Some(Entry::Moved(moved)), Entry::Moved(more)) = (self.entries.back_mut(), &entry)
            && moved.len() + more.len() <= FOLDED
        {
            moved.extend_from_slice(more);
            return;
        }
        self.entries.push_back(entry);
        self.new += 1;
        if self.entries.len() > ENTRIES {
            self.entries.pop_front();
        }
    }

    /// Who went last has come again under another name, if it was this one that went: its going is forgotten.
    pub(super) fn unsay_going(&mut self, name: &str) {
        if let Some(Entry::Moved(moved)) = self.entries.back_mut()
            && moved.pop_if(|(gone, came)| gone == name && !*came).is_some()
            && moved.is_empty()
        {
            self.entries.pop_back();
            self.new = self.new.saturating_sub(1);
        }
    }

    /// Puts the mark of what is unread at the end, unless it stands somewhere.
    pub(super) fn mark(&mut self) {
        if !self.entries.contains(&Entry::Unread) {
            self.push(Entry::Unread);
        }
    }

    /// All has been read. A mark with nothing behind it is removed as well.
    pub(super) fn unmark(&mut self) {
        self.entries.retain(|entry| *entry != Entry::Unread);
    }

    pub(super) fn unmark_if(&mut self, read: bool) {
        if read {
            self.unmark();
        }
    }

    /// How many entries have come since this was asked.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(name: &str, came: bool) -> Entry {
        Entry::Moved(vec![(name.into(), came)])
    }

    #[test]
    fn comings_and_goings_are_one_entry() {
        let mut log = Log::default();
        log.push(moved("ann", true));
        log.push(moved("bob", true));
        log.push(moved("ann", false));
        log.push(Entry::Notice("x".into()));
        log.push(moved("cid", true));
        let entries: Vec<_> = log.newest_first().cloned().collect();
        let folded = vec![("ann".into(), true), ("bob".into(), true), ("ann".into(), false)];
        assert_eq!(entries, [moved("cid", true), Entry::Notice("x".into()), Entry::Moved(folded)]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut log = Log::default();
        for number in 0..2 * ENTRIES {
            log.push(Entry::Notice(number.to_string()));
            log.push(moved("ann", number % 2 == 0));
        }
        assert_eq!(log.newest_first().count(), ENTRIES);
    }
}
