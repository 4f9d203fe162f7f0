//! Frames with several mistakes: the first check that fails determines the answer (R3.25). And what may be sent once only.

use std::time::Duration;

use bookend::{Code, Encoding, kind};

use super::session::ping_frame;
use super::{Check, CheckResult, Test, When, custom};
use crate::frame::{frame, message};
use crate::raw_peer::{Missing, RawPeer};
use crate::report::Finding;
use crate::side::Side;
use crate::target::Target;

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "order-second-hello",
        "R3.25 R4.4",
        "name a second HELLO before its body is checked",
        Test::Closed(|_| frame(kind::HELLO, Encoding::Utf8, b"\xFF"), "second-hello"),
    ),
    Check::new(
        "order-kind",
        "R3.25 R9.2",
        "name a kind of the other direction before its body is checked",
        Test::Closed(|_| frame(kind::GAP, Encoding::Utf8, b"\xFF"), "unexpected-kind"),
    )
    .when(When::Hub)
    .only_for(Side::Server),
    Check::new(
        "order-malformed",
        "R3.25 R3.4",
        "check that the id of a REQUEST is not 0 before its text is checked",
        Test::Closed(|_| frame(kind::REQUEST, Encoding::Utf8, b"\0\0\0\0\xFF"), "malformed"),
    ),
    Check::new(
        "order-encoding",
        "R3.25 R5.11",
        "refuse an encoding that HELLO does not accept before the text is checked",
        Test::Refused(|_| vec![message(Encoding::Utf16Be, b"odd")], "encoding-refused"),
    )
    .when(When::NotAccepted(Encoding::Utf16Be)),
    Check::new(
        "reply-bad-text",
        "R3.20 R3.26",
        "answer a REPLY with bad text by nothing",
        Test::Ignored(|_| frame(kind::REPLY, Encoding::Ascii, b"\0\0\0\x07\xFF")),
    ),
    Check::new(
        "error-unknown-id",
        "R3.27 R3.19",
        "take an ERROR whose id is unknown as one with id 0",
        Test::Ignored(|_| frame(kind::ERROR, Encoding::Ascii, b"\0\0\0\x63\0\0\0\x01\x03\xEFbad-text")),
    ),
    Check::new(
        "pong-order",
        "R3.10 R3.17",
        "act on the frames in their order: each ERROR precedes the PONG for the PING after its frame",
        custom!(pong_order),
    )
    .needing(&["ping", "bad-text"]),
    Check::new("reply-once", "R3.12", "answer each REQUEST once", custom!(reply_once)).needing(&["ping"]),
    Check::new(
        "sticky-fault",
        "R2.14 R7.4 R7.5 R7.15 R7.16",
        "stop at the first fault: send one CLOSE for it, and act on nothing that follows",
        custom!(sticky_fault),
    )
    .needing(&["fault-close", "ping"]),
    Check::new(
        "close-once",
        "R7.4 R7.5 R7.7",
        "send one CLOSE, and nothing after it, whatever arrives",
        custom!(close_once),
    )
    .needing(&["close"]),
    Check::new(
        "one-byte-reads",
        "R2.15 R2.2",
        "name the same fault however the stream is split",
        custom!(one_byte_reads),
    )
    .needing(&["fault-close"]),
];

/// After this, nothing more is expected.
const QUIET: Duration = Duration::from_millis(300);

/// Bad texts and PINGs in turn: each is answered in its place.
async fn pong_order(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    let bad = || message(Encoding::Utf8, b"\xFF");
    let wire = [bad(), ping_frame(b"1"), bad(), bad(), ping_frame(b"2"), ping_frame(b"3"), bad(), ping_frame(b"4")];
    peer.send(&wire.concat()).await;
    let mut errors = Vec::new();
    loop {
        let frame = peer.next().await.map_err(|missing| missing.finding("PONG for each PING that is the last one"))?;
        if let Some(error) = frame.as_error() {
            errors.push(error.frame);
        } else if frame.kind == kind::PONG {
            let before: &[u32] = match &*frame.body {
                b"1" => &[1],
                b"2" | b"3" => &[1, 3, 4],
                b"4" => &[1, 3, 4, 7],
                _ => continue,
            };
            if !errors.starts_with(before) {
                let ping = frame.body.escape_ascii();
                let seen = format!(
                    "before PONG \"{ping}\" arrived ERRORs about the frames {}, not {}",
                    list(&errors),
                    list(before)
                );
                return Err(Finding::fails(seen));
            }
            if frame.body == b"4" {
                break;
            }
        } else if let Some((code, reason)) = frame.as_close() {
            return Err(Missing::Closed { code, reason }.finding("PONG"));
        }
    }
    peer.leave().await;
    Ok(Finding::ok("four ERRORs and the PONGs arrive in the order of what they answer"))
}

