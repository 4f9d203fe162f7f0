//! A payload that owns its bytes, for a queue or another task.

use std::borrow::Cow;
use std::fmt;

use bytes::{Buf, Bytes};

use crate::encoding::Encoding;
use crate::payload::{Content, OwnedContent, Payload};
use crate::text::without_mark;

/// A payload that was received, checked, and owns its bytes. A clone shares them.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedPayload {
    pub(super) encoding: Encoding,
    /// As they arrived, perhaps with a byte order mark.
    pub(super) bytes: Bytes,
}

impl fmt::Debug for OwnedPayload {
    /// As that of [`Payload`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_payload(), f)
    }
}

impl OwnedPayload {
    /// The payload, borrowed. Text is checked again, which takes a time that is linear in its length.
    #[must_use]
    pub fn as_payload(&self) -> Payload<'_> {
        Payload::decode(self.encoding, &self.bytes).expect("was checked when it arrived")
    }

    /// Its encoding on the wire.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The bytes on the wire, without byte order mark.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        without_mark(self.encoding, &self.bytes)
    }

    /// The bytes on the wire, without byte order mark, not copied.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        self.bytes.advance(self.bytes.len() - self.as_bytes().len());
        self.bytes
    }

    /// The text, unless the payload is binary.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        self.as_payload().text()
    }
}

impl<'a> From<&'a OwnedPayload> for Content<'a> {
    fn from(payload: &'a OwnedPayload) -> Content<'a> {
        Content::Payload(payload.as_payload())
    }
}

impl From<OwnedPayload> for OwnedContent {
    fn from(payload: OwnedPayload) -> OwnedContent {
        Content::Payload(payload.as_payload()).into()
    }
}
