//! Text: a peer accepts legal text, refuses other text, and keeps the connection open (SPEC 5).

use bookend::{Encoding, kind, text};

use super::{Check, CheckResult, Test, When, custom};
use crate::frame::{frame, message};
use crate::report::Finding;
use crate::target::Target;

const ACCEPTED_16_BE: When = When::Accepted(Encoding::Utf16Be);
const ACCEPTED_16_LE: When = When::Accepted(Encoding::Utf16Le);

/// Checks that others depend on.
pub(super) static FIRST: &[Check] = &[
    Check::new(
        "message",
        "R3.10 R5.2",
        "accept a MESSAGE and read on: does the application exit or block when one arrives?",
        Test::Accepted(|_| valid(Encoding::Utf8, "hello")),
    ),
    Check::new(
        "bad-text",
        "R5.8 R3.19",
        "answer text that is not legal by ERROR 1007 bad-text, and keep the connection open",
        Test::Refused(|_| texts(Encoding::Utf8, &[b"ok \xFF"]), "bad-text"),
    ),
];

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "error-names-frame",
        "R3.17 R3.18",
        "count received frames from HELLO = 0, and put the number of the faulty one into ERROR, with id 0",
        custom!(error_names_frame),
    )
    .needing(&["bad-text"]),
    Check::new(
        "error-names-request",
        "R3.18",
        "put the id of a REQUEST into the ERROR that refuses it",
        custom!(error_names_request),
    )
    .needing(&["bad-text"]),
    Check::new(
        "text-ascii",
        "R5.1",
        "accept bytes 00 to 7F in encoding 1",
        Test::Accepted(|_| valid(Encoding::Ascii, "hello, world\0\x7F")),
    ),
    Check::new(
        "text-utf-8",
        "R5.2",
        "accept well-formed UTF-8 in encoding 2",
        Test::Accepted(|_| valid(Encoding::Utf8, "grüß 😀")),
    ),
    Check::new(
        "text-utf-16be",
        "R5.3",
        "accept UTF-16BE with surrogate pairs in encoding 3, or leave bit 3 of `accepted` at 0",
        Test::Accepted(|_| valid(Encoding::Utf16Be, "grüß 😀")),
    )
    .when(ACCEPTED_16_BE),
    Check::new(
        "text-utf-16le",
        "R5.3",
        "accept UTF-16LE with surrogate pairs in encoding 4, or leave bit 4 of `accepted` at 0",
        Test::Accepted(|_| valid(Encoding::Utf16Le, "grüß 😀")),
    )
    .when(ACCEPTED_16_LE),
    Check::new(
        "text-scalars",
        "R5.4 R5.14",
        "accept every scalar value: U+0000, noncharacters such as U+FFFE and U+FFFF, U+10FFFF",
        Test::Accepted(|_| valid(Encoding::Utf8, "\0a\u{FFFE}\u{FFFF}\u{FDD0}\u{10FFFF}")),
    ),
    Check::new(
        "text-mark",
        "R5.6",
        "remove one leading byte order mark",
        Test::Accepted(|_| message(Encoding::Utf8, b"\xEF\xBB\xBFhi")),
    ),
    Check::new(
        "bad-ascii",
        "R5.1 R5.8",
        "refuse bytes 80 to FF in encoding 1, which is neither Latin-1 nor UTF-8",
        Test::Refused(|_| texts(Encoding::Ascii, &[b"gr\xC3\xBC", b"\xE4"]), "bad-text"),
    )
    .needing(&["bad-text"]),
    Check::new(
        "bad-utf-8",
        "R5.2 R5.8",
        "use a strict decoder: no overlong form, no surrogate, nothing above U+10FFFF, nothing truncated",
        Test::Refused(
            |_| texts(Encoding::Utf8, &[b"\xC0\x80", b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"\xE2\x82"]),
            "bad-text",
        ),
    )
    .needing(&["bad-text"]),
    Check::new(
        "bad-utf-16be",
        "R5.3 R5.7 R5.8",
        "refuse an unpaired surrogate, an odd number of bytes, and a leading FF FE in encoding 3",
        Test::Refused(
            |_| texts(Encoding::Utf16Be, &[b"\xD8\0\0a", b"\0a\xDC\0", b"\0a\0", b"\xFF\xFE\0a"]),
            "bad-text",
        ),
    )
    .when(ACCEPTED_16_BE)
    .needing(&["bad-text"]),
    Check::new(
        "bad-utf-16le",
        "R5.3 R5.7 R5.8",
        "refuse an unpaired surrogate, an odd number of bytes, and a leading FE FF in encoding 4",
        Test::Refused(|_| texts(Encoding::Utf16Le, &[b"\0\xD8a\0", b"a\0\0\xDC", b"a\0b", b"\xFE\xFFa\0"]), "bad-text"),
    )
    .when(ACCEPTED_16_LE)
    .needing(&["bad-text"]),
    Check::new(
        "refused-utf-16be",
        "R5.11",
        "answer text in an encoding that HELLO does not accept by ERROR 1007 encoding-refused",
        Test::Refused(|_| vec![valid(Encoding::Utf16Be, "hi")], "encoding-refused"),
    )
    .when(When::NotAccepted(Encoding::Utf16Be)),
    Check::new(
        "refused-utf-16le",
        "R5.11",
        "answer text in an encoding that HELLO does not accept by ERROR 1007 encoding-refused",
        Test::Refused(|_| vec![valid(Encoding::Utf16Le, "hi")], "encoding-refused"),
    )
    .when(When::NotAccepted(Encoding::Utf16Le)),
];

/// A MESSAGE for each payload.
fn texts(encoding: Encoding, payloads: &[&[u8]]) -> Vec<Vec<u8>> {
    payloads.iter().map(|payload| message(encoding, payload)).collect()
}

fn valid(encoding: Encoding, words: &str) -> Vec<u8> {
    let mut payload = Vec::new();
    text::encode(encoding, words, &mut payload).expect("the encoding can represent it");
    message(encoding, &payload)
}

async fn error_names_frame(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    // Every frame counts, also one that is ignored.
    let ignored = [frame(kind::IGNORABLE, Encoding::Binary, b"two"), frame(kind::PONG, Encoding::Binary, b"three")];
    peer.send(&[valid(Encoding::Utf8, "one"), ignored.concat(), message(Encoding::Utf8, b"\xFF")].concat()).await;
    let about = peer.wait(|frame| frame.as_error().filter(|error| error.code == bookend::Code::BAD_TEXT));
    let error = about.await.map_err(|missing| missing.finding("ERROR bad-text"))?;
    peer.leave().await;
    match (error.frame, error.id) {
        (4, 0) => Ok(Finding::ok("ERROR has frame 4, counted from HELLO = 0, and id 0")),
        (4, id) => Err(Finding::fails(format!("ERROR for a MESSAGE has id {id}; expected 0"))),
        (frame, _) => Err(Finding::fails(format!("ERROR has frame {frame}; expected 4, the fourth after HELLO"))),
    }
}

async fn error_names_request(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send(&frame(kind::REQUEST, Encoding::Utf8, b"\x01\x02\x03\x04\xFF")).await;
    let error = peer.wait(|frame| frame.as_error()).await.map_err(|missing| missing.finding("ERROR bad-text"))?;
    peer.leave().await;
    match error.id {
        0x0102_0304 => Ok(Finding::ok(format!("{error}, with its id"))),
        id => Err(Finding::fails(format!("{error} has the id {id:08x}; expected 01020304, that of the REQUEST"))),
    }
}
