//! The laws of bodies.

use bookend_laws::message;
use proptest::prelude::*;

use crate::generators;
use crate::holds;

proptest! {
    #[test]
    fn a_message_that_is_read_is_written_as_it_came(message in generators::message()) {
        // [R5.5]
        holds(message::canonical(message.frame()))?;
    }

    #[test]
    fn a_hello_that_is_accepted_is_written_as_what_it_says(body in generators::hello_body()) {
        // [R4.12] [R4.14]
        holds(message::hello(&body))?;
    }

    #[test]
    fn no_frames_are_too_wild(frames in generators::frames()) {
        // [R8.5]
        for frame in &frames {
            holds(message::every(frame.frame()))?;
        }
    }
}
