//! The first exchange: whether the peer answers with a HELLO, and whether the bytes arrive unchanged.

use std::io;
use std::time::Duration;

use bookend::diagnosis::{Confidence, Diagnosis, Evidence, diagnose};
use bookend::session::MAX_PREAMBLE;
use bookend::{CANARY, Code, Decoder, Encoding, Fault, HEADER_LENGTH, Hello, MAGIC, MAX_HELLO, START, kind};
use bookend_client::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::frame::{Frame, frame, quoted_close};
use super::hello::{self, PeerInfo};
use super::peer_stream::PeerStream;
use super::raw_peer::{AFTERMATH, Missing};
use super::refusal;
use super::report::{Finding, Row, Stage, Verdict, milliseconds};
use super::route::Route;
use super::side::Side;

/// The result of sending HELLO.
pub(super) enum Greeting {
    /// The peer speaks Bookend. Without `info` no further check can run.
    Bookend { rows: Vec<Row>, info: Option<PeerInfo> },
    /// The bytes that arrived, if any, are not Bookend.
    Foreign { received: Vec<u8>, missing: Missing },
}

/// HELLO must arrive within this time (R7.10).
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// The most evidence that is kept, in bytes.
const EVIDENCE: usize = 64 << 10;

const HELLO_FIX: &str = "answer the client's HELLO with a HELLO, before any other frame";

/// Exchanges HELLOs and judges the peer's first frame.
pub(super) async fn greet(route: &Route, hello: &Hello, timeout: Duration) -> Greeting {
    let mut received = Vec::new();
    let connected = route.connect(Instant::now() + timeout).await;
    let exchanged = match connected {
        Ok(stream) => exchange(stream, hello, timeout, &mut received).await,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(None),
        Err(error) => Err(Some(Missing::Reset(error.to_string()))),
    };
    let missing = match exchanged {
        Ok(First { preamble, frame, after }) => {
            let mut before = judge_preamble(route.side(), &received[..preamble]);
            if before.verdict == Verdict::Fails {
                let fault = Fault::BadStart { offset: 0, found: received[0] };
                let diagnosis = diagnose(&Evidence::stream(fault, 0, &received));
                if diagnosis.first().is_some_and(|first| first.confidence() == Confidence::Certain) {
                    before = before.diagnosed(&diagnosis);
                }
            }
            return judge_frame(route.side(), before, &frame, hello, after);
        }
        Err(missing) => missing.unwrap_or(Missing::TimedOut(timeout)),
    };
    match explain(route.side(), hello, &received, &missing) {
        Some(rows) => Greeting::Bookend { rows, info: None },
        None => Greeting::Foreign { received, missing },
    }
}

/// The peer's first frame.
struct First {
    /// The number of bytes before it.
    preamble: usize,
    frame: Frame,
    /// How long after the connection was made it was complete. The time that a client's program takes to start is not
    /// the peer's.
    after: Duration,
}

/// Sends HELLO to a server, and reads until the first frame is complete, invalid or missing. The error is `None` if the
/// time is up.
async fn exchange(
    peer: PeerStream,
    hello: &Hello,
    timeout: Duration,
    received: &mut Vec<u8>,
) -> Result<First, Option<Missing>> {
    let failed = |error: std::io::Error| Some(Missing::Reset(error.to_string()));
    // Dropping the process ends a peer that was started for this connection.
    let PeerStream { mut stream, side, process: _process } = peer;
    let connected = Instant::now(); // to connect, or to start a peer, takes its own time
    let deadline = connected + timeout;
    if side == Side::Server {
        let mut wire = Vec::new();
        hello.encode(&mut wire);
        // The write may fail if the server has closed; its CLOSE can still be read.
        let _ = timeout_at(deadline, async {
            stream.write_all(&wire).await?;
            stream.flush().await
        })
        .await;
    }
    loop {
        match first_frame(received) {
            Ok(Some((preamble, frame))) => {
                let after = connected.elapsed();
                if preamble > 0 && !received[..preamble].ends_with(b"\r\n") {
                    collect(&mut stream, received).await; // what follows shows what precedes each frame
                }
                leave(stream).await;
                return Ok(First { preamble, frame, after });
            }
            Ok(None) => {}
            Err(error) => {
                collect(&mut stream, received).await;
                return Err(Some(Missing::BadFrame(error)));
            }
        }
        match timeout_at(deadline, stream.read_buf(received)).await {
            Ok(Ok(0)) => return Err(Some(Missing::End)),
            Ok(Ok(_)) => {}
            // TLS ended without close_notify.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Some(Missing::End)),
            Ok(Err(error)) => return Err(failed(error)),
            Err(_) => return Err(None),
        }
    }
}

/// Closes the session.
async fn leave(mut stream: Stream) {
    let close = frame(kind::CLOSE, Encoding::Ascii, &[&Code::NORMAL.0.to_be_bytes(), &b"normal"[..]].concat());
    if stream.write_all(&close).await.is_ok() && stream.shutdown().await.is_ok() {
        collect(&mut stream, &mut Vec::new()).await;
    }
}

