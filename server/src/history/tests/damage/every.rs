//! Every damage of some kinds to a small store, in one process for each core: threads would wait for each other in the
//! allocator of SQLite. `.ci/run` runs these:
//! `cargo test --profile bench -p bookend-server --lib -- --ignored --nocapture --test-threads 1 damage::every`.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread::available_parallelism;

use super::cases::{Case, DATABASE, Damage, LOG, Sample, run, small_sample};
use crate::history::sample::Folder;

/// The bytes of a sector, which a disk writes as a whole.
const SECTOR: usize = 512;
/// Which part of the cases a process tries, and of how many: `0/2`.
const PART: &str = "BOOKEND_TEST_PART";
/// The samples: a store that was closed, and one that a hub used.
const CLOSED: &str = "closed";
const USED: &str = "used";

/// Where a process finds the samples.
const SAMPLES: &str = "BOOKEND_TEST_SAMPLES";

/// Tries the cases that `cases` makes for a file of some bytes: those of a store that was closed, and of one that a hub used.
fn try_all<I: Iterator<Item = Damage>>(test: &str, cases: impl Fn(usize) -> I) {
    let Ok(part) = std::env::var(PART) else { return start_parts(test) };
    let (part, parts) = part.split_once('/').unwrap();
    let (part, parts): (usize, usize) = (part.parse().unwrap(), parts.parse().unwrap());
    let samples = PathBuf::from(std::env::var_os(SAMPLES).unwrap());
    for (name, file) in [(CLOSED, DATABASE), (USED, DATABASE), (USED, LOG)] {
        let sample = Sample::load(&samples.join(name));
        let cases = cases(sample.length(file)).skip(part).step_by(parts).map(|damage| Case { file, damage });
        let file = if file == LOG { "log" } else { "database" };
        println!("{test}, {file} of a store that was {name}: {}", run(&sample, cases));
    }
}

/// Runs a test in one process for each core.
fn start_parts(test: &str) {
    let samples = Folder::new();
    let root = samples.file().with_file_name("samples");
    for (name, sample) in [(CLOSED, small_sample(true)), (USED, small_sample(false))] {
        std::fs::create_dir_all(root.join(name)).unwrap();
        sample.save(&root.join(name));
    }
    let parts = available_parallelism().map_or(1, usize::from);
    let start = |part| {
        let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &name, "--ignored", "--nocapture"]);
        command.env(PART, format!("{part}/{parts}")).env(SAMPLES, &root).spawn().unwrap()
    };
    let children: Vec<Child> = (0..parts).map(start).collect();
    let ended: Vec<_> = children.into_iter().map(|mut child| child.wait().unwrap()).collect();
    assert!(ended.iter().all(ExitStatus::success), "{ended:?}");
}

#[test]
#[ignore = "takes a minute with optimizations"]
fn every_end() {
    try_all("every_end", |length| (0..length).map(Damage::Cut));
}

#[test]
#[ignore = "takes minutes with optimizations"]
fn every_flipped_bit() {
    try_all("every_flipped_bit", |length| (0..8 * length).map(Damage::Flip));
}

#[test]
#[ignore = "belongs to the others"]
fn every_end_of_zeros() {
    try_all("every_end_of_zeros", |length| (0..length).step_by(SECTOR).map(Damage::Zeros));
}
