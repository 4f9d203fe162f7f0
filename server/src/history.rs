//! Rooms that are kept in one SQLite file (SPEC 9, History).
//!
//! Blocks go one way: [`Store::append`] → `queue` → `writer`, a thread that commits them → the room, whose members may read
//! them then → `syncer`, a thread that makes them safe → connections, which confirm them. `reader` has the threads that
//! read. `numbers` decides what may be delivered, `opening` what may have been.

mod aside;
mod config;
mod damage;
mod disk;
mod emptied;
mod ends;
mod error;
mod kept;
mod lockfile;
mod notices;
mod numbers;
mod opening;
mod page;
mod queue;
mod reader;
mod record;
mod rescue;
mod retention;
mod rows;
#[cfg(test)]
mod sample;
mod schema;
mod search;
mod shared;
mod sleepers;
mod sound;
mod status;
mod syncer;
mod tool;
mod wal;
mod writer;

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use crate::block::Block;
use crate::canonical::folded;
use crate::store::{Opened, Position, RoomId, Store, StoreCensus, StoreQuery, StoreRead, Written};
use damage::Damage;
use disk::{Disk, RealDisk};
use kept::Room;
use lockfile::Lock;
use opening::{OpenFile, Opening};
use reader::Readers;
use shared::Shared;
use writer::Writer;

pub(crate) use notices::{Announce, Notice};

pub use config::{HistoryConfig, WhenFull};
pub use error::HistoryError;
pub use shared::HistoryFailure;
pub use status::HistoryStatus;
pub use tool::{CheckReport, Deleted, HistoryFile, KeptMessage, KeptMessages, KeptRoom};

/// The version of the layout of the files that this program reads and writes.
pub const HISTORY_VERSION: i64 = schema::VERSION;

/// A store of rooms in a file. Dropping it writes what waits, and closes the file.
#[derive(Debug)]
pub struct History {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Given back after the file is closed.
    _lock: Lock,
}

impl History {
    /// Opens the file, or makes it. A file that SQLite cannot use is renamed to `PATH.aside-N`, and a new one is made. If
    /// the disk is full or fails, messages are refused until it does not; what is kept can be read.
    ///
    /// # Errors
    /// [`HistoryError::Locked`] while another process uses the file, [`HistoryError::Newer`] and
    /// [`HistoryError::Failed`].
    pub fn open(config: HistoryConfig) -> Result<Arc<History>, HistoryError> {
        History::open_on(config, Arc::new(RealDisk))
    }

    fn open_on(config: HistoryConfig, disk: Arc<dyn Disk>) -> Result<Arc<History>, HistoryError> {
        let path: PathBuf = config.path.clone();
        let lock = Lock::take(&path)?;
        let Opening { rooms, file } = opening::open(&path, config.is_live(), &*disk)?;
        let failed = |error| HistoryError::failed(&path, error);
        let (connection, log, failure) = match file {
            OpenFile::Written { connection, log } => (Some(connection), log, None),
            OpenFile::Unwritten(error) => (None, File::open(&path).map_err(failed)?, Some(error)),
        };
        let damage = Arc::new(Damage::default());
        let readers = Readers::start(&path, config.readers.max(1), damage.clone()).map_err(failed)?;
        let parts = (path.clone(), disk, damage, readers);
        let shared = Arc::new(Shared::new(parts, config, rooms, log));
        failure.inspect(|error| shared.start_failing(error));
        let mut history = History { shared: shared.clone(), threads: Vec::new(), _lock: lock };
        let writer = Writer::new(shared.clone(), connection);
        let mut start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            history.threads.push(Builder::new().name(name.into()).spawn(run)?);
            Ok(())
        };
        start("bookend-write", Box::new(move || writer.run())).map_err(failed)?;
        start("bookend-sync", Box::new(move || syncer::run(&shared))).map_err(failed)?;
        Ok(Arc::new(history))
    }

    /// Takes other limits, and other rooms: those that are open stay as they are.
    pub fn reconfigure(&self, config: HistoryConfig) {
        self.shared.lock().config = Arc::new(config);
        self.shared.work.notify_all();
        self.shared.sync.notify_all();
    }

    /// Has the members of rooms told when messages are not kept, and when they are again. The first call counts.
    pub(crate) fn announce_to(&self, announcer: Weak<dyn Announce>) {
        let _ = self.shared.announcer.set(announcer);
    }

    fn start_closing(&self) -> oneshot::Receiver<()> {
        let (closer, receiver) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            state.is_closing = true;
            if !state.is_closed {
                state.closers.push(closer);
            } else {
                let _ = closer.send(());
            }
        }
        self.shared.refuse(Some("it shuts down"));
        self.shared.work.notify_all();
        receiver
    }
}

impl Store for History {
    fn open(&self, name: &str, fresh: u64) -> Option<Opened> {
        let key = folded(name);
        let mut state = self.shared.lock();
        state.config.keeps(&key).then(|| state.rooms.open(key, name, fresh))
    }

    fn append(&self, id: RoomId, block: &Arc<Block>, room: &Weak<dyn Written>) -> Position {
        let mut state = self.shared.lock();
        if state.is_closing {
            return Position::MAX; // never confirmed
        }
        let end = block.first_seq() + block.messages();
        if let Some(room) = state.rooms.get_mut(id) {
            room.given = end;
        }
        let position = state.queue.push(id, block, room);
        let is_idle = state.is_idle;
        drop(state);
        if is_idle {
            self.shared.work.notify_one();
        }
        position
    }

    fn has_space(&self, id: RoomId) -> bool {
        self.shared.lock().queue.has_space(id)
    }

    fn refusal(&self) -> Option<&'static str> {
        self.shared.refusal()
    }

    fn synced(&self) -> Position {
        self.shared.synced()
    }

    fn wake_when_synced(&self, position: Position, waker: &Arc<Waker>) {
        let mut state = self.shared.lock();
        if self.shared.synced() < position {
            state.sleepers.add(position, waker);
            return;
        }
        drop(state);
        waker.wake_by_ref();
    }

    fn read(&self, id: RoomId, query: StoreQuery) -> oneshot::Receiver<StoreRead> {
        self.shared.readers.read(id, query)
    }

    fn census(&self, id: RoomId) -> StoreCensus {
        let state = self.shared.lock();
        state.rooms.get(id).map(Room::census).unwrap_or_default()
    }

    fn close(&self) -> oneshot::Receiver<()> {
        self.start_closing()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        drop(self.start_closing());
        let this = std::thread::current().id();
        for thread in self.threads.drain(..).filter(|thread| thread.thread().id() != this) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