/// Reads on for a moment, to collect evidence.
async fn collect(stream: &mut Stream, received: &mut Vec<u8>) {
    let deadline = Instant::now() + AFTERMATH;
    while received.len() < EVIDENCE && matches!(timeout_at(deadline, stream.read_buf(received)).await, Ok(Ok(1..))) {}
}

/// The first frame of a server, and the number of bytes before it; `None` if it is not complete.
fn first_frame(received: &[u8]) -> Result<Option<(usize, Frame)>, Fault> {
    let preamble = received.iter().position(|&byte| byte == START[0]).unwrap_or(received.len());
    if let Some(&found) = received.get(MAX_PREAMBLE).filter(|_| preamble > MAX_PREAMBLE) {
        return Err(Fault::BadStart { offset: 0, found });
    }
    let mut rest = &received[preamble..];
    if let Some(error) = damage(rest) {
        return Err(error);
    }
    let frame = Decoder::new(MAX_HELLO).decode(&mut rest)?;
    Ok(frame.map(|frame| (preamble, Frame::of(frame))))
}

/// The first wrong byte of the canary, as far as it has arrived (R4.7).
fn damage(bytes: &[u8]) -> Option<Fault> {
    let body = bytes.get(HEADER_LENGTH..)?;
    if bytes[..2] != START || bytes[2] != kind::HELLO {
        return None;
    }
    let wanted = MAGIC.iter().chain(&CANARY);
    let position = body.iter().zip(wanted).position(|(found, wanted)| found != wanted)?;
    Some(match u8::try_from(position.checked_sub(MAGIC.len())?) {
        Ok(position) => Fault::BadCanary { position, found: body[MAGIC.len() + usize::from(position)] },
        Err(_) => return None,
    })
}

/// The rows for a complete first frame.
fn judge_frame(side: Side, preamble: Finding, frame: &Frame, own: &Hello, time: Duration) -> Greeting {
    let mut rows = vec![preamble_row(preamble)];
    let finding = judge_first(frame, own, time);
    let is_hello = finding.verdict == Verdict::Ok;
    rows.push(protocol_row(Finding::ok("Bookend")));
    rows.push(hello_row(finding));
    let info = if is_hello {
        let (judged, info) = hello::judge(&frame.body, side);
        rows.extend(judged);
        info
    } else {
        rows.extend(hello::skipped("the peer sent no valid HELLO"));
        None
    };
    Greeting::Bookend { rows, info }
}

fn judge_first(frame: &Frame, own: &Hello, time: Duration) -> Finding {
    if let Some((code, reason)) = frame.as_close() {
        return Finding::fails(format!("{} in place of HELLO", quoted_close(code, &reason)))
            .with_fix(refusal::fix(code, own.token().is_some()));
    }
    if frame.kind != kind::HELLO {
        return Finding::fails(format!("the first frame is {}, not HELLO", frame.name()));
    }
    if frame.body == own.body() {
        return Finding::fails("the HELLO that arrived is this side's own")
            .named("self-connected")
            .with_fix("this is an echo service, or a terminal that echoes (stty -echo): connect to a Bookend server");
    }
    if frame.encoding != Encoding::Binary {
        return Finding::fails(format!("HELLO has the encoding {}", frame.encoding))
            .with_fix("set the encoding byte of HELLO to 0 (R3.2)");
    }
    if frame.body.len() < hello::FIXED {
        return Finding::fails(format!("HELLO has a body of {} bytes", frame.body.len()))
            .with_fix("send the whole fixed part of HELLO, 24 bytes (R4.10)");
    }
    if time > HELLO_TIMEOUT {
        return Finding::fails(format!("HELLO arrived after {}", milliseconds(time)))
            .with_fix("answer within 5 s: other clients give up after that");
    }
    Finding::ok(format!("HELLO, {} bytes, after {}", frame.wire_length(), milliseconds(time)))
}

/// The mistake in what arrived, from its first byte on.
pub(super) fn diagnosis(side: Side, own: &Hello, received: &[u8], missing: &Missing) -> Diagnosis {
    let mut sent = Vec::new();
    own.encode(&mut sent);
    let fault = match missing {
        Missing::BadFrame(error) => *error,
        Missing::End | Missing::Reset(_) | Missing::Closed { .. } => {
            Fault::Truncated { arrived: received.len() as u64 }
        }
        Missing::TimedOut(_) | Missing::OutOfTime => Fault::HelloTimeout,
    };
    match side {
        Side::Server => diagnose(&Evidence::greeting(fault, received).sent(&sent)),
        Side::Client => diagnose(&Evidence::stream(fault, 0, received)),
    }
}

