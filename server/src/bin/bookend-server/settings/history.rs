//! What the hub keeps on disk.

use std::path::PathBuf;
use std::time::Duration;

use bookend_server::{HistoryConfig, WhenFull};

/// The settings of the section `history`. 0 is no limit.
#[derive(Clone, Debug)]
pub(crate) struct HistorySettings {
    /// Without it there is no history.
    pub(crate) path: Option<PathBuf>,
    /// `None` never flushes.
    pub(crate) sync: Option<Duration>,
    /// The most bytes of one room.
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
    /// The most messages of one room.
    pub(crate) messages: u64,
    /// The most bytes of all rooms.
    pub(crate) total: u64,
    /// Names of rooms, or beginnings of names before `*`.
    pub(crate) rooms: Vec<String>,
    pub(crate) full: WhenFull,
    /// How many threads read.
    pub(crate) readers: usize,
    /// The messages that a terminal is shown when it joins. `None` chooses.
    pub(crate) recent: Option<usize>,
}

impl HistorySettings {
    /// The configuration of the store, if there is one.
    pub(crate) fn config(&self) -> Option<HistoryConfig> {
        let mut config = HistoryConfig::new(self.path.clone()?);
        config.sync = self.sync;
        (config.bytes, config.age, config.messages, config.total) = (self.bytes, self.age, self.messages, self.total);
        (config.rooms, config.full, config.readers) = (self.rooms.clone(), self.full, self.readers);
        Some(config)
    }

    /// How many messages a terminal is shown when it joins.
    pub(crate) fn recent(&self) -> usize {
        self.recent.unwrap_or(if self.path.is_some() { RECENT } else { 0 })
    }
}

/// The messages that a terminal is shown if nothing else is set, and messages are kept.
const RECENT: usize = 10;

impl Default for HistorySettings {
    fn default() -> HistorySettings {
        let HistoryConfig { sync, bytes, age, messages, total, rooms, full, readers, .. } = HistoryConfig::new("");
        HistorySettings { path: None, sync, bytes, age, messages, total, rooms, full, readers, recent: None }
    }
}
