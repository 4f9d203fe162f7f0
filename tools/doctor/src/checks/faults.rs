//! Invalid frames and messages, and valid ones that look invalid (SPEC 2 and 3).

use bookend::{Encoding, MAX_LENGTH, kind};

use super::{Check, Test};
use crate::frame::{frame, message};
use crate::target::Target;

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "bad-start",
        "R2.2",
        "compare the first two bytes of each frame with F5 F8",
        Test::Closed(|_| b"\xF8\xF5\x02\x02\0\0\0\x02hi\xF8\xF5".to_vec(), "bad-start"),
    ),
    Check::new(
        "bad-end",
        "R2.10",
        "compare the two bytes after the body with F8 F5",
        Test::Closed(|_| b"\xF5\xF8\x02\x02\0\0\0\x02hi!\xF8\xF5".to_vec(), "bad-end"),
    ),
    Check::new(
        "end-reversed",
        "R2.10",
        "write END as START reversed: F8 F5",
        Test::Closed(|_| b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF5\xF8".to_vec(), "bad-end"),
    ),
    Check::new(
        "unknown-encoding",
        "R2.4",
        "refuse an encoding byte above 4",
        Test::Closed(|_| b"\xF5\xF8\x02\x05\0\0\0\x02hi\xF8\xF5".to_vec(), "unknown-encoding"),
    ),
    Check::new(
        "body-over-limit",
        "R2.7 R8.2",
        "check the length as soon as its four bytes arrive: too-long if it exceeds the `max body` of HELLO",
        Test::Closed(over_limit, "too-long"),
    ),
    Check::new(
        "length-of-all-ones",
        "R2.6 R2.7",
        "read the length as unsigned, and refuse one over 2^31-1",
        Test::Closed(|_| b"\xF5\xF8\x02\x02\xFF\xFF\xFF\xFF".to_vec(), "too-long"),
    ),
    Check::new(
        "frame-in-a-body",
        "R2.12",
        "find the end of a frame by its length, never by searching for END",
        Test::Accepted(|_| message(Encoding::Binary, b"\xF8\xF5\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5")),
    ),
    Check::new("empty-body", "R2.8", "accept a body of 0 bytes", Test::Accepted(|_| message(Encoding::Utf8, b""))),
    Check::new(
        "unknown-kind",
        "R3.5",
        "refuse an unknown kind below 80",
        Test::Closed(|_| frame(0x7F, Encoding::Binary, b""), "unknown-kind"),
    ),
    Check::new(
        "hub-kind",
        "R3.8",
        "treat kinds 10 to 14 as unknown unless both HELLOs set bit 0 of `features`",
        Test::Closed(|_| frame(kind::POST, Encoding::Ascii, b"\0\0\0\0hi"), "unknown-kind"),
    ),
    Check::new(
        "ignored-kind",
        "R3.6",
        "ignore unknown kinds of 80 and above, whatever their body",
        Test::Ignored(|_| {
            let private = frame(kind::PRIVATE_LAST, Encoding::Utf16Le, b"odd");
            [frame(kind::IGNORABLE, Encoding::Ascii, b"\xFF"), private].concat()
        }),
    ),
    Check::new(
        "reply-to-nobody",
        "R3.14 R3.20",
        "ignore a REPLY to no open request, even with bad text",
        Test::Ignored(|_| frame(kind::REPLY, Encoding::Utf8, b"\0\0\x03\xE8\xFF")),
    ),
    Check::new(
        "pong-to-nobody",
        "R3.11 R3.20",
        "ignore a PONG that answers no PING",
        Test::Ignored(|_| frame(kind::PONG, Encoding::Binary, b"who?")),
    ),
    Check::new(
        "error-in-peace",
        "R3.19 R3.20 R3.21",
        "keep the connection open after an ERROR, even if its reason is bad text",
        Test::Ignored(|_| frame(kind::ERROR, Encoding::Utf8, b"\0\0\0\0\0\0\0\0\x03\xF0\xFF")),
    ),
    Check::new(
        "ping-too-long",
        "R3.3",
        "refuse a PING of more than 64 bytes",
        Test::Closed(|_| frame(kind::PING, Encoding::Binary, &[b'.'; 65]), "malformed"),
    )
    .needing(&["ping"]),
    Check::new(
        "ping-as-text",
        "R3.2",
        "refuse a PING whose encoding is not 0",
        Test::Closed(|_| frame(kind::PING, Encoding::Ascii, b"doctor"), "malformed"),
    )
    .needing(&["ping"]),
    Check::new(
        "request-0",
        "R3.4",
        "refuse a REQUEST with the id 0",
        Test::Closed(|_| frame(kind::REQUEST, Encoding::Ascii, b"\0\0\0\0?"), "malformed"),
    ),
    Check::new(
        "short-body",
        "R3.1",
        "refuse a body that is shorter than the fixed part of its kind",
        Test::Closed(|_| frame(kind::CLOSE, Encoding::Ascii, b"\x03"), "malformed"),
    ),
];

/// The header of a body that is one byte over the limit.
fn over_limit(target: &Target) -> Vec<u8> {
    let length = target.info().max_body.min(MAX_LENGTH) + 1;
    [&b"\xF5\xF8\x02\0"[..], &length.to_be_bytes()].concat()
}
