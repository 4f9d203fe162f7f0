//! The length field: another byte order, another width, another count.

use alloc::format;
use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::mistakes::{self as m, Mistake};
use super::walk::{Reading, Step, declared, fixed_part, follow, is_header, spanning};
use super::{Confidence, Hypothesis, Stream, find, hex};
use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::frame::{END, HEADER_LENGTH, START};
use crate::hello::{CANARY, MAGIC, MAX_HELLO};
use crate::kind;

/// Where a frame ends and another one begins.
const BOUNDARY: [u8; 4] = [END[0], END[1], START[0], START[1]];

/// In the order in which they are named if several fit equally.
const READINGS: [(&Mistake, Reading); 22] = [
    (&m::LENGTH_LITTLE_ENDIAN, little_endian),
    (&m::LENGTH_16_BIT_SWAPPED, halves_swapped),
    (&m::LENGTH_16_BIT_SWAPPED, bytes_of_halves_swapped),
    (&m::LENGTH_ASCII_DIGITS, ascii_digits),
    (&m::LENGTH_EIGHT_BYTES, |bytes| field(bytes, 8, BigEndian::read_u64)),
    (&m::LENGTH_EIGHT_BYTES, |bytes| field(bytes, 8, LittleEndian::read_u64)),
    (&m::LENGTH_TWO_BYTES, |bytes| field(bytes, 2, |field| BigEndian::read_u16(field).into())),
    (&m::LENGTH_TWO_BYTES, |bytes| field(bytes, 2, |field| LittleEndian::read_u16(field).into())),
    (&m::LENGTH_THREE_BYTES, |bytes| field(bytes, 3, |field| BigEndian::read_u24(field).into())),
    (&m::LENGTH_THREE_BYTES, |bytes| field(bytes, 3, |field| LittleEndian::read_u24(field).into())),
    (&m::LENGTH_VARINT, varint_little),
    (&m::LENGTH_VARINT, varint_big),
    (&m::LENGTH_ONE_BYTE, |bytes| field(bytes, 1, |field| field[0].into())),
    (&m::LENGTH_INCLUDES_FRAME, |bytes| shorter_by(bytes, 10)),
    (&m::LENGTH_INCLUDES_HEADER, |bytes| shorter_by(bytes, 8)),
    (&m::LENGTH_INCLUDES_ITSELF, |bytes| shorter_by(bytes, 4)),
    (&m::LENGTH_INCLUDES_END, |bytes| shorter_by(bytes, 2)),
    (&m::LENGTH_COUNTS_TERMINATOR, |bytes| shorter_by(bytes, 1)),
    (&m::LENGTH_OMITS_TERMINATOR, omits_terminator),
    (&m::LENGTH_OMITS_FIXED_PART, omits_fixed_part),
    (&m::LENGTH_COUNTS_CHARACTERS, characters),
    (&m::LENGTH_COUNTS_UTF_16_UNITS, units),
];

pub(super) fn judge(stream: &Stream<'_>, found: &mut Vec<Hypothesis>) {
    let bytes = stream.bytes;
    if bytes.len() < HEADER_LENGTH || !is_header(bytes) {
        return;
    }
    let (mut with_end, mut without_end) = (false, Vec::new());
    for (mistake, reading) in READINGS {
        match reading(bytes) {
            Step::Whole { body_at, total } => {
                let Some(walk) = follow(stream.before, bytes, reading) else { continue };
                // A correct peer may have stopped where a frame within its body ends.
                let nested = find(&bytes[body_at..total], &START).is_some();
                let unseen = stream.stalled() && !walk.complete;
                if unseen && !stream.cut || stream.stalled() && nested {
                    continue;
                }
                // HELLO's magic shows where the body begins, and a changed canary why END is elsewhere.
                let hello = stream.offset == 0 && bytes[2] == kind::HELLO;
                if hello && !bytes[body_at..].strip_prefix(&MAGIC).is_some_and(|rest| rest.starts_with(&CANARY)) {
                    continue;
                }
                let doubtful = walk.doubtful();
                let text = bytes[3] != Encoding::Binary as u8;
                let confidence = match walk.explained {
                    _ if unseen => Confidence::Possible,
                    1 if doubtful => Confidence::Possible,
                    1 if is_slight(mistake) && !text => Confidence::Possible,
                    // A byte of the length may have been lost.
                    1 if mistake == &m::LENGTH_THREE_BYTES => Confidence::Likely,
                    // One frame whose length is a little off may have lost or gained a byte in its header or body.
                    1 if is_slight(mistake) || is_count(mistake) && !hello => Confidence::Likely,
                    _ if doubtful => Confidence::Likely,
                    // Two frames of one size are as good as one.
                    2 if is_count(mistake)
                        && bytes.get(total + 4..total + HEADER_LENGTH) == bytes.get(4..HEADER_LENGTH) =>
                    {
                        Confidence::Likely
                    }
                    // Of many frames inside its body, one has its END there by chance.
                    1 if find(&bytes[body_at..total], &BOUNDARY).is_some() => Confidence::Likely,
                    1 if stream.stalled() => Confidence::Likely,
                    _ => Confidence::Certain,
                };
                // A NUL before END is rarer than anything else that fits.
                let nul = mistake == &m::LENGTH_OMITS_TERMINATOR && bytes[total - 3] == 0;
                let weight = 10 * walk.explained + if nul { 5 } else { 0 };
                let seen = format!(
                    "length field {}, but END follows {} bytes of body",
                    hex(&bytes[4..body_at.max(HEADER_LENGTH).min(bytes.len())]),
                    total - body_at - 2
                );
                found.push(Hypothesis::new(mistake, confidence, stream.offset + 4, seen).weighing(weight));
                with_end = true;
            }
            Step::Partial { body_at, length } => without_end.extend(unconfirmed(stream, mistake, body_at, length)),
            Step::Wrong => {}
        }
    }
    // Once a reading finds END, readings that do not find it count for nothing.
    if !with_end {
        found.append(&mut without_end);
    }
}

