//! The laws of diagnosis.

use bookend::Fault;
use bookend::diagnosis::WINDOW;
use bookend_laws::diagnosis::{self, every};
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
    fn what_is_wrong_behind_the_window_is_answered_too((encoding, bytes) in text(), short in 0..4_usize) {
        // [R8.5]
        let legal = bookend_laws::text::units(encoding, "a").repeat(WINDOW);
        let payload = [&legal[..WINDOW - short], &bytes].concat();
        holds(diagnosis::text(encoding, &payload))?;
        holds(diagnosis::stream(Fault::FrameTimeout { arrived: 0, expected: None }, &payload, &payload))?;
    }

    #[test]
    fn no_bytes_are_too_wild(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        // [R8.5]
        holds(every(&bytes))?;
    }
}
