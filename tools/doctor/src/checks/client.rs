//! What only a client must do (SPEC 8 and 9).

use std::time::Duration;

use bookend::{Encoding, MAX_LENGTH, kind};

use super::{Check, CheckResult, Test, When, custom};
use crate::frame::frame;
use crate::report::Finding;
use crate::side::Side;
use crate::target::Target;

const fn check(name: &'static str, spec: &'static str, fix: &'static str, test: Test) -> Check {
    Check::new(name, spec, fix, test).only_for(Side::Client)
}

pub(super) static CHECKS: &[Check] = &[
    check(
        "hub-messages",
        "R9.1 R9.2",
        "accept WELCOME, PRESENCE, DELIVERY and GAP if both HELLOs set bit 0 of `features`",
        Test::Accepted(|_| hub_messages()),
    )
    .when(When::Hub),
    check(
        "hub-post-to-client",
        "R9.2",
        "refuse a POST from a server",
        Test::Closed(|_| frame(kind::POST, Encoding::Ascii, b"\0\0\0\0hi"), "unexpected-kind"),
    )
    .when(When::Hub),
    check(
        "hub-event",
        "R9.3",
        "refuse a PRESENCE whose event is above 3",
        Test::Closed(|_| frame(kind::PRESENCE, Encoding::Ascii, b"\0\0\0\x05\x04ann"), "malformed"),
    )
    .when(When::Hub),
    check(
        "hub-name",
        "R9.4",
        "refuse a DELIVERY with a line break in its name",
        Test::Closed(|_| frame(kind::DELIVERY, Encoding::Ascii, &delivery(b"a\nb", b"hi")), "malformed"),
    )
    .when(When::Hub),
    check(
        "hub-bad-text",
        "R5.8",
        "answer a DELIVERY with bad text by ERROR 1007 bad-text, and keep the connection open",
        Test::Refused(|_| vec![frame(kind::DELIVERY, Encoding::Utf8, &delivery(b"ann", b"\xFF"))], "bad-text"),
    )
    .when(When::Hub),
    check(
        "memory",
        "R8.1",
        "reserve at most 64 KiB more than has arrived of a body, whatever its header claims",
        custom!(memory),
    )
    .needing(&["ping"]),
];

/// What a hub sends to a new member, and later.
fn hub_messages() -> Vec<u8> {
    [
        frame(kind::WELCOME, Encoding::Utf8, b"\0\0\0\x05\0\0\0\0\0\0\0\x01hi"),
        frame(kind::PRESENCE, Encoding::Utf8, b"\0\0\0\x05\0doctor"),
        frame(kind::PRESENCE, Encoding::Utf8, b"\0\0\0\x07\x01gr\xC3\xBC\xC3\x9F"),
        frame(kind::DELIVERY, Encoding::Utf8, &delivery(b"ann", b"gr\xC3\xBC\xC3\x9F")),
        frame(kind::DELIVERY, Encoding::Binary, &delivery(b"", b"\0\xFF")),
        frame(kind::GAP, Encoding::Binary, &[0, 0, 0, 0, 0, 0, 0, 3]),
        frame(kind::PRESENCE, Encoding::Utf8, b"\0\0\0\x07\x02ann"),
    ]
    .concat()
}

/// The body of a room's first DELIVERY, from member 7 to everyone.
fn delivery(name: &[u8], payload: &[u8]) -> Vec<u8> {
    const BEFORE_NAME: &[u8; 24] = b"\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0";
    let length = u8::try_from(name.len()).expect("names are short");
    [BEFORE_NAME, &[length][..], name, payload].concat()
}

/// The growth that is accepted, in bytes: half of what the header claims. A peer may load something on first use, and each
/// thread that it starts meanwhile reserves up to 136 MiB of addresses.
const MAX_GROWTH: u64 = 1 << 30;

async fn memory(target: &Target, name: &'static str) -> CheckResult {
    let mut most = 0;
    // The peer waits for a body within its limit, and refuses one over it.
    for claim in [target.info().max_body, MAX_LENGTH] {
        let mut peer = target.greet(name, &target.hello()).await?;
        peer.barrier().await.map_err(|missing| missing.finding("PONG"))?;
        let Some(before) = peer.memory() else {
            return Err(Finding::not_applicable("the peer's memory use is not known here"));
        };
        peer.send(&[&b"\xF5\xF8\x02\0"[..], &claim.to_be_bytes(), b"aaa"].concat()).await;
        peer.set_timeout(Duration::from_millis(300));
        let _ = peer.wait_close().await; // `body-over-limit` judges it
        most = peer.memory().map_or(most, |after| (after - before).most().max(most));
    }
    let seen = format!("{} KiB more memory for a header that claims {MAX_LENGTH} bytes", most >> 10);
    if most > MAX_GROWTH { Err(Finding::fails(seen)) } else { Ok(Finding::ok(seen)) }
}
