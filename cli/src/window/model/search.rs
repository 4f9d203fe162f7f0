//! The messages that contain a text.

use bookend_client::Query;

use crate::window::entry::Entry;
use crate::window::log::Log;

/// A search, and what it has found.
pub(in crate::window) struct Search {
    pub(in crate::window) text: String,
    /// What is found, newest last.
    pub(in crate::window) list: Log,
    has_looked: bool,
}

impl Search {
    pub(super) fn new(text: &str) -> Search {
        Search { text: text.into(), list: Log::before(Query::NOW), has_looked: false }
    }

    /// Looks in the window, if the hub keeps no messages.
    pub(super) fn look_in(&mut self, log: &Log) {
        if self.list.paging.is_without_history() && !std::mem::replace(&mut self.has_looked, true) {
            let text = self.text.to_lowercase();
            let found = |entry: &&Entry| matches!(entry, Entry::Said(said) if said.text.to_lowercase().contains(&text));
            log.entries().filter(found).for_each(|entry| self.list.push(entry.clone()));
        }
    }
}
