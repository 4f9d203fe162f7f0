//! CLOSE: answered, sent for a fault, and not destroyed on its way (SPEC 7).

use std::time::Duration;

use bookend::Code;
use tokio::time::sleep;

use super::{Check, Judged, own};
use crate::report::Finding;
use crate::subject::Subject;
use crate::wire::{Peer, Unmet};

/// On these the other checks build.
pub(super) static FIRST: &[Check] = &[
    Check::new("close", "R7.7", "answer CLOSE by a CLOSE with the same code, then end the stream", own!(close))
        .without_proxy(),
    Check::new(
        "fault-close",
        "R7.4",
        "answer a fault by one CLOSE with its code and name, then read on until the stream ends",
        own!(fault_close),
    ),
];

pub(super) static CHECKS: &[Check] = &[
    Check::new(
        "close-unknown-code",
        "R6.4 R7.7",
        "accept a CLOSE with any code, and answer with the same one",
        own!(close_unknown_code),
    )
    .needing(&["close"])
    .without_proxy(),
    Check::new(
        "close-first",
        "R7.8 R7.7",
        "accept a CLOSE in place of HELLO, and answer it by CLOSE",
        own!(close_first),
    )
    .needing(&["close"])
    .without_proxy(),
    Check::new(
        "close-ends-stream",
        "R7.5",
        "close the sending direction behind CLOSE (shutdown(SHUT_WR))",
        own!(close_ends_stream),
    )
    .needing(&["fault-close"]),
    Check::new(
        "drain",
        "R7.6",
        "read on behind CLOSE until the stream ends, or 2 s: unread bytes become a reset, which destroys it",
        own!(drain),
    )
    .needing(&["fault-close"])
    .without_proxy(),
];

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
    peer.wait_end().await.map_err(|unmet| unmet.finding("the end of the stream behind CLOSE"))?;
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
            Err(unmet @ (Unmet::Unsound(_) | Unmet::Late)) => return Err(unmet.finding("CLOSE")),
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
    peer.wait_end().await.map_err(|unmet| unmet.finding("the end of the stream behind CLOSE"))?;
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
