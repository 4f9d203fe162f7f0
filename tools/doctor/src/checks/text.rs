//! Text: what is legal is taken, what is not is refused, and the connection lives (SPEC 5).

use bookend::{Encoding, kind, text};

use super::{Check, Exam, Judged, When, own};
use crate::frame::{frame, message};
use crate::report::Finding;
use crate::subject::Subject;

const ACCEPTED_16_BE: When = When::Accepted(Encoding::Utf16Be);
const ACCEPTED_16_LE: When = When::Accepted(Encoding::Utf16Le);

/// On these the other checks build.
pub(super) static FIRST: &[Check] = &[
    Check::new(
        "message",
        "R3.10 R5.2",
        "take a MESSAGE and go on reading: does the application end, or wait, when one comes?",
        Exam::Taken(|_| whole(Encoding::Utf8, "hello")),
    ),
    Check::new(
        "bad-text",
        "R5.8 R3.19",
        "answer text that is not legal by ERROR 1007 bad-text: the connection lives",
        Exam::Refused(|_| texts(Encoding::Utf8, &[b"ok \xFF"]), "bad-text"),
    ),
];

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "error-names-frame",
        "R3.17 R3.18",
        "count the frames that come from HELLO = 0, and say in ERROR which one it is about, with id 0",
        own!(error_names_frame),
    )
    .needing(&["bad-text"]),
    Check::new(
        "error-names-request",
        "R3.18",
        "put the id of a REQUEST into the ERROR that refuses it",
        own!(error_names_request),
    )
    .needing(&["bad-text"]),
    Check::new(
        "text-ascii",
        "R5.1",
        "accept bytes 00 to 7F in encoding 1",
        Exam::Taken(|_| whole(Encoding::Ascii, "hello, world\0\x7F")),
    ),
    Check::new(
        "text-utf-8",
        "R5.2",
        "accept well-formed UTF-8 in encoding 2",
        Exam::Taken(|_| whole(Encoding::Utf8, "grüß 😀")),
    ),
    Check::new(
        "text-utf-16be",
        "R5.3",
        "accept UTF-16BE, surrogate pairs too, in encoding 3, or leave bit 3 of `accepted` at 0",
        Exam::Taken(|_| whole(Encoding::Utf16Be, "grüß 😀")),
    )
    .when(ACCEPTED_16_BE),
    Check::new(
        "text-utf-16le",
        "R5.3",
        "accept UTF-16LE, surrogate pairs too, in encoding 4, or leave bit 4 of `accepted` at 0",
        Exam::Taken(|_| whole(Encoding::Utf16Le, "grüß 😀")),
    )
    .when(ACCEPTED_16_LE),
    Check::new(
        "text-scalars",
        "R5.4 R5.14",
        "accept every scalar value: U+0000, noncharacters such as U+FFFE and U+FFFF, U+10FFFF",
        Exam::Taken(|_| whole(Encoding::Utf8, "\0a\u{FFFE}\u{FFFF}\u{FDD0}\u{10FFFF}")),
    ),
    Check::new(
        "text-mark",
        "R5.6",
        "remove one leading byte order mark",
        Exam::Taken(|_| message(Encoding::Utf8, b"\xEF\xBB\xBFhi")),
    ),
    Check::new(
        "bad-ascii",
        "R5.1 R5.8",
        "refuse bytes 80 to FF in encoding 1: it is neither Latin-1 nor UTF-8",
        Exam::Refused(|_| texts(Encoding::Ascii, &[b"gr\xC3\xBC", b"\xE4"]), "bad-text"),
    )
    .needing(&["bad-text"]),
    Check::new(
        "bad-utf-8",
        "R5.2 R5.8",
        "use a strict decoder: no overlong form, no surrogate, nothing above U+10FFFF, nothing cut off",
        Exam::Refused(
            |_| texts(Encoding::Utf8, &[b"\xC0\x80", b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"\xE2\x82"]),
            "bad-text",
        ),
    )
    .needing(&["bad-text"]),
    Check::new(
        "bad-utf-16be",
        "R5.3 R5.7 R5.8",
        "refuse an unpaired surrogate, an odd number of bytes, and FF FE in front, in encoding 3",
        Exam::Refused(
            |_| texts(Encoding::Utf16Be, &[b"\xD8\0\0a", b"\0a\xDC\0", b"\0a\0", b"\xFF\xFE\0a"]),
            "bad-text",
        ),
    )
    .when(ACCEPTED_16_BE)
    .needing(&["bad-text"]),
    Check::new(
        "bad-utf-16le",
        "R5.3 R5.7 R5.8",
        "refuse an unpaired surrogate, an odd number of bytes, and FE FF in front, in encoding 4",
        Exam::Refused(|_| texts(Encoding::Utf16Le, &[b"\0\xD8a\0", b"a\0\0\xDC", b"a\0b", b"\xFE\xFFa\0"]), "bad-text"),
    )
    .when(ACCEPTED_16_LE)
    .needing(&["bad-text"]),
    Check::new(
        "refused-utf-16be",
        "R5.11",
        "answer text in an encoding that HELLO does not accept by ERROR 1007 encoding-refused",
        Exam::Refused(|_| vec![whole(Encoding::Utf16Be, "hi")], "encoding-refused"),
    )
    .when(When::NotAccepted(Encoding::Utf16Be)),
    Check::new(
        "refused-utf-16le",
        "R5.11",
        "answer text in an encoding that HELLO does not accept by ERROR 1007 encoding-refused",
        Exam::Refused(|_| vec![whole(Encoding::Utf16Le, "hi")], "encoding-refused"),
    )
    .when(When::NotAccepted(Encoding::Utf16Le)),
];

/// A MESSAGE with each payload, legal or not.
fn texts(encoding: Encoding, payloads: &[&[u8]]) -> Vec<Vec<u8>> {
    payloads.iter().map(|payload| message(encoding, payload)).collect()
}

fn whole(encoding: Encoding, words: &str) -> Vec<u8> {
    let mut payload = Vec::new();
    text::encode(encoding, words, &mut payload).expect("the encoding carries it");
    message(encoding, &payload)
}

async fn error_names_frame(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    peer.send(&[whole(Encoding::Utf8, "one"), whole(Encoding::Utf8, "two"), message(Encoding::Utf8, b"\xFF")].concat())
        .await;
    let about = peer.wait(|frame| frame.as_error().filter(|error| error.code == bookend::Code::BAD_TEXT));
    let error = about.await.map_err(|unmet| unmet.finding("ERROR bad-text"))?;
    peer.leave().await;
    match (error.frame, error.id) {
        (3, 0) => Ok(Finding::ok("it says frame 3, HELLO being 0, and id 0")),
        (3, id) => Err(Finding::fails(format!("id {id} in an ERROR about a MESSAGE"))),
        (frame, _) => Err(Finding::fails(format!("it says frame {frame}, but the third behind HELLO was bad"))),
    }
}

async fn error_names_request(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    peer.send(&frame(kind::REQUEST, Encoding::Utf8, b"\x01\x02\x03\x04\xFF")).await;
    let error = peer.wait(|frame| frame.as_error()).await.map_err(|unmet| unmet.finding("ERROR bad-text"))?;
    peer.leave().await;
    match error.id {
        0x0102_0304 => Ok(Finding::ok(format!("{error}, with its id"))),
        id => Err(Finding::fails(format!("{error} has the id {id:08x}: that of the REQUEST is 01020304"))),
    }
}
