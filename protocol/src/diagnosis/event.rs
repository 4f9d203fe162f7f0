//! What happens once: a byte lost or added, two writers at a time, something else written between frames.

use alloc::format;
use alloc::vec::Vec;

use super::mistakes::{self as m, Mistake};
use super::walk::{Step, correct, declared, has_sound_sibling, is_header, sound};
use super::{Confidence, Hypothesis, Stream, find, hex, quoted};
use crate::frame::{END, HEADER_LENGTH, OVERHEAD, START};
use crate::hello::MAGIC;

pub(super) fn judge(stream: &Stream<'_>, found: &mut Vec<Hypothesis>) {
    found.extend(between_frames(stream));
    // A whole frame has lost no byte; its contents are wrong.
    if !matches!(correct(stream.bytes), Step::Whole { .. }) {
        found.extend(byte_lost(stream));
        found.extend(byte_added(stream));
    }
    found.extend(interleaved(stream));
}

/// END and the next START.
const BOUNDARY: &[u8] = b"\xF8\xF5\xF5\xF8";
/// How many frames inside a frame are judged: hostile bytes hold thousands.
const MAX_JUDGED: usize = 64;

/// The frames after a damaged one: `None` unless they begin soundly.
fn frames_after(bytes: &[u8], total: usize) -> Option<(usize, bool)> {
    let rest = bytes.get(total..)?;
    (rest.is_empty() || correct(rest) != Step::Wrong).then(|| sound(rest))
}

/// A hypothesis about one frame of `total` bytes, if everything after it is sound.
fn once(stream: &Stream<'_>, mistake: &'static Mistake, total: usize, at: usize, seen: &str) -> Option<Hypothesis> {
    let (frames, clean) = frames_after(stream.bytes, total)?;
    // Then it is two frames, and the length of the first is wrong.
    if find(&stream.bytes[..total], BOUNDARY).is_some() {
        return None;
    }
    let sibling =
        has_sound_sibling(stream.bytes, &stream.bytes[total..]) || has_sound_sibling(stream.bytes, stream.before);
    let complete = stream.bytes.len() == total || frames > 0 && stream.bytes.ends_with(&END);
    let confidence = match frames {
        _ if stream.stalled() && !complete => return None,
        _ if !clean => Confidence::Possible,
        0 => Confidence::Likely,
        // A mistake made every time would show in a frame of the same class.
        _ if sibling => Confidence::Certain,
        _ => Confidence::Likely,
    };
    let shown = hex(&stream.bytes[at..stream.bytes.len().min(at + 8)]);
    let seen = format!("{seen} {shown}");
    Some(Hypothesis::new(mistake, confidence, stream.offset + at as u64, seen).weighing(2))
}

fn byte_lost(stream: &Stream<'_>) -> Option<Hypothesis> {
    let bytes = stream.bytes;
    let lost = |total, at, seen| once(stream, &m::CHANNEL_BYTE_LOST, total, at, seen);
    if is_header(&bytes[..bytes.len().min(HEADER_LENGTH)])
        && let Some(end) = declared(bytes).and_then(|length| (HEADER_LENGTH).checked_add(usize::try_from(length).ok()?))
    {
        let tail = bytes.get(end.saturating_sub(1)..).unwrap_or(&[]);
        // In the body, or at its end: the first or the second byte of END.
        if end > HEADER_LENGTH
            && tail.starts_with(&END)
            && let Some(hypothesis) = lost(end + 1, end - 1, "END stands one byte early:")
        {
            let body = &bytes[HEADER_LENGTH..end - 1];
            let bare = (0..body.len()).any(|at| body[at] == b'\n' && (at == 0 || body[at - 1] != b'\r'));
            return Some(if bare { hypothesis.at_most(Confidence::Likely) } else { hypothesis });
        }
        let tail = bytes.get(end..).unwrap_or(&[]);
        if [END[1], END[0]].iter().any(|byte| tail.first() == Some(byte))
            && tail[1..].starts_with(&START)
            && let Some(hypothesis) = lost(end + 1, end, "half of END:")
        {
            return Some(hypothesis);
        }
    }
    if has_sound_hello_header(stream) {
        return None;
    }
    headers_with_a_byte_put_in(bytes).find_map(|(missing, value, total)| {
        let hypothesis = lost(total, missing, "a header that lacks one byte before")?;
        // A byte of the length that may have any value explains too much: for nearly every END, one value fits.
        match missing {
            0..4 => Some(hypothesis),
            _ if value == 0 => Some(hypothesis.at_most(Confidence::Likely)),
            _ => Some(hypothesis.at_most(Confidence::Possible)).filter(|_| !stream.stalled()),
        }
    })
}

