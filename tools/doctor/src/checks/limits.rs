//! Timeouts, with both bounds: neither too early nor too late (SPEC 7).

use std::time::Duration;

use bookend::{Code, Encoding, Hello, START, kind};
use futures_util::future::LocalBoxFuture;
use tokio::time::{Instant, sleep};

use super::{Check, CheckResult, When, custom, judge_close};
use crate::frame::{frame, message};
use crate::raw_peer::{Missing, RawPeer};
use crate::report::Finding;
use crate::target::Target;

pub(super) static CHECKS: &[Check] = &[
    timer(
        "hello-timeout",
        "R7.10",
        "send CLOSE 4004 hello-timeout if no HELLO arrives within 5 s, and not before",
        custom!(hello_timeout),
    ),
    timer(
        "frame-timeout",
        "R7.11",
        "send CLOSE 4008 frame-timeout if a header is not complete 5 s after its first byte, and not before",
        custom!(frame_timeout),
    ),
    timer(
        "idle",
        "R7.3",
        "send CLOSE 4005 idle to a peer that is silent for twice the keepalive of its HELLO, and not before",
        custom!(idle),
    ),
    timer(
        "idle-bytes",
        "R7.2 R7.3",
        "count every byte that arrives as a sign of life, not only whole frames",
        custom!(idle_bytes),
    ),
    timer(
        "slow-body",
        "R7.12",
        "give a body 5 s and a second more for each 1,024 bytes, counted from the end of its header",
        custom!(slow_body),
    ),
    timer(
        "body-timeout",
        "R7.12",
        "send CLOSE 4008 frame-timeout if a body arrives at less than 1,024 bytes/s, after 5 s",
        custom!(body_timeout),
    )
    .when(When::Slow),
    Check::new(
        "keepalive-kept",
        "R7.1",
        "send PING if nothing else was sent for the `keepalive` of HELLO",
        custom!(keepalive_kept),
    )
    .when(When::Slow)
    .waiting(),
    Check::new(
        "keepalive-busy",
        "R7.1",
        "send PING if nothing was sent for the `keepalive` of HELLO, however much arrives meanwhile",
        custom!(keepalive_busy),
    )
    .when(When::Slow)
    .waiting(),
];

const fn timer(name: &'static str, spec: &'static str, fix: &'static str, test: super::Test) -> Check {
    Check::new(name, spec, fix, test).needing(&["fault-close"]).waiting()
}

/// The periods of R7.10 and R7.11.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How much earlier a CLOSE may seem to arrive: the peer's period may begin a little before this side's.
const EARLY: Duration = Duration::from_millis(250);
/// How much later it may arrive, at least. A peer on a busy machine may be late once.
const LATE: Duration = Duration::from_millis(1500);

/// How much later it may arrive: more where answers may take longer.
fn late(target: &Target) -> Duration {
    LATE.max(target.timeout() / 5)
}

/// The longest keepalive that a check waits for, in seconds.
const MAX_KEEPALIVE: u16 = 120;
/// Periods without a byte after which a peer does not keep its keepalive.
const MAX_LATE: u32 = 2;

