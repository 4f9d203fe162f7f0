//! A disk that is full, or fails, when the hub starts: it starts, refuses messages, and continues when it can write.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::*;
use super::kit::*;

/// A closed store with a message, and the room as it was then.
fn closed(dir: &Dir, disk: &Arc<TestDisk>) -> TestRoom {
    let history = open(dir, disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["before"]);
    history.close().blocking_recv().unwrap();
    room
}

fn is_failing(history: &History) -> bool {
    history.status().failure.is_some()
}

#[test]
fn a_hub_starts_with_a_full_disk_and_continues_when_there_is_space() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let before = closed(&dir, &disk);
    disk.is_full.store(true, Ordering::SeqCst);
    let history = open(&dir, &disk);
    assert_eq!((history.refusal(), is_failing(&history)), (Some("its disk is full"), true));
    let mut room = TestRoom::open(&history, "lobby");
    assert_eq!(room.opened, Opened { next_seq: before.next, ..before.opened }, "members can resume");
    assert_eq!(messages(&history, room.opened.id, 0).len(), 1, "what is kept can be read");
    room.say(&history, &["while it is full"]);
    assert_eq!(room.told.next(), 0, "nothing is delivered");
    disk.is_full.store(false, Ordering::SeqCst);
    room.told.wait(room.next);
    wait_synced(&history, room.position);
    wait_refusal(&history, None);
    let copy = dir.copy();
    let killed = open(&copy, &Arc::new(TestDisk::default()));
    let again = TestRoom::open(&killed, "lobby");
    assert_eq!(again.opened, Opened { next_seq: room.next, ..room.opened }, "nothing is in doubt");
    assert_eq!(messages(&killed, again.opened.id, 0).len(), 2);
}

#[test]
fn a_new_file_is_made_when_there_is_space() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    disk.is_full.store(true, Ordering::SeqCst);
    let history = open(&dir, &disk);
    assert_eq!(history.refusal(), Some("its disk is full"));
    let mut room = TestRoom::open(&history, "lobby");
    room.say(&history, &["first"]);
    disk.is_full.store(false, Ordering::SeqCst);
    room.told.wait(room.next);
    wait_synced(&history, room.position);
    history.close().blocking_recv().unwrap();
    drop(history);
    let history = open(&dir, &disk);
    let again = TestRoom::open(&history, "lobby");
    assert_eq!(again.opened, Opened { next_seq: room.next, ..room.opened });
    assert_eq!((messages(&history, again.opened.id, 0).len(), dir.remove_aside()), (1, 0));
}

#[test]
fn a_hub_that_ends_before_there_is_space_leaves_the_file_as_it_was() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let before = closed(&dir, &disk);
    disk.is_full.store(true, Ordering::SeqCst);
    let history = open(&dir, &disk);
    history.close().blocking_recv().unwrap();
    drop(history);
    disk.is_full.store(false, Ordering::SeqCst);
    let history = open(&dir, &disk);
    let again = TestRoom::open(&history, "lobby");
    assert_eq!(again.opened, Opened { next_seq: before.next, ..before.opened });
}

/// Numbers that are delivered must be in the file first.
#[test]
fn a_live_hub_delivers_nothing_before_it_could_write_once() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    closed(&dir, &disk);
    let config = HistoryConfig { full: WhenFull::Live, ..config(&dir.file()) };
    disk.is_full.store(true, Ordering::SeqCst);
    let history = History::open_on(config, disk.clone()).unwrap();
    let mut room = TestRoom::open(&history, "lobby");
    room.say(&history, &["early"]);
    let failed = disk.failed.load(Ordering::SeqCst);
    wait_until(|| disk.failed.load(Ordering::SeqCst) > failed);
    assert!(room.told.next() == 0 && history.refusal().is_some());
    disk.is_full.store(false, Ordering::SeqCst);
    room.told.wait(room.next);
    wait_refusal(&history, None);
    disk.is_full.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        room.say(&history, &["unkept"]);
        room.told.wait(room.next);
    }
    let killed = open(&dir.copy(), &Arc::new(TestDisk::default()));
    assert!(TestRoom::open(&killed, "lobby").next >= room.next);
}

