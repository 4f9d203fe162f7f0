//! The law of the hub: what some peers do to it, others need not suffer.
#![no_main]

#[path = "../../server/tests/hub/law.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|script: &[u8]| {
    law::holds(script).unwrap();
});
