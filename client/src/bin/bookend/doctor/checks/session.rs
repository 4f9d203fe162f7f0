//! Sessions: PING and CLOSE, reads cut anywhere, limits, what is due in time (SPEC 3, 7, 8).

use std::iter;
use std::time::Duration;

use bookend::{Code, Encoding, MAX_PING, START, kind};
use tokio::time::{Instant, sleep};

use super::{CONCURRENCY, Check, Exam, Judged, When, judge_close, own};
use crate::doctor::reach::milliseconds;
use crate::doctor::report::Finding;
use crate::doctor::subject::Subject;
use crate::doctor::wire::{Heard, Peer, Unmet, frame, message};

/// The periods of R7.10 and R7.11.
const IN_TIME: Duration = Duration::from_secs(5);
/// A peer that takes all of a body in one go may still need time for it, per byte.
const PER_BYTE: Duration = Duration::from_nanos(500);
/// A longer body is not sent for a check, in bytes.
const MAX_SENT: u32 = 16 << 20;
/// The longest keepalive that is waited for, in seconds.
const MAX_KEEPALIVE: u16 = 120;

pub(super) static BASIC: &[Check] = &[
    Check::new(
        CONCURRENCY,
        "",
        "serve each connection in a task or thread of its own; the checks are made one at a time now",
        own!(second_connection),
    ),
    Check::new("ping", "R3.9", "answer each PING by a PONG (kind 07)", own!(ping)),
    Check::new("close", "R7.7", "answer CLOSE by a CLOSE with the same code, then end the stream", own!(close)),
    Check::new(
        "fault-close",
        "R7.4",
        "answer a fault by one CLOSE with its code and name, close the sending direction, then read on until the end",
        own!(fault_close),
    ),
];

pub(super) static CHECKS: &[Check] = &[
    Check::new("ping-bytes", "R3.9", "send the bytes of the PING back in the PONG, all of them, up to 64", own!(ping_bytes)).needing(&["ping"]),
    Check::new("dribbled", "R2.15", "keep what was read until a frame is whole: a read may bring any part of it", own!(dribbled)).needing(&["ping"]),
    Check::new("split", "R2.15", "keep what was read until a frame is whole: a read may end within any field", own!(split)).needing(&["ping"]),
    Check::new("joined", "R2.15", "use all frames that a read brought: several may come in one", own!(joined)).needing(&["ping", "message"]),
    Check::new("barrier", "R3.10", "send PONG only when everything before its PING has been acted on and its ERRORs are sent", own!(barrier)).needing(&["ping", "bad-text"]),
    Check::new("body-at-limit", "R8.2 R2.7", "accept bodies of exactly the `max body` of HELLO: it counts the body alone, not header and END", own!(body_at_limit)).needing(&["ping", "message"]),
    Check::new("request", "R3.12 R3.18", "answer a REQUEST by a REPLY, or an ERROR, that carries its id", own!(request)).needing(&["ping"]),
    Check::new("close-unknown-code", "R6.4 R7.7", "accept a CLOSE with any code, and answer with the same one", own!(close_unknown_code)).needing(&["close"]),
    Check::new("close-first", "R7.8 R7.7", "accept a CLOSE in place of HELLO, and answer it by CLOSE", own!(close_first)).needing(&["close"]),
    Check::new("close-ends-stream", "R7.5", "close the sending direction behind CLOSE (shutdown(SHUT_WR))", own!(close_ends_stream)).needing(&["fault-close"]),
    Check::new("drain", "R7.6", "read on behind CLOSE until the stream ends, 65,536 bytes or 2 s: unread bytes become a reset, which destroys it", own!(drain)).needing(&["fault-close"]),
    Check::new("hello-timeout", "R7.10", "send CLOSE 4004 hello-timeout when no HELLO has come within 5 s", own!(hello_timeout)).needing(&["fault-close"]).waiting(),
    Check::new("frame-timeout", "R7.11", "send CLOSE 4008 frame-timeout when a header is not complete 5 s after its first byte", own!(frame_timeout)).needing(&["fault-close"]).waiting(),
    Check::new("idle", "R7.3", "send CLOSE 4005 idle to a peer that is silent for twice the keepalive of its HELLO", own!(idle)).needing(&["fault-close"]).waiting(),
    Check::new("ping-flood", "R8.3", "close with 4007 after more than 10 PINGs in 10 s and nothing else", own!(ping_flood)).needing(&["fault-close", "ping"]),
    Check::new("empty-flood", "R8.4", "close with 4007 after more than 1,000 frames of length 0 in one second", own!(empty_flood)).needing(&["fault-close"]),
    Check::new("body-timeout", "R7.12", "send CLOSE 4008 frame-timeout when a body is slower than 1,024 bytes a second, after 5 s", own!(body_timeout)).when(When::Slow).needing(&["fault-close"]).waiting(),
    Check::new("keepalive-kept", "R7.1", "send a PING when nothing else was sent for the `keepalive` of HELLO", own!(keepalive_kept)).when(When::Slow).waiting(),
];