fn is_slight(mistake: &Mistake) -> bool {
    [&m::LENGTH_COUNTS_TERMINATOR, &m::LENGTH_OMITS_TERMINATOR].contains(&mistake)
}

/// Does the mistake give a number near the right one?
fn is_count(mistake: &Mistake) -> bool {
    ["length-counts", "length-includes", "length-omits"].iter().any(|family| mistake.name.starts_with(family))
}

/// A length that is too long as it is, and sensible as this mistake would have written it, while the body has not
/// arrived. HELLO's magic, if it has arrived, decides.
fn unconfirmed(stream: &Stream<'_>, mistake: &'static Mistake, body_at: usize, length: u64) -> Option<Hypothesis> {
    let Fault::TooLong { max, .. } = stream.fault else { return None };
    let bytes = stream.bytes;
    if length == 0 || length > u64::from(max) || is_slight(mistake) || Some(length) >= declared(bytes) {
        return None;
    }
    let hello = stream.offset == 0 && bytes[2] == kind::HELLO;
    let magic = bytes.get(body_at..body_at + MAGIC.len()).map(|magic| magic == MAGIC);
    let confidence = match (hello, magic) {
        (true, Some(false)) => return None,
        (true, _) if !(24..=u64::from(MAX_HELLO)).contains(&length) => return None,
        (true, Some(true)) => Confidence::Likely,
        // A round length ends in zeros; a swapped one rarely begins with them.
        _ if mistake == &m::LENGTH_LITTLE_ENDIAN && bytes[4] != 0 => Confidence::Likely,
        _ if mistake == &m::LENGTH_ASCII_DIGITS => Confidence::Likely,
        _ => Confidence::Possible,
    };
    let seen = format!("length field {}, which may mean {length}", hex(&bytes[4..HEADER_LENGTH]));
    Some(Hypothesis::new(mistake, confidence, stream.offset + 4, seen).weighing(0))
}

fn little_endian(bytes: &[u8]) -> Step {
    field(bytes, 4, |field| LittleEndian::read_u32(field).into())
}

fn halves_swapped(bytes: &[u8]) -> Step {
    field(bytes, 4, |field| BigEndian::read_u32(field).rotate_left(16).into())
}

fn bytes_of_halves_swapped(bytes: &[u8]) -> Step {
    field(bytes, 4, |field| LittleEndian::read_u32(field).rotate_left(16).into())
}

/// A field of `width` bytes.
fn field(bytes: &[u8], width: usize, read: fn(&[u8]) -> u64) -> Step {
    match bytes.get(4..4 + width) {
        Some(field) => spanning(bytes, 4 + width, read(field)),
        None => Step::Wrong,
    }
}

fn shorter_by(bytes: &[u8], extra: u64) -> Step {
    match declared(bytes).and_then(|length| length.checked_sub(extra)) {
        Some(length) => spanning(bytes, HEADER_LENGTH, length),
        None => Step::Wrong,
    }
}

/// A NUL or a line break that was sent after the text, but not counted.
fn omits_terminator(bytes: &[u8]) -> Step {
    let Some(length) = declared(bytes) else { return Step::Wrong };
    let rest = usize::try_from(length).ok().and_then(|length| bytes.get(HEADER_LENGTH..)?.get(length..)).unwrap_or(&[]);
    let terminators: [&[u8]; 6] = [b"\0\0", b"\n\0", b"\0\n", b"\r\n", b"\0", b"\n"];
    match terminators.into_iter().find(|terminator| rest.starts_with(terminator)) {
        Some(terminator) => spanning(bytes, HEADER_LENGTH, length + terminator.len() as u64),
        None => Step::Wrong,
    }
}

fn omits_fixed_part(bytes: &[u8]) -> Step {
    match (declared(bytes), fixed_part(bytes)) {
        (None, _) | (_, 0) => Step::Wrong,
        (Some(length), fixed) => spanning(bytes, HEADER_LENGTH, length + fixed as u64),
    }
}

