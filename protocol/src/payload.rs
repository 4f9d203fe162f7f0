//! The application's part of a body: binary, or text in an encoding.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::error::Error;
use crate::frame::{self, END, OVERHEAD};
use crate::text::{self, Encoding, Text};

/// A payload that was received: checked, and borrowed from its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Bytes.
    Binary(&'a [u8]),
    /// Text.
    Text(Text<'a>),
}

impl<'a> Payload<'a> {
    /// Checks `bytes` as `encoding`.
    ///
    /// # Errors
    /// [`Error::BadText`] (R5.8).
    #[inline]
    pub fn decode(encoding: Encoding, bytes: &'a [u8]) -> Result<Payload<'a>, Error> {
        match encoding {
            Encoding::Binary => Ok(Payload::Binary(bytes)),
            encoding => Text::decode(encoding, bytes).map(Payload::Text),
        }
    }

    /// Its encoding on the wire.
    #[inline]
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        match self {
            Payload::Binary(_) => Encoding::Binary,
            Payload::Text(text) => text.encoding(),
        }
    }

    /// The bytes on the wire, without byte order mark.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Payload::Binary(bytes) => bytes,
            Payload::Text(text) => text.as_bytes(),
        }
    }

    /// The text, unless the payload is binary.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Payload::Binary(_) => None,
            Payload::Text(text) => Some(text.to_str()),
        }
    }
}

/// A payload to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// Bytes.
    Binary(&'a [u8]),
    /// Text, in the encoding that the peer prefers; UTF-8 where it has no preference.
    Text(&'a str),
    /// Text, in this encoding.
    TextIn(Encoding, &'a str),
    /// A payload that was received, as it is.
    Payload(Payload<'a>),
}

impl<'a> Content<'a> {
    /// The encoding that it goes out in, to a peer that prefers `preferred`.
    #[inline]
    pub(crate) fn encoding(&self, preferred: Encoding) -> Encoding {
        match self {
            Content::Binary(_) => Encoding::Binary,
            Content::Text(_) if preferred == Encoding::Binary => Encoding::Utf8,
            Content::Text(_) => preferred,
            Content::TextIn(encoding, _) => *encoding,
            Content::Payload(payload) => payload.encoding(),
        }
    }

    /// The bytes that it goes out as, if they exist already.
    #[inline]
    fn ready(&self, encoding: Encoding) -> Option<&'a [u8]> {
        match (self, encoding) {
            (Content::Binary(bytes), _) => Some(bytes),
            (Content::Text(text) | Content::TextIn(_, text), Encoding::Binary | Encoding::Utf8) => {
                Some(text.as_bytes())
            }
            (Content::Payload(payload), _) => Some(payload.as_bytes()),
            _ => None,
        }
    }
}

impl<'a> From<&'a str> for Content<'a> {
    fn from(text: &'a str) -> Content<'a> {
        Content::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Content<'a> {
        Content::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Content<'a> {
    fn from(bytes: &'a [u8; N]) -> Content<'a> {
        Content::Binary(bytes)
    }
}

impl<'a> From<Payload<'a>> for Content<'a> {
    fn from(payload: Payload<'a>) -> Content<'a> {
        Content::Payload(payload)
    }
}

/// Appends a whole frame to `out`: header, `fixed`, `content` in `encoding`, END. On an error `out` is as it was.
#[inline]
pub(crate) fn write_frame(
    kind: u8,
    encoding: Encoding,
    fixed: &[u8],
    content: Content<'_>,
    limit: u32,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let Some(payload) = content.ready(encoding) else {
        return write_converted(kind, encoding, fixed, content, limit, out);
    };
    let length = frame::checked_length(fixed.len() + payload.len(), limit)?;
    out.reserve(length as usize + OVERHEAD);
    out.extend_from_slice(&frame::header(kind, encoding, length));
    out.extend_from_slice(fixed);
    out.extend_from_slice(payload);
    out.extend_from_slice(&END);
    Ok(())
}

/// The same for text whose length is known only once it has been converted.
fn write_converted(
    kind: u8,
    encoding: Encoding,
    fixed: &[u8],
    content: Content<'_>,
    limit: u32,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let start = out.len();
    let (Content::Text(text) | Content::TextIn(_, text)) = content else {
        unreachable!("binary and payloads are ready as they are")
    };
    out.extend_from_slice(&frame::header(kind, encoding, 0));
    out.extend_from_slice(fixed);
    let converted = text::encode(encoding, text, out)
        .and_then(|()| frame::checked_length(out.len() - start - frame::HEADER_LENGTH, limit));
    match converted {
        Ok(length) => {
            out[start..start + frame::HEADER_LENGTH].copy_from_slice(&frame::header(kind, encoding, length));
            out.extend_from_slice(&END);
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}
