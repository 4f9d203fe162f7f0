use std::sync::Arc;

use bookend::history::{Entry, Page as Parsed};
use bookend::{Encoding, Encodings, Payload, Text};
use proptest::prelude::*;

use super::*;
use crate::block::{Event, Payloads};
use crate::matching::Pattern;

const FIRST: u64 = 1024;
const AS_SENT: TextPreference = TextPreference { preferred: Encoding::Binary, accepted: Encodings::ALL };

/// A room: its blocks, oldest first, and the number of its next message.
struct Room {
    blocks: Vec<Block>,
    next: u64,
}

impl Room {
    /// Each block has the numbers that are missing before it, and the messages.
    fn new<'a>(blocks: impl IntoIterator<Item = (u64, Vec<&'a str>)>) -> Room {
        let mut room = Room { blocks: Vec::new(), next: FIRST };
        for (at, (hole, texts)) in blocks.into_iter().enumerate() {
            let mut payloads = Payloads::default();
            for text in texts {
                payloads.push(Payload::Text(Text::utf8(text)));
            }
            room.next += hole;
            let from = u32::try_from(at).unwrap() + 1;
            let event = Event::Messages { from, name: Arc::from("ann"), time: 1_000 * room.next, payloads };
            room.blocks.push(Block::new(event, room.next));
            room.next += room.blocks[at].messages();
        }
        room
    }

    fn page(&self, wanted: Wanted, form: Form, mut matches: impl FnMut(u64, StoredPayload<'_>) -> bool) -> Rendered {
        self.page_from(FIRST, wanted, form, &mut matches)
    }

    /// The same if the room has begun anew with that number.
    fn page_from(
        &self,
        begin: u64,
        wanted: Wanted,
        form: Form,
        mut matches: impl FnMut(u64, StoredPayload<'_>) -> bool,
    ) -> Rendered {
        let wanted = Wanted { before: wanted.before.min(self.next), ..wanted };
        let mut page = Page::new(wanted, begin, form);
        self.blocks.iter().rev().for_each(|block| page.add(block, &mut matches));
        page.end();
        page.render()
    }

    /// The numbers of the messages that are found by going back page after page, each of which is checked.
    fn chain(&self, count: usize, max_body: usize) -> Vec<u64> {
        let (mut before, mut found) = (u64::MAX, Vec::new());
        loop {
            let wanted = Wanted { before, count, asked: count, is_search: false };
            let bytes = self.page(wanted, Form::Frames { preference: AS_SENT, max_body }, |_, _| true).bytes;
            assert!(bytes.len() + ID <= max_body, "{} bytes", bytes.len());
            let page = Parsed::parse(Payload::Binary(&bytes)).unwrap();
            let mut at = before.min(self.next);
            let mut entries: Vec<_> = page.entries().collect();
            let is_one = page.lost_before().is_none() || !matches!(entries.first(), Some(Entry::Gap(_)));
            assert!(is_one, "one GAP at the start: {:?} {entries:?}", page.lost_before());
            entries.reverse();
            assert!(entries.iter().filter(|entry| matches!(entry, Entry::Message(_))).count() <= count);
            for entry in entries {
                match entry {
                    Entry::Message(delivery) => {
                        assert_eq!(delivery.seq, at - 1, "every number is accounted for");
                        at = delivery.seq;
                        before = at;
                        found.push(at);
                    }
                    Entry::Gap(missed) => {
                        assert!(missed > 0);
                        at -= missed;
                    }
                }
            }
            if let Some(lost) = page.lost_before() {
                assert_eq!(at - FIRST, lost, "every number is accounted for");
                return found;
            }
            assert_eq!(at, before, "a page without a start begins with a message");
        }
    }
}

/// The frame of a message of these bytes.
fn delivered(text: &str) -> usize {
    OVERHEAD + bookend::Delivery::FIXED_LENGTH + "ann".len() + text.len()
}

proptest! {
    #[test]
    fn pages_back_from_the_end_have_every_kept_message_once_and_account_for_every_number(
        blocks in prop::collection::vec((0_u64..3, prop::collection::vec(0_usize..1200, 1..5)), 0..12),
        count in 1_usize..8,
        max_body in 1024_usize..3000,
    ) {
        // [R9.44] [R9.45] [R9.46] [R9.47]
        let text = "x".repeat(1200);
        let room = Room::new(blocks.iter().map(|(hole, texts)| (*hole, texts.iter().map(|&n| &text[..n]).collect())));
        let (mut seq, mut kept) = (FIRST, Vec::new());
        for (hole, texts) in &blocks {
            seq += hole;
            for &length in texts {
                if delivered(&text[..length]) + RESERVE + ID <= max_body {
                    kept.push(seq);
                }
                seq += 1;
            }
        }
        kept.reverse();
        prop_assert_eq!(room.chain(count, max_body), kept);
    }
}

#[test]
fn gaps_are_where_messages_are_missing_and_the_first_one_says_how_many_older_ones_are_not_kept() {
    // [R9.46] [R9.47]
    let long = "x".repeat(2000);
    let room = Room::new([(5, vec!["a", &long, "b"]), (2, vec![&long, "c", &long])]);
    let wanted = Wanted { before: u64::MAX, count: 10, asked: 10, is_search: false };
    let bytes = room.page(wanted, Form::Frames { preference: AS_SENT, max_body: 1024 }, |_, _| true).bytes;
    let page = Parsed::parse(Payload::Binary(&bytes)).unwrap();
    assert_eq!(page.lost_before(), Some(5));
    let entries = page.entries().map(|entry| match entry {
        Entry::Message(delivery) => Err(delivery.seq - FIRST),
        Entry::Gap(missed) => Ok(missed),
    });
    assert_eq!(entries.collect::<Vec<_>>(), [Err(5), Ok(1), Err(7), Ok(3), Err(11), Ok(1)]);
}

#[test]
fn a_page_begins_with_one_gap_for_what_is_not_kept_and_what_is_too_long() {
    // [R9.47]
    let long = "x".repeat(2000);
    let room = Room::new([(5, vec![&long, "a", &long])]);
    let form = Form::Frames { preference: AS_SENT, max_body: 1024 };
    for (before, gaps) in [(u64::MAX, vec![6, 1]), (FIRST + 6, vec![6])] {
        let wanted = Wanted { before, count: 9, asked: 9, is_search: false };
        let bytes = room.page(wanted, form, |_, _| true).bytes;
        let page = Parsed::parse(Payload::Binary(&bytes)).unwrap();
        let others = page.entries().filter_map(|entry| match entry {
            Entry::Gap(missed) => Some(missed),
            Entry::Message(_) => None,
        });
        assert_eq!(page.lost_before().into_iter().chain(others).collect::<Vec<_>>(), gaps, "before {before}");
        let bytes = room.page(Wanted { is_search: true, ..wanted }, form, |_, _| true).bytes;
        assert_eq!(Parsed::parse(Payload::Binary(&bytes)).unwrap().lost_before(), Some(0), "a search");
    }
    let wanted = Wanted { before: FIRST + 6, count: 9, asked: 9, is_search: false };
    let lines = room.page(wanted, Form::Lines { encoding: LineEncoding::Ascii, now: 0 }, |_, _| true).bytes;
    assert!(lines.starts_with(b"* 5 older messages are not kept\r\n"), "a terminal has no limit");
}

#[test]
fn numbers_that_were_skipped_when_the_room_began_anew_are_not_missing() {
    // [R9.46] [R9.47]
    // It has begun anew with FIRST + 1000; the next two numbers were lost.
    let room = Room::new([(5, vec!["a"]), (1, vec!["b"]), (994, vec!["c"])]);
    let begin = FIRST + 1000;
    let shape = |before, count| {
        let wanted = Wanted { before, count, asked: count, is_search: false };
        let form = Form::Frames { preference: AS_SENT, max_body: 1024 };
        let bytes = room.page_from(begin, wanted, form, |_, _| true).bytes;
        let page = Parsed::parse(Payload::Binary(&bytes)).unwrap();
        let entries = page.entries().map(|entry| match entry {
            Entry::Message(delivery) => Err(delivery.seq - FIRST),
            Entry::Gap(missed) => Ok(missed),
        });
        (page.lost_before(), entries.collect::<Vec<_>>())
    };
    assert_eq!(shape(u64::MAX, 9), (Some(0), vec![Err(5), Ok(1), Err(7), Ok(2), Err(1002)]));
    assert_eq!(shape(begin, 9), (Some(0), vec![Err(5), Ok(1), Err(7)]), "up to the first number");
    assert_eq!(shape(begin + 1, 9), (Some(0), vec![Err(5), Ok(1), Err(7), Ok(1)]));
    assert_eq!(shape(u64::MAX, 1), (None, vec![Err(1002)]));
    let wanted = Wanted { before: u64::MAX, count: 9, asked: 9, is_search: false };
    let form = Form::Lines { encoding: LineEncoding::Ascii, now: 1_000 * FIRST };
    let lines = String::from_utf8(room.page_from(begin, wanted, form, |_, _| true).bytes).unwrap();
    let jump = "ann: b\r\n* messages may be missing here: the room began anew\r\n* 2 messages are not kept\r\n";
    assert!(lines.contains(jump), "{lines}");
}

#[test]
fn every_beginning_of_a_room_is_recognised_by_its_number() {
    // [R9.46] [R9.50]
    let clock = |ms: u64| ms << 10;
    let block = |seq, time, text: &str| {
        let mut payloads = Payloads::default();
        payloads.push(Payload::Text(Text::utf8(text)));
        Block::new(Event::Messages { from: 1, name: Arc::from("ann"), time, payloads }, seq)
    };
    let (first, second, third) = (clock(1_000_000), clock(2_000_000), clock(3_000_000));
    // What is missing: one before the second beginning, one after each of the others, and 1024 that no beginning explains.
    let blocks = vec![
        block(first, 1_000_001, "a"),
        block(first + 2, 1_000_500, "b"),
        block(second, 2_000_007, "c"),
        block(second + 1024, 2_700_000, "d"),
        block(third + 1, 3_000_009, "e"),
    ];
    let room = Room { blocks, next: third + 2 };
    let wanted = |before| Wanted { before, count: 9, asked: 9, is_search: false };
    let gaps = |before| {
        let form = Form::Frames { preference: AS_SENT, max_body: 1024 };
        let bytes = room.page_from(third, wanted(before), form, |_, _| true).bytes;
        let page = Parsed::parse(Payload::Binary(&bytes)).unwrap();
        let gap = |entry| if let Entry::Gap(missed) = entry { Some(missed) } else { None };
        page.entries().filter_map(gap).collect::<Vec<_>>()
    };
    assert_eq!(gaps(u64::MAX), [1, 1023, 1]);
    assert_eq!(gaps(second + 1), [1]);
    assert_eq!(gaps(second), [1], "the page before that beginning");
    assert_eq!(gaps(first + 3), [1]);
    let form = Form::Lines { encoding: LineEncoding::Ascii, now: 0 };
    let lines = room.page_from(third, wanted(u64::MAX), form, |_, _| true).bytes;
    assert_eq!(String::from_utf8(lines).unwrap().matches(lines::JUMP).count(), 2);
}

#[test]
fn a_page_that_ends_before_everything_that_is_kept_is_the_start() {
    // [R9.47]
    let room = Room::new([(5, vec!["a"])]);
    for (before, lost) in [(0, 0), (FIRST, 0), (FIRST + 2, 2), (FIRST + 5, 5), (FIRST + 6, 5)] {
        let wanted = Wanted { before, count: 1, asked: 1, is_search: false };
        let bytes = room.page(wanted, Form::Frames { preference: AS_SENT, max_body: 1024 }, |_, _| true).bytes;
        let page = Parsed::parse(Payload::Binary(&bytes)).unwrap();
        assert_eq!((page.lost_before(), page.entries().count()), (Some(lost), usize::from(before == FIRST + 6)));
    }
}

#[test]
fn a_search_has_no_gaps_but_the_first_one() {
    // [R9.44] [R9.47]
    let room = Room::new([(5, vec!["Noon", "tea", "NOON"]), (2, vec!["no"])]);
    let pattern = Pattern::new("noon");
    let page = |before, count| {
        let wanted = Wanted { before, count, asked: count, is_search: true };
        let form = Form::Frames { preference: AS_SENT, max_body: 1024 };
        let bytes = room.page(wanted, form, |_, payload| pattern.is_in(&payload.to_str())).bytes;
        let page = Parsed::parse(Payload::Binary(&bytes)).unwrap();
        let seqs = page.entries().map(|entry| match entry {
            Entry::Message(delivery) => delivery.seq - FIRST,
            Entry::Gap(missed) => panic!("GAP {missed}"),
        });
        (page.lost_before(), seqs.collect::<Vec<_>>())
    };
    assert_eq!(page(u64::MAX, 9), (Some(0), vec![5, 7]));
    assert_eq!(page(u64::MAX, 1), (None, vec![7]));
    assert_eq!(page(FIRST + 7, 1), (Some(0), vec![5]));
    assert_eq!(page(FIRST, 1), (Some(0), vec![]));
}

#[test]
fn a_page_is_no_longer_than_enough_but_has_a_message_of_any_length() {
    let long = "x".repeat(ENOUGH);
    let room = Room::new([(0, vec!["a", &long, &long])]);
    let wanted = Wanted { before: u64::MAX, count: 10, asked: 10, is_search: false };
    let bytes = room.page(wanted, Form::Frames { preference: AS_SENT, max_body: 8 * ENOUGH }, |_, _| true).bytes;
    assert_eq!(bytes.len(), delivered(&long), "one message, and no start");
}

#[test]
fn a_terminal_is_shown_lines_with_their_time_and_what_is_missing() {
    let room = Room::new([(1, vec!["a\u{7}b"]), (2, vec!["c", "ä"])]);
    let form = Form::Lines { encoding: LineEncoding::Ascii, now: 1_000 * FIRST };
    let lines = |wanted| String::from_utf8(room.page(wanted, form, |_, _| true).bytes).unwrap();
    let last = |count| lines(Wanted { before: u64::MAX, count, asked: count, is_search: false });
    let tail = "* 00:17 ann: c\r\n* 00:17 ann: \\u{e4}\r\n";
    assert_eq!(last(2), tail);
    let all =
        format!("* 1 older message is not kept\r\n* 00:17 ann: a\\u{{7}}b\r\n* 2 messages are not kept\r\n{tail}");
    assert_eq!(last(3), all);
    let limited = lines(Wanted { before: u64::MAX, count: 2, asked: 3, is_search: false });
    assert_eq!(limited, format!("* (the last 2; the hub shows no more at once)\r\n{tail}"));
    assert_eq!(lines(Wanted { before: u64::MAX, count: 3, asked: 4, is_search: false }), all, "that is all there is");
    assert_eq!(lines(Wanted { before: 0, count: 1, asked: 1, is_search: false }), "* nothing is kept\r\n");
}
