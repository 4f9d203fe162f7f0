#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// The bytes delivered of these segments, with the length of each hole in brackets.
fn delivered(first: u32, segments: &[(u32, &str, u64)]) -> String {
    let mut reassembly = Reassembly::new(first);
    let mut shown = String::new();
    let mut out = |piece: Piece<'_>| -> Result<(), ()> {
        match piece {
            Piece::Bytes(bytes) => shown.push_str(std::str::from_utf8(bytes).unwrap()),
            Piece::Hole(length) => shown.push_str(&format!("[{length}]")),
            Piece::Conflict { differing, .. } => shown.push_str(&format!("<{differing}>")),
        }
        Ok(())
    };
    for &(sequence, bytes, cut) in segments {
        reassembly.segment(sequence, bytes.as_bytes(), cut, &mut out).unwrap();
    }
    reassembly.give_up(&mut out).unwrap();
    shown
}

#[test]
fn segments_are_delivered_in_order() {
    assert_eq!(delivered(1, &[(1, "ab", 0), (3, "cd", 0)]), "abcd");
    assert_eq!(delivered(1, &[(5, "ef", 0), (3, "cd", 0), (1, "ab", 0)]), "abcdef");
}

#[test]
fn retransmissions_and_overlaps_are_delivered_once() {
    assert_eq!(delivered(1, &[(1, "ab", 0), (1, "ab", 0), (1, "abcd", 0), (2, "bcdef", 0)]), "abcdef");
    assert_eq!(delivered(1, &[(3, "cd", 0), (3, "cdef", 0), (4, "de", 0), (1, "abc", 0), (7, "g", 0)]), "abcdefg");
}

#[test]
fn retransmission_with_other_bytes_is_a_conflict() {
    assert_eq!(delivered(1, &[(1, "abcd", 0), (3, "cXef", 0)]), "abcd<1>ef");
    assert_eq!(delivered(1, &[(3, "cd", 0), (3, "XdYf", 0), (1, "ab", 0)]), "<1>abcdYf");
    assert_eq!(delivered(1, &[(3, "cdef", 0), (5, "XY", 0), (1, "ab", 0)]), "abcdef<2>");
    assert_eq!(delivered(1, &[(1, "abcd", 0), (4, "X", 0)]), "abcd", "a probe of keep-alive");
}

#[test]
fn bytes_that_are_not_delivered_are_counted() {
    let mut reassembly = Reassembly::new(100);
    let mut out = |_: Piece<'_>| -> Result<(), ()> { Ok(()) };
    reassembly.segment(100, b"abcd", 0, &mut out).unwrap();
    reassembly.segment(98, b"yzabXdef", 2, &mut out).unwrap();
    reassembly.segment(105, b"fgh", 0, &mut out).unwrap();
    reassembly.segment(2_000_000_000, b"far", 0, &mut out).unwrap();
    reassembly.finish_at(110);
    reassembly.segment(108, b"ijklm", 0, &mut out).unwrap();
    reassembly.count_after_end(108, b"ijkl", true);
    let expected = Bytes {
        used: 4 + 2 + 2,
        repeated: 3 + 1 + 2,
        conflicting: 1,
        out_of_order: 2 + 2,
        outside_window: 3,
        after_fin: 3,
        after_reset: 2,
        ..Bytes::default()
    };
    assert_eq!((reassembly.take_bytes(), reassembly.take_late()), (expected, 2));
}

#[test]
fn reset_counts_at_the_expected_number() {
    let mut out = |_: Piece<'_>| -> Result<(), ()> { Ok(()) };
    let mut reassembly = Reassembly::new(1);
    reassembly.segment(1, b"abcd", 0, &mut out).unwrap();
    assert!(!reassembly.reset_at(1) && !reassembly.is_reset());
    assert!(reassembly.reset_at(7) && !reassembly.is_reset());
    reassembly.segment(5, b"efgh", 0, &mut out).unwrap();
    assert!(!reassembly.is_reset(), "the stream went on");
    assert!(reassembly.reset_at(11) && !reassembly.is_reset());
    reassembly.segment(9, b"ij", 0, &mut out).unwrap();
    assert!(reassembly.is_reset());
}

#[test]
fn hole_is_delivered_with_its_length() {
    assert_eq!(delivered(1, &[(1, "ab", 0), (6, "f", 0), (9, "i", 0)]), "ab[3]f[2]i");
    assert_eq!(delivered(1, &[(1, "ab", 3), (6, "f", 0)]), "ab[3]f");
    assert_eq!(delivered(1, &[(6, "f", 1), (1, "ab", 0)]), "ab[3]f[1]");
    assert_eq!(delivered(1, &[(1, "ab", 3), (1, "abcde", 1)]), "ab[3][1]");
}

#[test]
fn sequence_numbers_wrap_around() {
    assert_eq!(delivered(u32::MAX, &[(u32::MAX, "a", 0), (1, "c", 0), (0, "b", 0), (2, "d", 0)]), "abcd");
    assert_eq!(delivered(u32::MAX, &[(1, "c", 0)]), "[2]c");
}

#[test]
fn stream_is_finished_when_all_before_its_end_was_delivered() {
    let mut reassembly = Reassembly::new(1);
    let mut holes = 0;
    let mut out = |piece: Piece<'_>| -> Result<(), ()> {
        holes += u64::from(matches!(piece, Piece::Hole(_)));
        Ok(())
    };
    reassembly.finish_at(5);
    reassembly.segment(3, b"cd", 0, &mut out).unwrap();
    assert!(!reassembly.is_finished());
    reassembly.segment(1, b"ab", 0, &mut out).unwrap();
    assert!(reassembly.is_finished());
    reassembly.give_up(&mut out).unwrap();
    assert_eq!(holes, 0);
}

#[test]
fn held_segments_are_bounded() {
    let mut reassembly = Reassembly::new(0);
    let mut holes = Vec::new();
    for number in 1..10_000_u32 {
        let mut out = |piece: Piece<'_>| -> Result<(), ()> {
            if let Piece::Hole(length) = piece {
                holes.push(length);
            }
            Ok(())
        };
        reassembly.segment(number * 1000, &[0; 500], 0, &mut out).unwrap();
        assert!(reassembly.waiting_bytes <= MAX_WAITING + 500 + SEGMENT);
    }
    assert!(holes.len() > 5000 && holes[0] == 1000 && holes[1..].iter().all(|&length| length == 500));
}
