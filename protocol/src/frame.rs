//! The frame: START, kind, encoding, length, body, END (SPEC 2).

use alloc::vec::Vec;
use core::fmt;

use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::misuse::Misuse;
use crate::shown::Bytes;

/// The first two bytes of a frame.
pub const START: [u8; 2] = [0xF5, 0xF8];
/// The last two bytes of a frame.
pub const END: [u8; 2] = [0xF8, 0xF5];
/// Bytes before the body: START, kind, encoding, length.
pub const HEADER_LENGTH: usize = 8;
/// Bytes of a frame that are not body.
pub const OVERHEAD: usize = HEADER_LENGTH + END.len();
/// The longest body that the length field allows, in bytes (R2.6).
pub const MAX_LENGTH: u32 = 0x7FFF_FFFF;

/// One frame, borrowed from the buffer that it was read into or will be written from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    kind: u8,
    encoding: Encoding,
    body: &'a [u8],
}

impl fmt::Debug for Frame<'_> {
    /// The length in place of the body, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Frame { kind, encoding, body } = self;
        f.debug_struct("Frame")
            .field("kind", kind)
            .field("encoding", encoding)
            .field("body", &Bytes(body.len()))
            .finish()
    }
}

impl<'a> Frame<'a> {
    /// Makes a frame.
    ///
    /// # Errors
    /// [`Misuse::TooLong`] for a body over [`MAX_LENGTH`].
    pub fn new(kind: u8, encoding: Encoding, body: &'a [u8]) -> Result<Frame<'a>, Misuse> {
        checked_length(body.len(), MAX_LENGTH)?;
        Ok(Frame { kind, encoding, body })
    }

    /// The frame that `bytes` begins with, and what follows it; `None` unless all of the frame is there and sound.
    ///
    /// For frames that this program wrote or checked before; a [`Decoder`] reads a stream and names its faults.
    ///
    /// ```
    /// # use bookend::Frame;
    /// let (frame, rest) = Frame::split_first(b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5\xF5\xF8").unwrap();
    /// assert_eq!((frame.body(), rest), (&b"hi"[..], &b"\xF5\xF8"[..]));
    /// ```
    #[inline]
    #[must_use]
    pub fn split_first(bytes: &'a [u8]) -> Option<(Frame<'a>, &'a [u8])> {
        whole_frame(bytes, MAX_LENGTH)
    }

    /// Appends a frame to `out` whose body is `parts`, one after the other, with one reservation.
    ///
    /// ```
    /// # use bookend::{Encoding, Frame, MAX_LENGTH, kind};
    /// let mut out = Vec::new();
    /// let to = 7_u32.to_be_bytes();
    /// Frame::encode_parts(kind::POST, Encoding::Utf8, [&to, b"hi"], MAX_LENGTH, &mut out)?;
    /// assert_eq!(out, b"\xF5\xF8\x12\x02\0\0\0\x06\0\0\0\x07hi\xF8\xF5");
    /// # Ok::<(), bookend::Misuse>(())
    /// ```
    ///
    /// # Errors
    /// [`Misuse::TooLong`] for a body of more than `max` bytes, or [`MAX_LENGTH`]; `out` is unchanged.
    #[inline]
    pub fn encode_parts<const N: usize>(
        kind: u8,
        encoding: Encoding,
        parts: [&[u8]; N],
        max: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        let length = checked_length(parts.iter().map(|part| part.len()).sum(), max.min(MAX_LENGTH))?;
        append(header(kind, encoding, length), parts, length as usize, out);
        Ok(())
    }

    /// The kind byte; [`kind`](crate::kind) has the constants (SPEC 3).
    #[inline]
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The encoding of the payload (SPEC 5).
    #[inline]
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The bytes between header and END: the kind's fixed part and the payload.
    #[inline]
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Bytes of the whole frame on the wire.
    #[inline]
    #[must_use]
    pub fn wire_length(&self) -> usize {
        self.body.len() + OVERHEAD
    }

    /// Appends the frame to `out`, with one reservation.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        append(self.header(), [self.body], self.body.len(), out);
    }

