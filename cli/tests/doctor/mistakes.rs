//! Servers that make one mistake each, and the rows that must report it.

use std::time::Duration;

use bookend::{Code, Decoder, Encoding, Frame, Hello, Limits, MAX_LENGTH, kind};

use crate::peer::{AfterClose, Mistake, NONE, limits, whole, with_body};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) mistake: Mistake,
    /// The rows that fail, and no others.
    pub(crate) fails: &'static [&'static str],
    /// The rows that warn, and no others.
    pub(crate) warns: &'static [&'static str],
    /// The name of the mistake in the first row that fails.
    pub(crate) diagnosis: Option<&'static str>,
}

const fn case(name: &'static str, mistake: Mistake, fails: &'static [&'static str]) -> Case {
    Case { name, mistake, fails, warns: &[], diagnosis: None }
}

const fn sending(name: &'static str, send: fn(Frame<'_>) -> Vec<u8>, fails: &'static [&'static str]) -> Case {
    case(name, Mistake { send, ..NONE }, fails)
}

const fn ignoring(name: &'static str, ignores: fn(Frame<'_>) -> bool, fails: &'static [&'static str]) -> Case {
    case(name, Mistake { ignores, ..NONE }, fails)
}

impl Case {
    const fn diagnosed(self, diagnosis: &'static str) -> Case {
        Case { diagnosis: Some(diagnosis), ..self }
    }

    const fn warning(self, warns: &'static [&'static str]) -> Case {
        Case { warns, ..self }
    }
}

