//! HELLOs: those that are to be taken, and those that are to be refused (SPEC 4).

use bookend::{Encoding, MAX_HELLO, kind};

use super::{Check, Exam, Judged, own};
use crate::frame::{frame, message};
use crate::hello::FIXED;
use crate::report::Finding;
use crate::side::Side;
use crate::subject::Subject;
use crate::wire::{Heard, Unmet};

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "waits-for-hello",
        "R4.1 R4.2",
        "send no frame before the client's HELLO has come",
        own!(waits_for_hello),
    )
    .only_for(Side::Server),
    Check::new("hello-dribbled", "R2.15", "keep what was read until HELLO is whole", own!(hello_dribbled)),
    Check::new(
        "line-skipped",
        "R4.21",
        "skip up to 1,024 bytes before the server's first F5",
        Exam::HelloTaken(|subject| [longest_line(), changed(subject, |_| {})].concat()),
    )
    .only_for(Side::Client),
    Check::new(
        "line-too-long",
        "R4.21",
        "refuse a server of whose first 1,025 bytes none is F5",
        Exam::HelloRefused(|_| [&longest_line()[..], b"."].concat(), "bad-start"),
    )
    .only_for(Side::Client),
    Check::new(
        "hello-minor",
        "R10.1",
        "accept any minor version",
        Exam::HelloTaken(|subject| changed(subject, |body| body[13] = 9)),
    ),
    Check::new(
        "hello-options",
        "R4.12",
        "skip an option of an unknown type by its length",
        Exam::HelloTaken(|subject| changed(subject, |body| body.extend_from_slice(b"\xC8\x03abc\xC9\0"))),
    ),
    Check::new(
        "hello-reserved",
        "R4.14",
        "ignore bits 5 to 7 of `accepted` and bits 1 to 15 of `features`",
        Exam::HelloTaken(|subject| {
            changed(subject, |body| {
                body[14] |= 0xE0;
                body[22..24].copy_from_slice(&[0xFF, 0xFE]);
            })
        }),
    ),
    Check::new(
        "hello-major",
        "R4.8",
        "compare byte 12 of HELLO with 1, and answer another major version by CLOSE 4003 version",
        Exam::HelloRefused(|subject| changed(subject, |body| body[12] = 2), "version"),
    ),
    Check::new(
        "hello-magic",
        "R4.5",
        "compare the first four bytes of HELLO with \"BKND\"",
        Exam::HelloRefused(|subject| changed(subject, |body| body[3] = b'E'), "bad-hello"),
    ),
    Check::new(
        "hello-canary",
        "R4.6",
        "compare bytes 4 to 11 of HELLO with 0D 0A 1A 0A FF 11 0D 00, and name a changed one bad-canary",
        Exam::HelloRefused(|subject| changed(subject, |body| body.splice(4..6, *b"\n").for_each(drop)), "bad-canary"),
    ),
    Check::new(
        "hello-short",
        "R4.10",
        "a HELLO's body has 24 bytes at least",
        Exam::HelloRefused(|subject| changed(subject, |body| body.truncate(FIXED - 1)), "bad-hello"),
    ),
    Check::new(
        "hello-cut-option",
        "R4.10",
        "an option that runs past the end is no option",
        Exam::HelloRefused(|subject| changed(subject, |body| body.extend_from_slice(b"\xC8\x09abc")), "bad-hello"),
    ),
    Check::new(
        "hello-option-twice",
        "R4.10",
        "options 1 to 5 come once",
        Exam::HelloRefused(|subject| changed(subject, |body| body.extend_from_slice(b"\x01\x01a")), "bad-hello"),
    ),
    Check::new(
        "hello-name",
        "R4.11",
        "a name is a plain line: no control characters",
        Exam::HelloRefused(
            |subject| {
                changed(subject, |body| {
                    body.truncate(FIXED);
                    body.extend_from_slice(b"\x01\x03a\nb");
                })
            },
            "bad-hello",
        ),
    ),
    Check::new(
        "hello-accepted",
        "R4.13",
        "refuse a HELLO that does not accept binary, ASCII and UTF-8",
        Exam::HelloRefused(|subject| changed(subject, |body| body[14] = 0x03), "bad-hello"),
    ),
    Check::new(
        "hello-preferred",
        "R4.15",
        "refuse a HELLO that prefers what it does not accept",
        Exam::HelloRefused(|subject| changed(subject, |body| body[14..16].copy_from_slice(&[0x07, 4])), "bad-hello"),
    ),
    Check::new(
        "hello-max-body",
        "R4.16",
        "refuse a `max body` of less than 1,024 bytes",
        Exam::HelloRefused(
            |subject| changed(subject, |body| body[16..20].copy_from_slice(&1023_u32.to_be_bytes())),
            "bad-hello",
        ),
    ),
    Check::new(
        "hello-expected",
        "R4.3",
        "refuse a first frame that is neither HELLO nor CLOSE",
        Exam::HelloRefused(|_| message(Encoding::Ascii, b"hi"), "hello-expected"),
    ),
    Check::new(
        "hello-too-long",
        "R4.18",
        "take 4,096 bytes of body at most before HELLO",
        Exam::HelloRefused(
            |_| frame(kind::HELLO, Encoding::Binary, &vec![0; MAX_HELLO as usize + 1])[..8].to_vec(),
            "too-long",
        ),
    ),
    Check::new(
        "second-hello",
        "R4.4",
        "refuse a HELLO once the session is open",
        Exam::Closed(|subject| changed(subject, |_| {}), "second-hello"),
    ),
];

/// A line as long as a server's may be.
fn longest_line() -> Vec<u8> {
    [&[b'.'; 1022][..], b"\r\n"].concat()
}

/// This side's HELLO with something else in its body.
fn changed(subject: &Subject, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = subject.hello().body();
    change(&mut body);
    frame(kind::HELLO, Encoding::Binary, &body)
}

/// A server that speaks first does so at once; CLOSE is its right.
async fn waits_for_hello(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.connect(name).await?;
    peer.be_patient(std::time::Duration::from_millis(500));
    match peer.next().await {
        Heard::Nothing(Unmet::Silence(_)) => Ok(Finding::ok("no frame comes before the client's HELLO")),
        Heard::Frame(frame) if frame.kind == kind::CLOSE => Ok(Finding::ok("CLOSE comes, and no other frame")),
        Heard::Frame(frame) => Err(Finding::fails(format!("{} came before the client's HELLO", frame.name()))),
        Heard::Nothing(Unmet::End | Unmet::Reset(_)) => Ok(Finding::ok("it hangs up, and no frame comes")),
        Heard::Nothing(unmet) => Err(unmet.finding("silence")),
    }
}

async fn hello_dribbled(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.connect(name).await?;
    peer.send_apart(changed(subject, |_| {}).chunks(1)).await;
    if subject.side() == Side::Client {
        peer.barrier().await.map_err(|unmet| unmet.finding("PONG behind a HELLO that comes byte by byte"))?;
    } else {
        let came = peer.wait(|frame| (frame.kind == kind::HELLO).then_some(())).await;
        came.map_err(|unmet| unmet.finding("HELLO, to one that comes byte by byte,"))?;
    }
    peer.leave().await;
    Ok(Finding::ok("a HELLO that comes byte by byte is taken"))
}