fn ping_frame(bytes: &[u8]) -> Vec<u8> {
    frame(kind::PING, Encoding::Binary, bytes)
}

/// The body of the next PONG.
async fn pong(peer: &mut Peer<'_>) -> Result<Vec<u8>, Unmet> {
    peer.wait(|frame| (frame.kind == kind::PONG).then(|| frame.body.clone())).await
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
                .mending("write ids most significant byte first"))
        }
        _ => Err(Finding::fails(format!("{answer} with the id {id:08x}: that of the REQUEST is {ID:08x}"))),
    }
}

// ---- CLOSE

async fn close(subject: &Subject, name: &'static str) -> Judged {
    let peer = subject.greet(name, &subject.hello()).await?;
    closes(peer, Code::NORMAL, "normal").await
}

async fn close_unknown_code(subject: &Subject, name: &'static str) -> Judged {
    let peer = subject.greet(name, &subject.hello()).await?;
    closes(peer, Code(3999), "doctor: a code of an application").await
}

async fn close_first(subject: &Subject, name: &'static str) -> Judged {
    let peer = subject.connect(name).await?;
    closes(peer, Code::GOING_AWAY, "going-away").await
}

/// Says CLOSE, and sees to it that it is answered and that the stream ends.
async fn closes(mut peer: Peer<'_>, code: Code, reason: &str) -> Judged {
    peer.send_close(code, reason).await;
    peer.end().await;
    let (answer, _) = peer.wait_close().await.map_err(|unmet| unmet.finding("CLOSE in answer"))?;
    if answer != code {
        return Err(Finding::fails(format!("CLOSE {} in answer to CLOSE {}", answer.0, code.0)));
    }
    peer.wait_end().await.map_err(|unmet| Finding::fails(format!("the stream does not end behind CLOSE: {unmet}")))?;
    Ok(Finding::ok(format!("CLOSE {} in answer, and the end of the stream", answer.0)))
}

/// Mistakes of which a peer notices one at least.
const FAULTS: [(&str, &[u8]); 3] = [
    ("a bad START", b"\xF8\xF5\x02\x02\0\0\0\0"),
    ("a length of 2^31", b"\xF5\xF8\x02\x02\x80\0\0\0"),
    ("an unknown kind", b"\xF5\xF8\x7F\0\0\0\0\0\xF8\xF5"),
];

async fn fault_close(subject: &Subject, name: &'static str) -> Judged {
    let mut seen = Vec::new();
    for (fault, bytes) in FAULTS {
        let mut peer = subject.greet(name, &subject.hello()).await?;
        peer.be_patient(subject.patience().min(Duration::from_secs(3)));
        peer.send(bytes).await;
        match peer.wait_close().await {
            Ok((code, _)) => return Ok(Finding::ok(format!("{fault} is answered by CLOSE {}", code.0))),
            Err(unmet @ Unmet::Unsound(_)) => return Err(unmet.finding("CLOSE")),
            Err(unmet) => seen.push(format!("behind {fault} {unmet}")),
        }
    }
    Err(Finding::fails(format!("no fault is answered by CLOSE: {}", seen.join("; "))))
}

/// A connection on which the peer has just sent CLOSE for a fault.
async fn faulty<'a>(subject: &'a Subject, name: &'static str, in_flight: usize) -> Result<Peer<'a>, Finding> {
    for (_, bytes) in FAULTS {
        let mut peer = subject.greet(name, &subject.hello()).await?;
        let mut wire = bytes.to_vec();
        wire.resize(bytes.len() + in_flight, b'.');
        peer.send(&wire).await;
        match peer.wait_close().await {
            Ok(_) => return Ok(peer),
            Err(Unmet::Reset(error)) => {
                let seen = format!("with {in_flight} bytes in flight a reset came in place of its CLOSE: {error}");
                return Err(Finding::fails(seen));
            }
            Err(_) => {}
        }
    }
    Err(Finding::skipped("no fault was answered by CLOSE this time"))
}