    /// The header, the body and END for a vectored write: a large body is not copied.
    #[must_use]
    pub fn parts(&self) -> ([u8; HEADER_LENGTH], &'a [u8], [u8; 2]) {
        (self.header(), self.body, END)
    }

    #[inline]
    fn header(&self) -> [u8; HEADER_LENGTH] {
        #[expect(clippy::cast_possible_truncation, reason = "`new` and the decoder keep it within MAX_LENGTH")]
        header(self.kind, self.encoding, self.body.len() as u32)
    }
}

/// Appends a whole frame to `out`; the parts of its body have `length` bytes together.
#[inline]
fn append<const N: usize>(header: [u8; HEADER_LENGTH], parts: [&[u8]; N], length: usize, out: &mut Vec<u8>) {
    out.reserve(length + OVERHEAD);
    out.extend_from_slice(&header);
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&END);
}

/// Appends a frame to `out` whose body's length is known only once the body is there: the header's
/// place is kept, `body` appends, then the header and END are written. On an error `out` is unchanged.
pub(crate) fn append_with(
    kind: u8,
    encoding: Encoding,
    max: u32,
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Misuse>,
) -> Result<(), Misuse> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_LENGTH]);
    let written = body(out).and_then(|()| checked_length(out.len() - start - HEADER_LENGTH, max));
    match written {
        Ok(length) => {
            out[start..start + HEADER_LENGTH].copy_from_slice(&header(kind, encoding, length));
            out.extend_from_slice(&END);
            Ok(())
        }
        Err(misuse) => {
            out.truncate(start);
            Err(misuse)
        }
    }
}

/// The eight bytes before a body of `length` bytes.
#[inline]
fn header(kind: u8, encoding: Encoding, length: u32) -> [u8; HEADER_LENGTH] {
    let word = (0xF5F8_u64 << 48) | (u64::from(kind) << 40) | (u64::from(encoding as u8) << 32) | u64::from(length);
    word.to_be_bytes()
}

/// `length` as the length field of a body to send, which must not exceed `max`.
#[inline]
pub(crate) fn checked_length(length: usize, max: u32) -> Result<u32, Misuse> {
    match u32::try_from(length) {
        Ok(short) if short <= max => Ok(short),
        _ => Err(Misuse::TooLong { length: length as u64, max }),
    }
}

/// Finds the frames in a stream, incrementally, in the reader's own buffer.
///
/// It allocates nothing and keeps no bytes: memory follows what the reader keeps, not what a header claims.
/// A fault is final: every later call returns the same one (R2.14).
///
/// ```
/// # use bookend::{Decoder, Encoding, Fault};
/// let mut decoder = Decoder::new(1 << 20);
/// let read = b"\xF5\xF8\x02\x02\0\0\0\x02hi\xF8\xF5\xF5\xF8";
/// let mut rest = &read[..];
/// while let Some(frame) = decoder.decode(&mut rest)? {
///     assert_eq!((frame.encoding(), frame.body()), (Encoding::Utf8, &b"hi"[..]));
/// }
/// assert_eq!(rest, b"\xF5\xF8"); // keep these, and call again with more after them
/// # Ok::<(), Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    limit: u32,
    /// Where the frame in progress begins, in bytes from the first START of the stream.
    offset: u64,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The header is not complete.
    Header,
    /// The header has been judged; its frame is not complete.
    Body {
        kind: u8,
        encoding: Encoding,
        length: u32,
    },
    Failed(Fault),
}

impl Decoder {
    /// A decoder that accepts bodies of at most `limit` bytes ([`MAX_LENGTH`] at most).
    #[must_use]
    pub fn new(limit: u32) -> Decoder {
        Decoder { limit: limit.min(MAX_LENGTH), offset: 0, progress: Progress::Header }
    }

