//! PING and PONG, frames split at any byte, requests, the longest body (SPEC 2 and 3).

use std::time::Duration;

use bookend::{Encoding, MAX_PING, kind};
use tokio::time::Instant;

use super::{ADMISSION, CONCURRENCY, Check, CheckResult, custom};
use crate::frame::{frame, message, quoted_close};
use crate::raw_peer::{Missing, RawPeer};
use crate::refusal;
use crate::report::{Finding, milliseconds};
use crate::side::Side;
use crate::target::Target;

/// Checks that others depend on.
pub(super) static FIRST: &[Check] = &[
    Check::new(ADMISSION, "", "let this side join: otherwise nothing more can be tested", custom!(admitted))
        .only_for(Side::Server),
    Check::new(
        CONCURRENCY,
        "",
        "serve each connection in its own task or thread; until then, the checks run one at a time",
        custom!(second_connection),
    )
    .only_for(Side::Server),
    Check::new("ping", "R3.9", "answer each PING by a PONG (kind 07)", custom!(ping)),
];

pub(super) static CHECKS: &[Check] = &[
    Check::new("ping-bytes", "R3.9", "copy all bytes of the PING into the PONG, up to 64", custom!(ping_bytes))
        .needing(&["ping"]),
    Check::new(
        "dribbled",
        "R2.15",
        "keep the bytes that were read until a frame is complete: a read may return any part of it",
        custom!(dribbled),
    )
    .needing(&["ping"]),
    Check::new(
        "split",
        "R2.15",
        "keep the bytes that were read until a frame is complete: a read may end within any field",
        custom!(split),
    )
    .needing(&["ping"]),
    Check::new("joined", "R2.15", "handle all frames that a read returns: there may be several", custom!(joined))
        .needing(&["ping", "message"]),
    Check::new(
        "barrier",
        "R3.10",
        "handle everything before a PING, and send its ERRORs, before the PONG",
        custom!(barrier),
    )
    .needing(&["ping", "bad-text"]),
    Check::new(
        "body-at-limit",
        "R8.2 R2.7",
        "accept bodies of exactly the `max body` of HELLO, which excludes header and END",
        custom!(body_at_limit),
    )
    .needing(&["ping", "message"]),
    Check::new("request", "R3.12 R3.18", "answer a REQUEST by a REPLY or an ERROR with its id", custom!(request))
        .needing(&["ping"]),
    Check::new(
        "cancel",
        "R3.23 R3.24",
        "answer a cancelled REQUEST at once, and only once, and ignore any other CANCEL (kind 81)",
        custom!(cancel),
    )
    .needing(&["ping"]),
];

/// The extra time that a peer may need for a long body, per byte.
const PER_BYTE: Duration = Duration::from_nanos(500);
/// The longest body that a check sends, in bytes.
pub(super) const MAX_SENT: u32 = 16 << 20;

pub(super) fn ping_frame(bytes: &[u8]) -> Vec<u8> {
    frame(kind::PING, Encoding::Binary, bytes)
}

/// The body of the next PONG.
async fn pong(peer: &mut RawPeer<'_>) -> Result<Vec<u8>, Missing> {
    peer.wait(|frame| (frame.kind == kind::PONG).then(|| frame.body.clone())).await
}

/// A server that refuses a client sends CLOSE after HELLO, or in answer to the next frame.
async fn admitted(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    match peer.barrier().await {
        Err(Missing::Closed { code, reason }) if refusal::is_refusal(code) => {
            Err(Finding::fails(quoted_close(code, &reason))
                .with_fix(refusal::fix(code, target.hello().token().is_some())))
        }
        // Other checks report other faults.
        _ => {
            peer.leave().await;
            Ok(Finding::ok("the session is open"))
        }
    }
}

async fn second_connection(target: &Target, name: &'static str) -> CheckResult {
    let first = target.greet(name, &target.hello()).await?;
    let second = target.greet(name, &target.hello()).await;
    first.leave().await;
    match second {
        Ok(second) => {
            second.leave().await;
            Ok(Finding::ok("answered while the first one is open"))
        }
        Err(finding) => Ok(Finding::warns(format!("while the first one is open: {}", finding.seen))),
    }
}

async fn ping(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    let start = Instant::now();
    peer.send(&ping_frame(b"doctor")).await;
    pong(&mut peer).await.map_err(|missing| missing.finding("PONG"))?;
    let time = start.elapsed();
    peer.leave().await;
    Ok(Finding::ok(format!("PONG after {}", milliseconds(time))))
}

async fn ping_bytes(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    let long: Vec<u8> = (0..=255).rev().take(MAX_PING).collect();
    for sent in [&b"doctor\0\r\n"[..], b"", &long] {
        let count = sent.len();
        peer.send(&ping_frame(sent)).await;
        let received =
            pong(&mut peer).await.map_err(|missing| missing.finding(&format!("PONG for a PING of {count} bytes")))?;
        if received != sent {
            let [sent, received] = [sent, &received].map(|bytes| bytes.escape_ascii().to_string());
            return Err(Finding::fails(format!("the PING contains \"{sent}\", its PONG \"{received}\"")));
        }
    }
    peer.leave().await;
    Ok(Finding::ok("9, 0 and 64 bytes came back"))
}

async fn dribbled(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send_apart(ping_frame(b"doctor").chunks(1)).await;
    pong(&mut peer).await.map_err(|missing| missing.finding("PONG for a PING that arrives byte by byte"))?;
    peer.leave().await;
    Ok(Finding::ok("a frame that arrives byte by byte is accepted"))
}

