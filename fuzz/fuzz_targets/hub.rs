//! The law of the hub: no peer harms another.
#![no_main]

#[path = "../../server/tests/hub/law.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|script: &[u8]| {
    law::holds(script).unwrap();
});
