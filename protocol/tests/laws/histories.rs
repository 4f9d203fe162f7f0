//! The laws of queries for history, and of their answers.

use bookend::{Delivery, Message, Payload};
use bookend_laws::history;
use proptest::prelude::*;

use crate::holds;

/// Bytes that are nearly a query.
fn query() -> impl Strategy<Value = Vec<u8>> {
    let fixed = (0_u8..4, any::<u64>(), prop_oneof![Just(0), any::<u32>()]);
    let text = prop_oneof![
        Just(Vec::new()),
        ".{1,300}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..4)
    ];
    (fixed, text, 0_usize..2).prop_map(|((first, before, count), text, cut)| {
        let mut bytes = [&[first][..], &before.to_be_bytes(), &count.to_be_bytes(), &text].concat();
        bytes.truncate(bytes.len() - cut);
        bytes
    })
}

/// Frames that are nearly a page.
fn page() -> impl Strategy<Value = Vec<u8>> {
    let gap = any::<u64>().prop_map(|missed| {
        let mut out = Vec::new();
        Message::Gap { missed }.encode(u32::MAX, &mut out).expect("it is short");
        out
    });
    let delivery = (any::<u64>(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(seq, payload)| {
        let mut out = Vec::new();
        let delivery = Delivery::new(5, 0, seq, 0, "ann", Payload::Binary(&payload)).expect("a plain line");
        Message::Delivery(delivery).encode(u32::MAX, &mut out).expect("it is short");
        out
    });
    let other = Just({
        let mut out = Vec::new();
        Message::Message(Payload::Binary(b"x")).encode(u32::MAX, &mut out).expect("it is short");
        out
    });
    let frames = prop::collection::vec(prop_oneof![8 => gap, 8 => delivery, 1 => other], 0..6);
    (frames, prop_oneof![4 => Just(0), 1 => 1_usize..4]).prop_map(|(frames, cut)| {
        let mut bytes = frames.concat();
        bytes.truncate(bytes.len().saturating_sub(cut));
        bytes
    })
}

proptest! {
    #[test]
    fn a_query_that_was_read_is_written_as_the_same_bytes(bytes in query()) {
        // [R9.44]
        holds(history::query(&bytes))?;
    }

    #[test]
    fn a_page_has_an_entry_for_each_of_its_frames(bytes in page()) {
        // [R9.45] [R9.47]
        holds(history::page(&bytes))?;
    }
}