/// A length in digits: four or more of them, or fewer with padding or a mark after them.
fn ascii_digits(bytes: &[u8]) -> Step {
    let rest = bytes.get(4..).unwrap_or(&[]);
    let spaces = rest.iter().take(9).take_while(|&&byte| byte == b' ').count();
    let mut best = Step::Wrong;
    for (radix, is_digit) in [(10, u8::is_ascii_digit as fn(&u8) -> bool), (16, u8::is_ascii_hexdigit)] {
        let digits = rest[spaces..].iter().take(10).take_while(|byte| is_digit(byte)).count();
        for width in (1..=digits).rev() {
            if radix == 16 && spaces + width != 4 && spaces + width != 8 {
                continue;
            }
            let text = core::str::from_utf8(&rest[spaces..spaces + width]).unwrap_or_default();
            let Ok(length) = u64::from_str_radix(text, radix) else { continue };
            let after = &rest[spaces + width..];
            let padding =
                after.iter().take(4_usize.saturating_sub(width)).take_while(|&&b| b == 0 || b == b' ').count();
            let mark = match after {
                [b'\r', b'\n', ..] => 2,
                [b'\n' | b':' | b' ' | b'\0' | b',' | b';', ..] => 1,
                _ => 0,
            };
            for skipped in [0, padding, mark] {
                match spanning(bytes, 4 + spaces + width + skipped, length) {
                    whole @ Step::Whole { .. } => return whole,
                    partial if best == Step::Wrong && spaces + width + skipped == 4 => best = partial,
                    _ => {}
                }
            }
        }
    }
    best
}

/// Seven bits a byte, the least significant first, as in Protocol Buffers and MQTT.
fn varint_little(bytes: &[u8]) -> Step {
    let (mut length, mut shift) = (0_u64, 0);
    for (at, &byte) in bytes.iter().enumerate().skip(4).take(5) {
        length |= u64::from(byte & 0x7F) << shift;
        shift += 7;
        if byte < 0x80 {
            return spanning(bytes, at + 1, length);
        }
    }
    Step::Wrong
}

/// Seven bits a byte, the most significant first.
fn varint_big(bytes: &[u8]) -> Step {
    let mut length = 0_u64;
    for (at, &byte) in bytes.iter().enumerate().skip(4).take(5) {
        length = length << 7 | u64::from(byte & 0x7F);
        if byte < 0x80 {
            return spanning(bytes, at + 1, length);
        }
    }
    Step::Wrong
}

/// The length counts something of each character of UTF-8, which its first byte determines.
fn utf8_counted(bytes: &[u8], count: fn(u8) -> u64) -> Step {
    let Some((mut left, mut at)) = after_fixed_part(bytes) else { return Step::Wrong };
    while let Some(&byte) = bytes.get(at) {
        if byte & 0xC0 != 0x80 {
            match left.checked_sub(count(byte)) {
                Some(less) if left > 0 => left = less,
                _ => break,
            }
        }
        at += 1;
    }
    let text = bytes.get(HEADER_LENGTH..at).unwrap_or(&[]);
    let is_text = matches!(bytes[3], 1 | 2)
        && text.get(fixed_part(bytes)..).is_some_and(|text| core::str::from_utf8(text).is_ok());
    if left > 0 && at < bytes.len() || !is_text { Step::Wrong } else { counted(bytes, at, left) }
}

fn characters(bytes: &[u8]) -> Step {
    if is_wide(bytes) { utf16_characters(bytes) } else { utf8_counted(bytes, |_| 1) }
}

fn units(bytes: &[u8]) -> Step {
    if is_wide(bytes) { utf16_units(bytes) } else { utf8_counted(bytes, |lead| if lead >= 0xF0 { 2 } else { 1 }) }
}

fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes.get(3), Some(3 | 4))
}

fn utf16_units(bytes: &[u8]) -> Step {
    match after_fixed_part(bytes) {
        Some((units, at)) => spanning(bytes, HEADER_LENGTH, (at - HEADER_LENGTH) as u64 + 2 * units),
        None => Step::Wrong,
    }
}

fn utf16_characters(bytes: &[u8]) -> Step {
    let Some((mut left, mut at)) = after_fixed_part(bytes) else { return Step::Wrong };
    let big_endian = bytes.get(3) == Some(&(Encoding::Utf16Be as u8));
    while left > 0 {
        let Some(&[first, second]) = bytes.get(at..at + 2) else { break };
        let high = if big_endian { first } else { second };
        at += if high & 0xFC == 0xD8 { 4 } else { 2 };
        left -= 1;
    }
    counted(bytes, at, left)
}

/// The declared length without the fixed part, and where the payload begins.
fn after_fixed_part(bytes: &[u8]) -> Option<(u64, usize)> {
    let fixed = fixed_part(bytes);
    Some((declared(bytes)?.checked_sub(fixed as u64)?, HEADER_LENGTH + fixed))
}

/// A body that was counted up to `at`, with `left` still to count where the bytes ended.
fn counted(bytes: &[u8], at: usize, left: u64) -> Step {
    let length = (at.saturating_sub(HEADER_LENGTH)) as u64;
    if left > 0 {
        Step::Partial { body_at: HEADER_LENGTH, length: length + left }
    } else {
        spanning(bytes, HEADER_LENGTH, length)
    }
}
