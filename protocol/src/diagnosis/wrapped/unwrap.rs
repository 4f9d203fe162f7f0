//! Takes a stream apart as the receiver of another framing would.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::super::mistakes::{self as m, Mistake};
use super::super::walk::{Step, correct, declared, is_header, sound};
use super::super::{Stream, find, hex};
use super::{Fit, is_hello};
use crate::frame::{END, OVERHEAD};

/// A unit of the other framing at the front of the bytes.
struct Unit<'a> {
    payload: Cow<'a, [u8]>,
    /// Of the whole unit; more than there are if it is cut off.
    length: usize,
    /// All of its payload is there.
    complete: bool,
}

type Next = fn(&[u8]) -> Option<Unit<'_>>;

/// Another framing.
struct Framing {
    mistake: &'static Mistake,
    name: &'static str,
    /// What follows that which such a stream begins with.
    opened: fn(&[u8]) -> &[u8],
    unit: Next,
}

const fn framing(mistake: &'static Mistake, name: &'static str, opened: fn(&[u8]) -> &[u8], unit: Next) -> Framing {
    Framing { mistake, name, opened, unit }
}

/// Strict ones first.
#[rustfmt::skip]
const FRAMINGS: [Framing; 9] = [
    framing(&m::WRAPPED_JAVA_OBJECTS, "blocks of an ObjectOutputStream", after_java_header, java_block),
    framing(&m::WRAPPED_DOCKER, "docker's headers of 8 bytes", |bytes| bytes, docker),
    framing(&m::WRAPPED_WEBSOCKET, "WebSocket frames", unless_continued, web_socket),
    framing(&m::WRAPPED_CHUNKED, "chunks of an HTTP body", after_http_head, chunk),
    framing(&m::WRAPPED_NETSTRING, "netstrings", |bytes| bytes.strip_prefix(b",").unwrap_or(bytes), netstring),
    framing(&m::WRAPPED_LENGTH_PREFIX, "messages with a Content-Length", |bytes| bytes, content_length),
    framing(&m::WRAPPED_LENGTH_PREFIX, "messages with their size in decimal digits", |bytes| bytes, decimal),
    framing(&m::WRAPPED_SLIP, "SLIP (RFC 1055), ended by c0", |bytes| bytes, slip),
    framing(&m::WRAPPED_COBS, "COBS, ended by 00", |bytes| bytes, cobs),
];

pub(super) fn judge(stream: &Stream<'_>) -> Option<Fit> {
    let known = FRAMINGS.iter().find_map(|framing| {
        let opened = (framing.opened)(stream.bytes);
        let taken = Taken::apart(opened, framing.unit);
        let (name, shown) = (framing.name, hex(&opened[..opened.len().min(8)]));
        let seen = || format!("the frames are in {name}, the first of which begins with {shown}");
        taken.fit(stream, framing.mistake, seen)
    });
    known.or_else(|| prefixed(stream))
}

fn after_java_header(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xAC\xED\0\x05").unwrap_or(bytes)
}

/// A message does not begin with a continuation.
fn unless_continued(bytes: &[u8]) -> &[u8] {
    if bytes.first().is_some_and(|first| first & 0x0F == 0) { &[] } else { bytes }
}

/// The first chunk, after the head of a message or the end of the chunk before.
fn after_http_head(bytes: &[u8]) -> &[u8] {
    if let Some(rest) = bytes.strip_prefix(b"\r\n") {
        return rest;
    }
    let has_head = bytes.starts_with(b"HTTP/1.") || find(&bytes[..bytes.len().min(1024)], b" HTTP/1.").is_some();
    match find(bytes, b"\r\n\r\n") {
        Some(end) if has_head => &bytes[end + 4..],
        _ => bytes,
    }
}

/// A length before each unit.
#[derive(Clone, Copy)]
struct Prefix {
    width: usize,
    big_endian: bool,
    /// The length counts itself.
    own: bool,
}

/// Wide ones first: each shows as narrower ones with empty units before it.
fn prefixes() -> impl Iterator<Item = Prefix> {
    [8, 4, 3, 2, 1].into_iter().flat_map(|width| {
        [(true, false), (false, false), (true, true), (false, true)].into_iter().map(move |(big_endian, own)| Prefix {
            width,
            big_endian,
            own,
        })
    })
}

