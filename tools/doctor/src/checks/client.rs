//! What only a client has to do (SPEC 8 and 9).

use std::time::Duration;

use bookend::{Encoding, MAX_LENGTH, kind};

use super::{Check, Exam, Judged, When, own};
use crate::frame::frame;
use crate::report::Finding;
use crate::side::Side;
use crate::subject::Subject;

const fn check(name: &'static str, spec: &'static str, fix: &'static str, exam: Exam) -> Check {
    Check::new(name, spec, fix, exam).only_for(Side::Client)
}

pub(super) static CHECKS: &[Check] = &[
    check(
        "hub-messages",
        "R9.1 R9.2",
        "take WELCOME, PRESENCE, DELIVERY and GAP where both HELLOs set bit 0 of `features`",
        Exam::Taken(|_| hub_messages()),
    )
    .when(When::Hub),
    check(
        "hub-post-to-client",
        "R9.2",
        "refuse a POST from a server",
        Exam::Closed(|_| frame(kind::POST, Encoding::Ascii, b"\0\0\0\0hi"), "unexpected-kind"),
    )
    .when(When::Hub),
    check(
        "hub-event",
        "R9.3",
        "refuse a PRESENCE whose event is none of 0 to 3",
        Exam::Closed(|_| frame(kind::PRESENCE, Encoding::Ascii, b"\0\0\0\x05\x04ann"), "malformed"),
    )
    .when(When::Hub),
    check(
        "hub-name",
        "R9.4",
        "refuse a DELIVERY with a line break in its name",
        Exam::Closed(|_| frame(kind::DELIVERY, Encoding::Ascii, &delivery(b"a\nb", b"hi")), "malformed"),
    )
    .when(When::Hub),
    check(
        "hub-bad-text",
        "R5.8",
        "answer a DELIVERY with bad text by ERROR 1007 bad-text: the connection lives",
        Exam::Refused(|_| vec![frame(kind::DELIVERY, Encoding::Utf8, &delivery(b"ann", b"\xFF"))], "bad-text"),
    )
    .when(When::Hub),
    check(
        "memory",
        "R8.1",
        "reserve room for 64 KiB of a body at most beyond what has arrived, whatever its header claims",
        own!(memory),
    )
    .needing(&["ping"]),
];

/// What a hub says when somebody joins, and then.
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

/// From member 7 to everyone, the first one.
fn delivery(name: &[u8], payload: &[u8]) -> Vec<u8> {
    const BEFORE_NAME: &[u8; 24] = b"\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0";
    let length = u8::try_from(name.len()).expect("names are short");
    [BEFORE_NAME, &[length][..], name, payload].concat()
}

/// What loading something on first use may take is no sign of a claim that was believed, in bytes.
const MAX_GROWTH: u64 = 256 << 20;

async fn memory(subject: &Subject, name: &'static str) -> Judged {
    let mut most = 0;
    // Within the limit it is waited for, over it refused.
    for claim in [subject.facts().max_body, MAX_LENGTH] {
        let mut peer = subject.greet(name, &subject.hello()).await?;
        peer.barrier().await.map_err(|unmet| unmet.finding("PONG"))?;
        let Some(before) = peer.memory() else {
            return Err(Finding::not_applicable("how much memory the peer uses is not told here"));
        };
        peer.send(&[&b"\xF5\xF8\x02\0"[..], &claim.to_be_bytes(), b"aaa"].concat()).await;
        peer.be_patient(Duration::from_millis(300));
        // `body-over-limit` judges what is due.
        let _came = peer.wait_close().await;
        most = peer.memory().map_or(most, |after| (after - before).most().max(most));
    }
    let seen = format!("{} KiB more memory for a header that claims {MAX_LENGTH} bytes", most >> 10);
    if most > MAX_GROWTH { Err(Finding::fails(seen)) } else { Ok(Finding::ok(seen)) }
}