pub(crate) static CASES: &[Case] = &[
    case("none", NONE, &[]),
    // ---- HELLO
    sending("length little-endian", |frame| length_swapped(frame, kind::HELLO), &["hello"])
        .diagnosed("length-little-endian"),
    case("LF becomes CRLF", Mistake { channel: lf_to_crlf, ..NONE }, &["canary"]).diagnosed("channel-lf-to-crlf"),
    case("eighth bit stripped", Mistake { channel: seven_bit, ..NONE }, &["canary"]).diagnosed("channel-seven-bit"),
    sending("MESSAGE in place of HELLO", |frame| renamed(frame, kind::HELLO, kind::MESSAGE), &["hello"]),
    sending("another magic", |frame| hello_with(frame, 0, b"BOOK"), &["canary"]),
    sending("major version 2", |frame| hello_with(frame, 12, b"\x02"), &["version"]),
    sending("UTF-8 not accepted", |frame| hello_with(frame, 14, b"\x03\x01"), &["accepted"]),
    sending("reserved bits of accepted", |frame| hello_with(frame, 14, b"\xE7"), &["accepted"]),
    sending("prefers an encoding it refuses", |frame| hello_with(frame, 15, b"\x04"), &["preferred"]),
    sending("features little-endian", |frame| hello_with(frame, 22, b"\x01\x00"), &["features"]),
    sending("keepalive of 1 s", |frame| hello_with(frame, 20, b"\x00\x01"), &[]).warning(&["keepalive"]),
    sending("name with a line break", |frame| hello_with(frame, 24, b"\x01\x03a\nb"), &["options"]),
    case("greeting ends in LF", Mistake { line: b"welcome\n", ..NONE }, &["preamble"]),
    case("greeting of two lines", Mistake { line: b"welcome\r\nagain\r\n", ..NONE }, &["preamble"]),
    case("greeting is a frame", Mistake { line: HELLO_FRAME, ..NONE }, &["waits-for-hello", "sent-kinds"]),
    case("another minor version refused", Mistake { read: minor_refused, ..NONE }, &["hello-minor"]),
    // ---- PING, CLOSE, faults
    ignoring("no PONG", |frame| frame.kind() == kind::PING, &["ping"]),
    sending("PONG with other bytes", pong_reversed, &["ping-bytes"]),
    ignoring(
        "PING of 65 bytes accepted",
        |frame| frame.kind() == kind::PING && frame.body().len() > 64,
        &["ping-too-long"],
    ),
    case("PONG before ERROR", Mistake { channel: pong_first, ..NONE }, &["barrier"]),
    ignoring("CLOSE not answered", |frame| frame.kind() == kind::CLOSE && frame.body().len() > 1, &["close"]),
    sending("CLOSE answered with another code", |frame| close_with(frame, Code::NORMAL, Code::GOING_AWAY), &["close"]),
    sending("no CLOSE for a fault", fault_close_dropped, &["fault-close"]),
    sending("another code", |frame| close_with(frame, Code::VERSION, Code::PROTOCOL_ERROR), &["hello-major"]),
    case("socket dropped after CLOSE", Mistake { after_close: AfterClose::Drops, ..NONE }, &["drain"]),
    case(
        "stream left open after CLOSE",
        Mistake { after_close: AfterClose::StaysOpen, ..NONE },
        &["close-ends-stream"],
    ),
    sending("PONG after CLOSE", pong_after_close, &["nothing-after-close"]),
    // ---- reads, lengths, kinds
    case(
        "short reads lost",
        Mistake { read: short_reads_lost, hello: small, ..NONE },
        &["dribbled", "split", "frame-timeout", "hello-dribbled"],
    ),
    case("many frames in a read lost", Mistake { read: many_frames_lost, ..NONE }, &["joined"]),
    case("max body higher than accepted", Mistake { send: claims_1_mib, hello: small, ..NONE }, &["body-at-limit"]),
    case("max body not enforced", Mistake { send: claims_1_mib, hello: large, ..NONE }, &["body-over-limit"]),
    sending("max body little-endian", |frame| hello_with(frame, 16, b"\x00\x00\x10\x00"), &["body-over-limit"]),
    ignoring("unknown kind ignored", |frame| frame.kind() == 0x7F, &["unknown-kind"]),
    case("unknown kind 80 refused", Mistake { read: kind_80_refused, ..NONE }, &["ignored-kind"]),
    ignoring(
        "REQUEST not answered",
        |frame| frame.kind() == kind::REQUEST && frame.body().starts_with(b"\x01\x02\x03\x04d"),
        &["request"],
    ),
    case("no timeouts", Mistake { limits: no_timeouts, ..NONE }, &["hello-timeout", "frame-timeout"]),
    case("no floods", Mistake { limits: unlimited, ..NONE }, &["ping-flood", "empty-flood", "flood-order"]),
    case("PINGs refused too early", Mistake { limits: few_pings, ..NONE }, &["pings-permitted"]),
    case("idle too early", Mistake { read: keepalive_halved, ..NONE }, &["idle"]),
    case("one connection at a time", Mistake { serial: true, ..NONE }, &[]).warning(&["second-connection"]),
    // ---- text
    ignoring(
        "bad text not refused",
        |frame| frame.kind() == kind::MESSAGE && frame.body().contains(&0xFF),
        &["bad-text"],
    ),
    case("noncharacters refused", Mistake { read: noncharacters_refused, ..NONE }, &["text-scalars"]),
    ignoring("surrogates in UTF-8", |frame| frame.body() == b"\xED\xA0\x80", &["bad-utf-8"]),
    ignoring(
        "Latin-1 as ASCII",
        |frame| frame.encoding() == Encoding::Ascii && frame.body() == b"\xE4",
        &["bad-ascii"],
    ),
    ignoring(
        "UTF-16LE not refused",
        |frame| frame.encoding() == Encoding::Utf16Le && frame.kind() == kind::MESSAGE,
        &["refused-utf-16le"],
    ),
    sending("frames counted from 1", |frame| error_with(frame, 7, b"\x05"), &["error-names-frame"]),
    sending("ids little-endian", id_swapped, &["request", "error-names-request"]),
    // ---- what it sends
    sending("reason without name", |frame| with_reason(frame, b"oh no"), &["reasons"]),
    sending(
        "ERROR without reason",
        |frame| if frame.kind() == kind::ERROR { with_reason(frame, b"") } else { whole(frame) },
        &["reasons"],
    ),
    sending(
        "name of another code",
        |frame| if frame.kind() == kind::ERROR { with_reason(frame, b"idle") } else { whole(frame) },
        &["reasons"],
    ),
    sending("long reason", longer_reason, &["reason-lengths"]),
    sending("byte order mark", marked, &["sent-marks"]),
    sending("reason in Latin-1", |frame| with_suffix(frame, b": \xFCber"), &["sent-text"])
        .diagnosed("text-windows-1252"),
    sending("UTF-16 not accepted", widened, &["sent-encodings"]),
    sending("length of ERROR little-endian", |frame| length_swapped(frame, kind::ERROR), &["sent-frames"])
        .diagnosed("length-little-endian"),
    sending("an unlisted kind", unlisted_before_error, &["sent-kinds"]),
    sending("a REPLY too short", reply_before_error, &["sent-bodies"]),
];

