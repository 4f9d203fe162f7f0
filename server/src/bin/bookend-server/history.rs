//! The command `history`: looks into a history file that no hub uses, and changes it.

pub(crate) mod file;

use std::fmt::Write as _;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use bookend::{Payload, displayed, escaped};
use bookend_server::{CheckReport, Deleted, HistoryError, HistoryFile, KeptMessage, KeptRoom};
use serde_json::json;

use crate::arguments::{HistoryArguments, HistoryCommand};
use crate::exit::WRONG_SETTINGS;
use crate::notice::complain;
use crate::settings::Sources;

/// How many bytes of a binary message are shown to people.
const QUOTED: usize = 32;

/// Why a command failed.
enum Failure {
    File(HistoryError),
    Output(io::Error),
    /// It has done its work, and found damage.
    Damage(String),
}

/// Runs the command. Returns the exit status.
pub(crate) fn run(arguments: &HistoryArguments, sources: &Sources) -> ExitCode {
    let path = match &arguments.path {
        Some(path) => path.clone(),
        None => match configured(sources) {
            Ok(path) => path,
            Err(reasons) => {
                complain(&reasons);
                return WRONG_SETTINGS.into();
            }
        },
    };
    let result = HistoryFile::open(&path).map_err(Failure::File).and_then(|mut file| {
        let mut out = BufWriter::new(io::stdout().lock());
        let result = obey(&arguments.command, &mut file, &mut out);
        result.and(out.flush().map_err(Failure::Output))
    });
    file::keep_owner(&path);
    let reason = match result {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Output(error)) if error.kind() == ErrorKind::BrokenPipe => return ExitCode::SUCCESS, // `head`
        Err(Failure::Output(error)) => error.to_string(),
        Err(Failure::File(error)) => error.to_string(),
        Err(Failure::Damage(reason)) => reason,
    };
    complain(&[reason]);
    ExitCode::FAILURE
}

/// The file in the settings.
fn configured(sources: &Sources) -> Result<PathBuf, Vec<String>> {
    let loaded = sources.load().map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    loaded.settings.history.path.ok_or_else(|| vec!["history.path is not set: name the file with --path".into()])
}

fn obey(command: &HistoryCommand, file: &mut HistoryFile, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        HistoryCommand::Check { json } => check(&file.check()?, *json, out),
        HistoryCommand::List { all, json } => list(file, *all, *json, out),
        HistoryCommand::Dump { room, json } => dump(file, room.as_deref(), *json, out),
        HistoryCommand::Drop { room } => report(file.drop_room(room)?, out),
        HistoryCommand::Delete { member, room } => report(file.delete_member(member, room.as_deref())?, out),
        HistoryCommand::Restored => {
            let rooms = counted(file.restored()?, "room");
            writeln!(out, "{rooms} will begin with new numbers").map_err(Failure::Output)
        }
    }
}

fn check(report: &CheckReport, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let damaged = report.damaged;
    if json {
        writeln!(out, "{}", json!(report))?;
    } else {
        for fault in &report.faults {
            writeln!(out, "{}", escaped(fault))?;
        }
        let (messages, rooms) = (counted(report.messages, "message"), counted(report.rooms, "room"));
        writeln!(out, "{messages} in {rooms}, in {}", counted(report.rows, "good row"))?;
    }
    if report.is_good() {
        Ok(())
    } else {
        Err(Failure::Damage(format!("the file is damaged: {}", counted(damaged, "damaged row"))))
    }
}

/// Lists the rooms; those of which nothing is kept only if `all`.
fn list(file: &HistoryFile, all: bool, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let mut rooms = file.rooms()?;
    rooms.retain(|room| all || room.messages > 0);
    match json {
        true => rooms.iter().try_for_each(|room| writeln!(out, "{}", json!(room))).map_err(Failure::Output),
        false => out.write_all(table(&rooms).as_bytes()).map_err(Failure::Output),
    }
}

fn table(rooms: &[KeptRoom]) -> String {
    let mut out = String::from("ROOM                     MESSAGES       BYTES SINCE                MISSING\n");
    for room in rooms {
        let since = if room.messages == 0 { "-".into() } else { date(room.since) };
        let (name, messages, bytes, missing) = (displayed(&room.name), room.messages, room.bytes, room.missing);
        let name = name.to_string();
        let _ = writeln!(out, "{name:<23} {messages:>9} {bytes:>11} {since:<20} {missing:>7}");
    }
    out
}

fn dump(file: &HistoryFile, room: Option<&str>, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let mut messages = file.messages(room)?;
    for message in &mut messages {
        let message = message?;
        if json {
            let rest = message.to_json();
            let rest = rest.strip_prefix('{').expect("it is an object");
            writeln!(out, "{{\"room\":{},{rest}", json!(&*message.room))?;
        } else {
            writeln!(out, "{}", line(&message))?;
        }
    }
    match messages.damaged() {
        0 => Ok(()),
        damaged => Err(Failure::Damage(format!("{} could not be read", counted(damaged, "damaged row")))),
    }
}

/// A message for people.
fn line(message: &KeptMessage) -> String {
    let KeptMessage { room, name, time, encoding, payload, .. } = message;
    let said = match Payload::decode(*encoding, payload) {
        Ok(Payload::Text(text)) => escaped(&text.to_str()).to_string(),
        _ => {
            let quoted: String = payload.iter().take(QUOTED).map(|byte| format!(" {byte:02x}")).collect();
            let more = if payload.len() > QUOTED { " …" } else { "" };
            format!("[binary {} bytes:{quoted}{more}]", payload.len())
        }
    };
    let name = if name.is_empty() { "the hub" } else { name };
    format!("{} {} {}: {said}", date(*time), displayed(room), displayed(name))
}

fn report(deleted: Deleted, out: &mut impl Write) -> Result<(), Failure> {
    let Deleted { rooms, messages, unreadable, .. } = deleted;
    writeln!(out, "deleted {} in {}", counted(messages, "message"), counted(rooms, "room"))?;
    match unreadable {
        0 => Ok(()),
        rows => {
            Err(Failure::Damage(format!("{} could not be read, and may contain more", counted(rows, "damaged row"))))
        }
    }
}

/// Milliseconds since 1970 as a date.
fn date(milliseconds: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    match time {
        Some(time) if milliseconds <= LAST_DATE => humantime::format_rfc3339_seconds(time).to_string(),
        _ => format!("{milliseconds} ms"),
    }
}

/// 9999-12-31T23:59:59Z, the last date that can be written.
const LAST_DATE: u64 = 253_402_300_799_000;

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Failure {
        Failure::File(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_as_far_as_dates_go() {
        assert_eq!(date(1_795_390_321_000), "2026-11-22T23:32:01Z");
        assert_eq!(date(LAST_DATE), "9999-12-31T23:59:59Z");
        assert_eq!(date(u64::MAX), "18446744073709551615 ms");
    }
}
