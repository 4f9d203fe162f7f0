//! CLOSE: it answers a CLOSE, reports a fault, and is not lost to a reset (SPEC 7).

use std::time::Duration;

use bookend::Code;
use tokio::time::{Instant, sleep};

use super::{Check, CheckResult, custom};
use crate::raw_peer::{Missing, RawPeer};
use crate::report::Finding;
use crate::target::Target;

/// Checks that others depend on.
pub(super) static FIRST: &[Check] = &[
    Check::new("close", "R7.7", "answer CLOSE by a CLOSE with the same code, then end the stream", custom!(close))
        .without_proxy(),
    Check::new(
        "fault-close",
        "R7.4",
        "answer a fault by one CLOSE with its code and name, then read on until the stream ends",
        custom!(fault_close),
    ),
];

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "close-unknown-code",
        "R6.3 R6.4 R7.7",
        "accept a CLOSE with any code, and answer with the same one",
        custom!(close_unknown_code),
    )
    .needing(&["close"])
    .without_proxy(),
    Check::new(
        "close-first",
        "R7.8 R7.7",
        "accept a CLOSE in place of HELLO, and answer it by CLOSE",
        custom!(close_first),
    )
    .needing(&["close"])
    .without_proxy(),
    Check::new(
        "close-ends-stream",
        "R7.5",
        "shut down the sending direction after CLOSE (shutdown(SHUT_WR))",
        custom!(close_ends_stream),
    )
    .needing(&["fault-close"]),
    Check::new(
        "drain",
        "R7.6",
        "after CLOSE, read until the stream ends, or for 2 s: unread bytes cause a reset, which discards it",
        custom!(drain),
    )
    .waiting()
    .needing(&["fault-close"])
    .without_proxy(),
];

async fn close(target: &Target, name: &'static str) -> CheckResult {
    let peer = target.greet(name, &target.hello()).await?;
    exchange_close(peer, Code::NORMAL, "normal").await
}

async fn close_unknown_code(target: &Target, name: &'static str) -> CheckResult {
    let peer = target.greet(name, &target.hello()).await?;
    exchange_close(peer, Code(3999), "normal").await
}

async fn close_first(target: &Target, name: &'static str) -> CheckResult {
    let peer = target.connect(name).await?;
    exchange_close(peer, Code::GOING_AWAY, "going-away").await
}

/// Sends CLOSE, and expects a CLOSE in answer and the end of the stream.
async fn exchange_close(mut peer: RawPeer<'_>, code: Code, reason: &str) -> CheckResult {
    peer.send_close(code, reason).await;
    peer.end().await;
    let (answer, reason) = peer.wait_close().await.map_err(|missing| missing.finding("CLOSE in answer"))?;
    if answer != code {
        return Err(Finding::fails(format!("CLOSE {} in answer to CLOSE {}", answer.0, code.0)));
    }
    if !reason.is_empty() {
        return Err(Finding::fails(format!("CLOSE {} in answer has the reason \"{reason}\"", answer.0))
            .with_fix("answer a CLOSE with its code and no reason (R7.7)"));
    }
    peer.wait_end().await.map_err(|missing| missing.finding("the end of the stream after CLOSE"))?;
    Ok(Finding::ok(format!("CLOSE {} in answer, then the end of the stream", answer.0)))
}

/// Faults. Every peer notices at least one of them.
const FAULTS: [(&str, &[u8]); 3] = [
    ("a bad START", b"\xF8\xF5\x02\x02\0\0\0\0"),
    ("a length of 2^31", b"\xF5\xF8\x02\x02\x80\0\0\0"),
    ("an unknown kind", b"\xF5\xF8\x7F\0\0\0\0\0\xF8\xF5"),
];

async fn fault_close(target: &Target, name: &'static str) -> CheckResult {
    let mut seen = Vec::new();
    for (fault, bytes) in FAULTS {
        let mut peer = target.greet(name, &target.hello()).await?;
        peer.send(bytes).await;
        match peer.wait_close().await {
            Ok((code, _)) => return Ok(Finding::ok(format!("CLOSE {} for {fault}", code.0))),
            Err(missing @ (Missing::BadFrame(_) | Missing::OutOfTime)) => return Err(missing.finding("CLOSE")),
            Err(missing) => seen.push(format!("after {fault}, {missing}")),
        }
    }
    Err(Finding::fails(format!("no CLOSE for any fault: {}", seen.join("; "))))
}

/// A connection on which the peer has just sent CLOSE for a fault, with `in_flight` bytes after that fault.
async fn after_fault<'a>(target: &'a Target, name: &'static str, in_flight: usize) -> Result<RawPeer<'a>, Finding> {
    for (_, bytes) in FAULTS {
        let mut peer = target.greet(name, &target.hello()).await?;
        let mut wire = bytes.to_vec();
        wire.resize(bytes.len() + in_flight, b'.');
        peer.send(&wire).await;
        match peer.wait_close().await {
            Ok(_) => return Ok(peer),
            Err(Missing::Reset(error)) => {
                let seen = format!("with {in_flight} bytes in flight, a reset arrived instead of CLOSE: {error}");
                return Err(Finding::fails(seen));
            }
            Err(_) => {}
        }
    }
    Err(Finding::skipped("no CLOSE arrived for any fault this time"))
}

async fn close_ends_stream(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = after_fault(target, name, 0).await?;
    peer.wait_end().await.map_err(|missing| missing.finding("the end of the stream after CLOSE"))?;
    Ok(Finding::ok("the stream ends after CLOSE"))
}

/// A peer reads on for 2 s.
const READS_ON: Duration = Duration::from_millis(1600);

async fn drain(target: &Target, name: &'static str) -> CheckResult {
    const IN_FLIGHT: usize = 32 << 10;
    let mut peer = after_fault(target, name, IN_FLIGHT).await?;
    // A closed socket answers the first bytes by a reset, which fails the next write.
    let start = Instant::now();
    while start.elapsed() < READS_ON {
        if !peer.send(&[b'.'; 512]).await {
            let after = start.elapsed().as_secs_f64();
            let seen = format!("{after:.1} s after its CLOSE, the peer resets the connection when bytes arrive");
            return Err(Finding::fails(seen).named("unread bytes destroy the CLOSE"));
        }
        sleep(Duration::from_millis(50)).await;
    }
    peer.end().await;
    peer.wait_end().await.map_err(|missing| missing.finding("the end of the stream"))?;
    Ok(Finding::ok(format!("CLOSE arrives despite {IN_FLIGHT} bytes in flight")))
}
