//! The laws of framing, of the body of each frame, of answers about history, and of transfers.
#![no_main]

use bookend::Decoder;
use bookend::transfer::{Bounds, Incoming};
use bookend_laws::{cuts_of, frame, history, memory::Counting, transfer};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

libfuzzer_sys::fuzz_target!(|stream: &[u8]| {
    for limit in [16, 1 << 20] {
        frame::every::<Decoder>(limit, stream, &cuts_of(stream)).unwrap();
    }
    history::every(stream).unwrap();
    let bounds = Bounds::default().with_max_length(64).with_max_open(2);
    transfer::every(&mut Incoming::new(bounds), bounds, &transfer::payloads(stream)).unwrap();
});
