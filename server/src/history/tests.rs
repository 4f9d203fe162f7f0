//! Tests of the store.

mod damage;
mod failures;
mod kit;
mod live;
mod notices;
mod speed;
mod start;

use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use super::*;
use crate::config::Config;
use crate::hub::Hub;
use kit::*;

#[test]
fn a_closed_file_continues_where_it_ended() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "Lobby");
    let first = room.next;
    room.say_safely(&history, &["one", "two"]);
    room.say_safely(&history, &["three"]);
    let census = history.census(room.opened.id);
    assert_eq!((census.messages, census.since), (3, 1_000 + first));
    history.close().blocking_recv().unwrap();
    assert_eq!(history.refusal(), Some("it shuts down"));
    drop(history);

    let history = open(&dir, &disk);
    assert_eq!(history.census(room.opened.id), census);
    let again = history.open("LOBBY", 1).unwrap();
    assert_eq!(again, Opened { id: room.opened.id, first_seq: first, next_seq: first + 3 });
    let texts = ["one", "two", "three"].map(str::to_owned);
    assert_eq!(messages(&history, again.id, 0), (first..).zip(texts).collect::<Vec<_>>());
}

#[test]
fn the_store_keeps_no_room_in_memory() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["one"]);
    room.say_safely(&history, &["two"]);
    // The threads of the store may still hold it for a moment after they have told it.
    let is_free = (0..3_000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        Arc::strong_count(&room.told) == 1
    });
    assert!(is_free, "somebody still holds the room");
}

#[tokio::test]
async fn a_hub_that_is_dropped_gives_its_file_back() {
    let dir = Dir::new();
    let history = History::open(config(&dir.file())).unwrap();
    let hub = Hub::with_history(Config { first_seq: Some(1), ..Config::default() }, history);
    let (mut stream, other) = tokio::io::duplex(1 << 16);
    let connection = tokio::spawn(hub.serve(other, "test"));
    stream.write_all(b"hello\n/quit\n").await.unwrap();
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
    connection.await.unwrap();
    drop(hub);
    let history = History::open(config(&dir.file())).expect("no thread of the hub holds the file");
    assert_eq!(history.census(history.open("lobby", 1).unwrap().id).messages, 1);
}

/// [R9.49] What was delivered is written, so that it survives the end of the process.
#[test]
fn what_was_told_as_written_survives_the_end_of_the_process() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    for number in 0..50 {
        room.say(&history, &[&format!("text {number}"), "and more"]);
        room.told.wait(room.next);
        if number % 10 == 9 {
            let copy = dir.copy();
            let killed = open(&copy, &disk);
            let again = TestRoom::open(&killed, "lobby");
            assert_eq!(again.opened, Opened { next_seq: room.next, ..room.opened }, "nothing is in doubt");
            assert_eq!(messages(&killed, again.opened.id, 0).len(), 2 * (number + 1));
        }
    }
}

/// [R9.50] A power loss takes what was not synced; the numbers that were delivered are below the ceiling.
#[test]
fn after_a_power_loss_numbers_continue_at_the_ceiling() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    for _ in 0..20 {
        room.say_safely(&history, &["x"]);
    }
    let copy = dir.copy();
    *disk.boot.lock().unwrap() = "2".into();
    let lost = open(&copy, &disk);
    let again = TestRoom::open(&lost, "lobby");
    assert_eq!(again.opened.first_seq, room.opened.first_seq, "members can resume");
    assert!(again.next > room.next && again.next <= room.next + 200, "{} {}", again.next, room.next);
}

#[test]
fn a_quiet_room_leaves_no_void_after_a_power_loss() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["x"]);
    let other = TestRoom::open(&history, "other");
    // The ceiling is settled after a second: nothing tells when, so the file is asked, for a bounded time.
    let ceiling = || {
        let state = history.shared.lock();
        let room = state.rooms.get(room.opened.id).unwrap();
        (room.row.ceiling, state.synced_commits == state.commits)
    };
    wait_until(|| ceiling() == (room.next, true));
    *disk.boot.lock().unwrap() = "2".into();
    let lost = open(&dir.copy(), &disk);
    assert_eq!(TestRoom::open(&lost, "lobby").next, room.next);
    assert_ne!(other.opened.id, room.opened.id);
}

