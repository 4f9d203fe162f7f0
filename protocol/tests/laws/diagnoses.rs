//! The laws of diagnosis.

use bookend::Fault;
use bookend::diagnosis::WINDOW;
use bookend_laws::diagnosis::{self, every};
use proptest::prelude::*;

use crate::generators::{stream, text};
use crate::holds;

proptest! {
    #[test]
    fn damaged_stream_gets_a_diagnosis_of_one_line(stream in stream()) {
        // [R6.2] [R6.5]
        holds(every(&stream))?;
    }

    #[test]
    fn text_is_answered_in_a_line((_, bytes) in text()) {
        holds(every(&bytes))?;
    }

    #[test]
    fn fault_after_the_window_gets_a_diagnosis_too((encoding, bytes) in text(), short in 0..4_usize) {
        // [R8.5]
        let legal = bookend_laws::text::units(encoding, "a").repeat(WINDOW);
        let payload = [&legal[..WINDOW - short], &bytes].concat();
        holds(diagnosis::text(encoding, &payload))?;
        holds(diagnosis::stream(Fault::FrameTimeout { arrived: 0, expected: None }, &payload, &payload))?;
    }

    #[test]
    fn laws_hold_for_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        // [R8.5]
        holds(every(&bytes))?;
    }
}
