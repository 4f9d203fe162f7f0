//! PING and PONG, reads cut anywhere, requests, the longest body (SPEC 2 and 3).

use std::time::Duration;

use bookend::{Encoding, MAX_PING, kind};
use tokio::time::Instant;

use super::{ADMISSION, CONCURRENCY, Check, Judged, own};
use crate::frame::{frame, message, quoted_close};
use crate::reach::milliseconds;
use crate::refusal;
use crate::report::Finding;
use crate::side::Side;
use crate::subject::Subject;
use crate::wire::{Peer, Unmet};

/// On these the other checks build.
pub(super) static FIRST: &[Check] = &[
    Check::new(
        ADMISSION,
        "",
        "without letting this side in, nothing more can be found out about the server",
        own!(admitted),
    )
    .only_for(Side::Server),
    Check::new(
        CONCURRENCY,
        "",
        "serve each connection in a task or thread of its own; the checks are made one at a time now",
        own!(second_connection),
    )
    .only_for(Side::Server),
    Check::new("ping", "R3.9", "answer each PING by a PONG (kind 07)", own!(ping)),
];

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "ping-bytes",
        "R3.9",
        "send the bytes of the PING back in the PONG, all of them, up to 64",
        own!(ping_bytes),
    )
    .needing(&["ping"]),
    Check::new(
        "dribbled",
        "R2.15",
        "keep what was read until a frame is whole: a read may bring any part of it",
        own!(dribbled),
    )
    .needing(&["ping"]),
    Check::new(
        "split",
        "R2.15",
        "keep what was read until a frame is whole: a read may end within any field",
        own!(split),
    )
    .needing(&["ping"]),
    Check::new("joined", "R2.15", "use all frames that a read brought: several may come in one", own!(joined))
        .needing(&["ping", "message"]),
    Check::new(
        "barrier",
        "R3.10",
        "send PONG when everything before its PING has been acted on and its ERRORs are sent",
        own!(barrier),
    )
    .needing(&["ping", "bad-text"]),
    Check::new(
        "body-at-limit",
        "R8.2 R2.7",
        "accept bodies of exactly the `max body` of HELLO, which counts neither header nor END",
        own!(body_at_limit),
    )
    .needing(&["ping", "message"]),
    Check::new(
        "request",
        "R3.12 R3.18",
        "answer a REQUEST by a REPLY, or an ERROR, that carries its id",
        own!(request),
    )
    .needing(&["ping"]),
];

/// A peer that takes all of a body in one go may still need time for it, per byte.
const PER_BYTE: Duration = Duration::from_nanos(500);
/// A longer body is not sent for a check, in bytes.
pub(super) const MAX_SENT: u32 = 16 << 20;

pub(super) fn ping_frame(bytes: &[u8]) -> Vec<u8> {
    frame(kind::PING, Encoding::Binary, bytes)
}

/// The body of the next PONG.
async fn pong(peer: &mut Peer<'_>) -> Result<Vec<u8>, Unmet> {
    peer.wait(|frame| (frame.kind == kind::PONG).then(|| frame.body.clone())).await
}

/// Who is not let in is told so behind HELLO, or in answer to what comes next.
async fn admitted(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    match peer.barrier().await {
        Err(Unmet::Closed { code, reason }) if refusal::is_one(code) => {
            Err(Finding::fails(quoted_close(code, &reason))
                .with_fix(refusal::fix(code, subject.hello().token().is_some())))
        }
        // What else a peer may do wrong has rows of its own.
        _ => {
            peer.leave().await;
            Ok(Finding::ok("the session is open"))
        }
    }
}

async fn second_connection(subject: &Subject, name: &'static str) -> Judged {
    let first = subject.greet(name, &subject.hello()).await?;
    let second = subject.greet(name, &subject.hello()).await;
    first.leave().await;
    match second {
        Ok(second) => {
            second.leave().await;
            Ok(Finding::ok("is answered while the first one is open"))
        }
        Err(finding) => Ok(Finding::warns(format!("while the first one is open: {}", finding.seen))),
    }
}

async fn ping(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    let start = Instant::now();
    peer.send(&ping_frame(b"doctor")).await;
    pong(&mut peer).await.map_err(|unmet| unmet.finding("PONG"))?;
    let time = start.elapsed();
    peer.leave().await;
    Ok(Finding::ok(format!("PONG after {}", milliseconds(time))))
}

async fn ping_bytes(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    let long: Vec<u8> = (0..=255).rev().take(MAX_PING).collect();
    for sent in [&b"doctor\0\r\n"[..], b"", &long] {
        let count = sent.len();
        peer.send(&ping_frame(sent)).await;
        let came = pong(&mut peer).await.map_err(|unmet| unmet.finding(&format!("PONG to a PING of {count} bytes")))?;
        if came != sent {
            let [sent, came] = [sent, &came].map(|bytes| bytes.escape_ascii().to_string());
            return Err(Finding::fails(format!("the PING of {count} bytes has \"{sent}\", its PONG \"{came}\"")));
        }
    }
    peer.leave().await;
    Ok(Finding::ok("9, 0 and 64 bytes came back"))
}