    /// Changes the limit for the frames after the one in progress, in bytes of body.
    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit.min(MAX_LENGTH);
    }

    /// Where the frame in progress begins, in bytes from the first START of the stream.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the frame in progress on the wire, once its header has arrived.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        match self.progress {
            Progress::Body { length, .. } => Some(u64::from(length) + OVERHEAD as u64),
            _ => None,
        }
    }

    /// The next frame of `input`, which begins where the frame in progress does and is advanced past it;
    /// `None` when there is not enough yet.
    ///
    /// # Errors
    /// [`Fault::BadStart`], [`Fault::UnknownEncoding`], [`Fault::TooLong`], [`Fault::BadEnd`],
    /// on the first byte or field that proves it (SPEC 2).
    #[inline]
    pub fn decode<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Fault> {
        if let Some((frame, rest)) = self.whole(input) {
            self.pass(frame);
            *input = rest;
            return Ok(Some(frame));
        }
        self.decode_in_parts(input)
    }

    /// The frame at the start of `input` and what follows it, if none is in progress and this one is whole and sound.
    #[inline]
    pub(crate) fn whole<'a>(&self, input: &'a [u8]) -> Option<(Frame<'a>, &'a [u8])> {
        if self.progress == Progress::Header { whole_frame(input, self.limit) } else { None }
    }

    /// Continues after a frame that [`whole`](Decoder::whole) has found.
    #[inline]
    pub(crate) fn pass(&mut self, frame: Frame<'_>) {
        self.offset += frame.wire_length() as u64;
    }

    /// The slow path of `decode`: the input does not begin with a whole and sound frame.
    pub(crate) fn decode_in_parts<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Fault> {
        let step = match self.progress {
            Progress::Failed(error) => Err(error),
            Progress::Header => self.judge_header(input).and_then(|header| match header {
                Some((kind, encoding, length)) => {
                    self.progress = Progress::Body { kind, encoding, length };
                    self.judge_end(input, kind, encoding, length)
                }
                None => Ok(None),
            }),
            Progress::Body { kind, encoding, length } => self.judge_end(input, kind, encoding, length),
        };
        match step {
            Ok(Some(frame)) => {
                *input = &input[frame.wire_length()..];
                self.offset += frame.wire_length() as u64;
                self.progress = Progress::Header;
            }
            Ok(None) => {}
            Err(error) => self.progress = Progress::Failed(error),
        }
        step
    }

    fn judge_header(&self, input: &[u8]) -> Result<Option<(u8, Encoding, u32)>, Fault> {
        for (position, (&found, wanted)) in (0..).zip(input.iter().zip(START)) {
            if found != wanted {
                return Err(Fault::BadStart { offset: self.offset + position, found });
            }
        }
        let Some(&found) = input.get(3) else { return Ok(None) };
        let Some(encoding) = Encoding::from_byte(found) else {
            return Err(Fault::UnknownEncoding { offset: self.offset + 3, found });
        };
        let Some(&[_, _, kind, _, a, b, c, d]) = input.first_chunk::<HEADER_LENGTH>() else { return Ok(None) };
        let length = u32::from_be_bytes([a, b, c, d]);
        if length > self.limit {
            return Err(Fault::TooLong { offset: self.offset + 4, length: u64::from(length), max: self.limit });
        }
        Ok(Some((kind, encoding, length)))
    }

    fn judge_end<'a>(
        &self,
        input: &'a [u8],
        kind: u8,
        encoding: Encoding,
        length: u32,
    ) -> Result<Option<Frame<'a>>, Fault> {
        let end = HEADER_LENGTH + length as usize;
        for (position, wanted) in (end..).zip(END) {
            let Some(&found) = input.get(position) else { return Ok(None) };
            if found != wanted {
                return Err(Fault::BadEnd { offset: self.offset + position as u64, found, length });
            }
        }
        Ok(Some(Frame { kind, encoding, body: &input[HEADER_LENGTH..end] }))
    }
}

/// The frame at the start of `input` and what follows it, if all of it is there and sound.
#[inline]
fn whole_frame(input: &[u8], limit: u32) -> Option<(Frame<'_>, &[u8])> {
    let (&[start, start_end, kind, encoding, a, b, c, d], rest) = input.split_first_chunk::<HEADER_LENGTH>()?;
    let length = u32::from_be_bytes([a, b, c, d]);
    let encoding = Encoding::from_byte(encoding)?;
    if [start, start_end] != START || length > limit {
        return None;
    }
    let (body, rest) = rest.split_at_checked(length as usize)?;
    let (end, rest) = rest.split_first_chunk::<2>()?;
    (*end == END).then_some((Frame { kind, encoding, body }, rest))
}
