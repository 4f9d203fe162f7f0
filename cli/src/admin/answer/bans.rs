//! Bans as a table, and what a change of them has done.

use std::fmt::Write;

use bookend::escaped;
use serde::Deserialize;

use super::{cell, counted, time};

#[derive(Deserialize)]
pub(super) struct Bans {
    bans: Vec<Ban>,
    kept: bool,
}

#[derive(Deserialize)]
pub(super) struct Ban {
    ban: u64,
    network: Option<String>,
    name: Option<String>,
    token: Option<String>,
    reason: String,
    until: u64,
}

/// The answer to `ban`, and each ban of `kick --ban`.
#[derive(Deserialize)]
pub(super) struct Banned {
    #[serde(flatten)]
    ban: Ban,
    closed: u64,
}

#[derive(Deserialize)]
pub(super) struct Kept {
    pub(super) kept: bool,
}

/// What the end of the process does to bans that are not kept.
const NOT_KEPT: &str = "bans are not kept in a file: they end with the process of the hub\n";

impl Ban {
    fn target(&self) -> (&'static str, &str) {
        match (&self.network, &self.name, &self.token) {
            (Some(network), ..) => ("network", network),
            (_, Some(name), _) => ("name", name),
            (.., token) => ("token", token.as_deref().unwrap_or_default()),
        }
    }

    fn left(&self, now: u64) -> String {
        time(self.until.saturating_sub(now).div_ceil(1000))
    }
}

/// A remark if the bans end with the process.
pub(super) fn remark(kept: bool) -> &'static str {
    if kept { "" } else { NOT_KEPT }
}

/// A line for a ban that was added.
pub(super) fn banned(Banned { ban, closed }: &Banned, now: u64) -> String {
    let (kind, target) = ban.target();
    let closed = counted(*closed, "connection");
    format!("ban {}: {kind} {} for {}; {closed} closed\n", ban.ban, escaped(target), ban.left(now))
}

/// A line for a ban that was lifted.
pub(super) fn lifted(ban: &Ban) -> String {
    let (kind, target) = ban.target();
    format!("ban {} lifted: {kind} {}\n", ban.ban, escaped(target))
}

/// A table.
pub(super) fn table(Bans { bans, kept }: &Bans, now: u64) -> String {
    let mut out = String::from("   BAN KIND    WHO                             LEFT REASON\n");
    for ban in bans {
        let (kind, target) = ban.target();
        let (target, left, reason) = (cell(target, 30), ban.left(now), cell(&ban.reason, 28));
        let _ = writeln!(out, "{:>6} {kind:<7} {target} {left:>5} {}", ban.ban, reason.trim_end()); // it is a string
    }
    out + remark(*kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::is_disturbing;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn a_table_fits_in_80_columns_and_says_if_bans_end_with_the_process() {
        let ban = |network: Option<&str>, name: Option<&str>, reason: &str| Ban {
            ban: 10_000,
            network: network.map(Into::into),
            name: name.map(Into::into),
            token: None,
            reason: reason.into(),
            until: 315_360_000_000,
        };
        let bans = vec![
            ban(Some("2001:db8:1234:5678::/64"), None, &"日本".repeat(20)),
            ban(None, Some("\u{1b}[31mred"), "x"),
            ban(None, Some(&"ü".repeat(64)), &"y".repeat(100)),
        ];
        let shown = table(&Bans { bans, kept: false }, 0);
        for line in shown.lines() {
            assert!(line.width() <= 80 && !line.chars().any(is_disturbing), "{line}");
        }
        let first = " 10000 network 2001:db8:1234:5678::/64        3650d 日本日本日本日本日本日本日…";
        assert_eq!(shown.lines().nth(1), Some(first));
        assert!(shown.ends_with(NOT_KEPT) && !table(&Bans { bans: Vec::new(), kept: true }, 0).contains("not kept"));
    }
}
