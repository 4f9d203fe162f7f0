//! The answers of an admin listener, and their output.
//!
//! Peers choose names and reasons, so these are always escaped before they reach the terminal.

mod bans;
mod history;

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use bookend::{displayed, escaped, is_disturbing};
use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::action::Action;
use bans::{Ban, Banned, Bans, Kept};
use history::{History, KeptMessages};

/// An answer as received.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

#[derive(Deserialize)]
struct Status {
    state: String,
    version: String,
    pid: u32,
    seconds: u64,
    connections: u64,
    members: u64,
    rooms: u64,
    log_bytes: u64,
    messages: u64,
    deliveries: u64,
    bytes_received: u64,
    bytes_sent: u64,
    /// `None` if the hub keeps nothing on disk.
    #[serde(default)]
    history: Option<History>,
}

#[derive(Deserialize)]
struct Connections {
    connections: Vec<Connection>,
    unanswered: u64,
    closed: Vec<Closed>,
}

#[derive(Deserialize)]
struct Connection {
    connection: u64,
    peer: String,
    state: String,
    room: Option<String>,
    name: Option<String>,
    rtt: Option<f64>,
    behind: u64,
    idle: u64,
}

#[derive(Deserialize)]
struct Closed {
    connection: u64,
    peer: String,
    name: Option<String>,
    by: String,
    reason: String,
    at: u64,
}

#[derive(Deserialize)]
struct Rooms {
    rooms: Vec<Room>,
}

#[derive(Deserialize)]
struct Room {
    room: String,
    members: u64,
    messages: u64,
    log_bytes: u64,
    /// What is kept on disk; `None` if the room is not kept there.
    #[serde(default)]
    history: Option<KeptMessages>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    detail: String,
    #[serde(default)]
    faults: Vec<String>,
}

#[derive(Deserialize)]
struct Kicked {
    kicked: String,
    #[serde(default)]
    bans: Vec<Banned>,
}

#[derive(Deserialize)]
struct Said {
    rooms: u64,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The reasons for a refusal, one per line.
    pub(super) fn reasons(&self) -> Vec<String> {
        match serde_json::from_str(&self.body) {
            Ok(Refusal { error, detail, faults }) => {
                std::iter::once(format!("{error}: {detail}")).chain(faults).collect()
            }
            Err(_) => vec![format!("the answer is not from an admin listener: {}", self.status)],
        }
    }

    /// The output, and whether the command succeeds.
    pub(super) fn printed(&self, action: &Action, json: bool) -> Result<(String, bool), String> {
        let is_success = match action {
            Action::Status => self.read::<Status>()?.state == "ready",
            _ => true,
        };
        let text = match action {
            Action::Metrics => lines(&self.body),
            _ if json => plain_json(&self.body),
            Action::Status => status(&self.read()?),
            Action::Connections { closed: false } => connections(&self.read()?),
            Action::Connections { closed: true } => closed(&self.read()?, now()),
            Action::Rooms => rooms(&self.read()?, now()),
            Action::Kick { ban, .. } => {
                let Kicked { kicked, bans } = self.read()?;
                let bans: String = bans.iter().map(|banned| bans::banned(banned, now())).collect();
                let remark = if ban.is_some() { bans::remark(self.read::<Kept>()?.kept) } else { "" };
                format!("disconnected {}\n{bans}{remark}", escaped(&kicked))
            }
            Action::Ban { .. } => bans::banned(&self.read()?, now()) + bans::remark(self.read::<Kept>()?.kept),
            Action::Bans => bans::table(&self.read::<Bans>()?, now()),
            Action::Unban { .. } => bans::lifted(&self.read::<Ban>()?),
            Action::Say { .. } => format!("sent to {}\n", counted(self.read::<Said>()?.rooms, "room")),
            Action::Drain => "the hub is shutting down\n".into(),
            Action::Reload => "the new settings are in force\n".into(),
        };
        Ok((text, is_success))
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(&self.body).map_err(|error| format!("the answer is not from a hub: {error}"))
    }
}

fn status(status: &Status) -> String {
    let Status { state, version, pid, seconds, connections, members, rooms, .. } = status;
    let mut out = format!("bookend-server {}, process {pid}: {}\n", escaped(version), escaped(state));
    let mut row = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<12} {value}"); // writing to a string succeeds
    };
    row("up", time(*seconds));
    row("connections", format!("{connections}; {} in {}", counted(*members, "member"), counted(*rooms, "room")));
    row("messages", format!("{}, written {}", status.messages, counted(status.deliveries, "time")));
    row("bytes", format!("{} read, {} written", size(status.bytes_received), size(status.bytes_sent)));
    row("in memory", size(status.log_bytes));
    if let Some(kept) = &status.history {
        row("history", history::state(kept, now()));
    }
    out
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn connections(list: &Connections) -> String {
    let mut out = String::from("    NO NAME             ROOM         PEER                   RTT/ms BEHIND IDLE\n");
    for connection in &list.connections {
        let name = connection.name.clone().unwrap_or_else(|| format!("({})", connection.state));
        let rtt = connection.rtt.map_or_else(|| "-".into(), milliseconds);
        let _ = writeln!(
            out,
            "{:>6} {} {} {} {rtt:>7} {:>6} {:>4}",
            connection.connection,
            cell(&name, 16),
            cell(connection.room.as_deref().unwrap_or("-"), 12),
            cell(&connection.peer, 21),
            connection.behind,
            time(connection.idle),
        );
    }
    if list.unanswered > 0 {
        let _ = writeln!(out, "and {} that did not answer in time", list.unanswered);
    }
    out
}