impl Prefix {
    fn unit<'a>(&self, bytes: &'a [u8]) -> Option<Unit<'a>> {
        let field = bytes.get(..self.width)?;
        let read = if self.big_endian { BigEndian::read_uint } else { LittleEndian::read_uint };
        let value = read(field, self.width);
        let length = usize::try_from(value).ok()?.checked_sub(if self.own { self.width } else { 0 })?;
        Some(plain(bytes, self.width, length))
            .filter(|unit| agrees(unit, length) && (self.width > 1 || is_frames(unit)))
    }

    fn name(&self) -> String {
        let order = match (self.width, self.big_endian) {
            (1, _) => "",
            (_, true) => " big-endian",
            (_, false) => " little-endian",
        };
        format!("u{}{order}", 8 * self.width)
    }
}

/// Frames after a length of their own.
fn prefixed(stream: &Stream<'_>) -> Option<Fit> {
    let fit = |taken: Taken, name: String| {
        let units = taken.units;
        let shown = hex(&stream.bytes[..stream.bytes.len().min(4)]);
        let seen = format!("each frame is preceded by its own size, {name} ({shown}), {units} of {units}");
        let fit = taken.fit(stream, &m::WRAPPED_LENGTH_PREFIX, || seen)?;
        Some(Fit { frames: fit.frames.min(units), ..fit })
    };
    let fixed = |prefix: Prefix, whole: bool| {
        let taken = Taken::apart(stream.bytes, |bytes| prefix.unit(bytes));
        let own = if prefix.own { ", which counts itself" } else { "" };
        fit(taken.only(whole)?, format!("{}{own}", prefix.name()))
    };
    let varying = |whole: bool| fit(Taken::apart(stream.bytes, varint).only(whole)?, "a varint".into());
    // A unit that is cut off fits several lengths.
    [true, false].into_iter().find_map(|whole| {
        let wide = prefixes().filter(|prefix| prefix.width > 1).find_map(|prefix| fixed(prefix, whole));
        // A single byte has the size of a single frame by chance.
        let narrow = || prefixes().filter(|prefix| prefix.width == 1 && whole).find_map(|prefix| fixed(prefix, whole));
        wide.or_else(|| {
            let mut fit = narrow().or_else(|| varying(whole)).filter(|fit| fit.proven)?;
            fit.proven = fit.frames > 1;
            Some(fit)
        })
    })
}

/// A stream that was taken apart.
struct Taken {
    payload: Vec<u8>,
    units: usize,
    /// The bytes do not end inside a unit's payload.
    whole: bool,
    /// All bytes but the header of one more unit, at the most, belong to units.
    clean: bool,
}

/// The longest header of a unit.
const LONGEST_HEADER: usize = 27;

impl Taken {
    fn apart<'a>(bytes: &'a [u8], framing: impl Fn(&'a [u8]) -> Option<Unit<'a>>) -> Taken {
        let (mut rest, mut payload, mut units, mut whole) = (bytes, Vec::new(), 0, true);
        while let Some(unit) = framing(rest).filter(|unit| unit.length > 0) {
            payload.extend_from_slice(&unit.payload);
            units += usize::from(!unit.payload.is_empty());
            whole = unit.complete || unit.payload.is_empty();
            rest = rest.get(unit.length..).unwrap_or_default();
            // Hostile bytes: what comes out are no frames.
            if rest.is_empty() || payload.len() >= 4 && matches!(correct(&payload), Step::Wrong) {
                break;
            }
        }
        Taken { payload, units, whole, clean: rest.len() < LONGEST_HEADER }
    }

    fn only(self, whole: bool) -> Option<Taken> {
        (self.whole || !whole).then_some(self)
    }

    fn fit(&self, stream: &Stream<'_>, mistake: &'static Mistake, seen: impl FnOnce() -> String) -> Option<Fit> {
        let (frames, clean) = sound(&self.payload);
        let hello = stream.offset == 0 && is_hello(&self.payload);
        // After HELLO, the first frame may be all that a peer sends before it waits. Where the frames end, a unit does.
        let ends = self.payload.ends_with(&END);
        let enough = if self.whole { hello || frames > 1 || ends } else { (hello || frames > 1) && !ends };
        (self.units > 0 && self.clean && clean && enough).then(|| Fit {
            mistake,
            frames: frames.max(1),
            proven: hello || frames > 1 && self.units > 1,
            seen: seen(),
        })
    }
}

