//! A store that does in the thread of its test what a hub does in others: they take half of the time that opening a store
//! does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::kit::*;
use crate::canonical::folded;
use crate::history::damage::Damage;
use crate::history::disk::Disk;
use crate::history::error::HistoryError;
use crate::history::lockfile::Lock;
use crate::history::opening::{self, OpenFile, Opening};
use crate::history::reader::Readers;
use crate::history::shared::Shared;
use crate::history::writer::Writer;
use crate::history::{page, syncer};
use crate::store::StoreRead;

pub(super) struct Threadless {
    path: PathBuf,
    disk: Arc<TestDisk>,
    opening: Opening,
    damage: Arc<Damage>,
    _lock: Lock,
}

/// Numbers and texts of messages.
pub(super) type Texts = Vec<(u64, String)>;

impl Threadless {
    pub(super) fn open(path: &Path, disk: &Arc<TestDisk>) -> Result<Threadless, String> {
        let lock = loop {
            match Lock::take(path) {
                // Another test starts a process, which has all open files for a moment.
                Err(HistoryError::Locked { .. }) => std::thread::yield_now(),
                taken => break taken.map_err(|error| error.to_string())?,
            }
        };
        let opening = opening::open(path, false, &**disk).map_err(|error| error.to_string())?;
        Ok(Threadless { path: path.into(), disk: disk.clone(), opening, damage: Arc::default(), _lock: lock })
    }

    pub(super) fn room(&mut self, name: &str) -> TestRoom {
        TestRoom::new(self.opening.rooms.open(folded(name), name, fresh()))
    }

    /// How many damaged rows were found so far.
    pub(super) fn damaged(&self) -> usize {
        self.damage.count()
    }

    /// All messages of a room, oldest first.
    pub(super) fn forwards(&self, room: &TestRoom) -> Result<Texts, String> {
        texts_of(page::from(self.connection()?, &self.damage, room.opened.id, (0, usize::MAX)))
    }

    /// The same, read from the end.
    pub(super) fn backwards(&self, room: &TestRoom) -> Result<Texts, String> {
        let all = (u64::MAX, usize::MAX, usize::MAX);
        texts_of(page::before(self.connection()?, &self.damage, room.opened.id, all))
    }

    fn connection(&self) -> Result<&rusqlite::Connection, String> {
        match &self.opening.file {
            OpenFile::Written { connection, .. } => Ok(connection),
            OpenFile::Unwritten(error) => Err(error.to_string()),
        }
    }

    /// Says something in each room, makes it safe, and closes the store.
    pub(super) fn say<'r>(self, rooms: impl Iterator<Item = &'r mut TestRoom>) -> Result<(), String> {
        let Threadless { path, disk, opening: Opening { rooms: opened, file }, damage, _lock } = self;
        let OpenFile::Written { connection, log } = file else { return Err("it cannot be written".into()) };
        let readers = Readers::start(&path, 0, damage.clone()).unwrap();
        let (config, disk): (_, Arc<dyn Disk>) = (config(&path), disk);
        let shared = Arc::new(Shared::new((path, disk, damage, readers), config, opened, log));
        let mut writer = Writer::new(shared.clone(), Some(connection));
        let rooms: Vec<_> = rooms.collect();
        let items = {
            let mut state = shared.lock();
            for room in &rooms {
                state.queue.push(room.opened.id, &block(room.next, &["new"]), &room.told());
            }
            state.queue.take(usize::MAX)
        };
        if !writer.write_until_done(&items) {
            return Err("it cannot be written".into());
        }
        let mut copy_at = u64::MAX;
        syncer::sync(&shared, &mut copy_at);
        for room in rooms {
            room.next += 1;
            if room.told.next() != room.next {
                return Err(format!("{} was told, and not {}", room.told.next(), room.next));
            }
        }
        writer.close();
        Ok(())
    }
}

fn texts_of(read: rusqlite::Result<StoreRead>) -> Result<Texts, String> {
    read.map(|read| texts(&read)).map_err(|error| error.to_string())
}
