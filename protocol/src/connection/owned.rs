//! Messages that own their bytes, for a queue or another task.

use core::num::NonZeroU32;
use std::fmt;

use bytes::Bytes;

use super::payload::OwnedPayload;
use super::request::Request;
use crate::frame::Frame;
use crate::kind;
use crate::message::Message;

/// A message that owns its bytes: what a [`Receiver`](super::Receiver) and the [`Stream`](futures_core::Stream) of a
/// [`Connection`](super::Connection) return.
#[derive(Debug)]
#[non_exhaustive]
pub enum OwnedMessage {
    /// MESSAGE: an application's payload.
    Message(OwnedPayload),
    /// REQUEST: wants one answer, which the guard gives.
    Request(Request),
    /// Any other kind.
    Other(OtherMessage),
}

/// A message that is neither a MESSAGE nor a REQUEST, and owns its bytes.
pub struct OtherMessage {
    /// A whole frame.
    wire: Bytes,
}

impl fmt::Debug for OtherMessage {
    /// As that of [`Message`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_message(), f)
    }
}

impl OtherMessage {
    /// The message, borrowed.
    #[must_use]
    pub fn as_message(&self) -> Message<'_> {
        let (frame, _) = Frame::split_first(&self.wire).expect("made of a sound frame");
        Message::parse_agreed(frame).ok().flatten().expect("was checked when it arrived")
    }
}

impl OwnedMessage {
    /// The message, borrowed, as the connection's [`next`](super::Connection::next) returns it.
    #[must_use]
    pub fn as_message(&self) -> Message<'_> {
        match self {
            OwnedMessage::Message(payload) => Message::Message(payload.as_payload()),
            OwnedMessage::Request(request) => {
                Message::Request { id: request.id(), payload: request.payload().as_payload() }
            }
            OwnedMessage::Other(other) => other.as_message(),
        }
    }

    /// The payload of a MESSAGE; otherwise the message itself.
    ///
    /// # Errors
    /// The message, if it is of another kind.
    pub fn into_payload(self) -> Result<OwnedPayload, OwnedMessage> {
        match self {
            OwnedMessage::Message(payload) => Ok(payload),
            other => Err(other),
        }
    }

    /// How many bytes it holds.
    pub(super) fn length(&self) -> usize {
        match self {
            OwnedMessage::Message(payload) => payload.bytes.len(),
            OwnedMessage::Request(request) => request.payload().bytes.len(),
            OwnedMessage::Other(other) => other.wire.len(),
        }
    }

    /// Owns a message that the session has checked, and its frame; `request` makes the guard of a REQUEST.
    pub(super) fn of(frame: Frame<'_>, request: impl FnOnce(NonZeroU32, OwnedPayload) -> Request) -> OwnedMessage {
        let payload = |body: &[u8]| OwnedPayload { encoding: frame.encoding(), bytes: Bytes::copy_from_slice(body) };
        match (frame.kind(), frame.body().split_first_chunk()) {
            (kind::MESSAGE, _) => OwnedMessage::Message(payload(frame.body())),
            (kind::REQUEST, Some((id, rest))) if let Some(id) = NonZeroU32::new(u32::from_be_bytes(*id)) => {
                OwnedMessage::Request(request(id, payload(rest)))
            }
            _ => {
                let mut wire = Vec::with_capacity(frame.wire_length());
                frame.encode(&mut wire);
                OwnedMessage::Other(OtherMessage { wire: wire.into() })
            }
        }
    }
}
