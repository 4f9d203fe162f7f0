//! Frames in a rendering: how they are written from parts, and where they end.
//!
//! The hub writes a frame once for all members that share a rendition, straight from the parts of its body, and finds
//! the ends of its own frames again. Frames of peers are the session's business.

use bookend::{END, Encoding, HEADER_LENGTH, START};

/// Appends a frame. Returns the length of its body.
pub(super) fn write(out: &mut Vec<u8>, kind: u8, encoding: Encoding, body: &[&[u8]]) -> usize {
    let length = body.iter().map(|part| part.len()).sum::<usize>();
    out.reserve(HEADER_LENGTH + length + END.len());
    out.extend_from_slice(&START);
    out.extend_from_slice(&[kind, encoding as u8]);
    let field = u32::try_from(length).expect("Config::hello limits bodies so that they stay short when escaped");
    out.extend_from_slice(&field.to_be_bytes());
    for part in body {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&END);
    length
}

/// The length of the frame at the start of `bytes`.
pub(super) fn length(bytes: &[u8]) -> usize {
    HEADER_LENGTH + body_length(bytes) + END.len()
}

/// The length of the body of the frame at the start of `bytes`.
pub(super) fn body_length(bytes: &[u8]) -> usize {
    bytes[4..].first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize)
}
