//! Damages a small store in many ways, and checks what is promised after each.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::kit::*;
use super::threadless::{Texts, Threadless};
use crate::history::disk::Disk;
use crate::history::opening::checkpoint;
use crate::history::schema::{self, Meta, VERSION};
use crate::store::{self, Store};

/// The files of a store that are damaged.
pub(super) const DATABASE: usize = 0;
pub(super) const LOG: usize = 1;
/// How many failures are shown.
const SHOWN: usize = 40;
/// The rooms of a sample, and its messages.
const ROOMS: [&str; 2] = ["lobby", "Team"];
const MESSAGES: usize = 8;

/// A small store as it was while a hub used it, or after that, and what was told of its rooms.
#[derive(Clone)]
pub(super) struct Sample {
    files: Files,
    rooms: Vec<Told>,
}

/// A room of the sample: its name, its first number, and the number before which messages were delivered.
#[derive(Clone, Copy)]
struct Told {
    name: &'static str,
    first: u64,
    next: u64,
}

/// One damage to one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) file: usize,
    pub(super) damage: Damage,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Damage {
    /// It ends there.
    Cut(usize),
    /// One bit is wrong.
    Flip(usize),
    /// There are zeros from there on.
    Zeros(usize),
}

/// What the cases had in common.
#[derive(Debug)]
pub(super) struct Found {
    cases: usize,
    failed: usize,
    /// The fewest messages that were there.
    pub(super) least: usize,
    /// In how many cases a file was set aside.
    pub(super) aside: usize,
    time: Duration,
}

/// Two rooms with four messages each; some are in the database, some in its log, unless the store was closed.
pub(super) fn sample(is_closed: bool) -> Sample {
    make(&Dir::new(), is_closed)
}

/// The same with the smallest pages that SQLite has.
pub(super) fn small_sample(is_closed: bool) -> Sample {
    let (dir, disk) = (Dir::new(), TestDisk::default());
    let connection = schema::connect(&dir.file()).unwrap();
    connection.execute_batch("PRAGMA page_size = 512; PRAGMA journal_mode = WAL").unwrap();
    schema::create(&connection).unwrap();
    let (device, inode) = disk.place(&dir.file()).unwrap();
    Meta { version: VERSION, clean: true, live: false, boot: disk.boot(), device, inode }.store(&connection).unwrap();
    drop(connection);
    make(&dir, is_closed)
}

fn make(dir: &Dir, is_closed: bool) -> Sample {
    let history = open(dir, &Arc::new(TestDisk::default()));
    let mut rooms = ROOMS.map(|name| (name, TestRoom::open(&history, name)));
    for number in 0..4 {
        for (_, room) in &mut rooms {
            let text = text_of(room.next);
            room.say_safely(&history, &[&text]);
        }
        // What was said last is in the log, which is as long as for what was said before that.
        let copied = [None, Some("TRUNCATE"), Some("PASSIVE"), None][number];
        let raw = schema::connect_to_read(&dir.file()).unwrap();
        if let Some(mode) = copied {
            checkpoint(&raw, mode).unwrap();
        }
    }
    let told = |(name, room): (_, TestRoom)| Told { name, first: room.opened.first_seq, next: room.next };
    let rooms = rooms.into_iter().map(told).collect();
    if is_closed {
        history.close().blocking_recv().unwrap();
        drop(history);
    }
    Sample { files: dir.files(), rooms }
}

fn text_of(seq: u64) -> String {
    format!("this is number {seq}")
}

