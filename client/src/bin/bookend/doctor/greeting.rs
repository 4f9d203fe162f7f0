//! The first exchange: is what comes back a HELLO, and has it arrived as it was sent?

use std::io;
use std::time::Duration;

use bookend::diagnosis::{Diagnosis, Evidence, diagnose};
use bookend::session::MAX_PREAMBLE;
use bookend::{CANARY, Code, Decoder, Encoding, Fault, HEADER_LENGTH, Hello, MAGIC, MAX_HELLO, START, kind};
use bookend_client::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::hello::{self, Facts};
use super::reach::milliseconds;
use super::refusal;
use super::report::{Finding, Row, Stage, Verdict};
use super::subject::{Reached, Side, Way};
use super::wire::{self, Frame, Unmet, quoted_close};

/// What came of saying HELLO.
pub(super) enum Greeting {
    /// It is Bookend; without facts nothing can be built on it.
    Bookend { rows: Vec<Row>, facts: Option<Facts> },
    /// What came, if anything, is not of this protocol.
    Foreign { said: Vec<u8>, unmet: Unmet },
}

/// HELLO has to come within this (R7.10).
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// How long more bytes are waited for once something is known to be wrong: evidence for the diagnosis.
const AFTERMATH: Duration = Duration::from_millis(300);
/// Bytes that are kept of what is wrong.
const EVIDENCE: usize = 64 << 10;

const BE_FIRST: &str = "answer the client's HELLO with a HELLO, before anything else";

/// Says HELLO, and judges what comes back.
pub(super) async fn greet(way: &Way, hello: &Hello, patience: Duration) -> Greeting {
    let start = Instant::now();
    let mut said = Vec::new();
    let unmet = match exchange(way, hello, start + patience, &mut said).await {
        Ok((preamble, frame)) => {
            let preamble = judge_preamble(way.side(), &said[..preamble]);
            return known(preamble, &frame, hello, start.elapsed());
        }
        Err(unmet) => unmet.unwrap_or(Unmet::Silence(patience)),
    };
    match explain(way.side(), &said, &unmet) {
        Some(rows) => Greeting::Bookend { rows, facts: None },
        None => Greeting::Foreign { said, unmet },
    }
}

/// Sends HELLO to a server and reads until the first frame is whole, or wrong, or will not come: `None` if time is up.
async fn exchange(
    way: &Way,
    hello: &Hello,
    deadline: Instant,
    said: &mut Vec<u8>,
) -> Result<(usize, Frame), Option<Unmet>> {
    let failed = |error: std::io::Error| Some(Unmet::Reset(error.to_string()));
    // A peer that was started for this connection ends with it.
    let Reached { mut stream, side, process: _process } = match way.reach(deadline).await {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(None),
        reached => reached.map_err(failed)?,
    };
    if side == Side::Server {
        let mut wire = Vec::new();
        hello.encode(&mut wire);
        // Who has closed already may have said why.
        let _taken = timeout_at(deadline, async {
            stream.write_all(&wire).await?;
            stream.flush().await
        })
        .await;
    }
    loop {
        match first_frame(said) {
            Ok(Some(found)) => {
                leave(stream).await;
                return Ok(found);
            }
            Ok(None) => {}
            Err(error) => {
                collect(&mut stream, said).await;
                return Err(Some(Unmet::Unsound(error)));
            }
        }
        match timeout_at(deadline, stream.read_buf(said)).await {
            Ok(Ok(0)) => return Err(Some(Unmet::End)),
            Ok(Ok(_)) => {}
            // TLS without its own end.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(Some(Unmet::End)),
            Ok(Err(error)) => return Err(failed(error)),
            Err(_) => return Err(None),
        }
    }
}

/// Says goodbye.
async fn leave(mut stream: Stream) {
    let close = wire::frame(kind::CLOSE, Encoding::Ascii, &[&Code::NORMAL.0.to_be_bytes(), &b"normal"[..]].concat());
    if stream.write_all(&close).await.is_ok() && stream.shutdown().await.is_ok() {
        collect(&mut stream, &mut Vec::new()).await;
    }
}