/// A HELLO without options.
const HELLO_FRAME: &[u8] = b"\xF5\xF8\x01\0\0\0\0\x18BKND\x0D\x0A\x1A\x0A\xFF\x11\x0D\x00\
    \x01\x00\x07\x02\x00\x10\x00\x00\x00\x1E\x00\x00\xF8\xF5";

fn small(hello: Hello) -> Hello {
    hello.with_max_body(1024)
}

fn large(hello: Hello) -> Hello {
    hello.with_max_body(1 << 21)
}

fn no_timeouts() -> Limits {
    let hour = Duration::from_secs(3600);
    limits().with_hello_timeout(hour).with_header_timeout(hour)
}

fn unlimited() -> Limits {
    limits().with_pings(u32::MAX, Duration::from_secs(10)).with_empty_frames(u32::MAX)
}

fn few_pings() -> Limits {
    limits().with_pings(9, Duration::from_secs(10))
}

/// The keepalive of the client's HELLO is half of what it was.
fn keepalive_halved(mut read: Vec<u8>) -> Vec<u8> {
    const KEEPALIVE: usize = 8 + 20;
    if read.get(2) == Some(&kind::HELLO) && read.len() > KEEPALIVE + 1 {
        read[KEEPALIVE + 1] /= 2;
    }
    read
}

// ---- changes to a frame that is sent

fn renamed(frame: Frame<'_>, from: u8, to: u8) -> Vec<u8> {
    let mut wire = whole(frame);
    if wire[2] == from {
        wire[2] = to;
    }
    wire
}

fn length_swapped(frame: Frame<'_>, of: u8) -> Vec<u8> {
    let mut wire = whole(frame);
    if wire[2] == of {
        wire[4..8].reverse();
    }
    wire
}

/// The frame with other bytes at an offset in its body, if it is a HELLO.
fn hello_with(frame: Frame<'_>, at: usize, bytes: &[u8]) -> Vec<u8> {
    if frame.kind() == kind::HELLO { body_with(frame, at, bytes) } else { whole(frame) }
}

fn error_with(frame: Frame<'_>, at: usize, bytes: &[u8]) -> Vec<u8> {
    if frame.kind() == kind::ERROR { body_with(frame, at, bytes) } else { whole(frame) }
}

pub(crate) fn body_with(frame: Frame<'_>, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut body = frame.body().to_vec();
    body.resize(body.len().max(at + bytes.len()), 0);
    body[at..at + bytes.len()].copy_from_slice(bytes);
    with_body(frame, &body)
}

fn claims_1_mib(frame: Frame<'_>) -> Vec<u8> {
    hello_with(frame, 16, b"\x00\x10\x00\x00")
}

fn pong_reversed(frame: Frame<'_>) -> Vec<u8> {
    let mut body = frame.body().to_vec();
    if frame.kind() == kind::PONG {
        body.reverse();
    }
    with_body(frame, &body)
}

fn close_with(frame: Frame<'_>, code: Code, other: Code) -> Vec<u8> {
    let matches = frame.kind() == kind::CLOSE && frame.body().starts_with(&code.0.to_be_bytes());
    // With the name of the code, so that nothing else is wrong.
    let body = [&other.0.to_be_bytes()[..], other.name().unwrap().as_bytes()].concat();
    if matches { with_body(frame, &body) } else { whole(frame) }
}

fn fault_close_dropped(frame: Frame<'_>) -> Vec<u8> {
    let is_normal = [1000_u16, 1001, 3999].iter().any(|code| frame.body().starts_with(&code.to_be_bytes()));
    if frame.kind() == kind::CLOSE && !is_normal { Vec::new() } else { whole(frame) }
}

fn pong_after_close(frame: Frame<'_>) -> Vec<u8> {
    let mut wire = whole(frame);
    if frame.kind() == kind::CLOSE {
        wire.extend_from_slice(b"\xF5\xF8\x07\0\0\0\0\0\xF8\xF5");
    }
    wire
}

fn id_swapped(frame: Frame<'_>) -> Vec<u8> {
    let mut wire = whole(frame);
    if frame.kind() == kind::ERROR {
        wire[8..12].reverse();
    }
    wire
}

fn unlisted_before_error(frame: Frame<'_>) -> Vec<u8> {
    before_error(frame, b"\xF5\xF8\x99\0\0\0\0\0\xF8\xF5")
}

