//! The law of text.

use bookend_laws::text::{ENCODINGS, decode, every, received, sent};
use proptest::prelude::*;

use crate::generators::{string, text};
use crate::holds;

proptest! {
    #[test]
    fn received_text_is_whole_or_named_by_its_first_illegal_byte((encoding, bytes) in text()) {
        // [R5.1] [R5.2] [R5.3] [R5.6] [R5.7] [R5.9] [R5.14]
        holds(received(decode, encoding, &bytes))?;
    }

    #[test]
    fn sent_text_arrives_or_is_refused(wanted in string()) {
        // [R5.4] [R5.5] [R5.13] [R5.15]
        for encoding in ENCODINGS {
            holds(sent(decode, encoding, &wanted))?;
        }
    }

    #[test]
    fn laws_hold_for_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        // [R8.5]
        holds(every(&bytes))?;
    }
}