/// Reads on for a moment.
async fn collect(stream: &mut Stream, said: &mut Vec<u8>) {
    let deadline = Instant::now() + AFTERMATH;
    while said.len() < EVIDENCE && matches!(timeout_at(deadline, stream.read_buf(said)).await, Ok(Ok(1..))) {}
}

/// The first frame of a server, and how many bytes are in front of it; `None` if it is not complete.
fn first_frame(said: &[u8]) -> Result<Option<(usize, Frame)>, Fault> {
    let preamble = said.iter().position(|&byte| byte == START[0]).unwrap_or(said.len());
    if let Some(&found) = said.get(MAX_PREAMBLE).filter(|_| preamble > MAX_PREAMBLE) {
        return Err(Fault::BadStart { offset: 0, found });
    }
    let mut rest = &said[preamble..];
    if let Some(error) = damage(rest) {
        return Err(error);
    }
    let frame = Decoder::new(MAX_HELLO).decode(&mut rest)?;
    Ok(frame.map(|frame| (preamble, Frame::of(frame))))
}

/// A first wrong byte of magic and canary, as far as they have come (R4.7).
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

/// The first frame is whole.
fn known(preamble: Finding, frame: &Frame, own: &Hello, time: Duration) -> Greeting {
    let mut rows = vec![preamble_row(preamble)];
    let finding = judge_first(frame, own, time);
    let is_hello = finding.verdict == Verdict::Ok;
    rows.push(protocol_row(Finding::ok("Bookend")));
    rows.push(hello_row(finding));
    let facts = if is_hello {
        let (judged, facts) = hello::judge(&frame.body);
        rows.extend(judged);
        facts
    } else {
        rows.extend(hello::skipped("there is no HELLO to read"));
        None
    };
    Greeting::Bookend { rows, facts }
}

fn judge_first(frame: &Frame, own: &Hello, time: Duration) -> Finding {
    if let Some((code, reason)) = frame.as_close() {
        return Finding::fails(format!("{} in its place", quoted_close(code, &reason)))
            .with_fix(refusal::fix(code, own.token().is_some()));
    }
    if frame.kind != kind::HELLO {
        return Finding::fails(format!("{} came first", frame.name()));
    }
    if frame.body == own.body() {
        return Finding::fails("what comes back is this side's own HELLO")
            .named("echo")
            .with_fix("this is an echo service, or a line that echoes (stty -echo): connect to a Bookend server");
    }
    if frame.encoding != Encoding::Binary {
        return Finding::fails(format!("HELLO in {}", frame.encoding))
            .with_fix("the encoding byte of HELLO is 0 (R3.2)");
    }
    if frame.body.len() < hello::FIXED {
        return Finding::fails(format!("HELLO with a body of {} bytes", frame.body.len()))
            .with_fix("the fixed part of HELLO has 24 bytes (R4.10)");
    }
    if time > HELLO_TIMEOUT {
        return Finding::fails(format!("HELLO came after {}", milliseconds(time)))
            .with_fix("answer within 5 s, or other clients give up");
    }
    Finding::ok(format!("HELLO, {} bytes, after {}", frame.wire_length(), milliseconds(time)))
}

/// The first frame does not come whole: is it Bookend all the same?
fn explain(side: Side, said: &[u8], unmet: &Unmet) -> Option<Vec<Row>> {
    let start = said.windows(START.len()).take(MAX_PREAMBLE + 1).position(|window| window == START);
    let (preamble, diagnosis) = match start {
        Some(at) => (at, diagnose(&Evidence::stream(fault(said.len() - at, unmet), 0, &said[at..]))),
        None => beginnings(said)
            .map(|at| (at, diagnose(&Evidence::stream(Fault::BadStart { offset: 0, found: said[at] }, 0, &said[at..]))))
            .find(|(_, diagnosis)| is_own(diagnosis))?,
    };
    let damaged = matches!(unmet, Unmet::Unsound(Fault::BadCanary { .. })) || is_channel(&diagnosis);
    let mut seen = match unmet {
        Unmet::Unsound(error) => error.to_string(),
        other => other.to_string(),
    };
    if diagnosis.first().is_none() {
        let head = &said[preamble..said.len().min(preamble + 40)];
        seen = format!("{seen}: \"{}\"", head.escape_ascii());
    }
    let finding = Finding::fails(seen).diagnosed(&diagnosis);
    let before = if damaged {
        Finding::skipped("bytes arrive changed: see canary")
    } else {
        judge_preamble(side, &said[..preamble])
    };
    let mut rows = vec![preamble_row(before), protocol_row(Finding::ok("Bookend, though not as it should be"))];
    if damaged {
        rows.push(hello_row(Finding::skipped("it does not arrive as it was sent: see canary")));
        rows.extend(hello::damaged(finding));
    } else {
        rows.push(hello_row(finding));
        rows.extend(hello::skipped("there is no HELLO to read"));
    }
    Some(rows)
}

