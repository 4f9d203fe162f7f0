//! What a channel did to the beginning of HELLO, whose magic and canary both sides know.

use alloc::format;
use alloc::vec::Vec;

use super::mistakes::{self as m, Mistake};
use super::{Confidence, Hypothesis, Stream, find, hex, quoted};
use crate::fault::Fault;
use crate::frame::START;
use crate::hello::{CANARY, MAGIC};

/// What becomes of HELLO's first three bytes and of its magic and canary.
struct Trace {
    mistake: &'static Mistake,
    start: &'static [u8],
    canary: &'static [u8],
    /// Bytes that no longer occur in anything that went through this channel.
    gone: &'static [u8],
}

const fn trace(mistake: &'static Mistake, canary: &'static [u8], gone: &'static [u8]) -> Trace {
    Trace { mistake, start: b"\xF5\xF8\x01", canary, gone }
}

const fn changed(mistake: &'static Mistake, start: &'static [u8], canary: &'static [u8], gone: &'static [u8]) -> Trace {
    Trace { mistake, start, canary, gone }
}

#[rustfmt::skip]
const TRACES: [Trace; 29] = [
    trace(&m::CHANNEL_LF_TO_CRLF, b"BKND\x0D\x0D\x0A\x1A\x0D\x0A\xFF\x11\x0D\x00", b""),
    trace(&m::CHANNEL_LF_TO_CRLF, b"BKND\x0D\x0A\x1A\x0D\x0A\xFF\x11\x0D\x00", b""),
    trace(&m::CHANNEL_CRLF_TO_LF, b"BKND\x0A\x1A\x0A\xFF\x11\x0D\x00", b"\r\n"),
    trace(&m::CHANNEL_CRLF_TO_LF, b"BKND\x0A\x1A\x0A\xFF\x11\x0A\x00", b"\r"),
    trace(&m::CHANNEL_CR_TO_LF, b"BKND\x0A\x0A\x1A\x0A\xFF\x11\x0A\x00", b"\r"),
    trace(&m::CHANNEL_CR_TO_CRLF, b"BKND\x0D\x0A\x1A\x0A\xFF\x11\x0D\x0A\x00", b""),
    trace(&m::CHANNEL_CR_TO_CRLF, b"BKND\x0D\x0A\x0A\x1A\x0A\xFF\x11\x0D\x0A\x00", b""),
    trace(&m::CHANNEL_CR_NUL, b"BKND\x0D\x00\x0A\x1A\x0A\xFF\x11\x0D\x00\x00", b""),
    trace(&m::CHANNEL_CR_NUL, b"BKND\x0D\x0A\x1A\x0A\xFF\x11\x0D\x00\x00\x01", b""),
    trace(&m::CHANNEL_LF_DROPPED, b"BKND\x0D\x1A\xFF\x11\x0D\x00", b"\n"),
    trace(&m::CHANNEL_CTRL_Z_DROPPED, b"BKND\x0D\x0A\x0A\xFF\x11\x0D\x00", b"\x1A"),
    trace(&m::CHANNEL_IAC_DOUBLED, b"BKND\x0D\x0A\x1A\x0A\xFF\xFF\x11\x0D\x00", b""),
    trace(&m::CHANNEL_IAC_SWALLOWED, b"BKND\x0D\x0A\x1A\x0A\x11\x0D\x00", b""),
    trace(&m::CHANNEL_IAC_SWALLOWED, b"BKND\x0D\x0A\x1A\x0A\x0D\x00", b""),
    trace(&m::CHANNEL_XON_SWALLOWED, b"BKND\x0D\x0A\x1A\x0A\xFF\x0D\x00", b"\x11"),
    trace(&m::CHANNEL_NUL_DROPPED, b"BKND\x0D\x0A\x1A\x0A\xFF\x11\x0D\x01", b"\0"),
    changed(&m::CHANNEL_SEVEN_BIT, b"\x75\x78\x01\0", b"BKND\x0D\x0A\x1A\x0A\x7F\x11\x0D\x00", b""),
    changed(&m::CHANNEL_LATIN_1_TO_UTF_8, b"\xC3\xB5\xC3\xB8\x01\0", b"BKND\x0D\x0A\x1A\x0A\xC3\xBF\x11\x0D\x00", b"\xFF"),
    changed(&m::CHANNEL_REPLACEMENT, b"\xEF\xBF\xBD\xEF\xBF\xBD\x01\0", b"BKND\x0D\x0A\x1A\x0A\xEF\xBF\xBD\x11\x0D\x00", b"\xFF"),
    changed(&m::CHANNEL_REPLACEMENT, b"\xEF\xBF\xBD\x01\0", b"BKND\x0D\x0A\x1A\x0A\xEF\xBF\xBD\x11\x0D\x00", b"\xFF"),
    changed(&m::CHANNEL_QUESTION_MARKS, b"??\x01\0", b"BKND\x0D\x0A\x1A\x0A?\x11\x0D\x00", b"\xFF"),
    changed(&m::CHANNEL_NON_ASCII_DROPPED, b"\x01\0\0\0", b"BKND\x0D\x0A\x1A\x0A\x11\x0D\x00", b"\xFF"),
    changed(&m::CHANNEL_WIDENED_TO_UTF_16, b"\xF5\0\xF8\0\x01\0\0\0", b"B\0K\0N\0D\0\x0D\0\x0A\0\x1A\0\x0A\0\xFF\0", b""),
    changed(&m::CHANNEL_WIDENED_TO_UTF_16, b"\0\xF5\0\xF8\0\x01\0\0", b"\0B\0K\0N\0D\0\x0D\0\x0A\0\x1A\0\x0A\0\xFF", b""),
    changed(&m::CHANNEL_WIDENED_TO_UTF_16, b"\xFF\xFE\xF5\0\xF8\0\x01\0\0\0", b"B\0K\0N\0D\0\x0D\0\x0A\0\x1A\0\x0A\0\xFF\0", b""),
    changed(&m::CHANNEL_WIDENED_TO_UTF_16, b"\xFE\xFF\0\xF5\0\xF8\0\x01\0\0", b"\0B\0K\0N\0D\0\x0D\0\x0A\0\x1A\0\x0A\0\xFF", b""),
    changed(&m::CHANNEL_BYTES_SWAPPED, b"\xF8\xF5\0\x01", b"KBDN\x0A\x0D\x0A\x1A\x11\xFF\x00\x0D", b""),
    changed(&m::CHANNEL_BYTES_SWAPPED, b"\0\x01\xF8\xF5", b"DNKB\x0A\x1A\x0A\x0D\x00\x0D\x11\xFF", b""),
    changed(&m::CHANNEL_BYTES_SWAPPED, b"\x01\0\xF5\xF8", b"NDBK\x1A\x0A\x0D\x0A\x0D\x00\xFF\x11", b""),
];

