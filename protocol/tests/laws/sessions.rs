//! The laws of the session.

use bookend::{Hello, Role, Session};
use bookend_laws::session;
use proptest::prelude::*;

use crate::generators::{conversation, cuts, hello, role, stream};
use crate::holds;

/// A HELLO, and what its sender sends after it.
fn opened() -> impl Strategy<Value = Vec<u8>> {
    (hello(), conversation()).prop_map(|(hello, frames)| {
        let mut stream = Vec::new();
        hello.encode(&mut stream);
        [stream, frames].concat()
    })
}

/// Streams that open, and some that do not.
fn whole_stream() -> impl Strategy<Value = Vec<u8>> {
    let preamble = prop::sample::select(&[0, 1, 40, 1023, 1024, 1025][..]);
    prop_oneof![
        6 => opened(),
        1 => stream(),
        1 => (preamble, opened()).prop_map(|(length, stream)| [vec![b'-'; length], stream].concat()),
    ]
}

proptest! {
    #[test]
    fn steps_and_output_are_the_same_however_the_stream_is_cut(
        role in role(), local in hello(), stream in whole_stream(), cuts in cuts(),
    ) {
        // [R2.15] [R4.7]
        holds(session::rechunking::<Session>(role, &local, &stream, &cuts))?;
    }

    #[test]
    fn each_deadline_is_met_and_the_next_is_later(role in role(), local in hello(), stream in whole_stream()) {
        // [R7.1] [R7.3] [R7.10]
        holds(session::punctual::<Session>(role, &local, &stream))?;
    }

    #[test]
    fn output_is_bounded(
        role in role(), local in hello(), stream in whole_stream(), cuts in cuts(),
    ) {
        // [R3.9] [R8.1]
        holds(session::bounded::<Session>(role, &local, &stream, &cuts))?;
    }

    #[test]
    fn closing_session_sends_nothing_more(
        role in role(), local in hello(), stream in whole_stream(), further in opened(),
    ) {
        // [R7.4] [R7.5] [R7.6] [R7.15] [R7.16]
        holds(session::sticky::<Session>(role, &local, &stream, &further))?;
    }

    #[test]
    fn two_sessions_become_quiet(
        client in hello(), server in hello(), to_client in conversation(), to_server in conversation(),
    ) {
        // [R3.19] [R3.20]
        holds(session::rest::<Session>(&client, &server, &to_client, &to_server))?;
    }

    #[test]
    fn laws_hold_for_arbitrary_bytes(
        role in role(), local in hello(), peer in hello(), stream in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        // [R8.5]
        holds(session::every::<Session>(role, &local, &peer, &stream, &[7, 20]))?;
    }
}

#[test]
fn pings_without_end_leave_one_pong_and_bad_text_one_error_a_frame() {
    // [R3.9] [R8.1]
    let mut stream = Vec::new();
    Hello::new().encode(&mut stream);
    for _ in 0..100 {
        stream.extend_from_slice(b"\xF5\xF8\x06\0\0\0\0\x011\xF8\xF5");
        stream.extend_from_slice(b"\xF5\xF8\x02\x02\0\0\0\x01\xFF\xF8\xF5");
    }
    session::bounded::<Session>(Role::Server, &Hello::new(), &stream, &[]).unwrap();
}
