//! The application's part of a body: binary, or text in an encoding.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::frame::{self, Frame};
use crate::misuse::Misuse;
use crate::shown::{Bytes, Excerpt};
use crate::text::{self, Text, without_bom};

/// A payload that was received: checked, and borrowed from its frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Bytes.
    Binary(&'a [u8]),
    /// Text.
    Text(Text<'a>),
}

impl fmt::Debug for Payload<'_> {
    /// The number of bytes, or the text as [`Text`] shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Binary(bytes) => f.debug_tuple("Binary").field(&Bytes(bytes.len())).finish(),
            Payload::Text(text) => fmt::Debug::fmt(text, f),
        }
    }
}

impl<'a> Payload<'a> {
    /// Checks `bytes` as `encoding`.
    ///
    /// # Errors
    /// [`Fault::BadText`] (R5.8).
    #[inline]
    pub fn decode(encoding: Encoding, bytes: &'a [u8]) -> Result<Payload<'a>, Fault> {
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
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// Bytes.
    Binary(&'a [u8]),
    /// Shared bytes, sent as [`Binary`](Content::Binary). The asynchronous connection writes 16 KiB and more of them from
    /// where they are, if the stream takes several parts in one write, as a `TcpStream` does. A
    /// [`Handle`](crate::Handle) copies them.
    #[cfg(feature = "tokio")]
    Bytes(&'a bytes::Bytes),
    /// Text, in the encoding that the peer prefers, or UTF-8 if it has no preference.
    Text(&'a str),
    /// Text, in this encoding.
    TextIn(Encoding, &'a str),
    /// A payload that was received, as it is.
    Payload(Payload<'a>),
}

impl fmt::Debug for Content<'_> {
    /// As that of [`Payload`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::Binary(bytes) => f.debug_tuple("Binary").field(&Bytes(bytes.len())).finish(),
            #[cfg(feature = "tokio")]
            Content::Bytes(bytes) => f.debug_tuple("Bytes").field(&Bytes(bytes.len())).finish(),
            Content::Text(text) => f.debug_tuple("Text").field(&Excerpt(text)).finish(),
            Content::TextIn(encoding, text) => f.debug_tuple("TextIn").field(encoding).field(&Excerpt(text)).finish(),
            Content::Payload(payload) => f.debug_tuple("Payload").field(payload).finish(),
        }
    }
}

impl<'a> Content<'a> {
    /// The encoding in which it is sent to a peer that prefers `preferred`.
    #[inline]
    pub(crate) fn encoding(&self, preferred: Encoding) -> Encoding {
        match self {
            Content::Binary(_) => Encoding::Binary,
            #[cfg(feature = "tokio")]
            Content::Bytes(_) => Encoding::Binary,
            Content::Text(_) if preferred == Encoding::Binary => Encoding::Utf8,
            Content::Text(_) => preferred,
            Content::TextIn(encoding, _) => *encoding,
            Content::Payload(payload) => payload.encoding(),
        }
    }

    /// How many bytes it has before it is converted.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Content::Binary(bytes) => bytes.len(),
            #[cfg(feature = "tokio")]
            Content::Bytes(bytes) => bytes.len(),
            Content::Text(text) | Content::TextIn(_, text) => text.len(),
            Content::Payload(payload) => payload.as_bytes().len(),
        }
    }

    /// The bytes that are sent, if they exist already.
    #[inline]
    fn ready(&self, encoding: Encoding) -> Option<&'a [u8]> {
        match (self, encoding) {
            (Content::Binary(bytes) | Content::Payload(Payload::Binary(bytes)), _) => Some(bytes),
            #[cfg(feature = "tokio")]
            (Content::Bytes(bytes), _) => Some(bytes),
            (Content::Text(text) | Content::TextIn(_, text), Encoding::Binary) => Some(text.as_bytes()),
            (Content::Text(text) | Content::TextIn(_, text), Encoding::Utf8) => Some(without_bom(text).as_bytes()),
            (Content::Payload(Payload::Text(text)), _) if text.is_sendable() => Some(text.as_bytes()),
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

impl<'a> From<&'a String> for Content<'a> {
    fn from(text: &'a String) -> Content<'a> {
        Content::Text(text)
    }
}

impl<'a> From<&'a Vec<u8>> for Content<'a> {
    fn from(bytes: &'a Vec<u8>) -> Content<'a> {
        Content::Binary(bytes)
    }
}

impl<'a> From<&'a Cow<'_, str>> for Content<'a> {
    fn from(text: &'a Cow<'_, str>) -> Content<'a> {
        Content::Text(text)
    }
}

impl<'a> From<&'a Cow<'_, [u8]>> for Content<'a> {
    fn from(bytes: &'a Cow<'_, [u8]>) -> Content<'a> {
        Content::Binary(bytes)
    }
}

#[cfg(feature = "tokio")]
impl<'a> From<&'a bytes::Bytes> for Content<'a> {
    fn from(bytes: &'a bytes::Bytes) -> Content<'a> {
        Content::Bytes(bytes)
    }
}

impl<'a> From<Payload<'a>> for Content<'a> {
    fn from(payload: Payload<'a>) -> Content<'a> {
        Content::Payload(payload)
    }
}

/// [`Content`] that owns its bytes, for a queue or another task.
///
/// ```
/// use bookend::{Content, OwnedContent};
/// let kept = OwnedContent::from(Content::Text("for later"));
/// assert_eq!(kept.as_content(), Content::Text("for later"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnedContent {
    /// As [`Content::Binary`].
    Binary(Vec<u8>),
    /// As [`Content::Text`].
    Text(String),
    /// As [`Content::TextIn`].
    TextIn(Encoding, String),
}

impl fmt::Debug for OwnedContent {
    /// As that of [`Content`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_content(), f)
    }
}

