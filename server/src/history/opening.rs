//! Opening a history file: what it contains, and which numbers may have been given that it does not know (R9.50).
//!
//! All is read first, and then what is now known of the numbers is written. If the disk does not take that, because it is
//! full, the file is open all the same: the writing thread tries again.

mod trust;

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::aside::{self, set_aside};
use super::disk::Disk;
use super::emptied;
use super::ends::{Ends, load_ends};
use super::error::HistoryError;
use super::kept::Rooms;
use super::lockfile;
use super::rescue::{self, Rescued};
use super::rows;
use super::schema::{self, Meta, RoomRow, VERSION};
use super::sound;
use super::wal::{Before, length, log_of};
use crate::canonical::folded;
use crate::clock::wall_clock;
use trust::{Trust, judge};

/// How far a room whose row is lost may have been ahead of its messages.
const LOST: u64 = 1 << 20;

/// An open file.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) rooms: Rooms,
    pub(super) file: OpenFile,
}

/// How a file is open.
#[derive(Debug)]
pub(super) enum OpenFile {
    Written {
        connection: Connection,
        /// The write-ahead log.
        log: File,
    },
    /// The disk does not take what is known of the numbers: no message may be delivered before it does.
    Unwritten(rusqlite::Error),
}

/// What is known of the rooms in a file.
struct Known {
    /// The rows that differ from the file.
    changed: Vec<RoomRow>,
    /// The ids of rows that are damaged.
    damaged: Vec<u64>,
    rooms: Rooms,
}

/// Why a file could not be opened.
enum Failure {
    /// It will not be better next time: it is set aside.
    Unusable(String),
    /// What is written to it may not be found again: what can be read is copied.
    Unsound(Box<Unsound>),
    Final(HistoryError),
}

/// A file that is damaged where it grows.
struct Unsound {
    connection: Connection,
    fault: String,
    trust: Trust,
    here: Meta,
}

/// Opens the file, or a new one if it cannot be used.
///
/// # Errors
/// [`HistoryError::Newer`], and [`HistoryError::Failed`] if the disk or the directory is the reason.
pub(super) fn open(path: &Path, live: bool, disk: &dyn Disk) -> Result<Opening, HistoryError> {
    aside::finish(path).map_err(|error| HistoryError::failed(path, error))?;
    let whole = Some(disk.whole());
    match try_open(path, live, disk, whole) {
        Ok(opening) => return Ok(opening),
        Err(Failure::Final(error)) => return Err(error),
        Err(Failure::Unusable(reason)) => set_aside(path, &reason)?,
        Err(Failure::Unsound(unsound)) => replace(path, *unsound, disk)?,
    }
    try_open(path, live, disk, whole).map_err(|failure| failure.into_error(path))
}

/// Opens a file that is there, and changes nothing if it cannot be used.
///
/// # Errors
/// [`HistoryError::Newer`] and [`HistoryError::Failed`].
pub(super) fn open_as_is(path: &Path, disk: &dyn Disk) -> Result<Connection, HistoryError> {
    match try_open(path, false, disk, None).map_err(|failure| failure.into_error(path))?.file {
        OpenFile::Written { connection, .. } => Ok(connection),
        OpenFile::Unwritten(error) => Err(HistoryError::failed(path, error)),
    }
}

/// `whole`: unless something is to be written, nothing is checked; a file with at most so many bytes is checked as a whole.
fn try_open(path: &Path, live: bool, disk: &dyn Disk, whole: Option<u64>) -> Result<Opening, Failure> {
    let started = Instant::now();
    let failed = |error| Failure::new(path, error);
    let io = |error| Failure::Final(HistoryError::failed(path, error));
    let is_new = length(path) == 0;
    if is_new {
        drop(lockfile::create(path).map_err(io)?);
    }
    let before = Before::read(path).map_err(io)?;
    let Recovered { connection, frames, mut unwritten } = recover(path).map_err(failed)?;
    if is_new && unwritten.is_none() {
        unwritten = postponed(disk.committing().and_then(|()| schema::create(&connection))).map_err(failed)?;
    }
    if is_new && let Some(error) = unwritten {
        return Ok(Opening { rooms: Rooms::default(), file: OpenFile::Unwritten(error) });
    }
    let meta = read_meta(path, &connection, is_new)?;
    let (device, inode) = disk.place(path).map_err(io)?;
    let here = Meta { version: VERSION, clean: false, live, boot: disk.boot(), device, inode };
    let trust = match is_new {
        true => Trust::Next,
        false => judge(meta.as_ref(), &here, before.is_complete(frames)),
    };
    let checked = match whole {
        Some(whole) if !is_new => check(&connection, length(path) <= whole),
        _ => Ok(Ok(load_ends(&connection).unwrap_or_default())),
    };
    let ends = match checked.map_err(failed)? {
        Ok(ends) => ends,
        Err(fault) => return Err(Failure::Unsound(Box::new(Unsound { connection, fault, trust, here }))),
    };
    let mut known = load(&connection, &ends, trust).map_err(failed)?;
    if unwritten.is_none() {
        unwritten = postponed(known.write(&connection, &ends, &here, disk)).map_err(failed)?;
    }
    let rooms = known.rooms;
    let seconds = started.elapsed().as_secs_f64();
    tracing::info!(path = %path.display(), rooms = rooms.count(), seconds, doubt = trust.doubt(), "history-opened");
    let file = match unwritten {
        None => OpenFile::Written { connection, log: File::open(log_of(path)).map_err(io)? },
        Some(error) => OpenFile::Unwritten(error),
    };
    Ok(Opening { rooms, file })
}

