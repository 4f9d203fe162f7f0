//! HELLOs that a peer must accept, and HELLOs that it must refuse (SPEC 4).

use std::time::Duration;

use bookend::{Encoding, HEADER_LENGTH, MAX_HELLO, kind};

use super::{Check, CheckResult, Test, custom};
use crate::frame::{frame, message};
use crate::hello::FIXED;
use crate::raw_peer::Missing;
use crate::report::Finding;
use crate::side::Side;
use crate::target::Target;

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "waits-for-hello",
        "R4.1 R4.2",
        "send no frame before the client's HELLO has arrived",
        custom!(waits_for_hello),
    )
    .only_for(Side::Server),
    Check::new(
        "hello-dribbled",
        "R2.15",
        "keep the bytes that were read until HELLO is complete",
        custom!(hello_dribbled),
    ),
    Check::new(
        "line-skipped",
        "R4.21",
        "skip up to 1,024 bytes before the server's first F5",
        Test::HelloAccepted(|target| [longest_line(), changed(target, |_| {})].concat()),
    )
    .only_for(Side::Client),
    Check::new(
        "line-too-long",
        "R4.21",
        "refuse a server that sends no F5 in its first 1,025 bytes",
        Test::HelloRefused(|_| [&longest_line()[..], b"."].concat(), "bad-start"),
    )
    .only_for(Side::Client),
    Check::new(
        "hello-minor",
        "R10.1",
        "accept any minor version",
        Test::HelloAccepted(|target| changed(target, |body| body[13] = 9)),
    ),
    Check::new(
        "hello-options",
        "R4.12",
        "skip an option of an unknown type by its length",
        Test::HelloAccepted(|target| changed(target, |body| body.extend_from_slice(b"\xC8\x03abc\xC9\0"))),
    ),
    Check::new(
        "hello-reserved",
        "R4.14",
        "ignore bits 5 to 7 of `accepted` and bits 1 to 15 of `features`",
        Test::HelloAccepted(|target| {
            changed(target, |body| {
                body[14] |= 0xE0;
                body[22..24].copy_from_slice(&[0xFF, 0xFE]);
            })
        }),
    ),
    Check::new(
        "hello-major",
        "R4.8",
        "compare byte 12 of HELLO with 1, and answer another major version by CLOSE 4003 version",
        Test::HelloRefused(|target| changed(target, |body| body[12] = 2), "version"),
    ),
    Check::new(
        "hello-magic",
        "R4.5",
        "compare the first four bytes of HELLO with \"BKND\"",
        Test::HelloRefused(|target| changed(target, |body| body[3] = b'E'), "bad-hello"),
    ),
    Check::new(
        "hello-canary",
        "R4.6",
        "compare bytes 4 to 11 of HELLO with 0D 0A 1A 0A FF 11 0D 00, and name a changed one bad-canary",
        Test::HelloRefused(|target| changed(target, |body| body.splice(4..6, *b"\n").for_each(drop)), "bad-canary"),
    ),
    Check::new(
        "canary-at-once",
        "R4.7",
        "compare each byte of the canary when it arrives, and wait for no more",
        Test::HelloRefused(
            |target| changed(target, |body| body[4] = b'\n')[..HEADER_LENGTH + 5].to_vec(),
            "bad-canary",
        ),
    ),
    Check::new(
        "order-first-kind",
        "R4.19 R4.3",
        "name a first frame that is no HELLO when its header is complete",
        Test::HelloRefused(|_| message(Encoding::Ascii, b"hello")[..HEADER_LENGTH].to_vec(), "hello-expected"),
    ),
    Check::new(
        "order-encoding-first",
        "R4.19",
        "check the encoding of HELLO before its fields",
        Test::HelloRefused(
            |target| {
                let mut body = target.hello().body();
                body[12] = 2;
                frame(kind::HELLO, Encoding::Utf8, &body)
            },
            "malformed",
        ),
    ),
    Check::new(
        "order-version",
        "R4.19 R4.8",
        "check the major version before what only this version defines",
        Test::HelloRefused(
            |target| {
                changed(target, |body| {
                    body[12] = 2;
                    body[14] = 0;
                    body.extend_from_slice(b"\x01\x09");
                })
            },
            "version",
        ),
    ),
    Check::new(
        "hello-short",
        "R4.10",
        "refuse a HELLO whose body has fewer than 24 bytes",
        Test::HelloRefused(|target| changed(target, |body| body.truncate(FIXED - 1)), "bad-hello"),
    ),
    Check::new(
        "hello-cut-option",
        "R4.10",
        "refuse an option that runs past the end of the body",
        Test::HelloRefused(|target| changed(target, |body| body.extend_from_slice(b"\xC8\x09abc")), "bad-hello"),
    ),
    Check::new(
        "hello-option-twice",
        "R4.10",
        "refuse a HELLO with two options of one type from 1 to 5",
        Test::HelloRefused(|target| changed(target, |body| body.extend_from_slice(b"\x01\x01a")), "bad-hello"),
    ),
    Check::new(
        "hello-name",
        "R4.11",
        "refuse a name that is not a plain line: no control characters",
        Test::HelloRefused(
            |target| {
                changed(target, |body| {
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
        Test::HelloRefused(|target| changed(target, |body| body[14] = 0x03), "bad-hello"),
    ),
    Check::new(
        "hello-preferred",
        "R4.15",
        "refuse a HELLO that prefers an encoding it does not accept",
        Test::HelloRefused(|target| changed(target, |body| body[14..16].copy_from_slice(&[0x07, 4])), "bad-hello"),
    ),
    Check::new(
        "hello-max-body",
        "R4.16",
        "refuse a `max body` of less than 1,024 bytes",
        Test::HelloRefused(
            |target| changed(target, |body| body[16..20].copy_from_slice(&1023_u32.to_be_bytes())),
            "bad-hello",
        ),
    ),
    Check::new(
        "hello-expected",
        "R4.3",
        "refuse a first frame that is neither HELLO nor CLOSE",
        Test::HelloRefused(|_| message(Encoding::Ascii, b"hi"), "hello-expected"),
    ),
    Check::new(
        "hello-too-long",
        "R4.18",
        "accept at most 4,096 bytes of body before HELLO",
        Test::HelloRefused(
            |_| frame(kind::HELLO, Encoding::Binary, &vec![0; MAX_HELLO as usize + 1])[..8].to_vec(),
            "too-long",
        ),
    ),
    Check::new(
        "second-hello",
        "R4.4",
        "refuse a HELLO once the session is open",
        Test::Closed(|target| changed(target, |_| {}), "second-hello"),
    ),
];

/// The longest line that a server may send before HELLO.
fn longest_line() -> Vec<u8> {
    [&[b'.'; 1022][..], b"\r\n"].concat()
}

/// This side's HELLO with a changed body.
fn changed(target: &Target, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = target.hello().body();
    change(&mut body);
    frame(kind::HELLO, Encoding::Binary, &body)
}

/// A server that sends first does so immediately. It may send CLOSE.
async fn waits_for_hello(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.connect(name).await?;
    peer.set_timeout(Duration::from_millis(500));
    match peer.next().await {
        Err(Missing::TimedOut(_)) => Ok(Finding::ok("no frame arrives before the client's HELLO")),
        Ok(frame) if frame.kind == kind::CLOSE => Ok(Finding::ok("CLOSE arrives, and no other frame")),
        Ok(frame) => Err(Finding::fails(format!("{} arrived before the client's HELLO", frame.name()))),
        Err(Missing::End | Missing::Reset(_)) => {
            Ok(Finding::ok("the server closes the connection, and sends no frame"))
        }
        Err(missing) => Err(missing.finding("silence")),
    }
}

async fn hello_dribbled(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.connect(name).await?;
    peer.send_apart(changed(target, |_| {}).chunks(1)).await;
    if target.side() == Side::Client {
        peer.barrier().await.map_err(|missing| missing.finding("PONG after a HELLO that arrives byte by byte"))?;
    } else {
        let hello = peer.wait(|frame| (frame.kind == kind::HELLO).then_some(())).await;
        hello.map_err(|missing| missing.finding("HELLO in answer to one that arrives byte by byte"))?;
    }
    peer.leave().await;
    Ok(Finding::ok("a HELLO that arrives byte by byte is accepted"))
}
