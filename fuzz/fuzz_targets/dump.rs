//! A text in the formats of dumps: it is read or refused, without a panic. The forms are tested by tools/inspect/laws.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    bookend_inspect_laws::is_read(bytes).unwrap();
});