/// A unit with `length` bytes of payload after `header` bytes.
fn plain(bytes: &[u8], header: usize, length: usize) -> Unit<'_> {
    let end = header.saturating_add(length);
    let payload = bytes.get(header..end).or(bytes.get(header..)).unwrap_or_default();
    Unit { payload: Cow::Borrowed(payload), length: end, complete: end <= bytes.len() }
}

/// Any number is the length of a unit that is cut off: it must be no longer than the frame in it.
fn agrees(unit: &Unit<'_>, length: usize) -> bool {
    let frame = &unit.payload;
    let fits = |body| !is_header(frame) || length as u64 <= body + OVERHEAD as u64;
    frame.len() >= length || declared(frame).is_none_or(fits)
}

/// Does the unit begin with a frame and end with one? A single byte fits parts of frames by chance.
fn is_frames(unit: &Unit<'_>) -> bool {
    let (frames, clean) = sound(&unit.payload);
    clean && (frames > 0 && unit.payload.ends_with(&END) || unit.payload.len() < unit.length)
}

/// The header of docker's attach and logs: the stream, three zeros, the length. The frames are those of the standard
/// output; the standard error has a log.
fn docker(bytes: &[u8]) -> Option<Unit<'_>> {
    let [stream @ (1 | 2), 0, 0, 0, a, b, c, d, ..] = *bytes else { return None };
    let mut unit = plain(bytes, 8, u32::from_be_bytes([a, b, c, d]) as usize);
    if stream == 2 {
        unit.payload = Cow::Borrowed(&[]);
    }
    Some(unit)
}

/// A frame of RFC 6455; of control frames the payload does not count.
fn web_socket(bytes: &[u8]) -> Option<Unit<'_>> {
    let [first, second, rest @ ..] = bytes else { return None };
    let opcode = first & 0x0F;
    if first & 0x70 != 0 || !matches!(opcode, 0..=2 | 8..=10) {
        return None;
    }
    let (width, length) = match (second & 0x7F, rest) {
        (126, [a, b, ..]) => (2, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [0, 0, 0, 0, a, b, c, d, ..]) => (8, u32::from_be_bytes([*a, *b, *c, *d]) as usize),
        (126 | 127, _) => return None,
        (length, _) => (0, usize::from(length)),
    };
    let masked = second & 0x80 != 0;
    let mut unit = plain(bytes, 2 + width + if masked { 4 } else { 0 }, length);
    if masked {
        let key = rest.get(width..width + 4)?;
        unit.payload = unit.payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    }
    let is_sound = agrees(&unit, length);
    if opcode >= 8 {
        unit.payload = Cow::Borrowed(&[]);
    }
    is_sound.then_some(unit)
}

/// A chunk of HTTP/1.1: the length in hexadecimal, perhaps extensions, CR LF, the bytes, CR LF.
fn chunk(bytes: &[u8]) -> Option<Unit<'_>> {
    let head = find(&bytes[..bytes.len().min(128)], b"\r\n")?;
    let line = core::str::from_utf8(&bytes[..head]).ok()?;
    let digits = line.split(';').next()?.trim_end();
    let length = usize::try_from(u32::from_str_radix(digits, 16).ok()?).ok()?;
    let mut unit = plain(bytes, head + 2, length);
    let end = bytes.get(unit.length..).unwrap_or_default();
    unit.length += 2;
    b"\r\n".starts_with(&end[..end.len().min(2)]).then_some(unit)
}

fn netstring(bytes: &[u8]) -> Option<Unit<'_>> {
    let width = bytes.iter().take(10).position(|&byte| byte == b':')?;
    let digits = core::str::from_utf8(&bytes[..width]).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None; // `parse` takes a sign
    }
    let mut unit = plain(bytes, width + 1, usize::try_from(digits.parse::<u32>().ok()?).ok()?);
    let end = bytes.get(unit.length).copied();
    unit.length += 1;
    matches!(end, None | Some(b',')).then_some(unit)
}

