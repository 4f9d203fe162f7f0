//! The law of the hub, fed with pseudorandom scripts.

use bookend_testing::law::holds;

#[test]
fn whatever_some_peers_do_the_others_receive_everything_in_order() {
    // [R9.7] [R9.8] [R9.10] [R8.5]
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..300 {
        let mut script = Vec::new();
        for _ in 0..round {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            script.extend(state.to_le_bytes());
        }
        if let Err(broken) = holds(&script) {
            panic!("{broken}: {script:02x?}");
        }
    }
}