/// More than any number of frames: a channel that does this every time is commoner than an accident in this place.
const WEIGHT: usize = 1 << 20;
/// Where a changed magic begins at the latest: after a widened header and a byte order mark.
const HEADER_ROOM: usize = 24;

pub(super) fn judge(stream: &Stream<'_>, found: &mut Vec<Hypothesis>) {
    if stream.offset != 0 {
        return;
    }
    for trace in &TRACES {
        found.extend(compare(stream, trace));
    }
    found.extend(cut_at_ctrl_z(stream));
    found.extend(printed(stream.bytes));
}

fn compare(stream: &Stream<'_>, trace: &Trace) -> Option<Hypothesis> {
    let rest = stream.bytes.strip_prefix(trace.start)?;
    let hypothesis = |confidence, at: usize, seen: &[u8]| {
        Hypothesis::new(trace.mistake, confidence, at as u64, format!("HELLO arrived with {}", hex(seen)))
            .weighing(WEIGHT)
    };
    let magic = trace.canary.iter().take_while(|byte| !byte.is_ascii_control() || **byte == 0).count();
    let Some(at) = find(&rest[..rest.len().min(HEADER_ROOM + magic)], &trace.canary[..magic]) else {
        // Without the canary, only a START that no other channel produces is evidence.
        let is_evidence = !trace.start.starts_with(&START) && trace.start[0] > 1 && rest.len() < HEADER_ROOM;
        return is_evidence.then(|| hypothesis(Confidence::Possible, 0, trace.start));
    };
    let seen = &rest[at..rest.len().min(at + trace.canary.len())];
    if !trace.canary.starts_with(seen) {
        return None;
    }
    let canary_at = trace.start.len() + at + magic;
    let after = &rest[at + seen.len()..];
    let intact = !trace.gone.is_empty() && find(after, trace.gone).is_some();
    let whole = seen.len() == trace.canary.len();
    let confidence = match stream.fault {
        _ if intact => Confidence::Possible,
        _ if whole => Confidence::Certain,
        // The part of the canary that has arrived is changed already, as this channel changes it.
        Fault::BadCanary { .. } if !CANARY.starts_with(seen.get(magic..)?) => Confidence::Likely,
        _ if !trace.start.starts_with(&START) => Confidence::Likely,
        _ => return None,
    };
    Some(hypothesis(confidence, canary_at, &seen[magic.min(seen.len())..]))
}

