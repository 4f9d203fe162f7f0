//! The laws of bodies.

use bookend_laws::message;
use proptest::prelude::*;

use crate::generators;
use crate::holds;

proptest! {
    #[test]
    fn decoded_message_encodes_to_the_same_bytes(message in generators::message()) {
        // [R5.5]
        holds(message::canonical(message.frame()))?;
    }

    #[test]
    fn accepted_hello_encodes_to_its_meaning(body in generators::hello_body()) {
        // [R4.12] [R4.14]
        holds(message::hello(&body))?;
    }

    #[test]
    fn laws_hold_for_arbitrary_frames(frames in generators::frames()) {
        // [R8.5]
        for frame in &frames {
            holds(message::every(frame.frame()))?;
        }
    }
}