async fn joined(target: &Target, name: &'static str) -> CheckResult {
    const COUNT: usize = 32;
    let mut peer = target.greet(name, &target.hello()).await?;
    let mut wire = message(Encoding::Ascii, b"one of many").repeat(COUNT);
    wire.extend(ping_frame(b"doctor"));
    peer.send(&wire).await;
    let expected = || format!("PONG for a PING after {COUNT} MESSAGEs in one write");
    pong(&mut peer).await.map_err(|missing| missing.finding(&expected()))?;
    peer.leave().await;
    Ok(Finding::ok(format!("PONG for a PING after {COUNT} MESSAGEs in one write")))
}

/// Splits within START, and after START, kind, encoding, half of the length, the header, the body, half of END.
const SPLITS: [usize; 8] = [1, 2, 3, 4, 6, 8, 14, 15];

async fn split(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    let whole = ping_frame(b"doctor");
    for split in SPLITS {
        let (head, tail) = whole.split_at(split);
        peer.send_apart([head, tail]).await;
        let expected = || format!("PONG for a PING whose first {split} bytes arrive separately");
        pong(&mut peer).await.map_err(|missing| missing.finding(&expected()))?;
    }
    peer.leave().await;
    Ok(Finding::ok("a frame may be split at each field"))
}

async fn barrier(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send(&[message(Encoding::Utf8, b"\xFF"), ping_frame(b"1")].concat()).await;
    let mut error_first = false;
    let ponged = peer.wait(|frame| {
        error_first |= frame.kind == kind::ERROR;
        (frame.kind == kind::PONG).then_some(())
    });
    ponged.await.map_err(|missing| missing.finding("PONG"))?;
    peer.leave().await;
    if error_first {
        Ok(Finding::ok("the ERROR for a frame arrives before the PONG for the next PING"))
    } else {
        Err(Finding::fails("the PONG arrived before the ERROR for the frame before its PING"))
    }
}

async fn body_at_limit(target: &Target, name: &'static str) -> CheckResult {
    let length = target.info().max_body;
    if length > MAX_SENT {
        return Ok(Finding::skipped(format!("{length} bytes are too many to send for a check")));
    }
    // An application that echoes the body may add a prefix.
    let hello = target.hello().with_max_body(length.max(1 << 20).saturating_add(4096));
    let mut peer = target.greet(name, &hello).await?;
    peer.set_timeout(target.timeout() + PER_BYTE * length);
    peer.send(&message(Encoding::Binary, &vec![0x55; length as usize])).await;
    let errors = peer.barrier().await.map_err(|missing| missing.finding("PONG after a body of exactly `max body`"))?;
    peer.leave().await;
    match errors.first() {
        None => Ok(Finding::ok(format!("{length} bytes are accepted"))),
        // A hub adds a header to what it delivers (R9.21), and an application may refuse so much.
        Some(error) => Ok(Finding::ok(format!("{length} bytes are read, and the connection stays open: {error}"))),
    }
}

async fn request(target: &Target, name: &'static str) -> CheckResult {
    const ID: u32 = 0x0102_0304;
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send(&frame(kind::REQUEST, Encoding::Ascii, &[&ID.to_be_bytes()[..], b"doctor?"].concat())).await;
    let answer = peer.wait(|frame| match frame.as_error() {
        Some(error) => Some((error.id, error.to_string())),
        None if frame.kind == kind::REPLY => {
            let id = frame.body.first_chunk().map_or(0, |id| u32::from_be_bytes(*id));
            Some((id, "REPLY".into()))
        }
        None => None,
    });
    let (id, answer) = answer.await.map_err(|missing| missing.finding("REPLY or ERROR"))?;
    peer.leave().await;
    match id {
        ID => Ok(Finding::ok(format!("{answer}, with its id"))),
        _ if id == ID.swap_bytes() => {
            Err(Finding::fails(format!("{answer} with the id {id:08x}; expected {ID:08x}, that of the REQUEST"))
                .with_fix("write ids most significant byte first"))
        }
        _ => Err(Finding::fails(format!("{answer} with the id {id:08x}; expected {ID:08x}, that of the REQUEST"))),
    }
}

/// A REQUEST is cancelled twice, and so is one that never existed. A PONG shows that the peer has acted on all that.
async fn cancel(target: &Target, name: &'static str) -> CheckResult {
    const ID: u32 = 0x0506_0708;
    let mut peer = target.greet(name, &target.hello()).await?;
    let cancel = |id: u32| frame(kind::CANCEL, Encoding::Binary, &id.to_be_bytes());
    let request = frame(kind::REQUEST, Encoding::Ascii, &[&ID.to_be_bytes()[..], b"doctor?"].concat());
    peer.send(&[request, cancel(ID), cancel(ID), cancel(ID + 1), ping_frame(b"doctor")].concat()).await;
    let (mut answers, mut ponged) = (Vec::new(), false);
    let answered = peer.wait(|frame| {
        let is_reply = frame.kind == kind::REPLY && frame.body.starts_with(&ID.to_be_bytes());
        answers.extend(is_reply.then(|| "REPLY".to_owned()));
        answers.extend(frame.as_error().map(|error| error.to_string()));
        ponged |= frame.kind == kind::PONG;
        (ponged && !answers.is_empty()).then_some(()) // `barrier` judges their order
    });
    answered.await.map_err(|missing| missing.finding("one answer to a cancelled REQUEST, and PONG"))?;
    peer.leave().await;
    match &answers[..] {
        [answer] => Ok(Finding::ok(format!("one answer to a cancelled REQUEST: {answer}"))),
        _ => Err(Finding::fails(format!("{} answers to a cancelled REQUEST: {}", answers.len(), answers.join(", ")))),
    }
}