fn reply_before_error(frame: Frame<'_>) -> Vec<u8> {
    before_error(frame, b"\xF5\xF8\x04\0\0\0\0\x03abc\xF8\xF5")
}

fn before_error(frame: Frame<'_>, wire: &[u8]) -> Vec<u8> {
    let is_error = frame.kind() == kind::ERROR && !frame.body().starts_with(b"\x01\x02\x03\x04");
    if is_error { [wire, &whole(frame)].concat() } else { whole(frame) }
}

/// The fixed part and the reason of a CLOSE or an ERROR that has a reason.
fn reasoned(frame: Frame<'_>) -> Option<(&[u8], &[u8])> {
    let (fixed, reason) = match frame.kind() {
        kind::CLOSE => frame.body().split_at(2),
        kind::ERROR => frame.body().split_at(10),
        _ => return None,
    };
    (!reason.is_empty()).then_some((fixed, reason))
}

fn with_reason(frame: Frame<'_>, other: &[u8]) -> Vec<u8> {
    reasoned(frame).map_or_else(|| whole(frame), |(fixed, _)| with_body(frame, &[fixed, other].concat()))
}

fn with_suffix(frame: Frame<'_>, suffix: &[u8]) -> Vec<u8> {
    reasoned(frame).map_or_else(|| whole(frame), |(fixed, reason)| with_body(frame, &[fixed, reason, suffix].concat()))
}

fn longer_reason(frame: Frame<'_>) -> Vec<u8> {
    with_suffix(frame, &[b'.'; 201])
}

fn marked(frame: Frame<'_>) -> Vec<u8> {
    let Some((fixed, reason)) = reasoned(frame) else { return whole(frame) };
    in_encoding(frame, Encoding::Utf8, &[fixed, b"\xEF\xBB\xBF", &reason[..reason.len().min(197)]].concat())
}

fn widened(frame: Frame<'_>) -> Vec<u8> {
    let Some((fixed, reason)) = reasoned(frame) else { return whole(frame) };
    // At most 200 bytes: a longer reason is another mistake.
    let wide = reason.iter().take(100).flat_map(|&byte| [0, byte]);
    in_encoding(frame, Encoding::Utf16Be, &fixed.iter().copied().chain(wide).collect::<Vec<_>>())
}

fn in_encoding(frame: Frame<'_>, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    whole(Frame::new(frame.kind(), encoding, body).unwrap())
}

// ---- changes to the bytes that are sent

fn lf_to_crlf(wire: Vec<u8>) -> Vec<u8> {
    wire.into_iter().flat_map(|byte| if byte == b'\n' { vec![b'\r', b'\n'] } else { vec![byte] }).collect()
}

fn seven_bit(wire: Vec<u8>) -> Vec<u8> {
    wire.into_iter().map(|byte| byte & 0x7F).collect()
}

fn pong_first(wire: Vec<u8>) -> Vec<u8> {
    let mut frames = frames(&wire);
    frames.sort_by_key(|frame| frame[2] != kind::PONG);
    frames.concat()
}

// ---- changes to a read

fn frames(mut wire: &[u8]) -> Vec<Vec<u8>> {
    let mut decoder = Decoder::new(MAX_LENGTH);
    std::iter::from_fn(|| decoder.decode(&mut wire).ok()?.map(whole)).collect()
}

fn short_reads_lost(read: Vec<u8>) -> Vec<u8> {
    if read.len() < 8 { Vec::new() } else { read }
}

fn many_frames_lost(read: Vec<u8>) -> Vec<u8> {
    let frames = frames(&read);
    if frames.len() > 16 { frames[..16].concat() } else { read }
}

fn noncharacters_refused(mut read: Vec<u8>) -> Vec<u8> {
    let noncharacter = "\u{FFFE}".as_bytes();
    if let Some(at) = read.windows(3).position(|window| window == noncharacter) {
        read[at] = 0xFF;
    }
    read
}

fn minor_refused(mut read: Vec<u8>) -> Vec<u8> {
    if read.starts_with(b"\xF5\xF8\x01") && read.get(21) == Some(&9) {
        read[20] = 2;
    }
    read
}

fn kind_80_refused(mut read: Vec<u8>) -> Vec<u8> {
    if read.starts_with(b"\xF5\xF8\x80") {
        read[2] = 0x7F;
    }
    read
}
