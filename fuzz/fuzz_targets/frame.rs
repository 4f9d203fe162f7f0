//! The laws of framing, and of the body of each frame.
#![no_main]

use bookend::Decoder;
use bookend_laws::{cuts_of, frame, memory::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

libfuzzer_sys::fuzz_target!(|stream: &[u8]| {
    for limit in [16, 1 << 20] {
        frame::every::<Decoder>(limit, stream, &cuts_of(stream)).unwrap();
    }
});