/// Nothing arrived after the 0D 0A before the canary's 1A.
fn cut_at_ctrl_z(stream: &Stream<'_>) -> Option<Hypothesis> {
    if !matches!(stream.fault, Fault::Truncated { .. } | Fault::FrameTimeout { .. } | Fault::HelloTimeout) {
        return None;
    }
    let body = stream.bytes.strip_prefix(&START)?.get(6..)?;
    let canary = body.strip_prefix(&MAGIC)?;
    (canary == &CANARY[..2]).then(|| {
        Hypothesis::new(
            &m::CHANNEL_TRUNCATED_AT_CTRL_Z,
            Confidence::Likely,
            stream.bytes.len() as u64,
            "nothing arrived after the place where HELLO has 1a".into(),
        )
    })
}

/// A frame as text: hexadecimal, base64, or with backslashes.
fn printed(bytes: &[u8]) -> Option<Hypothesis> {
    let name = |mistake, seen: usize| {
        Some(Hypothesis::new(
            mistake,
            Confidence::Certain,
            0,
            format!("the text {}", quoted(&bytes[..bytes.len().min(seen)])),
        ))
    };
    let mut digits = [0; 8];
    let mut count = 0;
    let text = bytes.strip_prefix(b"0x").or(bytes.strip_prefix(b"\\x")).unwrap_or(bytes);
    for byte in text.iter().take(24).filter(|byte| byte.is_ascii_hexdigit()) {
        if let Some(digit) = digits.get_mut(count) {
            *digit = byte.to_ascii_lowercase();
            count += 1;
        }
    }
    let separated = text.iter().take(12).all(|byte| byte.is_ascii_hexdigit() || b" :-,\r\n\t".contains(byte));
    if &digits == b"f5f80100" && separated {
        return name(&m::CHANNEL_HEX, 24);
    }
    if bytes.starts_with(b"9fgBA") {
        return name(&m::CHANNEL_BASE64, 24);
    }
    let unquoted =
        bytes.strip_prefix(b"b'").or(bytes.strip_prefix(b"b\"")).or(bytes.strip_prefix(b"\"")).unwrap_or(bytes);
    let opening = unquoted.get(..12)?.to_ascii_lowercase();
    if opening == b"\\xf5\\xf8\\x01" || opening == b"\\u00f5\\u00f8" {
        return name(&m::CHANNEL_ESCAPED, 24);
    }
    None
}
