//! The laws of framing.

use bookend::{Decoder, Frame};
use bookend_laws::frame;
use proptest::prelude::*;

use crate::generators::{self, cuts, stream};
use crate::holds;

/// Limits of body that the generated bodies lie around.
fn limit() -> impl Strategy<Value = u32> {
    prop::sample::select(&[0, 1, 12, 64, 1024, 1 << 20, 0x7FFF_FFFF, u32::MAX][..])
}

proptest! {
    #[test]
    fn frames_that_are_written_are_read_again(frames in generators::frames()) {
        // [R2.5] [R2.6] [R2.9] [R2.12] [R2.13]
        let frames: Vec<Frame<'_>> = frames.iter().map(generators::Owned::frame).collect();
        holds(frame::round_trip::<Decoder>(&frames))?;
    }

    #[test]
    fn frames_and_fault_are_the_same_however_the_stream_is_cut(limit in limit(), stream in stream(), cuts in cuts()) {
        // [R2.11] [R2.15]
        holds(frame::rechunking::<Decoder>(limit, &stream, &cuts))?;
    }

    #[test]
    fn frames_that_are_read_are_written_unchanged(limit in limit(), stream in stream()) {
        holds(frame::canonical::<Decoder>(limit, &stream))?;
    }

    #[test]
    fn fault_is_final(limit in limit(), stream in stream(), further in stream()) {
        // [R2.14]
        holds(frame::sticky::<Decoder>(limit, &stream, &further))?;
    }

    #[test]
    fn reading_allocates_nothing(limit in limit(), stream in stream(), cuts in cuts()) {
        // [R2.7] [R8.1]
        holds(frame::bounded::<Decoder>(limit, &stream, &cuts))?;
    }

    #[test]
    fn buffer_grows_as_bytes_arrive(reads in prop::collection::vec(prop_oneof![1..100_usize, 1..=65_536_usize], 0..40)) {
        // [R8.1]
        holds(frame::buffered(&reads))?;
    }

    #[test]
    fn laws_hold_for_arbitrary_bytes(limit in limit(), stream in prop::collection::vec(any::<u8>(), 0..80), cuts in cuts()) {
        // [R8.5]
        holds(frame::every::<Decoder>(limit, &stream, &cuts))?;
    }
}

#[test]
fn header_that_claims_the_maximum_allocates_nothing() {
    // [R2.7] [R8.1]
    for length in [1 << 20, 0x7FFF_FFFF_u32, u32::MAX] {
        let header = [&b"\xF5\xF8\x02\x02"[..], &length.to_be_bytes(), b"the first bytes"].concat();
        frame::bounded::<Decoder>(0x7FFF_FFFF, &header, &[8]).unwrap();
    }
}
