//! The law of text, with the same bytes in each encoding.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bookend_laws::text::every(bytes).unwrap();
});
