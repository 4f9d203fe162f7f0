//! What the hub keeps on disk.

use bookend::escaped;
use serde::Deserialize;

use super::{size, time};

/// The state of the store.
#[derive(Deserialize)]
pub(super) struct History {
    path: String,
    bytes: u64,
    wal_bytes: u64,
    messages: u64,
    oldest: u64,
    /// Why nothing can be kept now.
    failing: Option<String>,
    damaged_rows: u64,
}

/// What is kept of a room.
#[derive(Deserialize)]
pub(super) struct KeptMessages {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// The time of the oldest message, in milliseconds since 1970; 0 if there is none.
    pub(super) since: u64,
}

impl KeptMessages {
    /// The size, and how old the oldest message is.
    pub(super) fn cells(&self, now: u64) -> (String, String) {
        match self.messages {
            0 => (size(0), "-".into()),
            _ => (size(self.bytes), age(self.since, now)),
        }
    }
}

/// In one line.
pub(super) fn state(history: &History, now: u64) -> String {
    let History { path, bytes, wal_bytes, messages, oldest, failing, damaged_rows } = history;
    let since = if *messages == 0 { String::new() } else { format!(", the oldest {} ago", age(*oldest, now)) };
    let wal = size(*wal_bytes);
    let path = escaped(path);
    let mut line = format!("{messages} messages, {} in {path}{since}; {wal} in its -wal", size(*bytes));
    if *damaged_rows > 0 {
        line += &format!("; {damaged_rows} damaged rows");
    }
    if let Some(why) = failing {
        line += &format!("; NOT KEEPING: {}", escaped(why));
    }
    line
}

fn age(since: u64, now: u64) -> String {
    time(now.saturating_sub(since) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(failing: Option<&str>, damaged_rows: u64) -> String {
        let history = History {
            path: "/var/lib/h\u{1b}.db".into(),
            bytes: 3 << 20,
            wal_bytes: 7,
            messages: 12,
            oldest: 1_000,
            failing: failing.map(str::to_owned),
            damaged_rows,
        };
        state(&history, 3_601_000)
    }

    #[test]
    fn the_state_says_what_is_kept_and_whether_anything_is_wrong() {
        let good = r"12 messages, 3072 KiB in /var/lib/h\u{1b}.db, the oldest 1h ago; 7 B in its -wal";
        assert_eq!(history(None, 0), good);
        assert_eq!(history(Some("disk full"), 2), format!("{good}; 2 damaged rows; NOT KEEPING: disk full"));
    }

    #[test]
    fn a_room_without_messages_has_no_oldest_one() {
        let kept = |messages| KeptMessages { messages, bytes: 100, since: 1_000 };
        assert_eq!(kept(1).cells(61_000), ("100 B".into(), "1m".into()));
        assert_eq!(kept(0).cells(61_000), ("0 B".into(), "-".into()));
    }
}
