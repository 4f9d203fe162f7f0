//! What is due in time, and what is too much (SPEC 7 and 8).

use std::time::Duration;

use bookend::{Encoding, START, kind};
use tokio::time::Instant;

use super::session::ping_frame;
use super::{Check, Judged, When, judge_close, own};
use crate::frame::{frame, message};
use crate::report::Finding;
use crate::subject::Subject;
use crate::wire::{Heard, Peer, Unmet};

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "hello-timeout",
        "R7.10",
        "send CLOSE 4004 hello-timeout when no HELLO has come within 5 s",
        own!(hello_timeout),
    )
    .needing(&["fault-close"])
    .waiting(),
    Check::new(
        "frame-timeout",
        "R7.11",
        "send CLOSE 4008 frame-timeout when a header is not complete 5 s after its first byte",
        own!(frame_timeout),
    )
    .needing(&["fault-close"])
    .waiting(),
    Check::new(
        "idle",
        "R7.3",
        "send CLOSE 4005 idle to a peer that is silent for twice the keepalive of its HELLO",
        own!(idle),
    )
    .needing(&["fault-close"])
    .waiting(),
    Check::new(
        "ping-flood",
        "R8.3",
        "close with 4007 after more than 10 PINGs in 10 s and nothing else",
        own!(ping_flood),
    )
    .needing(&["fault-close", "ping"]),
    Check::new(
        "empty-flood",
        "R8.4",
        "close with 4007 after more than 1,000 frames of length 0 in one second",
        own!(empty_flood),
    )
    .needing(&["fault-close"]),
    Check::new(
        "body-timeout",
        "R7.12",
        "send CLOSE 4008 frame-timeout when a body is slower than 1,024 bytes a second, after 5 s",
        own!(body_timeout),
    )
    .when(When::Slow)
    .needing(&["fault-close"])
    .waiting(),
    Check::new(
        "keepalive-kept",
        "R7.1",
        "send a PING when nothing else was sent for the `keepalive` of HELLO",
        own!(keepalive_kept),
    )
    .when(When::Slow)
    .waiting(),
];

/// The periods of R7.10 and R7.11.
const IN_TIME: Duration = Duration::from_secs(5);
/// The longest keepalive that is waited for, in seconds.
const MAX_KEEPALIVE: u16 = 120;

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
    peer.send(&one.repeat(count)).await;
    peer.be_patient(subject.patience().min(Duration::from_secs(2)));
    match peer.wait_close().await {
        Err(Unmet::Silence(_)) => Ok(Finding::warns(format!("{count} frames at once are not too many for it"))),
        came => judge_close(came, due),
    }
}