#[test]
fn a_copy_gets_new_numbers_and_keeps_its_messages() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["x"]);
    history.close().blocking_recv().unwrap();
    drop(history);
    let copy = History::open(config(&dir.file())).unwrap(); // on the real disk, it is elsewhere
    let again = TestRoom::open(&copy, "lobby");
    assert_eq!(again.opened.first_seq, again.next, "a resume is refused");
    assert!(again.next > room.next);
    assert_eq!(messages(&copy, again.opened.id, 0).len(), 1);
    copy.close().blocking_recv().unwrap();
    drop(copy);
    let reopened = History::open(config(&dir.file())).unwrap();
    assert_eq!(TestRoom::open(&reopened, "lobby").opened, again.opened, "only once");
}

#[test]
fn a_file_in_use_is_refused() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let _history = open(&dir, &disk);
    let error = History::open(config(&dir.file())).unwrap_err();
    assert_eq!(error.name(), "history-locked");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
}

#[test]
fn a_later_layout_is_refused_and_not_touched() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    drop(open(&dir, &disk));
    let raw = schema::connect(&dir.file()).unwrap();
    raw.execute_batch("PRAGMA user_version = 2; UPDATE meta SET version = 2").unwrap();
    drop(raw);
    assert_eq!(History::open(config(&dir.file())).unwrap_err().name(), "history-newer");
    let raw = schema::connect(&dir.file()).unwrap();
    raw.execute_batch("PRAGMA user_version = 0").unwrap();
    drop(raw);
    let history = open(&dir, &disk);
    assert!(wal::beside(&dir.file(), ".aside-1").exists(), "another program's file is set aside");
    assert_eq!(history.status().rooms, 0);
}

#[test]
fn rooms_that_are_not_listed_are_not_kept() {
    let dir = Dir::new();
    let history = History::open(HistoryConfig { rooms: vec!["team-*".into()], ..config(&dir.file()) }).unwrap();
    assert!(history.open("lobby", 1).is_none() && history.open("Team-A", 1).is_some());
}

/// The child of the next test.
#[test]
#[ignore = "is started by another test"]
fn child_that_is_killed() {
    let Ok(path) = std::env::var("BOOKEND_TEST_HISTORY") else { return };
    let history = History::open(config(path.as_ref())).unwrap();
    let mut room = TestRoom::open(&history, "lobby");
    for _ in 0..100_000 {
        room.say(&history, &["some text of a message"]);
        room.told.wait(room.next);
        eprintln!("told {}", room.next); // stderr has no buffer
    }
}

#[test]
fn a_hub_that_is_killed_loses_nothing_that_was_told() {
    use std::io::BufRead;
    let dir = Dir::new();
    let mut last = 0;
    for run in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "history::tests::child_that_is_killed", "--ignored", "--nocapture"])
            .env("BOOKEND_TEST_HISTORY", dir.file())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
        let told = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("told ")?.parse::<u64>().ok());
        let mut count = 0;
        for next in told {
            assert!(next > last, "run {run}: {next} after {last}");
            last = next;
            count += 1;
            if count == 100 * run {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(count >= 100 * run, "{count}");
    }
    let history = History::open(config(&dir.file())).unwrap();
    let room = TestRoom::open(&history, "lobby");
    assert!(room.next >= last);
    let kept = messages(&history, room.opened.id, 0);
    assert_eq!(kept.last().map(|(seq, _)| seq + 1), Some(room.next));
    assert!(kept.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0), "no hole");
}

#[test]
fn without_sync_what_is_written_is_confirmed() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = History::open_on(HistoryConfig { sync: None, ..config(&dir.file()) }, disk.clone()).unwrap();
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["x"]);
    disk.bad_commits.store(1, std::sync::atomic::Ordering::SeqCst);
    room.say_safely(&history, &["y"]);
    assert_eq!(messages(&history, room.opened.id, 0).len(), 2);
}

#[test]
fn blocks_that_wait_together_share_rows() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut rooms = ["a", "b"].map(|name| TestRoom::open(&history, name));
    disk.bad_commits.store(1, std::sync::atomic::Ordering::SeqCst); // all of them wait for the second attempt
    for _ in 0..100 {
        rooms.iter_mut().for_each(|room| room.say(&history, &["x", "y"]));
    }
    for room in &rooms {
        room.told.wait(room.next);
        assert_eq!(messages(&history, room.opened.id, 0).len(), 200);
    }
    let raw = schema::connect_to_read(&dir.file()).unwrap();
    let rows: u64 = raw.query_row("SELECT count(*) FROM block", [], |row| row.get(0)).unwrap();
    assert!(rows <= 20, "{rows}");
}