/// The rows for a first frame that is incomplete or invalid; `None` if it is not Bookend.
fn explain(side: Side, own: &Hello, received: &[u8], missing: &Missing) -> Option<Vec<Row>> {
    let diagnosis = diagnosis(side, own, received, missing);
    let searched = &received[..received.len().min(MAX_PREAMBLE + START.len())];
    let start = searched.windows(START.len()).position(|window| window == START);
    if start.is_none() && !is_bookend(&diagnosis) {
        return None;
    }
    let preamble = start.unwrap_or(0);
    let damaged = matches!(missing, Missing::BadFrame(Fault::BadCanary { .. })) || is_channel(&diagnosis);
    let mut seen = match missing {
        Missing::BadFrame(error) => error.to_string(),
        other => other.to_string(),
    };
    if diagnosis.first().is_none() {
        let head = &received[preamble..received.len().min(preamble + 40)];
        seen = format!("{seen}: \"{}\"", head.escape_ascii());
    }
    let finding = Finding::fails(seen).diagnosed(&diagnosis);
    let before = if damaged {
        Finding::skipped("the channel changes bytes: see canary")
    } else {
        judge_preamble(side, &received[..preamble])
    };
    let mut rows = vec![preamble_row(before), protocol_row(Finding::ok("Bookend, with errors"))];
    if damaged {
        rows.push(hello_row(Finding::skipped("the channel changes bytes: see canary")));
        rows.extend(hello::damaged(finding));
    } else {
        rows.push(hello_row(finding));
        rows.extend(hello::skipped("the peer sent no valid HELLO"));
    }
    Some(rows)
}

/// True for a mistake that only a Bookend peer can make, or the channel before one.
fn is_bookend(diagnosis: &Diagnosis) -> bool {
    let named = |family| diagnosis.first().is_some_and(|first| first.name().starts_with(family));
    is_channel(diagnosis) || ["length-", "frame-", "wrapped-", "terminal-"].into_iter().any(named)
}

fn is_channel(diagnosis: &Diagnosis) -> bool {
    // Anything may be inside a compressed stream.
    diagnosis.first().is_some_and(|first| first.name().starts_with("channel-") && first.name() != "channel-compressed")
}

fn hello_row(finding: Finding) -> Row {
    Row::new(Stage::Hello, "hello", "R4.1 R4.2 R7.10", HELLO_FIX, finding)
}

fn protocol_row(finding: Finding) -> Row {
    Row::new(Stage::Protocol, "protocol", "", "", finding)
}

fn preamble_row(finding: Finding) -> Row {
    let fix = "send nothing, or one line of text that ends in CR LF and has at most 1,024 bytes";
    Row::new(Stage::Protocol, "preamble", "R4.20 R4.21 R4.22", fix, finding)
}

/// Judges the bytes before the first START (R4.20, R4.22).
fn judge_preamble(side: Side, preamble: &[u8]) -> Finding {
    let quoted = format!("\"{}\"", preamble[..preamble.len().min(80)].escape_ascii());
    match preamble.strip_suffix(b"\r\n") {
        _ if preamble.is_empty() => Finding::ok("none: the stream begins with START"),
        _ if side == Side::Client => {
            Finding::fails(format!("only a server may send something before its HELLO: {quoted}"))
        }
        None => Finding::fails(format!("it does not end in CR LF: {quoted}")),
        Some(line) if line.contains(&b'\n') || line.contains(&b'\r') => {
            Finding::fails(format!("it is more than one line: {quoted}"))
        }
        Some(line) if std::str::from_utf8(line).is_err() => Finding::fails(format!("it is not UTF-8: {quoted}")),
        Some(_) => Finding::ok(format!("{} bytes: {quoted}", preamble.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Vec<u8> {
        let mut wire = Vec::new();
        Hello::new().encode(&mut wire);
        wire
    }

    #[test]
    fn first_frame_is_found_however_it_was_split() {
        // [R4.7] [R4.21]
        let whole = [b"a line\r\n".to_vec(), hello(), b"more".to_vec()].concat();
        let end = 8 + hello().len();
        for cut in 0..end {
            assert_eq!(first_frame(&whole[..cut]), Ok(None), "{cut}");
        }
        let (preamble, frame) = first_frame(&whole).unwrap().unwrap();
        assert_eq!((preamble, frame.kind, frame.body), (8, kind::HELLO, Hello::new().body()));
    }

    #[test]
    fn preamble_has_at_most_1024_bytes() {
        // [R4.21]
        let after = |count| first_frame(&[vec![b' '; count], hello()].concat()).map(|found| found.is_some());
        assert_eq!(after(1024), Ok(true));
        assert_eq!(after(1025), Err(Fault::BadStart { offset: 0, found: b' ' }));
    }

    #[test]
    fn changed_canary_is_found_before_the_frame_is_complete() {
        // [R4.7]
        let mut wire = hello();
        wire[12] = b'\n';
        assert_eq!(first_frame(&wire[..13]), Err(Fault::BadCanary { position: 0, found: b'\n' }));
    }
}