/// Is HELLO's magic in its place?
fn has_sound_hello_header(stream: &Stream<'_>) -> bool {
    stream.offset == 0 && stream.bytes.get(HEADER_LENGTH..).is_some_and(|body| body.starts_with(&MAGIC))
}

/// Where a byte may be missing in the header, that byte, and the whole frame's length then, END being in its place.
fn headers_with_a_byte_put_in(bytes: &[u8]) -> impl Iterator<Item = (usize, u8, usize)> + '_ {
    let seen = bytes.first_chunk::<7>();
    let candidates = seen.into_iter().flat_map(move |seen| {
        (0..HEADER_LENGTH).flat_map(move |missing| {
            let values = match missing {
                0 => START[0]..=START[0],
                1 => START[1]..=START[1],
                2 => 2..=2,
                3 => 0..=0,
                _ => 0..=255,
            };
            values.map(move |value| {
                let mut header = [0; HEADER_LENGTH];
                header[..missing].copy_from_slice(&seen[..missing]);
                header[missing] = value;
                header[missing + 1..].copy_from_slice(&seen[missing..]);
                (missing, value, header)
            })
        })
    });
    candidates.filter(|(_, _, header)| is_header(header)).filter_map(move |(missing, value, header)| {
        let end = usize::try_from(declared(&header)?).ok()?.checked_add(HEADER_LENGTH - 1)?;
        bytes.get(end..)?.starts_with(&END).then_some((missing, value, end + 2))
    })
}

fn byte_added(stream: &Stream<'_>) -> Option<Hypothesis> {
    let bytes = stream.bytes;
    let added = |total, at, seen| once(stream, &m::CHANNEL_BYTE_ADDED, total, at, seen);
    if is_header(&bytes[..bytes.len().min(HEADER_LENGTH)])
        && let Some(end) = declared(bytes).and_then(|length| HEADER_LENGTH.checked_add(usize::try_from(length).ok()?))
    {
        let tail = bytes.get(end..).unwrap_or(&[]);
        let late = tail.get(1..).is_some_and(|tail| tail.starts_with(&END));
        let split = matches!(tail, [first, _, second, ..] if [*first, *second] == END);
        if (late || split)
            && let Some(hypothesis) = added(end + 3, end, "END stands one byte late:")
        {
            let converted = find(&bytes[HEADER_LENGTH..end + 1], b"\r\n").is_some();
            return Some(if converted { hypothesis.at_most(Confidence::Likely) } else { hypothesis });
        }
    }
    let seen = bytes.first_chunk::<9>().filter(|_| !has_sound_hello_header(stream))?;
    for surplus in 0..seen.len() {
        let mut header = [0; HEADER_LENGTH];
        header[..surplus].copy_from_slice(&seen[..surplus]);
        header[surplus..].copy_from_slice(&seen[surplus + 1..]);
        let Some(length) = declared(&header).filter(|_| is_header(&header)) else { continue };
        let Some(end) = usize::try_from(length).ok().and_then(|length| length.checked_add(seen.len())) else {
            continue;
        };
        if bytes.get(end..).is_some_and(|tail| tail.starts_with(&END))
            && let Some(hypothesis) = added(end + 2, surplus, "a header with one byte too many:")
        {
            // In the length, one byte more explains as much as in byte_lost.
            return Some(if surplus < 4 { hypothesis } else { hypothesis.at_most(Confidence::Likely) });
        }
    }
    None
}

/// A line break, a line of text or anything else before a sound frame.
fn between_frames(stream: &Stream<'_>) -> Option<Hypothesis> {
    let bytes = stream.bytes;
    if bytes.starts_with(&START) {
        return None;
    }
    let at = find(bytes, &START).filter(|&at| at > 0)?;
    let stray = &bytes[..at];
    let total = match correct(&bytes[at..]) {
        Step::Whole { total, .. } => total,
        Step::Partial { .. } => bytes.len() - at,
        Step::Wrong => return None,
    };
    let newline = matches!(stray, b"\n" | b"\r\n" | b"\r" | b"\n\0");
    let is_shown = |byte: &u8| *byte >= b' ' || byte.is_ascii_whitespace() || *byte == 0x1B;
    let printable = stray.iter().all(is_shown) && core::str::from_utf8(stray).is_ok();
    let (frames, clean) = sound(&bytes[at..]);
    // A line break after each frame occurs again after the next one.
    let again = bytes[at + total..].starts_with(stray);
    let (mistake, confidence) = match (newline, printable) {
        (true, _) if again => (&m::CHANNEL_NEWLINE_BETWEEN_FRAMES, Confidence::Certain),
        (true, _) => (&m::CHANNEL_NEWLINE_BETWEEN_FRAMES, Confidence::Likely),
        // A few characters without a blank may be any bytes.
        (false, true) if stray.len() > 8 || stray.len() > 3 && stray.iter().any(u8::is_ascii_whitespace) => {
            (&m::CHANNEL_TEXT_BETWEEN_FRAMES, Confidence::Likely)
        }
        (false, true) if stray.len() > 3 => (&m::CHANNEL_TEXT_BETWEEN_FRAMES, Confidence::Possible),
        _ => return None,
    };
    let confidence = if clean || again { confidence } else { Confidence::Possible };
    let seen = format!("{} before START", quoted(stray));
    Some(Hypothesis::new(mistake, confidence, stream.offset, seen).weighing(5 + frames))
}

