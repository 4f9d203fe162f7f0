//! The tables of a history file: connections, checksums, and the statements that write.
//!
//! Each row has a checksum of its columns: SQLite has none for the pages of its database file. The version of the layout
//! is `PRAGMA user_version`, and also in the row of `meta`.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

/// The version of the layout.
pub(super) const VERSION: i64 = 1;
/// The bytes of a page of a new file: blocks of a busy room need half as many writes as with the 4096 of SQLite.
pub(super) const PAGE: u64 = 8192;
/// The tables of an empty file.
const TABLES: &str = "
    CREATE TABLE meta(
        id INTEGER PRIMARY KEY, version INTEGER NOT NULL, clean INTEGER NOT NULL, live INTEGER NOT NULL,
        boot TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL, crc INTEGER NOT NULL);
    CREATE TABLE room(
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, begin INTEGER NOT NULL,
        next INTEGER NOT NULL, ceiling INTEGER NOT NULL, messages INTEGER NOT NULL, bytes INTEGER NOT NULL,
        crc INTEGER NOT NULL);
    CREATE TABLE block(
        room INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, time INTEGER NOT NULL,
        data BLOB NOT NULL, crc INTEGER NOT NULL);
    CREATE UNIQUE INDEX block_by_number ON block(room, first);
    PRAGMA user_version = 1;";
/// The columns of a [`BlockRow`], in the order in which [`BlockRow::read`] expects them.
pub(super) const BLOCK_COLUMNS: &str = "room, first, count, time, data, crc";
/// How long a statement waits for a lock of another connection. Only opening and checkpoints need it.
const BUSY: Duration = Duration::from_millis(250);

/// The type, the name, the table and the statement of each table and index.
type Definitions = Vec<[Option<String>; 4]>;

/// What the file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) version: i64,
    /// The hub closed the file.
    pub(super) clean: bool,
    /// Messages may have been delivered that are not written.
    pub(super) live: bool,
    /// The boot of the system that last opened the file; empty if the system does not say.
    pub(super) boot: String,
    /// Where the file was then.
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// A room and its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoomRow {
    pub(super) id: u64,
    /// The folded name.
    pub(super) key: Box<str>,
    pub(super) name: Box<str>,
    /// The number of the first message of this run of numbers.
    pub(super) begin: u64,
    /// The number of the next message.
    pub(super) next: u64,
    /// No number from here on was delivered.
    pub(super) ceiling: u64,
    /// What is kept of it.
    pub(super) messages: u64,
    /// The bytes of the data of its rows.
    pub(super) bytes: u64,
}

/// Blocks of one room whose numbers follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockRow<'a> {
    pub(super) room: u64,
    /// The number of the first message.
    pub(super) first: u64,
    /// How many messages.
    pub(super) count: u64,
    /// The time of the first message, in milliseconds since 1970-01-01T00:00:00Z.
    pub(super) time: u64,
    /// See [`record`](super::record).
    pub(super) data: &'a [u8],
}

/// Opens a database that exists, or makes it.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    connect_with(path, "")
}

/// Opens a database that no other connection has open, without an index of its log in a file.
pub(super) fn connect_alone(path: &Path) -> rusqlite::Result<Connection> {
    connect_with(path, "PRAGMA locking_mode = EXCLUSIVE")
}

/// `first` is executed before the database is read.
fn connect_with(path: &Path, first: &str) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, flags() | OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.busy_timeout(BUSY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.execute_batch(first)?;
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.execute_batch(
        "PRAGMA cell_size_check = ON; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// Opens a database that another connection of this process has open, for reading.
pub(super) fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_NO_MUTEX // each connection is used by one thread at a time
}

/// Makes the tables of an empty file.
pub(super) fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)
}

/// Are the tables of a file those that [`create`] makes? Nothing else can tell if their definition is damaged.
pub(super) fn is_whole(connection: &Connection) -> rusqlite::Result<bool> {
    static EXPECTED: OnceLock<Definitions> = OnceLock::new();
    let expected = match EXPECTED.get() {
        Some(expected) => expected,
        None => {
            let empty = Connection::open_in_memory()?;
            create(&empty)?;
            let expected = definitions(&empty)?;
            EXPECTED.get_or_init(|| expected)
        }
    };
    Ok(definitions(connection)? == *expected)
}

fn definitions(connection: &Connection) -> rusqlite::Result<Definitions> {
    let mut statement = connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    rows.collect()
}

