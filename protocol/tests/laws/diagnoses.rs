//! The laws of diagnosis.

use bookend_laws::diagnosis::every;
use proptest::prelude::*;

use crate::generators::{stream, text};
use crate::holds;

proptest! {
    #[test]
    fn a_damaged_stream_is_answered_in_a_line(stream in stream()) {
        // [R6.2] [R6.5]
        holds(every(&stream))?;
    }

    #[test]
    fn text_is_answered_in_a_line((_, bytes) in text()) {
        holds(every(&bytes))?;
    }

    #[test]
    fn no_bytes_are_too_wild(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        // [R8.5]
        holds(every(&bytes))?;
    }
}