/// Checks a sample as it is, and then in all cases.
pub(super) fn run(sample: &Sample, cases: impl IntoIterator<Item = Case>) -> Found {
    let started = Instant::now();
    let (mut bench, mut failures) = (Bench::new(sample), Vec::new());
    let mut found = Found { cases: 0, failed: 0, least: MESSAGES, aside: 0, time: Duration::ZERO };
    for case in std::iter::once(None).chain(cases.into_iter().map(Some)) {
        found.cases += 1;
        match bench.check(case) {
            Ok((messages, is_aside)) => {
                (found.least, found.aside) = (found.least.min(messages), found.aside + usize::from(is_aside));
            }
            Err(fault) => {
                found.failed += 1;
                failures.extend((failures.len() < SHOWN).then(|| format!("{case:?}: {fault}")));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {} cases failed:\n{}", found.failed, found.cases, failures.join("\n"));
    Found { time: started.elapsed(), ..found }
}

/// A directory in which one case after the other is tried.
struct Bench<'s> {
    sample: &'s Sample,
    dir: Dir,
    disk: Arc<TestDisk>,
    files: Files,
}

impl<'s> Bench<'s> {
    fn new(sample: &'s Sample) -> Bench<'s> {
        Bench { sample, dir: Dir::new(), disk: Arc::default(), files: sample.files.clone() }
    }

    /// Damages the files, and checks what is promised. Returns how many of the messages are there, and whether a file was
    /// set aside.
    fn check(&mut self, case: Option<Case>) -> Result<(usize, bool), String> {
        case.into_iter().for_each(|case| case.damage.apply(self.files[case.file].as_mut().unwrap()));
        self.dir.put(&self.files);
        if let Some(Case { file, .. }) = case {
            self.files[file].clone_from(&self.sample.files[file]);
        }
        let tried = catch_unwind(AssertUnwindSafe(|| self.try_check(case.is_none())));
        let is_aside = self.dir.remove_aside() > 0;
        let tried = tried.unwrap_or_else(|panic| Err(panic_text(&*panic)));
        tried.and_then(|(found, is_told)| match found == MESSAGES || is_told || is_aside {
            true => Ok((found, is_aside)),
            false => Err(format!("only {found} messages are there, and nothing says so")),
        })
    }

    /// Returns how many of the messages are there, and whether the store says that some may not be.
    fn try_check(&self, is_whole: bool) -> Result<(usize, bool), String> {
        let mut store = Threadless::open(&self.dir.file(), &self.disk)?;
        let (mut found, mut is_told, mut rooms) = (0, false, Vec::new());
        for told in &self.sample.rooms {
            let room = store.room(told.name);
            let kept = told.check(&store, &room)?;
            found += kept.len();
            is_told |= room.opened.first_seq != told.first || room.next != told.next;
            rooms.push((room, kept));
        }
        is_told |= store.damaged() > 0;
        store.say(rooms.iter_mut().map(|(room, _)| room))?;
        for (room, kept) in &mut rooms {
            kept.push((room.next - 1, "new".to_owned()));
        }
        self.check_again(&rooms)?;
        match is_whole && found < MESSAGES {
            true => Err("nothing is damaged, and messages are missing".into()),
            false => Ok((found, is_told)),
        }
    }

    /// Opens the file again: nothing has changed.
    fn check_again(&self, rooms: &[(TestRoom, Texts)]) -> Result<(), String> {
        let mut store = Threadless::open(&self.dir.file(), &self.disk)?;
        for ((room, kept), told) in rooms.iter().zip(&self.sample.rooms) {
            let again = store.room(told.name);
            let found = store.forwards(&again)?;
            if found != *kept {
                return Err(format!("after opening it again: {found:?}, not {kept:?}"));
            }
            if again.opened != (store::Opened { next_seq: room.next, ..room.opened }) {
                return Err(format!("{:?} continues {:?} at {}", again.opened, room.opened, room.next));
            }
        }
        Ok(())
    }
}

impl Told {
    /// No number is given again, and what is there was said. Returns that.
    fn check(&self, store: &Threadless, room: &TestRoom) -> Result<Texts, String> {
        if room.next < self.next {
            return Err(format!("{} continues at {}, but {} was told", self.name, room.next, self.next));
        }
        let kept = store.forwards(room)?;
        let mut before = 0;
        for (seq, text) in &kept {
            if *seq <= before || *seq >= self.next || *text != text_of(*seq) {
                return Err(format!("{}: {seq} is {text:?}, after {before}", self.name));
            }
            before = *seq;
        }
        let backwards = store.backwards(room)?;
        match kept == backwards {
            true => Ok(kept),
            false => Err(format!("{}: forwards {kept:?}, backwards {backwards:?}", self.name)),
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "panic".into())
}

impl Damage {
    fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Damage::Cut(end) => bytes.truncate(end),
            Damage::Flip(bit) => bytes[bit / 8] ^= 1 << (bit % 8),
            Damage::Zeros(from) => bytes[from..].fill(0),
        }
    }
}

impl Sample {
    /// The bytes of a file.
    pub(super) fn length(&self, file: usize) -> usize {
        self.files[file].as_ref().map_or(0, Vec::len)
    }

    /// Where a text first is in a file.
    pub(super) fn position(&self, file: usize, text: &[u8]) -> usize {
        self.files[file].as_ref().unwrap().windows(text.len()).position(|window| window == text).unwrap()
    }

    /// Writes it into a directory, for other processes.
    pub(super) fn save(&self, dir: &Path) {
        for (number, file) in self.files.iter().enumerate() {
            std::fs::write(dir.join(number.to_string()), file.as_ref().unwrap()).unwrap();
        }
        let numbers: Vec<String> = self.rooms.iter().map(|room| format!("{} {}", room.first, room.next)).collect();
        std::fs::write(dir.join("rooms"), numbers.join("\n")).unwrap();
    }

    pub(super) fn load(dir: &Path) -> Sample {
        let files = [0, 1, 2].map(|number| Some(std::fs::read(dir.join(number.to_string())).unwrap()));
        let text = std::fs::read_to_string(dir.join("rooms")).unwrap();
        let told = |(name, line): (&'static str, &str)| {
            let (first, next) = line.split_once(' ').unwrap();
            Told { name, first: first.parse().unwrap(), next: next.parse().unwrap() }
        };
        Sample { files, rooms: ROOMS.into_iter().zip(text.lines()).map(told).collect() }
    }

    /// The same without the index of the log.
    pub(super) fn without_index(&self) -> Sample {
        let mut sample = self.clone();
        sample.files[2] = None;
        sample
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { cases, least, aside, time, .. } = self;
        let each = time.as_secs_f64() * 1e6 / *cases as f64;
        write!(
            f,
            "{cases} cases in {:.1} s, {each:.0} µs each; at least {least} of {MESSAGES} messages",
            time.as_secs_f64()
        )?;
        write!(f, ", {aside} times set aside")
    }
}