async fn close_ends_stream(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = faulty(subject, name, 0).await?;
    peer.wait_end().await.map_err(|unmet| Finding::fails(format!("the stream does not end: {unmet}")))?;
    Ok(Finding::ok("the stream ends behind CLOSE"))
}

async fn drain(subject: &Subject, name: &'static str) -> Judged {
    const IN_FLIGHT: usize = 32 << 10;
    let mut peer = faulty(subject, name, IN_FLIGHT).await?;
    // A socket that was closed answers the first bytes by a reset, which fails what is written next.
    for _ in 0..4 {
        if !peer.send(&[b'.'; 1024]).await {
            return Err(Finding::fails("the connection is reset by what comes behind CLOSE"));
        }
        sleep(Duration::from_millis(50)).await;
    }
    peer.end().await;
    peer.wait_end().await.map_err(|unmet| unmet.finding("the end of the stream"))?;
    Ok(Finding::ok(format!("CLOSE arrives, and {IN_FLIGHT} bytes in flight do no harm")))
}

// ---- time

/// Waits for a CLOSE that is due after `due`.
async fn in_time(mut peer: Peer<'_>, subject: &Subject, due: Duration, name: &'static str) -> Judged {
    let start = Instant::now();
    peer.be_patient(due + subject.patience().min(Duration::from_secs(5)));
    let finding = judge_close(peer.wait_close().await, name)?;
    Ok(Finding::ok(format!("after {:.1} s {}", start.elapsed().as_secs_f64(), finding.seen)))
}

/// The header of a HELLO decides what the peer is to a hub, and then its body is missing.
async fn hello_timeout(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.connect(name).await?;
    peer.send(&frame(kind::HELLO, Encoding::Binary, &subject.hello().body())[..12]).await;
    in_time(peer, subject, IN_TIME, "hello-timeout").await
}

async fn frame_timeout(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    peer.send(&START).await;
    in_time(peer, subject, IN_TIME, "frame-timeout").await
}

async fn idle(subject: &Subject, name: &'static str) -> Judged {
    let peer = subject.greet(name, &subject.hello().with_keepalive(1)).await?;
    in_time(peer, subject, Duration::from_secs(2), "idle").await
}

async fn body_timeout(subject: &Subject, name: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    peer.send(&message(Encoding::Binary, &[0; 1024])[..500]).await;
    in_time(peer, subject, IN_TIME + Duration::from_secs(1), "frame-timeout").await
}

/// Promised: a byte in every period. Two are watched, with a second for the way.
async fn keepalive_kept(subject: &Subject, name: &'static str) -> Judged {
    let seconds = subject.facts().keepalive;
    if !(1..=MAX_KEEPALIVE).contains(&seconds) {
        let why = if seconds == 0 { "it promises nothing".into() } else { format!("{seconds} s are too long to wait") };
        return Ok(Finding::not_applicable(why));
    }
    let mut peer = subject.greet(name, &subject.hello()).await?;
    for period in 1..=2 {
        peer.be_patient(Duration::from_secs(u64::from(seconds) + 1));
        match peer.next().await {
            Heard::Frame(_) => {}
            Heard::Nothing(Unmet::Silence(_)) => {
                return Err(Finding::fails(format!("{seconds} s were promised, but nothing came in period {period}")));
            }
            Heard::Nothing(unmet) => return Err(unmet.finding("PING")),
        }
    }
    peer.leave().await;
    Ok(Finding::ok(format!("something came in two periods of {seconds} s")))
}

// ---- floods

async fn ping_flood(subject: &Subject, name: &'static str) -> Judged {
    const COUNT: usize = 24;
    flood(subject, name, &ping_frame(b""), COUNT, "ping-flood").await
}

async fn empty_flood(subject: &Subject, name: &'static str) -> Judged {
    const COUNT: usize = 1100;
    flood(subject, name, &frame(kind::PONG, Encoding::Binary, b""), COUNT, "empty-flood").await
}

/// The numbers are defaults that a configuration may change: who allows more is not wrong.
async fn flood(subject: &Subject, name: &'static str, one: &[u8], count: usize, due: &'static str) -> Judged {
    let mut peer = subject.greet(name, &subject.hello()).await?;
    peer.send(&iter::repeat_n(one, count).collect::<Vec<_>>().concat()).await;
    peer.be_patient(subject.patience().min(Duration::from_secs(2)));
    match peer.wait_close().await {
        Err(Unmet::Silence(_)) => Ok(Finding::warns(format!("{count} frames at once are not too many for it"))),
        came => judge_close(came, due),
    }
}
