//! Timeouts and floods (SPEC 7 and 8).

use std::time::Duration;

use bookend::{Encoding, START, kind};
use tokio::time::Instant;

use super::session::ping_frame;
use super::{Check, CheckResult, When, custom, judge_close};
use crate::frame::{frame, message};
use crate::raw_peer::{Missing, RawPeer};
use crate::report::Finding;
use crate::target::Target;

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "hello-timeout",
        "R7.10",
        "send CLOSE 4004 hello-timeout if no HELLO arrives within 5 s",
        custom!(hello_timeout),
    )
    .needing(&["fault-close"])
    .waiting(),
    Check::new(
        "frame-timeout",
        "R7.11",
        "send CLOSE 4008 frame-timeout if a header is not complete 5 s after its first byte",
        custom!(frame_timeout),
    )
    .needing(&["fault-close"])
    .waiting(),
    Check::new(
        "idle",
        "R7.3",
        "send CLOSE 4005 idle to a peer that is silent for twice the keepalive of its HELLO",
        custom!(idle),
    )
    .needing(&["fault-close"])
    .waiting(),
    Check::new(
        "ping-flood",
        "R8.3",
        "close with 4007 after more than 10 PINGs in 10 s and nothing else",
        custom!(ping_flood),
    )
    .needing(&["fault-close", "ping"]),
    Check::new(
        "empty-flood",
        "R8.4",
        "close with 4007 after more than 1,000 frames of length 0 in one second",
        custom!(empty_flood),
    )
    .needing(&["fault-close"]),
    Check::new(
        "body-timeout",
        "R7.12",
        "send CLOSE 4008 frame-timeout if a body arrives at less than 1,024 bytes/s, after 5 s",
        custom!(body_timeout),
    )
    .when(When::Slow)
    .needing(&["fault-close"])
    .waiting(),
    Check::new(
        "keepalive-kept",
        "R7.1",
        "send PING if nothing else was sent for the `keepalive` of HELLO",
        custom!(keepalive_kept),
    )
    .when(When::Slow)
    .waiting(),
];

/// The periods of R7.10 and R7.11.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest keepalive that a check waits for, in seconds.
const MAX_KEEPALIVE: u16 = 120;
/// Periods without a byte after which a peer does not keep its keepalive.
const MAX_LATE: u32 = 2;

/// Waits for a CLOSE that must arrive `period` from now. A peer on a busy machine may take as long as for any answer.
async fn close_after(mut peer: RawPeer<'_>, target: &Target, period: Duration, name: &'static str) -> CheckResult {
    let start = Instant::now();
    peer.set_timeout(period + target.timeout());
    let finding = judge_close(peer.wait_close().await, name)?;
    Ok(Finding::ok(format!("after {:.1} s: {}", start.elapsed().as_secs_f64(), finding.seen)))
}

/// Sends the header of a HELLO, with which a hub recognises a Bookend client, and not its body.
async fn hello_timeout(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.connect(name).await?;
    peer.send(&frame(kind::HELLO, Encoding::Binary, &target.hello().body())[..12]).await;
    close_after(peer, target, TIMEOUT, "hello-timeout").await
}

async fn frame_timeout(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send(&START).await;
    close_after(peer, target, TIMEOUT, "frame-timeout").await
}

async fn idle(target: &Target, name: &'static str) -> CheckResult {
    let peer = target.greet(name, &target.hello().with_keepalive(1)).await?;
    close_after(peer, target, Duration::from_secs(2), "idle").await
}

async fn body_timeout(target: &Target, name: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send(&message(Encoding::Binary, &[0; 1024])[..500]).await;
    close_after(peer, target, TIMEOUT + Duration::from_secs(1), "frame-timeout").await
}

/// The peer promises a byte in every period. Observes periods until two of them were kept, and allows a second for the
/// network. A peer that is late once may run on a busy machine; one that is late [`MAX_LATE`] times does not keep it.
async fn keepalive_kept(target: &Target, name: &'static str) -> CheckResult {
    let seconds = target.info().keepalive;
    if !(1..=MAX_KEEPALIVE).contains(&seconds) {
        let why =
            if seconds == 0 { "its HELLO has no keepalive".into() } else { format!("{seconds} s is too long to wait") };
        return Ok(Finding::not_applicable(why));
    }
    let mut peer = target.greet(name, &target.hello()).await?;
    let (mut kept, mut late) = (0, 0);
    while kept < 2 {
        peer.set_timeout(Duration::from_secs(u64::from(seconds) + 1));
        match peer.next().await {
            Ok(_) => kept += 1,
            Err(Missing::TimedOut(_)) if late + 1 < MAX_LATE => late += 1,
            Err(Missing::TimedOut(_)) => {
                return Err(Finding::fails(format!(
                    "nothing arrived in {MAX_LATE} of the periods of {seconds} s that HELLO promises"
                )));
            }
            Err(missing) => return Err(missing.finding("PING")),
        }
    }
    peer.leave().await;
    Ok(Finding::ok(format!("something arrived in two periods of {seconds} s")))
}

async fn ping_flood(target: &Target, name: &'static str) -> CheckResult {
    const COUNT: usize = 24;
    flood(target, name, &ping_frame(b""), COUNT, "ping-flood").await
}

async fn empty_flood(target: &Target, name: &'static str) -> CheckResult {
    const COUNT: usize = 1100;
    flood(target, name, &frame(kind::PONG, Encoding::Binary, b""), COUNT, "empty-flood").await
}

/// The limits are defaults. A peer that is configured to allow more is not wrong.
async fn flood(target: &Target, name: &'static str, one: &[u8], count: usize, expected: &'static str) -> CheckResult {
    let mut peer = target.greet(name, &target.hello()).await?;
    peer.send(&one.repeat(count)).await;
    peer.set_timeout(target.timeout());
    match peer.wait_close().await {
        Err(Missing::TimedOut(_)) => Ok(Finding::warns(format!("no CLOSE for {count} frames at once"))),
        close => judge_close(close, expected),
    }
}
