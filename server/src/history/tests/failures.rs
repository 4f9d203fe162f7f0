//! A disk that is full, fails, or loses what it did not sync.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::super::*;
use super::kit::*;

#[test]
fn while_the_disk_is_full_messages_are_refused_and_what_was_accepted_is_written_later() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["before"]);
    let told = room.told.next();
    disk.is_full.store(true, Ordering::SeqCst);
    room.say(&history, &["accepted"]);
    wait_refusal(&history, Some("its disk is full"));
    room.say(&history, &["on its way"]);
    let status = history.status();
    assert_eq!(status.failure.map(|failure| failure.reason), Some("its disk is full"));
    assert_eq!((room.told.next(), status.written_lag), (told, 2), "nothing is delivered");
    disk.is_full.store(false, Ordering::SeqCst);
    room.told.wait(room.next);
    wait_synced(&history, room.position);
    wait_refusal(&history, None);
    assert!(history.status().failure.is_none());
    let texts: Vec<_> = messages(&history, room.opened.id, 0).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["before", "accepted", "on its way"]);
}

#[test]
fn a_live_hub_delivers_while_the_disk_is_full_and_never_gives_a_number_twice() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let config = HistoryConfig { full: WhenFull::Live, ..config(&dir.file()) };
    let history = History::open_on(config, disk.clone()).unwrap();
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["before"]);
    disk.is_full.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        room.say(&history, &["unkept"]);
        room.told.wait(room.next);
    }
    assert_eq!((history.refusal(), history.status().failure.is_some()), (None, true));
    let copy = dir.copy();
    let killed = open(&copy, &Arc::new(TestDisk::default()));
    assert!(TestRoom::open(&killed, "lobby").next >= room.next);
    disk.is_full.store(false, Ordering::SeqCst);
    wait_until(|| history.status().written_lag == 0);
    assert_eq!(messages(&history, room.opened.id, 0).len(), 21, "memory had them all");
}

#[test]
fn a_sync_that_lasts_delays_confirmations_and_not_deliveries() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["one", "two", "three"]); // the ceiling is six further
    let slow = disk.slow.lock().unwrap();
    let safe = history.synced();
    for _ in 0..5 {
        room.say(&history, &["x"]);
        room.told.wait(room.next);
    }
    assert_eq!((history.synced(), history.refusal()), (safe, None));
    room.say(&history, &["beyond the ceiling", "and more"]);
    wait_until(|| history.status().written_lag == 0);
    assert_eq!(room.told.next(), room.next - 2, "R9.50: not before a higher ceiling is safe");
    drop(slow);
    room.told.wait(room.next);
    wait_synced(&history, room.position);
}

#[test]
fn a_disk_that_fails_once_is_tried_again() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    disk.bad_commits.store(2, Ordering::SeqCst);
    room.say_safely(&history, &["x"]);
    assert_eq!(disk.failed.load(Ordering::SeqCst), 2);
    assert_eq!(messages(&history, room.opened.id, 0).len(), 1);
}

#[test]
fn what_a_failed_sync_may_have_lost_is_confirmed_only_after_it_is_safe_elsewhere() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["before"]);
    let synced = history.synced();
    disk.bad_syncs.store(2, Ordering::SeqCst); // that of the syncing thread, and the first repair
    room.say(&history, &["doubtful"]);
    wait_refusal(&history, Some("its disk fails"));
    assert_eq!(history.synced(), synced, "it is not confirmed");
    wait_synced(&history, room.position);
    wait_refusal(&history, None);
    room.say_safely(&history, &["after"]);
    let kept = messages(&history, room.opened.id, 0);
    assert_eq!(kept.len(), 3, "{kept:?}");
    history.close().blocking_recv().unwrap();
    drop(history);
    let history = open(&dir, &disk);
    assert_eq!(TestRoom::open(&history, "lobby").opened, Opened { next_seq: room.next, ..room.opened });
}

#[test]
fn frames_that_a_failed_sync_has_lost_are_written_again() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = History::open_on(HistoryConfig { sync: None, ..config(&dir.file()) }, disk.clone()).unwrap();
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["one"]);
    let before = wal::length(&wal::log_of(&dir.file()));
    disk.bad_syncs.store(1, Ordering::SeqCst);
    for number in 0..10 {
        room.say(&history, &[&format!("doubtful {number}")]);
    }
    room.told.wait(room.next);
    // The disk forgets the last frames, as if they had never been written.
    let log = std::fs::File::options().write(true).open(wal::log_of(&dir.file())).unwrap();
    log.set_len(before).unwrap();
    history.shared.lock().sync_failed = true;
    history.shared.work.notify_all();
    room.say_safely(&history, &["after"]);
    assert_eq!(messages(&history, room.opened.id, 0).len(), 12, "all are there again");
    assert_eq!(dir.remove_aside(), 0);
}