/// Where a first frame that a channel has changed may begin.
fn beginnings(said: &[u8]) -> impl Iterator<Item = usize> {
    let behind_line = said.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
    let before_magic = said.windows(MAGIC.len()).position(|window| window == MAGIC);
    let before_magic = before_magic.and_then(|at| at.checked_sub(HEADER_LENGTH));
    let length = said.len();
    [Some(0), behind_line, before_magic].into_iter().flatten().filter(move |&at| at < length)
}

/// The fault of a first frame of which `arrived` bytes have come.
fn fault(arrived: usize, unmet: &Unmet) -> Fault {
    match unmet {
        Unmet::Unsound(error) => *error,
        Unmet::End | Unmet::Reset(_) | Unmet::Closed { .. } => Fault::Truncated { arrived: arrived as u64 },
        Unmet::Silence(_) | Unmet::Late => Fault::HelloTimeout,
    }
}

/// Is it a mistake that only a Bookend peer can make, or a channel in front of one?
fn is_own(diagnosis: &Diagnosis) -> bool {
    is_channel(diagnosis) || diagnosis.first().is_some_and(|first| first.name().starts_with("length-"))
}

fn is_channel(diagnosis: &Diagnosis) -> bool {
    diagnosis.first().is_some_and(|first| first.name().starts_with("channel-"))
}

fn hello_row(finding: Finding) -> Row {
    Row::new(Stage::Hello, "hello", "R4.1 R4.2 R7.10", BE_FIRST, finding)
}

fn protocol_row(finding: Finding) -> Row {
    Row::new(Stage::Protocol, "protocol", "", "", finding)
}

fn preamble_row(finding: Finding) -> Row {
    let fix = "send one line of text that ends in CR LF, of at most 1,024 bytes, or nothing";
    Row::new(Stage::Protocol, "preamble", "R4.20 R4.21 R4.22", fix, finding)
}

/// What stands before the first START (R4.20, R4.22).
fn judge_preamble(side: Side, preamble: &[u8]) -> Finding {
    let quoted = format!("\"{}\"", preamble[..preamble.len().min(80)].escape_ascii());
    match preamble.strip_suffix(b"\r\n") {
        _ if preamble.is_empty() => Finding::ok("none: the first byte is START's"),
        _ if side == Side::Client => {
            Finding::fails(format!("only a server may say something before its HELLO: {quoted}"))
        }
        None => Finding::fails(format!("it does not end in CR LF: {quoted}")),
        Some(line) if line.contains(&b'\n') || line.contains(&b'\r') => {
            Finding::fails(format!("it is more than one line: {quoted}"))
        }
        Some(line) if std::str::from_utf8(line).is_err() => Finding::fails(format!("it is no text: {quoted}")),
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
    fn first_frame_is_the_same_however_it_was_cut() {
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
    fn preamble_is_1024_bytes_at_most() {
        // [R4.21]
        let after = |count| first_frame(&[vec![b' '; count], hello()].concat()).map(|found| found.is_some());
        assert_eq!(after(1024), Ok(true));
        assert_eq!(after(1025), Err(Fault::BadStart { offset: 0, found: b' ' }));
    }

    #[test]
    fn damaged_canary_is_seen_before_the_frame_is_whole() {
        // [R4.7]
        let mut wire = hello();
        wire[12] = b'\n';
        assert_eq!(first_frame(&wire[..13]), Err(Fault::BadCanary { position: 0, found: b'\n' }));
    }
}
