//! A history file for tests, and a list of what is in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bookend::{Encoding, Text};
use proptest::prelude::*;
use rusqlite::Connection;

use super::disk::{Disk, RealDisk};
use super::record;
use super::schema::{self, BlockRow, Meta, RoomRow};
use crate::block::{Block, Event, Payloads};
use crate::rendition::StoredPayload;
use crate::store::StoreRead;

/// A message in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) room: u64,
    pub(super) seq: u64,
    pub(super) from: u32,
    pub(super) name: String,
    pub(super) time: u64,
    pub(super) encoding: Encoding,
    pub(super) bytes: Vec<u8>,
}

/// What one member says: its name, and payloads.
pub(super) type Speech = (String, Vec<(Encoding, Vec<u8>)>);

/// A row: its room, how many numbers are missing before it, its blocks, and whether it is damaged.
pub(super) type RowPlan = (u64, u64, Vec<Speech>, bool);

/// A folder that is removed.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bookend-history-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// The history file in it.
    pub(super) fn file(&self) -> PathBuf {
        self.0.join("history.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file with tables, in WAL mode.
pub(super) fn create(path: &Path) -> Connection {
    let connection = schema::connect(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    schema::create(&connection).unwrap();
    connection
}

/// Marks the file as closed by a hub.
pub(super) fn close(connection: Connection, path: &Path) {
    let ((device, inode), boot) = (RealDisk.place(path).unwrap(), RealDisk.boot());
    Meta { version: schema::VERSION, clean: true, live: false, boot, device, inode }.store(&connection).unwrap();
    let (rooms, _) = RoomRow::load_all(&connection).unwrap();
    for room in rooms {
        let sql = "SELECT ifnull(sum(count), 0), ifnull(sum(length(data)), 0) FROM block WHERE room = ?";
        let sums = connection.query_row(sql, [room.id], |row| Ok((row.get(0)?, row.get(1)?)));
        let (messages, bytes) = sums.unwrap();
        RoomRow { messages, bytes, ..room }.store(&connection).unwrap();
    }
}

/// Adds a room.
pub(super) fn add_room(connection: &Connection, id: u64, name: &str, next: u64) {
    let (key, name) = (name.to_lowercase().into(), name.into());
    RoomRow { id, key, name, begin: 1, next, ceiling: next, messages: 0, bytes: 0 }.store(connection).unwrap();
}

/// Adds a row, and returns its messages.
pub(super) fn add_row(connection: &Connection, room: u64, first: u64, time: u64, speeches: &[Speech]) -> Vec<Told> {
    let (mut data, mut told) = (Vec::new(), Vec::new());
    let mut seq = first;
    for (at, (name, said)) in (0..).zip(speeches) {
        let (from, time) = (100 + at, time + u64::from(at));
        let mut payloads = Payloads::default();
        let begin = seq;
        for (encoding, bytes) in said {
            payloads.push_stored(StoredPayload { encoding: *encoding, bytes });
            let (name, bytes) = (name.clone(), bytes.clone());
            told.push(Told { room, seq, from, name, time, encoding: *encoding, bytes });
            seq += 1;
        }
        let event = Event::Messages { from, name: name.as_str().into(), time, payloads };
        record::encode(Block::new(event, begin).said().unwrap(), &mut data).unwrap();
    }
    BlockRow { room, first, count: seq - first, time, data: &data }.insert(connection).unwrap();
    told
}

/// Adds `rows` rows of `count` messages of one byte each to a room without holes, and returns its next number.
pub(super) fn fill(connection: &Connection, room: u64, rows: u64, count: usize) -> u64 {
    let speech = [("ann".to_owned(), vec![(Encoding::Utf8, b"x".to_vec()); count])];
    let transaction = connection.unchecked_transaction().unwrap();
    for row in 0..rows {
        add_row(&transaction, room, 1 + row * count as u64, row, &speech);
    }
    transaction.commit().unwrap();
    1 + rows * count as u64
}

/// Flips a bit in the data of a row.
pub(super) fn damage(connection: &Connection, room: u64, first: u64) {
    let sql = "UPDATE block SET data = CAST(substr(data, 1, 20) || x'00' || substr(data, 22) AS BLOB), crc = crc + 1
               WHERE room = ? AND first = ?";
    assert_eq!(connection.execute(sql, [room, first]).unwrap(), 1);
}

/// Rows of rooms 1 to 3.
pub(super) fn plans() -> impl Strategy<Value = Vec<RowPlan>> {
    let speech = (prop::sample::select(vec!["ann", "bob"]), prop::collection::vec(payload(), 1..5));
    let speech = speech.prop_map(|(name, payloads)| (name.to_owned(), payloads));
    let gap = prop_oneof![3 => Just(0), 1 => 1u64..40];
    let row = (1u64..4, gap, prop::collection::vec(speech, 1..4), prop::bool::weighted(0.1));
    prop::collection::vec(row, 0..20)
}

/// A payload in any encoding.
fn payload() -> impl Strategy<Value = (Encoding, Vec<u8>)> {
    (prop::sample::select(Encoding::ALL.to_vec()), text(6)).prop_map(|(encoding, text)| {
        let mut bytes = Vec::new();
        match encoding {
            Encoding::Binary => bytes.extend_from_slice(text.as_bytes()),
            Encoding::Ascii => bytes.extend(text.bytes().filter(u8::is_ascii)),
            encoding => bookend::text::encode(encoding, &text, &mut bytes).unwrap(),
        }
        (encoding, bytes)
    })
}

/// A text of characters that differ in case, or seem to.
pub(super) fn text(length: usize) -> impl Strategy<Value = String> {
    let characters: Vec<char> = "aAbBéÉsSſßẞkK\u{212A}σςΣ\u{100}\u{61}i İ".chars().collect();
    prop::collection::vec(prop::sample::select(characters), 1..=length).prop_map(|text| text.into_iter().collect())
}

/// Writes the rows, and returns the messages that can be read.
pub(super) fn build(connection: &Connection, plans: &[RowPlan]) -> Vec<Told> {
    let mut next = [1u64; 4];
    let mut told = Vec::new();
    for (at, (room, gap, speeches, is_damaged)) in (0..).zip(plans) {
        let slot = &mut next[usize::try_from(*room).unwrap()];
        let first = *slot + gap;
        let row = add_row(connection, *room, first, 1000 + at, speeches);
        *slot = first + row.len() as u64;
        if *is_damaged { damage(connection, *room, first) } else { told.extend(row) }
    }
    for room in 1..4 {
        add_room(connection, room, &format!("Room {room}"), next[usize::try_from(room).unwrap()]);
    }
    told
}

/// The messages of what was read.
pub(super) fn told(room: u64, read: &StoreRead) -> Vec<Told> {
    read.blocks.iter().flat_map(|block| told_in(room, block)).collect()
}

fn told_in(room: u64, block: &Arc<Block>) -> Vec<Told> {
    let said = block.said().unwrap();
    let one = |(seq, payload): (u64, StoredPayload<'_>)| Told {
        room,
        seq,
        from: said.from,
        name: said.name.to_string(),
        time: said.time,
        encoding: payload.encoding,
        bytes: payload.bytes.to_vec(),
    };
    (block.first_seq()..).zip(said.payloads.iter()).map(one).collect()
}

/// Does a message contain a text? Character by character.
pub(super) fn contains(told: &Told, text: &str) -> bool {
    if told.encoding == Encoding::Binary {
        return false;
    }
    let fold = |text: &str| text.chars().map(folded).collect::<Vec<char>>();
    let (said, text) = (fold(&Text::decode(told.encoding, &told.bytes).unwrap().to_str()), fold(text));
    said.windows(text.len()).any(|window| window == text)
}

fn folded(character: char) -> char {
    let single = |character: char, mapped: &mut dyn Iterator<Item = char>| {
        let first = mapped.next();
        if mapped.next().is_some() { character } else { first.unwrap_or(character) }
    };
    let lower = single(character, &mut character.to_lowercase());
    let upper = single(lower, &mut lower.to_uppercase());
    single(upper, &mut upper.to_lowercase())
}
