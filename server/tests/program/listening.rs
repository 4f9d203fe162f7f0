//! Where it listens, and where it does not.

use crate::running::{Running, output, program};

#[test]
fn what_other_machines_can_reach_is_listened_on_only_when_allowed() {
    let (code, said, complaint) = output(&mut program(&["--listen", "0.0.0.0:0"]));
    assert_eq!((code, &*said), (Some(2), ""));
    let reason = "0.0.0.0:0 can be reached by other machines: --public or public = true allows it";
    assert_eq!(complaint, format!("bookend-server: --listen: listen: {reason}\n"));

    let allowed = &mut program(&["--listen", "127.0.0.1:0", "--public"]);
    allowed.env("BOOKEND_LISTEN", "0.0.0.0:0");
    assert!(Running::start(allowed, 1).said[0].starts_with("listening on 127.0.0.1:"), "the flag is nearer");
}

#[test]
fn a_place_that_is_none_is_refused() {
    for place in ["127.0.0.1", "127.0.0.1:no-such-service", ":3990", "127.0.0.1:65536", "tls://127.0.0.1:0", "unix:"] {
        let (code, said, _) = output(&mut program(&["--listen", place]));
        assert_eq!((code, &*said), (Some(2), ""), "{place}");
    }
}

#[test]
fn a_port_that_somebody_has_is_not_taken() {
    let first = Running::start(&mut program(&["--listen", "127.0.0.1:0"]), 1);
    let place = format!("127.0.0.1:{}", first.port());
    let (code, said, complaint) = output(&mut program(&["--listen", &place]));
    assert_eq!((code, &*said), (Some(1), ""));
    assert!(complaint.starts_with(&format!("bookend-server: {place}: ")), "{complaint}");
}
