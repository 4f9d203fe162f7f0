//! What is kept, and where.

use std::path::PathBuf;
use std::time::Duration;

use crate::canonical::folded;

/// Which rooms a hub keeps, for how long, and in which file. [`History::reconfigure`](crate::History::reconfigure)
/// replaces all but `path` and `readers`.
#[derive(Clone, Debug)]
pub struct HistoryConfig {
    /// The file. Beside it there are `PATH-wal`, `PATH-shm` and `PATH-lock`.
    pub path: PathBuf,
    /// How long what was said may wait for stable storage: confirmations wait for that. `None` confirms what is written,
    /// which a power loss may take back.
    pub sync: Option<Duration>,
    /// The most bytes that are kept of a room; 0 is no limit.
    pub bytes: u64,
    /// How long messages are kept; 0 is no limit.
    pub age: Duration,
    /// The most messages that are kept of a room; 0 is no limit.
    pub messages: u64,
    /// The most bytes that are kept of all rooms; 0 is no limit.
    pub total: u64,
    /// The rooms that are kept: names, or the beginnings of names before `*`, and after `!` those that are not kept although
    /// another entry matches them. They are compared as rooms are (R9.35).
    pub rooms: Vec<String>,
    /// What happens while messages cannot be written.
    pub full: WhenFull,
    /// How many threads read.
    pub readers: usize,
}

/// What happens to messages while they cannot be written, for example because the disk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// They are refused.
    #[default]
    Refuse,
    /// They are delivered. Some may never be kept.
    Live,
}

impl HistoryConfig {
    /// The defaults, for that file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> HistoryConfig {
        HistoryConfig {
            path: path.into(),
            sync: Some(Duration::from_millis(10)),
            bytes: 256 << 20,
            age: Duration::from_secs(30 * 24 * 3600),
            messages: 0,
            total: 10 << 30,
            rooms: vec!["*".into()],
            full: WhenFull::Refuse,
            readers: 4,
        }
    }

    /// Are messages delivered although they cannot be written?
    pub(super) fn is_live(&self) -> bool {
        self.full == WhenFull::Live
    }

    /// Is the room with this folded name kept?
    pub(super) fn keeps(&self, key: &str) -> bool {
        let is_excluded = |pattern: &String| pattern.strip_prefix('!').is_some_and(|pattern| matches(pattern, key));
        let is_included = |pattern: &String| !pattern.starts_with('!') && matches(pattern, key);
        self.rooms.iter().any(is_included) && !self.rooms.iter().any(is_excluded)
    }
}

fn matches(pattern: &str, key: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => key.starts_with(&*folded(prefix)),
        None => key == &*folded(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_named_or_begin_with_a_prefix_whatever_the_case() {
        let mut config = HistoryConfig::new("history.db");
        assert!(config.keeps("anything"));
        config.rooms = vec!["Lobby".into(), "Team-*".into()];
        let kept = ["lobby", "lobby2", "team-a", "team-", "team", "steam-a"].map(|key| config.keeps(key));
        assert_eq!(kept, [true, false, true, true, false, false]);
    }

    #[test]
    fn rooms_after_an_exclamation_mark_are_not_kept_whatever_the_order() {
        let mut config = HistoryConfig::new("history.db");
        for rooms in [["*", "!Doctor-*", "!den"], ["!den", "!Doctor-*", "*"]] {
            config.rooms = rooms.map(String::from).to_vec();
            let kept = ["lobby", "doctor-1f2e-3", "doctor", "den", "den2"].map(|key| config.keeps(key));
            assert_eq!(kept, [true, false, true, false, true], "{rooms:?}");
        }
    }
}