/// As a file system is that the kernel remounts after an error.
#[test]
fn a_file_that_cannot_be_written_for_a_while_is_not_replaced() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["before"]);
    disk.is_read_only.store(true, Ordering::SeqCst);
    room.say(&history, &["while it is read-only"]);
    wait_refusal(&history, Some("its disk fails"));
    disk.is_read_only.store(false, Ordering::SeqCst);
    room.say_safely(&history, &["after"]);
    assert_eq!((messages(&history, room.opened.id, 0).len(), dir.remove_aside()), (3, 0));
}

#[test]
fn a_file_that_becomes_unusable_is_set_aside_and_the_numbers_go_on() {
    let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
    let history = open(&dir, &disk);
    let mut room = TestRoom::open(&history, "lobby");
    room.say_safely(&history, &["before"]);
    // A table that does not fit is as good as a damaged page.
    let raw = schema::connect(&dir.file()).unwrap();
    raw.execute_batch("DROP TABLE block").unwrap();
    drop(raw);
    room.say_safely(&history, &["after"]);
    let kept = messages(&history, room.opened.id, 0);
    assert_eq!(kept.last().map(|(_, text)| text.as_str()), Some("after"));
    history.close().blocking_recv().unwrap();
    drop(history);
    assert!(dir.remove_aside() > 0);
    let history = open(&dir, &disk);
    assert_eq!(TestRoom::open(&history, "lobby").opened, Opened { next_seq: room.next, ..room.opened });
}

/// A real one, of 4 MiB, if this system lets the test mount it.
#[test]
#[cfg(target_os = "linux")]
fn a_real_disk_that_is_full_heals_when_there_is_space_again() {
    let dir = Dir::new();
    with_small_disk(&dir, "4m", || fill(&dir));
}

#[cfg(target_os = "linux")]
fn fill(dir: &Dir) {
    let history = open(dir, &Arc::new(TestDisk::default()));
    let mut room = TestRoom::open(&history, "lobby");
    let ballast = dir.file().with_file_name("ballast");
    std::fs::write(&ballast, vec![1; 2 << 20]).unwrap();
    let text = "x".repeat(32 << 10);
    for _ in 0..200 {
        if history.refusal().is_some() {
            break;
        }
        room.say(&history, &[&text]);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    wait_refusal(&history, Some("its disk is full"));
    let told = room.told.next();
    assert!(told < room.next && told > room.opened.next_seq, "{told} {}", room.next);
    let most = 20 * (32 << 10); // what waits must fit, or it never heals
    let waits = (room.next - told) * (32 << 10);
    std::fs::remove_file(&ballast).unwrap();
    assert!(waits < most, "{waits}");
    room.told.wait(room.next);
    wait_refusal(&history, None);
    assert_eq!(messages(&history, room.opened.id, 0).len() as u64, room.next - room.opened.next_seq);
}

/// A connection that uses the store when it is woken.
struct Asking {
    history: Mutex<Weak<History>>,
    /// Could it do so at once?
    could: mpsc::Sender<bool>,
}

impl Wake for Asking {
    fn wake(self: Arc<Self>) {
        let history = self.history.lock().unwrap().upgrade().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        // Another thread may have the lock, but not for long.
        let could =
            std::iter::repeat_with(|| history.shared.is_free()).any(|is_free| is_free || until < Instant::now());
        let _ = self.could.send(could && Instant::now() < until);
    }
}

#[test]
fn nobody_is_woken_under_the_lock_of_the_store() {
    for sync in [None, Some(Duration::from_millis(1))] {
        let (dir, disk) = (Dir::new(), Arc::new(TestDisk::default()));
        let history = History::open_on(HistoryConfig { sync, ..config(&dir.file()) }, disk).unwrap();
        let mut room = TestRoom::open(&history, "lobby");
        let (could, woken) = mpsc::channel();
        let asking = Asking { history: Mutex::new(Arc::downgrade(&history)), could };
        let waker = Arc::new(Waker::from(Arc::new(asking)));
        history.wake_when_synced(room.position + 1, &waker);
        room.say(&history, &["x"]);
        assert!(woken.recv_timeout(Duration::from_secs(30)).unwrap(), "{sync:?}");
    }
}
