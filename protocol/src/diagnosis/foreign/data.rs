//! Data without a protocol of its own: compressed, or text, or with lengths before it.

use alloc::format;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::super::walk::{Step, correct};
use super::super::{find, hex, quoted};
use super::{Sighting, certain, likely, possible};
use crate::encoding::Encoding;
use crate::frame::START;
use crate::hello::MAGIC;
use crate::text::Text;

/// Reads a length prefix.
type Read = fn(&[u8]) -> u32;

/// The beginnings of compressed data.
const COMPRESSED: [(&[u8], &str); 7] = [
    (b"\x28\xB5\x2F\xFD", "zstd"),
    (b"\xFD7zXZ\0", "xz"),
    (b"\x04\x22\x4D\x18", "LZ4"),
    (b"\xFF\x06\0\0sNaPpY", "Snappy"),
    (b"LZIP\x01", "lzip"),
    (b"\x89LZO\0\r\n", "LZO"),
    (b"\x1F\x9D\x90", "compress"),
];

pub(super) fn compressed(bytes: &[u8]) -> Sighting {
    let format = match *bytes {
        [0x1F, 0x8B, 8, flags, ..] if flags & 0xE0 == 0 => "gzip",
        // A header that is a multiple of 31, and the first block's type, which is never 3. 5E is a character.
        [0x78, 0x01 | 0x9C | 0xDA, block, _, ..] if block & 6 != 6 => "zlib",
        [0x78, 0x5E, block, _, ..] if block & 6 != 6 && !is_text(bytes) => "zlib",
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => "bzip2",
        _ => COMPRESSED.iter().find(|(magic, _)| bytes.starts_with(magic))?.1,
    };
    let seen = format!("the header of {format}: {}", hex(&bytes[..bytes.len().min(10)]));
    // Two bytes may be anything.
    if format == "zlib" { likely(seen) } else { certain(seen) }
}

pub(super) fn netstring(bytes: &[u8]) -> Sighting {
    let width = bytes.iter().take(10).position(|&byte| byte == b':').filter(|&width| width > 0)?;
    let digits =
        core::str::from_utf8(&bytes[..width]).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let length: usize = digits.parse().ok().filter(|_| width == 1 || !digits.starts_with('0'))?;
    match bytes.get(width + 1 + length) {
        // A comma of a text stands there by chance: another netstring, a line break or nothing follows it.
        Some(b',')
            if bytes.get(width + length + 2).is_none_or(|next| next.is_ascii_digit() || b"\r\n".contains(next)) =>
        {
            certain(format!("{} bytes between {} and a comma", length, quoted(&bytes[..=width])))
        }
        Some(_) => None,
        // A time of day begins like this as well.
        None if width > 2 => possible(format!("what looks like a length, {}", quoted(&bytes[..=width]))),
        None => None,
    }
}

pub(super) fn utf_16_text(bytes: &[u8]) -> Sighting {
    let (encoding, name) = match bytes {
        [0xFF, 0xFE, ..] => (Encoding::Utf16Le, "FF FE (UTF-16LE)"),
        [0xFE, 0xFF, ..] => (Encoding::Utf16Be, "FE FF (UTF-16BE)"),
        _ => return None,
    };
    let even = bytes.len().min(1024) & !1;
    // The window may end within a pair of surrogates.
    let text = [even, even - 2].into_iter().find_map(|end| Text::decode(encoding, &bytes[..end]).ok())?.to_str();
    let printable = text.chars().filter(|c| !c.is_control() || c.is_whitespace()).count();
    if printable == text.chars().count() { certain(format!("the byte order mark {name} and text")) } else { None }
}

/// Whole frames, a START after four bytes, or HELLO's magic. Two bytes like START occur in any large payload.
fn holds_frames(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = find(rest, &START) {
        if matches!(correct(&rest[at..]), Step::Whole { .. }) {
            return true;
        }
        rest = &rest[at + START.len()..];
    }
    bytes.get(4..).is_some_and(|first| first.starts_with(&START))
        || find(&bytes[..bytes.len().min(64)], &MAGIC).is_some()
}

/// Lengths of four bytes that lead from one to the next. Chance makes such lengths, so bytes that hold frames are
/// something else, and a length that leads beyond what has arrived must be followed by text.
pub(super) fn length_prefix(bytes: &[u8]) -> Sighting {
    if holds_frames(bytes) {
        return None;
    }
    let orders: [(&str, Read); 2] = [("big", BigEndian::read_u32), ("little", LittleEndian::read_u32)];
    orders.into_iter().find_map(|(order, read)| {
        let first = bytes.get(..4).map(read).filter(|length| (1..=1 << 24).contains(length))?;
        let (mut rest, mut links) = (bytes, 0_usize);
        let whole = loop {
            let Some((field, after)) = rest.split_at_checked(4) else { break rest.is_empty() };
            let Some(after) = usize::try_from(read(field)).ok().and_then(|length| after.get(length..)) else {
                break (1..=1 << 24).contains(&read(field)) && links > 0 && is_text(after);
            };
            links += 1;
            rest = after;
        };
        let payload = &bytes[4..];
        match (whole, links) {
            (true, 1..) => {
                likely(format!("{}, a {order}-endian length of {first}, and what it leads to", hex(&bytes[..4])))
            }
            (false, 0) if first <= 1 << 20 && payload.len() >= 4 && is_text(payload) => {
                possible(format!("{}, perhaps a {order}-endian length", hex(&bytes[..4])))
            }
            _ => None,
        }
    })
}

/// Printable UTF-8, which may be cut off at the end; a sample of it is enough.
fn is_text(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(256)];
    let valid = core::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true);
    valid && sample.iter().all(|&byte| byte >= b' ' && byte != 0x7F || byte.is_ascii_whitespace())
}

/// Printable text in UTF-8 or a legacy encoding, perhaps after telnet negotiation.
pub(super) fn text(bytes: &[u8]) -> Sighting {
    let mut rest = bytes;
    while let [0xFF, 0xFB..=0xFE, _, after @ ..] = rest {
        rest = after;
    }
    let negotiated = rest.len() < bytes.len();
    let head = &rest[..rest.len().min(1024)];
    if head.is_empty() {
        return if negotiated { likely("telnet negotiation") } else { None };
    }
    let controls =
        head.iter().filter(|&&byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1B | 0x08)).count();
    let letters = head.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ').count();
    // What was read may end within a character.
    let valid = core::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    let seen = || format!("the text {}", quoted(head));
    match (controls, valid) {
        (0, true) if head.len() >= 2 || negotiated => likely(seen()),
        (0, false) if letters * 2 > head.len() => possible(seen()),
        _ => None,
    }
}