/// Brings a peer to where a period begins, and states when that was.
type Begin = for<'a> fn(&'a Target, &'static str) -> LocalBoxFuture<'a, Result<(RawPeer<'a>, Instant), Finding>>;

/// Waits for a CLOSE that must arrive `period` after `begin`. One that is late is awaited once more.
async fn close_after(
    target: &Target,
    check: &'static str,
    name: &'static str,
    period: Duration,
    begin: Begin,
) -> CheckResult {
    let mut attempts = 0;
    loop {
        let (mut peer, start) = begin(target, check).await?;
        peer.set_timeout(period + LATE.max(target.timeout()));
        let finding = judge_close(peer.wait_close().await, name)?;
        let (after, due) = (start.elapsed(), period.as_secs_f64());
        let seen = format!("after {:.1} s: {}", after.as_secs_f64(), finding.seen);
        attempts += 1;
        if after + EARLY < period {
            return Err(Finding::fails(format!("{seen}; expected after {due:.1} s, not before")));
        }
        if after <= period + late(target) {
            return Ok(Finding::ok(seen));
        }
        if attempts == MAX_LATE {
            return Err(Finding::fails(format!("{seen}; expected after {due:.1} s, and it was late {attempts} times")));
        }
    }
}

/// Sends the header of a HELLO, with which a hub recognises a Bookend client, and not its body.
async fn hello_timeout(target: &Target, name: &'static str) -> CheckResult {
    let begin: Begin = |target, name| {
        Box::pin(async move {
            let mut peer = target.connect(name).await?;
            let start = Instant::now();
            peer.send(&frame(kind::HELLO, Encoding::Binary, &target.hello().body())[..12]).await;
            Ok((peer, start))
        })
    };
    close_after(target, name, "hello-timeout", TIMEOUT, begin).await
}

/// Sends START, and a third byte later: the period is that of the first one.
async fn frame_timeout(target: &Target, name: &'static str) -> CheckResult {
    const PAUSE: Duration = Duration::from_secs(2);
    let begin: Begin = |target, name| {
        Box::pin(async move {
            let mut peer = target.greet(name, &target.hello()).await?;
            let start = Instant::now();
            peer.send(&START).await;
            sleep(PAUSE).await;
            peer.send(&[kind::MESSAGE]).await;
            Ok((peer, start))
        })
    };
    close_after(target, name, "frame-timeout", TIMEOUT, begin).await
}

async fn idle(target: &Target, name: &'static str) -> CheckResult {
    let begin: Begin = |target, name| {
        Box::pin(async move { Ok((target.greet(name, &target.hello().with_keepalive(2)).await?, Instant::now())) })
    };
    close_after(target, name, "idle", Duration::from_secs(4), begin).await
}

/// A long frame arrives byte by byte, for longer than twice the keepalive.
async fn idle_bytes(target: &Target, name: &'static str) -> CheckResult {
    let hello: Hello = target.hello().with_keepalive(1);
    let mut peer = target.greet(name, &hello).await?;
    let length = 8192_u32.min(target.info().max_body);
    let wire = frame(0x80, Encoding::Binary, &vec![0; length as usize]);
    let start = Instant::now();
    for byte in wire.chunks(1).take(9) {
        peer.send(byte).await;
        peer.set_timeout(Duration::from_millis(500));
        match peer.wait_close().await {
            Err(Missing::TimedOut(_)) => {}
            Err(missing) => return Err(missing.finding("no CLOSE while bytes of a frame arrive")),
            Ok((code, reason)) => {
                let after = start.elapsed().as_secs_f64();
                let seen = format!("CLOSE {} {reason} after {after:.1} s, although a byte arrived every 0.5 s", code.0);
                let finding = Finding::fails(format!("{seen}, with a keepalive of 1 s"));
                return Err(if code == Code::IDLE {
                    finding.named("keepalive counts frames, not bytes")
                } else {
                    finding
                });
            }
        }
    }
    peer.set_timeout(target.timeout());
    peer.send(&wire[9..]).await;
    peer.barrier().await.map_err(|missing| missing.finding("PONG after a frame that arrived slowly"))?;
    peer.leave().await;
    Ok(Finding::ok("a byte every 0.5 s keeps a peer with a keepalive of 1 s alive"))
}

/// A body of 2,048 bytes has 7 s: it is complete after 5.8 s.
async fn slow_body(target: &Target, name: &'static str) -> CheckResult {
    const LENGTH: u32 = 2048;
    if target.info().max_body < LENGTH {
        return Ok(Finding::not_applicable(format!("its max body is less than {LENGTH}")));
    }
    let mut peer = target.greet(name, &target.hello()).await?;
    let wire = frame(0x80, Encoding::Binary, &[0; LENGTH as usize]);
    let start = Instant::now();
    peer.send(&wire[..1000]).await;
    peer.set_timeout(TIMEOUT + Duration::from_millis(800));
    match peer.wait_close().await {
        Err(Missing::TimedOut(_)) => {}
        Err(missing) => return Err(missing.finding("no CLOSE while a body may still arrive")),
        Ok((code, reason)) => {
            let seen = format!("CLOSE {} {reason} after {:.1} s", code.0, start.elapsed().as_secs_f64());
            return Err(Finding::fails(format!("{seen}, although a body of {LENGTH} bytes has 7 s")));
        }
    }
    peer.set_timeout(target.timeout());
    peer.send(&wire[1000..]).await;
    peer.barrier().await.map_err(|missing| missing.finding("PONG after a body that took 5.8 of its 7 s"))?;
    peer.leave().await;
    Ok(Finding::ok(format!("a body of {LENGTH} bytes may take 5.8 s")))
}

async fn body_timeout(target: &Target, name: &'static str) -> CheckResult {
    let begin: Begin = |target, name| {
        Box::pin(async move {
            let mut peer = target.greet(name, &target.hello()).await?;
            let start = Instant::now();
            peer.send(&message(Encoding::Binary, &[0; 1024])[..500]).await;
            Ok((peer, start))
        })
    };
    close_after(target, name, "frame-timeout", TIMEOUT + Duration::from_secs(1), begin).await
}

/// The keepalive of the peer's HELLO in seconds, if a check can wait for it.
fn keepalive(target: &Target) -> Result<u16, Finding> {
    match target.info().keepalive {
        0 => Err(Finding::not_applicable("its HELLO has no keepalive")),
        seconds if seconds > MAX_KEEPALIVE => Err(Finding::not_applicable(format!("{seconds} s is too long to wait"))),
        seconds => Ok(seconds),
    }
}

/// The peer promises a byte in every period. Observes periods until two of them were kept, and allows a second for the
/// network. A peer that is late once may run on a busy machine; one that is late [`MAX_LATE`] times does not keep it.
async fn keepalive_kept(target: &Target, name: &'static str) -> CheckResult {
    let seconds = keepalive(target)?;
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

/// This side sends something all the time that needs no answer; the peer still promises a byte in every period.
async fn keepalive_busy(target: &Target, name: &'static str) -> CheckResult {
    let seconds = keepalive(target)?;
    let period = Duration::from_secs(u64::from(seconds));
    let mut peer = target.greet(name, &target.hello()).await?;
    let (mut kept, mut late, mut last) = (0, 0, Instant::now());
    while kept < 2 {
        peer.send(&frame(0x80, Encoding::Binary, b"nothing")).await;
        peer.set_timeout(Duration::from_millis(200).max(period / 10));
        match peer.next().await {
            Ok(_) => (kept, last) = (kept + 1, Instant::now()),
            Err(Missing::TimedOut(_)) if last.elapsed() <= period + Duration::from_secs(1) => {}
            Err(Missing::TimedOut(_)) if late + 1 < MAX_LATE => (late, last) = (late + 1, Instant::now()),
            Err(Missing::TimedOut(_)) => {
                let seen = format!(
                    "nothing arrived in {MAX_LATE} periods of {seconds} s while this side sent something all the time"
                );
                return Err(Finding::fails(seen).named("PING is sent only when nothing was received"));
            }
            Err(missing) => return Err(missing.finding("PING")),
        }
    }
    peer.leave().await;
    Ok(Finding::ok(format!("something arrived in two periods of {seconds} s while this side sent all the time")))
}
