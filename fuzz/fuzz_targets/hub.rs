//! The law of the hub: whatever some peers do, the others are unaffected.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| {
    bookend_testing::law::holds(script).unwrap();
});
