//! What the tests of the store share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use bookend::Encoding;

use super::super::disk::Disk;
use super::super::{History, HistoryConfig};
use crate::block::{Block, Event, Payloads};
use crate::lock::lock;
use crate::rendition::StoredPayload;
use crate::store::{Opened, Position, RoomId, Store, StoreQuery, StoreRead, Written};

/// The most that a test waits for anything.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// The database, its log and its index.
pub(super) type Files = [Option<Vec<u8>>; 3];
const NAMES: [&str; 3] = ["history.db", "history.db-wal", "history.db-shm"];

/// A directory of one test.
#[derive(Debug)]
pub(super) struct Dir(PathBuf);

/// A disk that fails when it is told to, and is always the same place.
#[derive(Debug, Default)]
pub(super) struct TestDisk {
    pub(super) is_full: AtomicBool,
    pub(super) is_read_only: AtomicBool,
    /// Commits and syncs that fail from now on.
    pub(super) bad_commits: AtomicU32,
    pub(super) bad_syncs: AtomicU32,
    pub(super) boot: Mutex<String>,
    /// A sync lasts while a test holds this.
    pub(super) slow: Mutex<()>,
    /// Commits that failed.
    pub(super) failed: AtomicU32,
    /// Files are not checked as a whole, however small they are.
    pub(super) is_large: AtomicBool,
}

/// A room that remembers what it was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    next: Mutex<u64>,
    changed: Condvar,
}

#[derive(Default)]
struct Flag {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Dir {
    pub(super) fn new() -> Dir {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let memory = Path::new("/dev/shm"); // these tests open thousands of files
        let parent = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        let dir = parent.join(format!("bookend-history-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("history.db")
    }

    /// Puts other files into the directory: the database, its log and its index.
    pub(super) fn put(&self, files: &Files) {
        for (name, bytes) in NAMES.iter().zip(files) {
            let _ = fs::remove_file(self.0.join(name));
            if let Some(bytes) = bytes {
                fs::write(self.0.join(name), bytes).unwrap();
            }
        }
    }

    pub(super) fn files(&self) -> Files {
        NAMES.map(|name| fs::read(self.0.join(name)).ok())
    }

    /// How many files were set aside. They are removed.
    pub(super) fn remove_aside(&self) -> usize {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        let aside: Vec<_> = names.filter(|path| path.to_string_lossy().contains(".aside-")).collect();
        aside.iter().for_each(|path| fs::remove_file(path).unwrap());
        aside.len()
    }

    /// Another directory with a copy of the file, its log and its index.
    pub(super) fn copy(&self) -> Dir {
        let copy = Dir::new();
        copy.put(&self.files());
        copy
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Disk for TestDisk {
    fn committing(&self) -> rusqlite::Result<()> {
        use rusqlite::ffi;
        let fail = |code| {
            self.failed.fetch_add(1, Ordering::SeqCst);
            Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
        };
        if self.is_full.load(Ordering::SeqCst) {
            return fail(ffi::SQLITE_FULL);
        }
        if self.is_read_only.load(Ordering::SeqCst) {
            return fail(ffi::SQLITE_READONLY);
        }
        match take_one(&self.bad_commits) {
            true => fail(ffi::SQLITE_IOERR_WRITE),
            false => Ok(()),
        }
    }

    fn sync(&self, _: &fs::File) -> std::io::Result<()> {
        drop(lock(&self.slow));
        match take_one(&self.bad_syncs) {
            true => Err(std::io::Error::from_raw_os_error(5)),
            false => Ok(()),
        }
    }

    fn whole(&self) -> u64 {
        if self.is_large.load(Ordering::SeqCst) { 0 } else { 1 << 20 }
    }

    fn place(&self, _: &Path) -> std::io::Result<(u64, u64)> {
        Ok((1, 1))
    }

    fn boot(&self) -> String {
        format!("boot {}", lock(&self.boot))
    }
}

fn take_one(count: &AtomicU32) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1)).is_ok()
}

impl Written for Told {
    fn written(&self, next_seq: u64) {
        let mut next = lock(&self.next);
        assert!(next_seq >= *next, "{next_seq} after {}", *next);
        *next = next_seq;
        drop(next);
        self.changed.notify_all();
    }
}

impl Told {
    pub(super) fn next(&self) -> u64 {
        *lock(&self.next)
    }

