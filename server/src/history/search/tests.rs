//! Tests of the search, against a list.

use proptest::prelude::*;

use super::*;
use crate::history::{sample, schema};

proptest! {
    #[test]
    fn what_is_found_is_what_a_list_has(
        plans in sample::plans(), room in 1u64..4, text in sample::text(2),
        before in prop_oneof![0u64..200, Just(u64::MAX)], count in 1usize..6,
        bytes in prop_oneof![0usize..3000, Just(usize::MAX)], slice in prop_oneof![Just(1), Just(usize::MAX)],
    ) {
        let (connection, damage) = (Connection::open_in_memory().unwrap(), Damage::default());
        schema::create(&connection).unwrap();
        let told = sample::build(&connection, &plans);
        let mut search = Search::new(before, count, bytes, Arc::new(Pattern::new(&text)));
        let mut read = None;
        for _ in 0..=plans.len() + 1 {
            read = search.slice(&connection, &damage, RoomId(room), slice).unwrap();
            if read.is_some() {
                break;
            }
        }
        let read = read.expect("each slice has at least one row");
        let is_wanted = |told: &&sample::Told| told.room == room && told.seq < before && sample::contains(told, &text);
        let expected: Vec<u64> = told.iter().filter(is_wanted).map(|told| told.seq).collect();
        prop_assert_eq!(&read.found[..], &expected[expected.len() - read.found.len()..]);
        prop_assert_eq!(read.is_end, read.found.len() == expected.len());
        if bytes == usize::MAX {
            prop_assert_eq!(read.found.len(), expected.len().min(count));
        }
        prop_assert_eq!(read.found.is_empty(), expected.is_empty());
        let blocks = sample::told(room, &read);
        prop_assert!(blocks.iter().all(|block| told.contains(block)));
        prop_assert!(read.found.iter().all(|&seq| blocks.iter().any(|told| told.seq == seq)));
    }
}

#[test]
fn a_text_is_literal() {
    let text = Pattern::new("a.*(b");
    let needle = Needle { regex: text.regex().unwrap() };
    let is_in = |bytes| needle.is_in(StoredPayload { encoding: Encoding::Utf8, bytes });
    assert!(is_in(b"xA.*(B"));
    assert!(!is_in(b"axx(b"));
}

#[test]
fn the_longest_text_can_be_searched_for() {
    for text in ["é".repeat(128), "s".repeat(256), "k".repeat(256), "\u{10400}".repeat(64), "\\(?i:".repeat(42)] {
        assert!(Pattern::new(&text).regex().is_some(), "{text}");
        assert!(Pattern::new(&text).regex().unwrap().is_match(text.to_uppercase().as_bytes()), "{text}");
    }
    assert!(Pattern::new(&"k".repeat(1 << 20)).regex().is_none(), "memory is bounded");
}