impl OwnedContent {
    /// The content, borrowed.
    #[must_use]
    pub fn as_content(&self) -> Content<'_> {
        match self {
            OwnedContent::Binary(bytes) => Content::Binary(bytes),
            OwnedContent::Text(text) => Content::Text(text),
            OwnedContent::TextIn(encoding, text) => Content::TextIn(*encoding, text),
        }
    }
}

impl From<Content<'_>> for OwnedContent {
    fn from(content: Content<'_>) -> OwnedContent {
        match content {
            Content::Binary(bytes) | Content::Payload(Payload::Binary(bytes)) => OwnedContent::Binary(bytes.to_vec()),
            #[cfg(feature = "tokio")]
            Content::Bytes(bytes) => OwnedContent::Binary(bytes.to_vec()),
            Content::Text(text) => OwnedContent::Text(text.into()),
            Content::TextIn(encoding, text) => OwnedContent::TextIn(encoding, text.into()),
            Content::Payload(Payload::Text(text)) => OwnedContent::TextIn(text.encoding(), text.to_str().into_owned()),
        }
    }
}

impl From<String> for OwnedContent {
    fn from(text: String) -> OwnedContent {
        OwnedContent::Text(text)
    }
}

impl From<Vec<u8>> for OwnedContent {
    fn from(bytes: Vec<u8>) -> OwnedContent {
        OwnedContent::Binary(bytes)
    }
}

impl From<&str> for OwnedContent {
    fn from(text: &str) -> OwnedContent {
        OwnedContent::Text(text.into())
    }
}

impl From<&[u8]> for OwnedContent {
    fn from(bytes: &[u8]) -> OwnedContent {
        OwnedContent::Binary(bytes.into())
    }
}

impl From<Cow<'_, str>> for OwnedContent {
    fn from(text: Cow<'_, str>) -> OwnedContent {
        OwnedContent::Text(text.into_owned())
    }
}

#[cfg(feature = "tokio")]
impl From<bytes::Bytes> for OwnedContent {
    fn from(bytes: bytes::Bytes) -> OwnedContent {
        OwnedContent::Binary(bytes.into())
    }
}

impl<'a> From<&'a OwnedContent> for Content<'a> {
    fn from(content: &'a OwnedContent) -> Content<'a> {
        content.as_content()
    }
}

/// Appends a whole frame to `out`: header, `fixed`, `content` in `encoding`, END. On an error `out` is unchanged.
#[inline]
pub(crate) fn write_frame(
    kind: u8,
    encoding: Encoding,
    fixed: &[u8],
    content: Content<'_>,
    limit: u32,
    out: &mut Vec<u8>,
) -> Result<(), Misuse> {
    let Some(payload) = content.ready(encoding) else {
        return write_converted(kind, encoding, fixed, content, limit, out);
    };
    Frame::encode_parts(kind, encoding, [fixed, payload], limit, out)
}

/// The same for text that must be converted: its length is known only afterwards.
fn write_converted(
    kind: u8,
    encoding: Encoding,
    fixed: &[u8],
    content: Content<'_>,
    limit: u32,
    out: &mut Vec<u8>,
) -> Result<(), Misuse> {
    let text = match content {
        Content::Text(text) | Content::TextIn(_, text) => Cow::Borrowed(text),
        Content::Payload(Payload::Text(text)) => text.to_str(),
        _ => unreachable!("binary is ready as it is"),
    };
    frame::append_with(kind, encoding, limit, out, |out| {
        out.extend_from_slice(fixed);
        text::encode(encoding, &text, out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(content: Content<'_>) -> Result<Vec<u8>, Misuse> {
        let mut out = Vec::new();
        write_frame(2, content.encoding(Encoding::Utf8), &[], content, 64, &mut out)?;
        Ok(out[frame::HEADER_LENGTH..out.len() - frame::END.len()].to_vec())
    }

    #[test]
    fn payload_received_after_a_byte_order_mark_is_passed_on_as_legal_text() {
        // [R5.5] [R5.15]
        let passed_on = |encoding, bytes| body(Content::Payload(Payload::decode(encoding, bytes).expect("is legal")));
        assert_eq!(passed_on(Encoding::Utf8, b"\xEF\xBB\xBF\xEF\xBB\xBFa"), Ok(b"a".to_vec()));
        assert_eq!(passed_on(Encoding::Utf16Le, b"\xFF\xFE\xFF\xFEa\0"), Ok(b"a\0".to_vec()));
        let refused = Misuse::UnmappableText { encoding: Encoding::Utf16Be, offset: 0 };
        assert_eq!(passed_on(Encoding::Utf16Be, b"\xFE\xFF\xFF\xFE"), Err(refused));
        assert_eq!(passed_on(Encoding::Binary, b"\xEF\xBB\xBFa"), Ok(b"\xEF\xBB\xBFa".to_vec()));
    }

    #[test]
    fn text_is_sent_without_a_byte_order_mark() {
        // [R5.5]
        for content in [Content::Text("\u{FEFF}a"), Content::Payload(Payload::Text(Text::utf8("\u{FEFF}a")))] {
            assert_eq!(body(content), Ok(b"a".to_vec()));
        }
        assert_eq!(body(Content::TextIn(Encoding::Utf16Be, "\u{FEFF}a")), Ok(b"\0a".to_vec()));
    }
}