async fn dribbled(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    peer.send_apart(ping_frame(b"doctor").chunks(1)).await;
    pong(&mut peer).await.map_err(|unmet| unmet.finding("PONG to a PING that comes byte by byte"))?;
    peer.leave().await;
    Ok(Finding::ok("a frame that comes byte by byte is taken"))
}

async fn joined(subject: &Subject, name: &'static str) -> Judged {
    const COUNT: usize = 32;
    let mut peer = subject.greet(name, &subject.hello()).await?;
    let mut wire = message(Encoding::Ascii, b"one of many").repeat(COUNT);
    wire.extend(ping_frame(b"doctor"));
    peer.send(&wire).await;
    let due = || format!("PONG to a PING behind {COUNT} MESSAGEs in one write");
    pong(&mut peer).await.map_err(|unmet| unmet.finding(&due()))?;
    peer.leave().await;
    Ok(Finding::ok(format!("a PING behind {COUNT} MESSAGEs in one write is answered")))
}

/// A cut in START, and behind START, kind, encoding, half of the length, the header, the body, half of END.
const CUTS: [usize; 8] = [1, 2, 3, 4, 6, 8, 14, 15];

async fn split(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    let whole = ping_frame(b"doctor");
    for cut in CUTS {
        let (head, tail) = whole.split_at(cut);
        peer.send_apart([head, tail]).await;
        let due = || format!("PONG to a PING of which {cut} bytes come first");
        pong(&mut peer).await.map_err(|unmet| unmet.finding(&due()))?;
    }
    peer.leave().await;
    Ok(Finding::ok("a frame may be cut at each field"))
}

async fn barrier(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    peer.send(&[message(Encoding::Utf8, b"\xFF"), ping_frame(b"1")].concat()).await;
    let mut error_first = false;
    let ponged = peer.wait(|frame| {
        error_first |= frame.kind == kind::ERROR;
        (frame.kind == kind::PONG).then_some(())
    });
    ponged.await.map_err(|unmet| unmet.finding("PONG"))?;
    peer.leave().await;
    if error_first {
        Ok(Finding::ok("the ERROR for a frame comes before the PONG to the PING behind it"))
    } else {
        Err(Finding::fails("the PONG came before the ERROR for the frame in front of its PING"))
    }
}

async fn body_at_limit(subject: &Subject, name: &'static str) -> Judged {
    let length = subject.facts().max_body;
    if length > MAX_SENT {
        return Ok(Finding::skipped(format!("{length} bytes are too many to send for a check")));
    }
    // Who says it again says it with something in front.
    let hello = subject.hello().with_max_body(length.max(1 << 20).saturating_add(4096));
    let mut peer = subject.greet(name, &hello).await?;
    peer.be_patient(subject.patience() + PER_BYTE * length);
    peer.send(&message(Encoding::Binary, &vec![0x55; length as usize])).await;
    let refused = peer.barrier().await.map_err(|unmet| unmet.finding("PONG behind a body of exactly `max body`"))?;
    peer.leave().await;
    match refused.first() {
        None => Ok(Finding::ok(format!("{length} bytes are taken"))),
        // A hub adds something to what it passes on (R9.21), and an application need not want so much.
        Some(error) => Ok(Finding::ok(format!("{length} bytes are read, and the connection lives: {error}"))),
    }
}

async fn request(subject: &Subject, name: &'static str) -> Judged {
    const ID: u32 = 0x0102_0304;
    let mut peer = subject.greet(name, &subject.hello()).await?;
    peer.send(&frame(kind::REQUEST, Encoding::Ascii, &[&ID.to_be_bytes()[..], b"doctor?"].concat())).await;
    let answer = peer.wait(|frame| match frame.as_error() {
        Some(error) => Some((error.id, error.to_string())),
        None if frame.kind == kind::REPLY => {
            let id = frame.body.first_chunk().map_or(0, |id| u32::from_be_bytes(*id));
            Some((id, "REPLY".into()))
        }
        None => None,
    });
    let (id, answer) = answer.await.map_err(|unmet| unmet.finding("REPLY or ERROR"))?;
    peer.leave().await;
    match id {
        ID => Ok(Finding::ok(format!("{answer}, with its id"))),
        _ if id == ID.swap_bytes() => {
            Err(Finding::fails(format!("{answer} with the id {id:08x}: that of the REQUEST is {ID:08x}"))
                .with_fix("write ids most significant byte first"))
        }
        _ => Err(Finding::fails(format!("{answer} with the id {id:08x}: that of the REQUEST is {ID:08x}"))),
    }
}
