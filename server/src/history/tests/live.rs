//! A hub that delivers what it cannot write: no number that was delivered is given again.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};

use super::super::*;
use super::kit::*;
use crate::lock::lock;

/// A store that delivers while its disk is full, and a room that has said something.
fn live(dir: &Dir, disk: &Arc<TestDisk>) -> (Arc<History>, TestRoom) {
    let config = HistoryConfig { full: WhenFull::Live, ..config(&dir.file()) };
    let history = History::open_on(config, disk.clone()).unwrap();
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["before"]);
    (history, room)
}

/// Fills the memory for what waits, so that all that the room says but the first message is forgotten.
fn say_and_forget(history: &History, disk: &TestDisk, room: &mut TestRoom) {
    let mut other = TestRoom::open(history, "other");
    other.say_safely(history, &["before"]);
    disk.is_full.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        room.say(history, &["unkept"]);
        room.told.wait(room.next);
    }
    let text = "x".repeat(1 << 20);
    for _ in 0..70 {
        other.say(history, &[&text]);
    }
    other.told.wait(other.next);
}

#[test]
fn numbers_that_were_delivered_and_forgotten_are_not_given_again_after_a_clean_end() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let (history, mut room) = live(&dir, &disk);
    say_and_forget(&history, &disk, &mut room);
    disk.is_full.store(false, Ordering::SeqCst);
    history.close().blocking_recv().unwrap();
    let kept = messages(&history, room.opened.id, 0).len();
    drop(history);
    let again = TestRoom::open(&open(&dir, &disk), "lobby");
    assert!(kept < 6 && again.next >= room.next, "{kept} are kept; {} after {}", again.next, room.next);
}

#[test]
fn numbers_that_were_delivered_and_forgotten_are_not_given_again_after_a_reload() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let (history, mut room) = live(&dir, &disk);
    say_and_forget(&history, &disk, &mut room);
    disk.is_full.store(false, Ordering::SeqCst);
    let mut other = TestRoom::open(&history, "other");
    other.say_safely(&history, &["after"]);
    history.reconfigure(config(&dir.file()));
    // The ceiling of a quiet room is settled: nothing tells when, so the file is asked, for a bounded time.
    let settled = || {
        let state = history.shared.lock();
        let row = &state.rooms.get(room.opened.id).unwrap().row;
        row.ceiling == row.next && state.synced_commits == state.commits
    };
    wait_until(settled);
    *disk.boot.lock().unwrap() = "2".into();
    let lost = open(&dir.copy(), &disk);
    let again = TestRoom::open(&lost, "lobby");
    assert!(again.next >= room.next, "{} after {}", again.next, room.next);
}

#[test]
fn a_hub_that_ends_while_it_cannot_write_gives_no_number_again() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let (history, mut room) = live(&dir, &disk);
    // Blocks do not fit on the disk, and the few bytes of the end do.
    disk.is_full.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        room.say(&history, &["unkept"]);
        room.told.wait(room.next);
    }
    history.close().blocking_recv().unwrap();
    drop(history);
    disk.is_full.store(false, Ordering::SeqCst);
    let again = TestRoom::open(&open(&dir, &disk), "lobby");
    assert!(again.next >= room.next, "{} after {}", again.next, room.next);
}

#[test]
fn a_hub_that_became_live_by_a_reload_gives_no_number_again() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["before"]);
    history.reconfigure(HistoryConfig { full: WhenFull::Live, ..config(&dir.file()) });
    room.say_safely(&history, &["before, too"]);
    disk.is_full.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        room.say(&history, &["unkept"]);
        room.told.wait(room.next);
    }
    let killed = open(&dir.copy(), &Arc::new(TestDisk::default()));
    let again = TestRoom::open(&killed, "lobby");
    assert!(again.next >= room.next, "{} after {}", again.next, room.next);
}

#[test]
fn what_is_delivered_is_confirmed_although_it_is_not_written() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let (history, mut room) = live(&dir, &disk);
    disk.is_full.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        room.say_safely(&history, &["unkept"]);
    }
    assert!(history.status().failure.is_some() && history.status().written_lag == 5);
}

/// What rooms were told.
#[derive(Default)]
struct Notices(Mutex<Vec<(String, Notice)>>);

impl Announce for Notices {
    fn announce(&self, room: &str, notice: Notice) {
        lock(&self.0).push((room.into(), notice));
    }
}

#[test]
fn members_are_told_exactly_how_many_messages_are_not_kept() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let (history, mut room) = live(&dir, &disk);
    let notices = Arc::new(Notices::default());
    let announcer: Weak<Notices> = Arc::downgrade(&notices);
    history.announce_to(announcer);
    say_and_forget(&history, &disk, &mut room);
    wait_until(|| lock(&notices.0).len() == 2);
    let mut told = std::mem::take(&mut *lock(&notices.0));
    told.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(told, ["lobby", "other"].map(|name| (name.to_owned(), Notice::NotKept("its disk is full"))));
    disk.is_full.store(false, Ordering::SeqCst);
    wait_until(|| lock(&notices.0).len() == 2);
    wait_until(|| history.status().written_lag == 0);
    for (name, said) in [("lobby", 6), ("other", 71)] {
        let kept = messages(&history, TestRoom::open(&history, name).opened.id, 0).len() as u64;
        let told = lock(&notices.0).iter().find(|(told, _)| told == name).map(|(_, notice)| *notice);
        assert_eq!(told, Some(Notice::KeptAgain { missing: said - kept }), "{name}");
    }
}