/// A frame between the two bytes of another frame's END: its F5 was taken for that of END, which follows it.
fn within_end(stream: &Stream<'_>) -> Option<Hypothesis> {
    let rest = stream.bytes.strip_prefix(&START[1..])?;
    let header: Vec<u8> = START.iter().chain(rest.get(..HEADER_LENGTH - START.len())?).copied().collect();
    let end =
        usize::try_from(declared(&header).filter(|_| is_header(&header))?).ok()?.checked_add(HEADER_LENGTH - 1)?;
    let rest = stream.bytes.get(end..)?.strip_prefix(&[END[0], END[1], END[1]])?;
    (rest.is_empty() || correct(rest) != Step::Wrong).then(|| {
        let seen = format!("a frame stands between f8 and f5 of END: {}", hex(&stream.bytes[..HEADER_LENGTH - 1]));
        Hypothesis::new(&m::CHANNEL_WRITERS_INTERLEAVED, Confidence::Certain, stream.offset, seen).weighing(20)
    })
}

/// A START inside a frame that begins another frame: without that frame, both ENDs are in their places.
fn interleaved(stream: &Stream<'_>) -> Option<Hypothesis> {
    let bytes = stream.bytes;
    if bytes.first() != Some(&START[0]) {
        return within_end(stream);
    }
    let (mut best, mut judged): (Option<Hypothesis>, usize) = (None, 0);
    for at in (1..bytes.len().saturating_sub(HEADER_LENGTH)).filter(|&at| bytes[at..].starts_with(&START)) {
        let inner = &bytes[at..];
        let Some(inner_length) = declared(inner).filter(|_| is_header(&inner[..HEADER_LENGTH])) else { continue };
        let inner_whole = matches!(correct(inner), Step::Whole { .. });
        let inner_total = inner_length.saturating_add(OVERHEAD as u64);
        let outer = if at >= HEADER_LENGTH {
            declared(bytes)
        } else {
            // The outer header was interrupted: it continues after the inner frame.
            usize::try_from(inner_total).ok().and_then(|total| {
                let mut header = [0; HEADER_LENGTH];
                header[..at].copy_from_slice(&bytes[..at]);
                header[at..].copy_from_slice(inner.get(total..)?.get(..HEADER_LENGTH - at)?);
                declared(&header).filter(|_| is_header(&header) && inner_whole)
            })
        };
        let Some(outer) = outer.filter(|&outer| (at as u64) < outer + OVERHEAD as u64) else {
            continue;
        };
        let Ok(total) = usize::try_from(outer.saturating_add(OVERHEAD as u64).saturating_add(inner_total)) else {
            continue;
        };
        let Some(tail) = bytes.get(..total) else { continue };
        // A writer may be cut within END.
        let in_end = bytes[at - 1] == END[0] && tail.ends_with(&END[1..]) && inner_whole;
        let closed = tail.ends_with(&END) || in_end || tail.ends_with(&[END[0], END[1], END[1]]) && !inner_whole;
        let Some((frames, clean)) = frames_after(bytes, total).filter(|_| closed) else { continue };
        let confidence = match (inner_whole, clean) {
            (true, true) => Confidence::Certain,
            (_, true) => Confidence::Likely,
            _ => Confidence::Possible,
        };
        let seen =
            format!("a frame of {inner_total} bytes begins inside another one: {}", hex(&inner[..HEADER_LENGTH]));
        let hypothesis = Hypothesis::new(&m::CHANNEL_WRITERS_INTERLEAVED, confidence, stream.offset + at as u64, seen)
            .weighing(10 * (frames + 2));
        judged += 1;
        if best.as_ref().is_none_or(|best| best.confidence < hypothesis.confidence) {
            best = Some(hypothesis);
        }
        if confidence == Confidence::Certain || judged == MAX_JUDGED {
            break;
        }
    }
    best
}