/// What the file says about itself, if it is a history file of this version; `None` if that is damaged.
fn read_meta(path: &Path, connection: &Connection, is_new: bool) -> Result<Option<Meta>, Failure> {
    let failed = |error| Failure::new(path, error);
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let meta = match Meta::load(connection) {
        Err(_) if version > VERSION => None, // a later version may have other tables
        meta => meta.map_err(failed)?,
    };
    if !is_new && version != VERSION && meta.as_ref().is_none_or(|meta| meta.version != VERSION) {
        return Err(match version > VERSION {
            true => Failure::Final(HistoryError::Newer { path: path.into(), version }),
            false => Failure::Unusable("it is not a history file".into()),
        });
    }
    if !schema::is_whole(connection).map_err(failed)? {
        return Err(Failure::Unusable("its tables are not those of a history file".into()));
    }
    let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(Failure::Unusable(format!("its journal mode is {mode}")));
    }
    Ok(meta)
}

/// An open database, and how many frames its log has.
struct Recovered {
    connection: Connection,
    frames: u64,
    /// Why nothing can be written with that connection, if so.
    unwritten: Option<rusqlite::Error>,
}

/// Opens a database, and recovers its log. If there is no space for the index of the log, it is in memory, and the database
/// can only be read.
fn recover(path: &Path) -> rusqlite::Result<Recovered> {
    let opened = schema::connect(path).and_then(|connection| Ok((checkpoint(&connection, "NOOP")?, connection)));
    let ((frames, connection), unwritten) = match opened {
        Err(error) if is_of_disk(&error) => {
            let connection = schema::connect_alone(path)?;
            ((checkpoint(&connection, "NOOP")?, connection), Some(error))
        }
        opened => (opened?, None),
    };
    Ok(Recovered { connection, frames, unwritten })
}

/// The error, if what could not be written now may be later: the disk does not take it, or another program, such as one
/// that makes a backup, reads the file.
fn postponed(written: rusqlite::Result<()>) -> rusqlite::Result<Option<rusqlite::Error>> {
    match written {
        Err(error) if is_of_disk(&error) || error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
            Ok(Some(error))
        }
        written => written.map(|()| None),
    }
}

/// Is the disk full, or does it fail?
fn is_of_disk(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}

/// The ends of all rooms, or what is wrong with a file to which something is to be written.
fn check(connection: &Connection, is_small: bool) -> rusqlite::Result<Result<Ends, String>> {
    let checked = sound::fault(connection, is_small).and_then(|fault| match fault {
        Some(fault) => Ok(Err(fault)),
        None => load_ends(connection).map(Ok),
    });
    match checked {
        Err(error) if is_damage(&error) || rows::is_damage(&error) => Ok(Err(error.to_string())),
        checked => checked,
    }
}

/// Puts a new file, with what can be read of the damaged one, in its place.
fn replace(path: &Path, unsound: Unsound, disk: &dyn Disk) -> Result<(), HistoryError> {
    let started = Instant::now();
    let Unsound { connection, fault, trust, here } = unsound;
    let successor = aside::successor_of(path);
    let new = rescue::create(&successor)?;
    let (device, inode) = disk.place(&successor).map_err(|error| HistoryError::failed(path, error))?;
    let meta = trust.as_meta(Meta { device, inode, ..here });
    let copied = new.unchecked_transaction().and_then(|transaction| {
        let rescued = rescue::copy(&connection, &transaction)?;
        meta.store(&transaction)?;
        transaction.commit().map(|()| rescued)
    });
    drop((connection, new));
    match copied {
        Err(error) if is_damage(&error) => return set_aside(path, &format!("{fault}; {error}")),
        Err(error) => return Err(HistoryError::failed(&successor, error)),
        Ok(Rescued { rows, damaged }) => {
            let seconds = started.elapsed().as_secs_f64();
            tracing::error!(path = %path.display(), rows, damaged, seconds, "history-rescued");
        }
    }
    set_aside(path, &fault)?;
    aside::succeed(path).map_err(|error| HistoryError::failed(path, error))
}

