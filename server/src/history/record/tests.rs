//! Tests of the data of rows.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn said(from: u32, time: u64, name: &str, texts: &[(Encoding, Vec<u8>)], first: u64) -> Arc<Block> {
    let mut payloads = Payloads::default();
    for (encoding, bytes) in texts {
        payloads.push_stored(StoredPayload { encoding: *encoding, bytes });
    }
    Arc::new(Block::new(Event::Messages { from, name: name.into(), time, payloads }, first))
}

fn encoded(blocks: &[Arc<Block>]) -> Vec<u8> {
    let mut data = Vec::new();
    for block in blocks {
        encode(block.said().unwrap(), &mut data).unwrap();
    }
    data
}

fn sample() -> Vec<u8> {
    let (one, two) = ((Encoding::Utf8, "näh".into()), (Encoding::Binary, vec![0xFF, 0]));
    let three = (Encoding::Utf16Le, vec![b'h', 0, b'i', 0]);
    encoded(&[said(7, 9, "ann", &[one, two], 5), said(0, 10, "", &[three], 7)])
}

#[test]
fn blocks_of_a_row_are_read_as_they_were_written() {
    let data = sample();
    let records = decode(5, 3, &data).unwrap();
    let seen: Vec<_> = records.iter().map(|record| (record.first, record.from, record.time, record.name)).collect();
    assert_eq!(seen, [(5, 7, 9, "ann"), (7, 0, 10, "")]);
    assert_eq!(records[0].payloads().map(|payload| payload.bytes.to_vec()).collect::<Vec<_>>()[1], [0xFF, 0]);
    let blocks: Vec<_> = records.iter().map(|record| record.to_block()).collect();
    assert_eq!(encoded(&blocks), data);
    assert_eq!(blocks[1].first_seq(), records[1].first);
}

#[test]
fn numbers_that_the_data_do_not_have_are_refused() {
    let data = sample();
    for (first, count) in [(5, 2), (5, 4), (5, 0), (0, 3), (u64::MAX, 3)] {
        assert_eq!(decode(first, count, &data).map(|records| records.len()), Err(BadRecord), "{first} {count}");
    }
    assert_eq!(decode(5, 0, &[]).map(|records| records.len()), Err(BadRecord));
}

#[test]
fn texts_that_no_session_accepts_are_refused() {
    for (encoding, bytes) in [
        (Encoding::Ascii, vec![0x80]),
        (Encoding::Utf8, vec![0xC0, 0x80]),
        (Encoding::Utf8, b"\xEF\xBB\xBFa".to_vec()),
        (Encoding::Utf16Be, vec![0]),
        (Encoding::Utf16Le, vec![0xFF, 0xFE, b'a', 0]),
    ] {
        let data = encoded(&[said(1, 1, "ann", &[(encoding, bytes)], 1)]);
        assert_eq!(decode(1, 1, &data).map(|records| records.len()), Err(BadRecord), "{encoding}");
    }
    let data = encoded(&[said(1, 1, "a\nb", &[(Encoding::Utf8, Vec::new())], 1)]);
    assert_eq!(decode(1, 1, &data).map(|records| records.len()), Err(BadRecord), "a name of two lines");
}

#[test]
fn every_part_of_a_row_is_refused() {
    let data = sample();
    for end in 0..data.len() {
        assert_eq!(decode(5, 3, &data[..end]).map(|records| records.len()), Err(BadRecord), "{end}");
    }
}

proptest! {
    #[test]
    fn whatever_can_be_read_has_the_same_bytes_again(
        noise in proptest::collection::vec(any::<u8>(), 0..60),
        flips in proptest::collection::vec((0usize..4096, 0u8..8), 0..3),
        from_sample in any::<bool>(),
    ) {
        let mut data = if from_sample { sample() } else { noise };
        for (at, bit) in flips {
            if let Some(at) = at.checked_rem(data.len()) {
                data[at] ^= 1 << bit;
            }
        }
        for count in 0..6 {
            if let Ok(records) = decode(5, count, &data) {
                let blocks: Vec<_> = records.iter().map(|record| record.to_block()).collect();
                prop_assert_eq!(encoded(&blocks), data.clone());
                prop_assert_eq!(blocks.iter().map(|block| block.messages()).sum::<u64>(), count);
            }
        }
    }
}