fn list(numbers: &[u32]) -> String {
    if numbers.is_empty() {
        return "none".into();
    }
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

/// Three REQUESTs, of which two have good text: one answer each, none more later.
async fn reply_once(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    let request = |id: u8, text: &[u8]| frame(kind::REQUEST, Encoding::Utf8, &[&[1, 1, 1, id][..], text].concat());
    peer.send(&[request(1, b"one?"), request(2, b"\xFF"), request(3, b"three?"), ping_frame(b"1")].concat()).await;
    let (mut answers, mut ponged) = ([0_u32; 4], false);
    let answered = peer.wait(|frame| {
        count(frame, &mut answers);
        ponged |= frame.kind == kind::PONG;
        (ponged && answers[1..].iter().all(|count| *count > 0)).then_some(())
    });
    answered.await.map_err(|missing| missing.finding("an answer for each of three REQUESTs, and PONG"))?;
    peer.set_timeout(QUIET);
    let _ = peer
        .wait(|frame| {
            count(frame, &mut answers);
            None::<()>
        })
        .await; // nothing more is expected
    if answers != [0, 1, 1, 1] {
        let seen = format!("three REQUESTs have {}, {} and {} answers", answers[1], answers[2], answers[3]);
        return Err(Finding::fails(seen).named("a REQUEST is answered twice"));
    }
    peer.set_timeout(target.timeout());
    peer.leave().await;
    Ok(Finding::ok("three REQUESTs, one of them with bad text, have one answer each"))
}

/// Counts an answer, by the last byte of its id.
fn count(frame: &crate::frame::Frame, answers: &mut [u32; 4]) {
    if matches!(frame.kind, kind::REPLY | kind::ERROR)
        && let [1, 1, 1, id @ 1..=3, ..] = frame.body[..]
    {
        answers[usize::from(id)] += 1;
    }
}

/// A fault, and good frames after it, in one write.
async fn sticky_fault(target: &Target, name: &'static str) -> CheckResult {
    for (fault, wire) in [
        ("a bad START", b"\xF8\xF5\x02\x02\0\0\0\0\xF8\xF5".to_vec()),
        ("a bad END", b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF5\xF8".to_vec()),
        ("an encoding of 9", b"\xF5\xF8\x02\x09\0\0\0\0\xF8\xF5".to_vec()),
        ("an unknown kind", frame(0x7F, Encoding::Binary, b"")),
        ("a REPLY of 3 bytes", frame(kind::REPLY, Encoding::Ascii, b"abc")),
    ] {
        let mut peer = target.greet(name, &target.hello()).await?;
        let after = [ping_frame(b"late"), message(Encoding::Utf8, b"\xFF"), frame(0x7E, Encoding::Binary, b"")];
        peer.send(&[wire, after.concat()].concat()).await;
        closed_once(&mut peer, &format!("{fault}, and then PING, bad text and another fault")).await?;
    }
    Ok(Finding::ok("after each of five faults, one CLOSE arrives and nothing else"))
}

/// Reads to the end: one CLOSE, and neither PONG nor ERROR before or after it.
async fn closed_once(peer: &mut RawPeer<'_>, what: &str) -> Result<Code, Finding> {
    let mut closes = Vec::new();
    loop {
        match peer.next().await {
            Ok(frame) if frame.as_close().is_some() => closes.extend(frame.as_close()),
            Ok(frame) if matches!(frame.kind, kind::PONG | kind::ERROR) || !closes.is_empty() => {
                let seen = format!("after {what}, {} arrived", frame.name());
                return Err(Finding::fails(seen).named("frames after a fault are acted on"));
            }
            Ok(_) => {}
            Err(Missing::End | Missing::Reset(_)) if !closes.is_empty() => break,
            Err(missing) => return Err(missing.finding(&format!("one CLOSE and the end of the stream, after {what}"))),
        }
    }
    match &closes[..] {
        [(code, _)] => Ok(*code),
        _ => Err(Finding::fails(format!("after {what}, {} CLOSEs arrived", closes.len())).named("CLOSE is sent twice")),
    }
}

/// A CLOSE with frames after it, and a second CLOSE.
async fn close_once(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    let close = |code: u16| frame(kind::CLOSE, Encoding::Ascii, &code.to_be_bytes());
    peer.send(&[close(1000), ping_frame(b"late"), close(1001), b"\xF8\xF5".to_vec()].concat()).await;
    let code = closed_once(&mut peer, "CLOSE 1000, PING, CLOSE 1001 and a bad START").await?;
    match code {
        Code::NORMAL => Ok(Finding::ok("CLOSE 1000 in answer, and nothing for what follows")),
        _ => Err(Finding::fails(format!("CLOSE {} in answer to CLOSE 1000", code.0))),
    }
}

/// The same faults byte by byte.
async fn one_byte_reads(target: &Target, name: &'static str) -> CheckResult {
    for (expected, wire) in [
        ("bad-start", &b"\xF5\xF5"[..]),
        ("unknown-encoding", b"\xF5\xF8\x02\x07"),
        ("too-long", b"\xF5\xF8\x02\x02\xFF\xFF\xFF\xFF"),
        ("bad-end", b"\xF5\xF8\x02\x02\0\0\0\x01a\xF5"),
    ] {
        let mut peer = target.greet(name, &target.hello()).await?;
        peer.send_apart(wire.chunks(1)).await;
        super::judge_close(peer.wait_close().await, expected)?;
    }
    Ok(Finding::ok("four faults are named the same byte by byte"))
}