/// Reads all rooms, and finds out what is now known of their numbers.
fn load(connection: &Connection, ends: &Ends, trust: Trust) -> rusqlite::Result<Known> {
    let anew = wall_clock().saturating_mul(1 << 10);
    let (mut rows, damaged) = RoomRow::load_all(connection)?;
    let lost = ends.iter().filter(|(id, _)| rows.binary_search_by_key(*id, |row| row.id).is_err());
    let floor = lost.map(|(_, end)| end.next + LOST).max().unwrap_or(0);
    for &id in &damaged {
        tracing::error!(room = id, detail = "the row of a room is damaged: it gets new numbers", "history-damaged");
        rows.extend(salvage(connection, id)?);
    }
    let mut rooms = Rooms::new(floor, ends.last_key_value().map_or(0, |(id, _)| *id));
    let mut changed = Vec::new();
    for mut row in rows {
        let before = row.clone();
        let end = ends.get(&row.id).copied().unwrap_or_default();
        row.next = row.next.max(end.next);
        if trust != Trust::Next || row.begin == 0 {
            row.next = row.next.max(row.ceiling);
        }
        if trust == Trust::Nothing || row.begin == 0 {
            row.next = row.next.max(anew).max(floor);
            row.begin = row.next;
        }
        row.ceiling = row.ceiling.max(row.next);
        if row != before {
            changed.push(row.clone());
        }
        rooms.add(row, end.since);
    }
    Ok(Known { changed, damaged, rooms })
}

impl Known {
    /// Writes what differs from the file, in one transaction, and makes it safe. Forgets old rooms of which nothing is kept.
    fn write(&mut self, connection: &Connection, ends: &Ends, here: &Meta, disk: &dyn Disk) -> rusqlite::Result<()> {
        let transaction = connection.unchecked_transaction()?;
        for id in &self.damaged {
            transaction.execute("DELETE FROM room WHERE id = ?", [id])?;
        }
        self.changed.iter().try_for_each(|row| row.store(&transaction))?;
        here.store(&transaction)?;
        let forgotten = emptied::forget(&transaction, &self.rooms, ends, emptied::MOST)?;
        disk.committing()?;
        transaction.commit()?;
        self.rooms.forget(&forgotten);
        checkpoint(connection, "TRUNCATE").map(drop)
    }
}

/// What is known of a room whose row is damaged: it has no numbers. Without its name, it is forgotten.
fn salvage(connection: &Connection, id: u64) -> rusqlite::Result<Option<RoomRow>> {
    let names = connection.query_row("SELECT key, name FROM room WHERE id = ?", [id], |row| {
        let text = |at| row.get_ref(at).ok()?.as_str().ok().map(Box::<str>::from);
        Ok(text(0).zip(text(1)))
    });
    let Some((key, name)) = names.optional()?.flatten().filter(|(key, name)| folded(name) == *key) else {
        return Ok(None);
    };
    let sql = "SELECT ifnull(sum(count), 0), ifnull(sum(length(data)), 0) FROM block WHERE room = ?";
    let (messages, bytes) = connection.query_row(sql, [id], |row| Ok((row.get(0)?, row.get(1)?))).unwrap_or((0, 0));
    Ok(Some(RoomRow { id, key, name, begin: 0, next: 0, ceiling: 0, messages, bytes }))
}

/// Copies the log into the database. `NOOP` copies nothing, `PASSIVE` what it can; `RESTART` and `TRUNCATE` fail unless they
/// copy all.
/// Returns how many frames the log has.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<u64> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    let (busy, frames) = connection.query_row(&sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    if busy != 0 && matches!(mode, "RESTART" | "TRUNCATE") {
        return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None));
    }
    Ok(u64::try_from(frames).unwrap_or(0))
}

/// Is the file the reason, and not the disk or the directory?
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed, OperationInterrupted,
        OutOfMemory, PermissionDenied, SystemIoFailure,
    };
    match error {
        rusqlite::Error::InvalidPath(_) => false,
        error => !matches!(
            error.sqlite_error_code(),
            Some(
                CannotOpen
                    | DatabaseBusy
                    | DatabaseLocked
                    | DiskFull
                    | FileLockingProtocolFailed
                    | OperationInterrupted
                    | OutOfMemory
                    | PermissionDenied
                    | SystemIoFailure
            )
        ),
    }
}

impl Failure {
    fn into_error(self, path: &Path) -> HistoryError {
        match self {
            Failure::Final(error) => error,
            Failure::Unusable(reason) => HistoryError::failed(path, reason),
            Failure::Unsound(unsound) => HistoryError::failed(path, unsound.fault),
        }
    }

    fn new(path: &Path, error: rusqlite::Error) -> Failure {
        let is_read_only = error.sqlite_error_code() == Some(ErrorCode::ReadOnly)
            && fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly());
        match is_damage(&error) && !is_read_only {
            true => Failure::Unusable(error.to_string()),
            false => Failure::Final(HistoryError::failed(path, error)),
        }
    }
}
