//! A codec for tokio-util's `Framed` (feature `tokio`).

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec;

use crate::encoding::Encoding;
use crate::error::ConnectionError;
use crate::fault::Fault;
use crate::frame::{Decoder, Frame, HEADER_LENGTH, MAX_LENGTH, OVERHEAD, checked_length};

/// A frame that owns its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct FrameBuf {
    /// Header and body, split off the read buffer.
    wire: Bytes,
}

impl fmt::Debug for FrameBuf {
    /// As that of [`Frame`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FrameBuf").field(&self.as_frame()).finish()
    }
}

impl FrameBuf {
    /// Splits the frame off that `source` begins with, and that has a body of `length` bytes.
    ///
    /// All of it happens in registers in this order. To change `source` before it is split, or the other end of either
    /// part, costs as much as to decode.
    #[inline(always)]
    fn split_off(source: &mut BytesMut, length: usize) -> FrameBuf {
        let mut frame = source.split_to(length + OVERHEAD);
        frame.truncate(HEADER_LENGTH + length);
        FrameBuf { wire: frame.freeze() }
    }

    /// The same frame, borrowed, as [`Message::parse`](crate::Message::parse) takes it.
    #[inline]
    #[must_use]
    pub fn as_frame(&self) -> Frame<'_> {
        Frame::new(self.kind(), self.encoding(), self.body()).expect("its length was in a header")
    }

    /// The kind byte; [`kind`](crate::kind) has the constants.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> u8 {
        self.wire[2]
    }

    /// The encoding of the payload.
    #[inline]
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        Encoding::from_byte(self.wire[3]).expect("made of a sound frame")
    }

    /// The bytes between header and END.
    #[inline]
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.wire[HEADER_LENGTH..]
    }

    /// The bytes between header and END, not copied.
    #[inline]
    #[must_use]
    pub fn into_body(mut self) -> Bytes {
        self.wire.advance(HEADER_LENGTH);
        self.wire
    }
}

/// Frames for tokio-util's `Framed`, which is a `Stream` and a `Sink`; without a session, so HELLO, keepalive and CLOSE
/// are the application's task.
///
/// [`Connection`](crate::Connection) does these, and is faster: `Framed` gives every frame a reference count.
///
/// ```
/// use bookend::{Codec, Encoding, Frame, kind};
/// use tokio_util::codec::{Decoder, Encoder};
/// let mut codec = Codec::new(1 << 20);
/// let mut buffer = bytes::BytesMut::new();
/// codec.encode(Frame::new(kind::MESSAGE, Encoding::Utf8, b"hi")?, &mut buffer)?;
/// assert_eq!(codec.decode(&mut buffer)?.unwrap().body(), b"hi");
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
        Codec { decoder: Decoder::new(limit), limit: limit.min(MAX_LENGTH) }
    }
}

impl codec::Decoder for Codec {
    type Item = FrameBuf;
    type Error = ConnectionError;

    #[inline(always)] // a frame that is returned through memory costs as much again
    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<FrameBuf>, ConnectionError> {
        let Some((frame, _)) = self.decoder.whole(source) else { return self.decode_in_parts(source) };
        self.decoder.pass(frame);
        let length = frame.body().len();
        Ok(Some(FrameBuf::split_off(source, length)))
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<FrameBuf>, ConnectionError> {
        match self.decode(source)? {
            None if !source.is_empty() => Err(Fault::Truncated { arrived: source.len() as u64 }.into()),
            decoded => Ok(decoded),
        }
    }
}

impl Codec {
    /// What `decode` does unless a sound frame lies whole in the source.
    #[cold]
    fn decode_in_parts(&mut self, source: &mut BytesMut) -> Result<Option<FrameBuf>, ConnectionError> {
        let Some(frame) = self.decoder.decode_in_parts(&mut &source[..])? else {
            self.make_room(source);
            return Ok(None);
        };
        let length = frame.body().len();
        Ok(Some(FrameBuf::split_off(source, length)))
    }

    /// Makes room for the rest of the frame in progress: in memory that is there already, or else in new memory of at
    /// most 64 KiB, or as much as has arrived.
    fn make_room(&self, source: &mut BytesMut) {
        if let Some(expected) = self.decoder.expected() {
            let missing = usize::try_from(expected).unwrap_or(usize::MAX).saturating_sub(source.len());
            if !source.try_reclaim(missing) {
                source.reserve(missing.min(source.len().max(STEP)));
            }
        }
    }
}

impl codec::Encoder<Frame<'_>> for Codec {
    type Error = ConnectionError;

    #[inline]
    fn encode(&mut self, frame: Frame<'_>, out: &mut BytesMut) -> Result<(), ConnectionError> {
        checked_length(frame.body().len(), self.limit)?;
        let (header, body, end) = frame.parts();
        out.reserve(body.len() + OVERHEAD);
        out.extend_from_slice(&header);
        out.extend_from_slice(body);
        out.extend_from_slice(&end);
        Ok(())
    }
}