fn closed(list: &Connections, now: u64) -> String {
    let mut out = String::from("    NO NAME             PEER                  BY   REASON              AGO\n");
    for closed in &list.closed {
        let _ = writeln!(
            out,
            "{:>6} {} {} {} {} {:>4}",
            closed.connection,
            cell(closed.name.as_deref().unwrap_or("-"), 16),
            cell(&closed.peer, 21),
            cell(&closed.by, 4),
            cell(&closed.reason, 18),
            time(now.saturating_sub(closed.at) / 1000),
        );
    }
    out
}

fn rooms(list: &Rooms, now: u64) -> String {
    let mut out = String::from("ROOM                     MEMBERS     MESSAGES    MEMORY   HISTORY OLDEST\n");
    for Room { room, members, messages, log_bytes, history } in &list.rooms {
        let (kept, oldest) = history.as_ref().map_or_else(|| ("-".into(), "-".into()), |kept| kept.cells(now));
        let (room, memory) = (cell(room, 23), size(*log_bytes));
        let _ = writeln!(out, "{room} {members:>8} {messages:>12} {memory:>9} {kept:>9} {oldest:>6}");
    }
    out
}

/// A name or another text in a cell of `width` columns. Text that does not fit ends with an ellipsis.
fn cell(text: &str, width: usize) -> String {
    let text = displayed(text).to_string();
    let mut out = String::new();
    let mut used = 0;
    let is_whole = text.width() <= width;
    for character in text.chars() {
        let columns = character.width().unwrap_or(0);
        if !is_whole && used + columns > width - 1 {
            out.push('…');
            used += 1;
            break;
        }
        out.push(character);
        used += columns;
    }
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
    out
}

/// A duration in its largest whole unit.
fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn milliseconds(time: f64) -> String {
    if time < 100.0 { format!("{time:.2}") } else { format!("{time:.0}") }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        10_485_760..10_737_418_240 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

/// Lines without characters that disturb a terminal.
fn lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", escaped(line))).collect()
}

/// JSON without characters that disturb a terminal. They can only occur in strings, where they are escaped.
fn plain_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        match character {
            '\n' => out.push('\n'),
            character if is_disturbing(character) => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out.push('\n');
    out
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(name: &str) -> Connection {
        Connection {
            connection: 999_999,
            peer: "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535".into(),
            state: "member".into(),
            room: Some("宴会".repeat(10)),
            name: Some(name.into()),
            rtt: Some(12_345.678),
            behind: 999_999,
            idle: 172_799,
        }
    }

    #[test]
    fn tables_fit_in_80_columns_with_any_names() {
        let names = [
            "a",
            &"x".repeat(64),
            &"日本語".repeat(7),
            "\u{1b}[31mred",
            "e\u{301}\u{301}\u{301}",
            "👩‍🚀👩‍🚀👩‍🚀👩‍🚀👩‍🚀👩‍🚀👩‍🚀👩‍🚀👩‍🚀",
        ];
        let list = Connections {
            connections: names.iter().map(|name| connection(name)).collect(),
            unanswered: 3,
            closed: names
                .iter()
                .map(|name| Closed {
                    connection: 7,
                    peer: "unix:7(uid=1000,pid=4242)".into(),
                    name: Some((*name).into()),
                    by: "peer".into(),
                    reason: "encoding-refused".into(),
                    at: 0,
                })
                .collect(),
        };
        let kept = Rooms {
            rooms: vec![Room {
                room: "ü".repeat(64),
                members: 99_999_999,
                messages: u64::MAX >> 24,
                log_bytes: 8 << 30,
                history: Some(KeptMessages { messages: u64::MAX, bytes: 9000 << 30, since: 1 }),
            }],
        };
        for table in [connections(&list), closed(&list, 60_000), rooms(&kept, u64::MAX >> 24)] {
            for line in table.lines() {
                assert!(line.width() <= 80, "{}: {line}", line.width());
                assert!(!line.chars().any(is_disturbing), "{line:?}");
            }
        }
        let lines: Vec<_> = connections(&list).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 8);
        let short = "999999 a                宴会宴会宴…  [2001:db8:1234:5678:…   12346 999999  47h";
        assert_eq!(lines[1], short);
    }

    #[test]
    fn refusal_is_reported_with_all_its_faults_and_other_answers_as_such() {
        let answer = |body: &str| Answer { status: StatusCode::UNPROCESSABLE_ENTITY, body: body.into() };
        let refusal = answer(r#"{"error":"reload-refused","detail":"the old stay","faults":["a","b"]}"#);
        assert_eq!(refusal.reasons(), ["reload-refused: the old stay", "a", "b"]);
        assert_eq!(answer("<html>").reasons(), ["the answer is not from an admin listener: 422 Unprocessable Entity"]);
        assert!(answer("{}").printed(&Action::Status, true).is_err());
    }

    #[test]
    fn escaped_json_is_still_json() {
        let text = plain_json("{\"name\":\"a\u{9b}31m\u{202e}b\"}\n");
        assert_eq!(text, "{\"name\":\"a\\u009b31m\\u202eb\"}\n");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["name"], "a\u{9b}31m\u{202e}b");
    }

    #[test]
    fn durations_use_one_unit() {
        for (seconds, shown) in [(0, "0s"), (59, "59s"), (60, "1m"), (3600, "1h"), (172_799, "47h"), (172_800, "2d")] {
            assert_eq!(time(seconds), shown);
        }
    }
}
