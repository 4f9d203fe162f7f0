//! The laws of diagnosis, with the input both as a stream and as text.
#![no_main]

use bookend_laws::{diagnosis, memory::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    diagnosis::every(bytes).unwrap();
});
