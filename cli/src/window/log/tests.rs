use super::past::ENTRIES;
use super::*;

fn presence(name: &str, change: Change) -> Entry {
    Entry::Presence(vec![(name.into(), change)])
}

#[test]
fn consecutive_changes_of_presence_are_one_entry() {
    let mut log = Log::default();
    log.push(presence("ann", Change::Joined));
    log.push(presence("bob", Change::Joined));
    log.push(presence("ann", Change::Left));
    log.push(Entry::Notice("x".into()));
    log.push(presence("cid", Change::Joined));
    let entries: Vec<_> = log.newest_first().cloned().collect();
    let folded = vec![("ann".into(), Change::Joined), ("bob".into(), Change::Joined), ("ann".into(), Change::Left)];
    assert_eq!(entries, [presence("cid", Change::Joined), Entry::Notice("x".into()), Entry::Presence(folded)]);
}

#[test]
fn memory_is_bounded() {
    let mut log = Log::default();
    let mut most = 0;
    for number in 0..4 * ENTRIES {
        log.push(Entry::Notice(number.to_string()));
        log.push(presence("ann", if number % 2 == 0 { Change::Joined } else { Change::Left }));
        most = most.max(log.len());
    }
    assert!((ENTRIES..=2 * ENTRIES).contains(&log.len()) && most <= 2 * ENTRIES, "{most}");
    for _ in 0..100 {
        log.push(Entry::Notice("x".repeat(1 << 20)));
    }
    let bytes: usize = log.entries().map(Entry::cost).sum();
    assert!(bytes < 48 << 20, "{bytes}");
}

#[test]
fn a_mark_is_set_once_and_its_removal_moves_nothing() {
    let mut log = Log::default();
    log.push(Entry::Notice("one".into()));
    log.mark();
    log.push(Entry::Notice("two".into()));
    log.mark();
    log.push(Entry::Notice("three".into()));
    assert_eq!(log.entries().filter(|entry| **entry == Entry::Unread).count(), 1);
    log.shown(Some(Place { entry: 3, hidden: 0 }));
    log.unmark();
    assert_eq!(log.get(log.place().unwrap().entry), Some(&Entry::Notice("three".into())));
    assert_eq!(log.len(), 3);
}