/// Header lines with a Content-Length, as language servers have them.
fn content_length(bytes: &[u8]) -> Option<Unit<'_>> {
    let head = find(&bytes[..bytes.len().min(256)], b"\r\n\r\n")?;
    let lines = core::str::from_utf8(&bytes[..head]).ok()?;
    let mut fields = lines.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    Some(plain(bytes, head + 4, usize::try_from(value.trim().parse::<u32>().ok()?).ok()?))
}

/// Digits and perhaps a separator, as in syslog over TCP (RFC 6587).
fn decimal(bytes: &[u8]) -> Option<Unit<'_>> {
    let width = bytes.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    let digits = core::str::from_utf8(&bytes[..width]).ok()?;
    let length = usize::try_from(digits.parse::<u32>().ok()?).ok()?;
    let separator = match &bytes[width..] {
        [b'\r', b'\n', ..] => 2,
        [b'\n' | b' ' | b':' | b';' | b',' | b'#' | b'\0', ..] => 1,
        _ => 0,
    };
    Some(plain(bytes, width + separator, length))
}

/// What `writeObject(byte[])` writes before the length of the first array and of later ones.
const BYTE_ARRAY: &[u8] = b"\x75\x72\0\x02[B\xAC\xF3\x17\xF8\x06\x08\x54\xE0\x02\0\0\x78\x70";
const NEXT_BYTE_ARRAY: &[u8] = b"\x75\x71\0\x7E\0\0";

/// A block of data or an array of bytes in Java's serialisation.
fn java_block(bytes: &[u8]) -> Option<Unit<'_>> {
    let long = |header: usize| {
        let field = bytes.get(header..header + 4)?;
        Some(plain(bytes, header + 4, u32::from_be_bytes(field.try_into().ok()?) as usize))
    };
    match bytes {
        [0x77, length, ..] => Some(plain(bytes, 2, usize::from(*length))),
        [0x7A, ..] => long(1),
        [0x79, ..] => Some(plain(bytes, 1, 0)),
        _ if bytes.starts_with(BYTE_ARRAY) => long(BYTE_ARRAY.len()),
        _ if bytes.starts_with(NEXT_BYTE_ARRAY) => long(NEXT_BYTE_ARRAY.len()),
        _ => None,
    }
}

fn slip(bytes: &[u8]) -> Option<Unit<'_>> {
    const END: u8 = 0xC0;
    let start = bytes.iter().position(|&byte| byte != END).unwrap_or(bytes.len());
    let packet = &bytes[start..];
    let length = packet.iter().position(|&byte| byte == END).unwrap_or(packet.len());
    let mut payload = Vec::with_capacity(length);
    let mut escaped = packet[..length].iter();
    while let Some(&byte) = escaped.next() {
        payload.push(match byte {
            0xDB => match escaped.next() {
                Some(0xDC) => END,
                Some(0xDD) => 0xDB,
                _ => return None,
            },
            byte => byte,
        });
    }
    // Without a single END, these are no packets.
    (start > 0 || length < packet.len()).then(|| Unit {
        payload: payload.into(),
        length: start + length,
        complete: true,
    })
}

fn cobs(bytes: &[u8]) -> Option<Unit<'_>> {
    let start = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
    let end = bytes[start..].iter().position(|&byte| byte == 0);
    let length = end.unwrap_or(bytes.len() - start);
    let (mut rest, mut payload) = (&bytes[start..start + length], Vec::with_capacity(length));
    while let Some((&code, after)) = rest.split_first() {
        let block = match after.get(..usize::from(code) - 1) {
            Some(block) => block,
            None if end.is_none() => after, // cut off
            None => return None,
        };
        payload.extend_from_slice(block);
        rest = &after[block.len()..];
        if code < 0xFF && !rest.is_empty() {
            payload.push(0);
        }
    }
    Some(Unit { payload: payload.into(), length: start + length + 1, complete: end.is_some() })
}

/// Seven bits a byte, the least significant first.
fn varint(bytes: &[u8]) -> Option<Unit<'_>> {
    let (mut length, mut shift) = (0_usize, 0);
    for (at, &byte) in bytes.iter().enumerate().take(4) {
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte < 0x80 {
            return Some(plain(bytes, at + 1, length)).filter(|unit| agrees(unit, length) && is_frames(unit));
        }
    }
    None
}
