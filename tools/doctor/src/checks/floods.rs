//! Floods, with both bounds: what is permitted and what is one too many (SPEC 8).

use std::time::Duration;

use bookend::{Encoding, kind};
use tokio::time::sleep;

use super::session::ping_frame;
use super::{Check, CheckResult, When, custom, judge_close};
use crate::frame::frame;
use crate::raw_peer::{Missing, RawPeer};
use crate::report::Finding;
use crate::target::Target;

pub(super) static CHECKS: &[Check] = &[
    flood(
        "ping-flood",
        "R8.3",
        "close with 4007 ping-flood at the 11th PING in 10 s with no frame but PING and PONG between them",
        custom!(ping_flood),
    ),
    flood(
        "pings-permitted",
        "R8.3 R3.9",
        "permit 10 PINGs in 10 s, and begin to count anew after any other frame",
        custom!(pings_permitted),
    ),
    flood(
        "empty-flood",
        "R8.4",
        "close with 4007 empty-flood after more than 1,000 frames of length 0 in one second",
        custom!(empty_flood),
    ),
    flood("empty-permitted", "R8.4", "permit 1,000 frames of length 0 in one second", custom!(empty_permitted)),
    flood(
        "flood-order",
        "R3.25 R8.3",
        "count PINGs by their kind, before their bodies are checked",
        custom!(flood_order),
    ),
    flood(
        "floods-end",
        "R8.3 R8.4",
        "count PINGs of the last 10 s, and empty frames of one second, not of the whole session",
        custom!(floods_end),
    )
    .when(When::Slow)
    .waiting(),
];

/// The numbers of R8.3 and R8.4.
const PINGS: u8 = 10;
const EMPTY: usize = 1000;

const fn flood(name: &'static str, spec: &'static str, fix: &'static str, test: super::Test) -> Check {
    Check::new(name, spec, fix, test).needing(&["fault-close", "ping"])
}

/// So many PINGs, each with its number.
fn pings(count: u8) -> Vec<u8> {
    (0..count).flat_map(|number| ping_frame(&[number])).collect()
}

/// An empty frame that causes nothing.
fn empty() -> Vec<u8> {
    frame(kind::PONG, Encoding::Binary, b"")
}

/// Waits for the CLOSE of a flood. The number of frames is the one that SPEC 8 names, plus one.
async fn closes(mut peer: RawPeer<'_>, what: &str, expected: &'static str) -> CheckResult {
    match peer.wait_close().await {
        Err(Missing::TimedOut(_)) => Err(Finding::fails(format!("no CLOSE 4007 {expected} for {what}"))),
        close => judge_close(close, expected),
    }
}

/// Sends one frame more than is permitted, and if no CLOSE comes, many more: a receiver that did not read for a moment may
/// permit as many as can have waited, and a program that has just started may take more than a second for a thousand.
/// The exact number is a vector's.
async fn floods(
    target: &Target,
    name: &'static str,
    [first, more]: [Vec<u8>; 2],
    what: &str,
    expected: &'static str,
) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send(&first).await;
    match peer.wait_close().await {
        Err(Missing::TimedOut(_)) => {}
        close => return judge_close(close, expected),
    }
    peer.set_timeout(target.timeout());
    peer.send(&more).await;
    closes(peer, what, expected).await
}

/// Waits for the PONG with these bytes.
async fn ponged(peer: &mut RawPeer<'_>, bytes: &[u8], what: &str) -> Result<(), Finding> {
    let pong = peer.wait(|frame| (frame.kind == kind::PONG && frame.body == bytes).then_some(())).await;
    pong.map_err(|missing| missing.finding(&format!("PONG for the last one, since SPEC 8 permits {what}")))
}

async fn ping_flood(target: &Target, name: &'static str) -> CheckResult {
    let sent = [pings(PINGS + 1), pings(2 * PINGS)];
    floods(target, name, sent, "31 PINGs and nothing else", "ping-flood").await
}

async fn pings_permitted(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    let what = "10 PINGs, another frame, and 10 PINGs";
    peer.send(&pings(PINGS)).await;
    ponged(&mut peer, &[9], "10 PINGs in 10 s").await?;
    peer.send(&[frame(0x80, Encoding::Binary, b"another"), pings(PINGS)].concat()).await;
    ponged(&mut peer, &[9], what).await?;
    peer.leave().await;
    Ok(Finding::ok(format!("{what} are permitted, and the last of each ten is answered")))
}

async fn empty_flood(target: &Target, name: &'static str) -> CheckResult {
    let sent = [empty().repeat(EMPTY + 1), empty().repeat(4 * EMPTY)];
    floods(target, name, sent, "5,001 frames of length 0", "empty-flood").await
}

async fn empty_permitted(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send(&[empty().repeat(EMPTY), ping_frame(b"after")].concat()).await;
    ponged(&mut peer, b"after", "1,000 frames of length 0 in a second").await?;
    peer.leave().await;
    Ok(Finding::ok("1,000 frames of length 0 at once are permitted"))
}

async fn flood_order(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    let malformed = frame(kind::PING, Encoding::Binary, &[0; 65]);
    peer.send(&[pings(PINGS), malformed].concat()).await;
    closes(peer, "an 11th PING that is malformed", "ping-flood").await
}

async fn floods_end(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.set_timeout(Duration::from_secs(12) + target.timeout());
    peer.send(&[empty().repeat(EMPTY), ping_frame(b"a"), frame(0x80, Encoding::Binary, b"another")].concat()).await;
    ponged(&mut peer, b"a", "1,000 frames of length 0 in a second").await?;
    sleep(Duration::from_millis(1300)).await;
    peer.send(&[empty().repeat(EMPTY), pings(PINGS)].concat()).await;
    ponged(&mut peer, &[9], "1,000 more after a second").await?;
    sleep(Duration::from_millis(10_300)).await;
    peer.send(&pings(PINGS)).await;
    ponged(&mut peer, &[9], "10 more PINGs after 10 s").await?;
    peer.leave().await;
    Ok(Finding::ok("the same numbers are permitted again after their period"))
}