impl Meta {
    /// Reads it; `None` if it is damaged.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Option<Meta>> {
        let sql = "SELECT version, clean, live, boot, device, inode, crc FROM meta WHERE id = 1";
        let found = connection.query_row(sql, [], |row| {
            let integer = |at| row.get_ref(at).ok()?.as_i64().ok();
            let read = || {
                let meta = Meta {
                    version: integer(0)?,
                    clean: integer(1)? == 1,
                    live: integer(2)? == 1,
                    boot: row.get_ref(3).ok()?.as_str().ok()?.to_owned(),
                    device: integer(4)?.cast_unsigned(),
                    inode: integer(5)?.cast_unsigned(),
                };
                (integer(6)? == i64::from(meta.checksum())).then_some(meta)
            };
            Ok(read())
        });
        Ok(found.optional()?.flatten())
    }

    pub(super) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        let sql =
            "REPLACE INTO meta(id, version, clean, live, boot, device, inode, crc) VALUES(1, ?, ?, ?, ?, ?, ?, ?)";
        let (device, inode) = (self.device.cast_signed(), self.inode.cast_signed());
        let Meta { version, clean, live, boot, .. } = self;
        connection.prepare_cached(sql)?.execute(params![version, clean, live, boot, device, inode, self.checksum()])?;
        Ok(())
    }

    fn checksum(&self) -> u32 {
        let Meta { version, clean, live, boot, device, inode } = self;
        let numbers = [version.cast_unsigned(), u64::from(*clean), u64::from(*live), *device, *inode];
        checksum(&numbers, &[boot.as_bytes()])
    }
}

impl RoomRow {
    /// Reads all rooms, and the numbers of those whose rows are damaged.
    pub(super) fn load_all(connection: &Connection) -> rusqlite::Result<(Vec<RoomRow>, Vec<u64>)> {
        let sql = "SELECT id, key, name, begin, next, ceiling, messages, bytes, crc FROM room NOT INDEXED ORDER BY id";
        let mut statement = connection.prepare(sql)?;
        let (mut good, mut damaged) = (Vec::new(), Vec::new());
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            match RoomRow::read(row) {
                Some(room) => good.push(room),
                None => damaged.push(row.get::<_, i64>(0)?.cast_unsigned()),
            }
        }
        Ok((good, damaged))
    }

    fn read(row: &Row<'_>) -> Option<RoomRow> {
        let text = |at| Some(Box::from(row.get_ref(at).ok()?.as_str().ok()?));
        let room = RoomRow {
            id: number(row, 0)?,
            key: text(1)?,
            name: text(2)?,
            begin: number(row, 3)?,
            next: number(row, 4)?,
            ceiling: number(row, 5)?,
            messages: number(row, 6)?,
            bytes: number(row, 7)?,
        };
        (number(row, 8)? == u64::from(room.checksum())).then_some(room)
    }

    /// Writes the row, new or not.
    pub(super) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        let RoomRow { id, key, name, begin, next, ceiling, messages, bytes } = self;
        let crc = self.checksum();
        let sql = "UPDATE room SET begin = ?, next = ?, ceiling = ?, messages = ?, bytes = ?, crc = ? WHERE id = ?";
        let changed =
            connection.prepare_cached(sql)?.execute(params![begin, next, ceiling, messages, bytes, crc, id])?;
        if changed == 0 {
            let sql = "INSERT INTO room(id, key, name, begin, next, ceiling, messages, bytes, crc)
                       VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)";
            let row = params![id, key, name, begin, next, ceiling, messages, bytes, crc];
            connection.prepare_cached(sql)?.execute(row)?;
        }
        Ok(())
    }

    fn checksum(&self) -> u32 {
        let RoomRow { id, key, name, begin, next, ceiling, messages, bytes } = self;
        checksum(&[*id, *begin, *next, *ceiling, *messages, *bytes], &[key.as_bytes(), name.as_bytes()])
    }
}

impl<'a> BlockRow<'a> {
    /// Reads [`BLOCK_COLUMNS`]; `None` if the row is damaged.
    pub(super) fn read(row: &'a Row<'_>) -> Option<BlockRow<'a>> {
        let data = row.get_ref(4).ok()?.as_blob().ok()?;
        let (room, first) = (number(row, 0)?, number(row, 1)?);
        let block = BlockRow { room, first, count: number(row, 2)?, time: number(row, 3)?, data };
        (number(row, 5)? == u64::from(block.checksum())).then_some(block)
    }

    /// Writes the row, unless there is one of this room and number. Returns whether it was written.
    pub(super) fn insert_if_new(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let BlockRow { room, first, count, time, data } = self;
        let sql = "INSERT OR IGNORE INTO block(room, first, count, time, data, crc) VALUES(?, ?, ?, ?, ?, ?)";
        let written =
            connection.prepare_cached(sql)?.execute(params![room, first, count, time, data, self.checksum()])?;
        Ok(written > 0)
    }

    /// Writes the row, which is new.
    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        let BlockRow { room, first, count, time, data } = self;
        let sql = "INSERT INTO block(room, first, count, time, data, crc) VALUES(?, ?, ?, ?, ?, ?)";
        connection.prepare_cached(sql)?.execute(params![room, first, count, time, data, self.checksum()])?;
        Ok(())
    }

    fn checksum(&self) -> u32 {
        let BlockRow { room, first, count, time, data } = *self;
        checksum(&[room, first, count, time], &[data])
    }
}

/// A column that is a number, not less than 0.
fn number(row: &Row<'_>, at: usize) -> Option<u64> {
    u64::try_from(row.get_ref(at).ok()?.as_i64().ok()?).ok()
}

/// The checksum of a row: of its numbers, then of each text after its length.
fn checksum(numbers: &[u64], texts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for number in numbers {
        hasher.update(&number.to_be_bytes());
    }
    for text in texts {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    hasher.finalize()
}
