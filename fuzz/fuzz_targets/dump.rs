//! The laws of dumps, with the input as the content of frames in a form, and as a text.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bookend_inspect_laws::every(bytes).unwrap();
});