    /// Waits until messages before this number may be read.
    pub(super) fn wait(&self, next: u64) {
        let (told, timeout) = self.changed.wait_timeout_while(lock(&self.next), TIMEOUT, |told| *told < next).unwrap();
        assert!(!timeout.timed_out(), "told {} of {next}", *told);
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        *lock(&self.is_set) = true;
        self.changed.notify_all();
    }
}

/// Waits until a position is safe.
pub(super) fn wait_synced(history: &History, position: Position) {
    let flag = Arc::new(Flag::default());
    let waker = Arc::new(Waker::from(flag.clone()));
    history.wake_when_synced(position, &waker);
    let (set, _) = flag.changed.wait_timeout_while(lock(&flag.is_set), TIMEOUT, |set| !*set).unwrap();
    assert!(*set && history.synced() >= position);
}

pub(super) fn block(first: u64, texts: &[&str]) -> Arc<Block> {
    let mut payloads = Payloads::default();
    for text in texts {
        payloads.push_stored(StoredPayload { encoding: Encoding::Utf8, bytes: text.as_bytes() });
    }
    Arc::new(Block::new(Event::Messages { from: 7, name: "ann".into(), time: 1_000 + first, payloads }, first))
}

/// The first number of a room that begins now.
pub(super) fn fresh() -> u64 {
    crate::clock::wall_clock() << 10
}

/// A room in a store, whose messages are numbered as a room does it.
#[derive(Debug)]
pub(super) struct TestRoom {
    pub(super) opened: Opened,
    pub(super) next: u64,
    pub(super) told: Arc<Told>,
    pub(super) position: Position,
}

impl TestRoom {
    pub(super) fn open(history: &History, name: &str) -> TestRoom {
        TestRoom::new(history.open(name, fresh()).unwrap())
    }

    pub(super) fn new(opened: Opened) -> TestRoom {
        TestRoom { opened, next: opened.next_seq, told: Arc::default(), position: 0 }
    }

    /// What the store tells how far it has written.
    pub(super) fn told(&self) -> Weak<dyn Written> {
        Arc::<Told>::downgrade(&self.told)
    }

    pub(super) fn say(&mut self, history: &History, texts: &[&str]) {
        self.position = history.append(self.opened.id, &block(self.next, texts), &self.told());
        self.next += texts.len() as u64;
    }

    /// Says something, and waits until it is safe and may be read.
    pub(super) fn say_safely(&mut self, history: &History, texts: &[&str]) {
        self.say(history, texts);
        self.told.wait(self.next);
        wait_synced(history, self.position);
    }
}

pub(super) fn config(path: &Path) -> HistoryConfig {
    HistoryConfig { sync: Some(Duration::from_millis(1)), readers: 1, age: Duration::ZERO, ..HistoryConfig::new(path) }
}

pub(super) fn open(dir: &Dir, disk: &Arc<TestDisk>) -> Arc<History> {
    History::open_on(config(&dir.file()), disk.clone()).unwrap()
}

pub(super) fn read(history: &History, id: RoomId, query: StoreQuery) -> StoreRead {
    history.read(id, query).blocking_recv().unwrap()
}

/// Number and text of all messages from a number on.
pub(super) fn messages(history: &History, id: RoomId, from: u64) -> Vec<(u64, String)> {
    let (mut messages, mut from) = (Vec::new(), from);
    loop {
        let read = read(history, id, StoreQuery::From { from, bytes: 1 << 20 });
        messages.extend(texts(&read));
        match read.blocks.last() {
            Some(last) if !read.is_end => from = last.first_seq() + last.messages(),
            _ => return messages,
        }
    }
}

/// Number and text of the messages that were read.
pub(super) fn texts(read: &StoreRead) -> Vec<(u64, String)> {
    let texts_of = |block: &Arc<Block>| {
        let texts = block.said().unwrap().payloads.iter().map(|payload| payload.bytes.to_vec());
        let texts: Vec<_> = texts.map(|text| String::from_utf8(text).unwrap()).collect();
        (block.first_seq()..).zip(texts)
    };
    read.blocks.iter().flat_map(texts_of).collect()
}

/// Waits until something is so that nothing tells: it is asked for a bounded time.
pub(super) fn wait_until(is_so: impl Fn() -> bool) {
    let until = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < until, "it never is");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the store refuses messages or accepts them.
pub(super) fn wait_refusal(history: &History, refusal: Option<&str>) {
    wait_until(|| history.refusal() == refusal);
}

/// Runs a test in a directory that is a disk of its own, if this system lets it be mounted.
#[cfg(target_os = "linux")]
pub(super) fn with_small_disk(dir: &Dir, size: &str, test: impl FnOnce()) {
    use std::process::Command;
    let options = format!("size={size}");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&dir.0).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("SKIPPED: no file system can be mounted here");
        return;
    }
    let tested = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
    assert!(Command::new("umount").arg(&dir.0).status().unwrap().success());
    if let Err(panic) = tested {
        std::panic::resume_unwind(panic);
    }
}
