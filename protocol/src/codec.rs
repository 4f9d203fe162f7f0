//! A codec for tokio-util's `Framed` (feature `tokio`).

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec;

use crate::edge::ConnectionError;
use crate::error::Error;
use crate::frame::{Decoder, END, Frame, HEADER_LENGTH, OVERHEAD, checked_length, header};
use crate::text::Encoding;

/// A frame that owns its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameBuf {
    /// The kind byte; [`kind`](crate::kind) has the constants.
    pub kind: u8,
    /// The encoding of the payload.
    pub encoding: Encoding,
    /// The bytes between header and END.
    pub body: Bytes,
}

impl FrameBuf {
    /// The same frame, borrowed, as [`Message::parse`](crate::Message::parse) takes it.
    ///
    /// # Errors
    /// [`Error::TooLong`] for a body over [`MAX_LENGTH`](crate::MAX_LENGTH).
    pub fn as_frame(&self) -> Result<Frame<'_>, Error> {
        Frame::new(self.kind, self.encoding, &self.body)
    }
}

/// Frames for `Framed`, without a session: HELLO, keepalive and CLOSE are yours to do.
///
/// [`Connection`](crate::Connection) does them, and is faster: `Framed` gives every frame a reference count.
///
/// ```
/// use bookend::{Codec, Encoding, FrameBuf, kind};
/// use tokio_util::codec::{Decoder, Encoder};
/// let mut codec = Codec::new(1 << 20);
/// let mut buffer = bytes::BytesMut::new();
/// codec.encode(FrameBuf { kind: kind::MESSAGE, encoding: Encoding::Utf8, body: "hi".into() }, &mut buffer)?;
/// assert_eq!(&codec.decode(&mut buffer)?.unwrap().body[..], b"hi");
/// # Ok::<(), bookend::ConnectionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Codec {
    decoder: Decoder,
    limit: u32,
}

/// Bytes to reserve at a time while a body arrives (R8.1).
const STEP: usize = 64 << 10;

impl Codec {
    /// A codec that reads and writes bodies of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: u32) -> Codec {
        Codec { decoder: Decoder::new(limit), limit: limit.min(crate::MAX_LENGTH) }
    }
}

impl codec::Decoder for Codec {
    type Item = FrameBuf;
    type Error = ConnectionError;

    #[inline]
    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<FrameBuf>, ConnectionError> {
        let mut rest = &source[..];
        let Some(frame) = self.decoder.decode(&mut rest)? else {
            self.make_room(source);
            return Ok(None);
        };
        let (kind, encoding, length) = (frame.kind(), frame.encoding(), frame.body().len());
        source.advance(HEADER_LENGTH);
        let body = source.split_to(length).freeze();
        source.advance(END.len());
        Ok(Some(FrameBuf { kind, encoding, body }))
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<FrameBuf>, ConnectionError> {
        match self.decode(source)? {
            None if !source.is_empty() => Err(Error::Truncated { arrived: source.len() as u64 }.into()),
            decoded => Ok(decoded),
        }
    }
}

impl Codec {
    /// Room for the rest of the frame in progress: in memory that is there already, else in new memory of no more
    /// than 64 KiB or as much as has come.
    fn make_room(&self, source: &mut BytesMut) {
        if let Some(expected) = self.decoder.expected() {
            let missing = usize::try_from(expected).unwrap_or(usize::MAX).saturating_sub(source.len());
            if !source.try_reclaim(missing) {
                source.reserve(missing.min(source.len().max(STEP)));
            }
        }
    }
}

impl codec::Encoder<FrameBuf> for Codec {
    type Error = ConnectionError;

    #[inline]
    fn encode(&mut self, frame: FrameBuf, out: &mut BytesMut) -> Result<(), ConnectionError> {
        let length = checked_length(frame.body.len(), self.limit)?;
        out.reserve(frame.body.len() + OVERHEAD);
        out.extend_from_slice(&header(frame.kind, frame.encoding, length));
        out.extend_from_slice(&frame.body);
        out.extend_from_slice(&END);
        Ok(())
    }
}