#[test]
fn a_disk_that_fails_as_the_hub_starts_is_tried_again() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    closed(&dir, &disk);
    disk.bad_commits.store(2, Ordering::SeqCst);
    let history = open(&dir, &disk);
    assert_eq!(history.refusal(), Some("its disk fails"));
    TestRoom::open(&history, "lobby").say_safely(&history, &["after"]);
    wait_refusal(&history, None);
    assert_eq!(dir.remove_aside(), 0);
}

#[test]
fn a_room_whose_row_is_damaged_gets_its_new_numbers_when_there_is_space() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let before = closed(&dir, &disk);
    let raw = schema::connect(&dir.file()).unwrap();
    raw.execute_batch("UPDATE room SET crc = crc + 1; INSERT INTO room VALUES(99, 'nobody', 'x', 1, 1, 1, 0, 0, 0)")
        .unwrap();
    drop(raw);
    disk.is_full.store(true, Ordering::SeqCst);
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    assert!(room.opened.id == before.opened.id && room.opened.first_seq >= before.next);
    disk.is_full.store(false, Ordering::SeqCst);
    room.say_safely(&history, &["after"]);
    TestRoom::open(&history, "nobody").say_safely(&history, &["its name was lost"]);
    drop(history);
    let history = open(&dir, &disk);
    let again = TestRoom::open(&history, "lobby");
    assert_eq!(again.opened, Opened { next_seq: room.next, ..room.opened });
    assert_eq!((messages(&history, again.opened.id, 0).len(), dir.remove_aside()), (2, 0));
}

#[test]
fn a_hub_starts_while_another_program_reads_the_file() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let before = TestRoom::open(&history, "lobby");
    let backup = schema::connect_to_read(&dir.file()).unwrap();
    backup.execute_batch("BEGIN; SELECT count(*) FROM room").unwrap();
    drop(history);
    let history = open(&dir, &disk);
    assert_eq!(history.refusal(), Some("another program uses the file of its history"));
    drop(backup);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["after"]);
    wait_refusal(&history, None);
    assert!(before.next <= room.next);
}

#[test]
fn a_file_that_cannot_be_made_is_an_error() {
    let dir = Dir::new();
    let missing = dir.file().join("missing").join("history.db");
    let error = History::open(config(&missing)).unwrap_err();
    assert_eq!(error.name(), "history-failed");
    std::fs::create_dir(dir.file()).unwrap();
    assert_eq!(History::open(config(&dir.file())).unwrap_err().name(), "history-failed");
}

/// A real one, of 1 MiB, if this system lets the test mount it.
#[test]
#[cfg(target_os = "linux")]
fn a_hub_starts_on_a_real_disk_without_a_free_byte() {
    let dir = Dir::new();
    with_small_disk(&dir, "1m", || {
        let disk = Arc::new(TestDisk::default());
        let before = closed(&dir, &disk);
        for has_index in [true, false] {
            if !has_index {
                let _ = std::fs::remove_file(wal::index_of(&dir.file()));
            }
            let ballast = fill_up(&dir);
            let history = open(&dir, &disk);
            assert_eq!(history.refusal(), Some("its disk is full"), "index: {has_index}");
            let mut room = TestRoom::open(&history, "lobby");
            assert!(room.next >= before.next && room.opened.first_seq == before.opened.first_seq);
            room.say(&history, &["while it is full"]);
            std::fs::remove_file(ballast).unwrap();
            room.told.wait(room.next);
            wait_synced(&history, room.position);
            wait_refusal(&history, None);
            assert!(messages(&history, room.opened.id, 0).len() >= 2);
            history.close().blocking_recv().unwrap();
        }
        assert_eq!(dir.remove_aside(), 0);
    });
}

/// Writes a file until nothing more fits.
#[cfg(target_os = "linux")]
fn fill_up(dir: &Dir) -> std::path::PathBuf {
    use std::io::Write;
    let path = dir.file().with_file_name("ballast");
    let mut file = std::fs::File::create(&path).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    path
}
