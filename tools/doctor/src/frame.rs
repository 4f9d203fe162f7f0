//! Frames as a check sends and reads them. Their contents may be invalid.

use std::fmt;

use bookend::{Code, Encoding, Message, OVERHEAD, kind};

/// A frame as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) encoding: Encoding,
    pub(super) body: Vec<u8>,
}

/// The contents of an ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorMessage {
    pub(super) id: u32,
    pub(super) frame: u32,
    pub(super) code: Code,
    pub(super) reason: String,
}

impl Frame {
    pub(super) fn of(frame: bookend::Frame<'_>) -> Frame {
        Frame { kind: frame.kind(), encoding: frame.encoding(), body: frame.body().to_vec() }
    }

    pub(super) fn wire_length(&self) -> usize {
        self.body.len() + OVERHEAD
    }

    /// The message; `None` if it is malformed, has bad text, or its kind is ignored.
    pub(super) fn message(&self) -> Option<Message<'_>> {
        Message::parse(bookend::Frame::new(self.kind, self.encoding, &self.body).ok()?).ok().flatten()
    }

    pub(super) fn as_close(&self) -> Option<(Code, String)> {
        match self.message()? {
            Message::Close { code, reason } => Some((code, reason.to_str().into_owned())),
            _ => None,
        }
    }

    pub(super) fn as_error(&self) -> Option<ErrorMessage> {
        let Message::Error(bookend::Refusal { id, frame, code, reason }) = self.message()? else { return None };
        Some(ErrorMessage { id, frame, code, reason: reason.to_str().into_owned() })
    }

    /// The name for rows.
    pub(super) fn name(&self) -> String {
        named(self.kind)
    }
}

/// The name of a kind for rows.
pub(super) fn named(kind: u8) -> String {
    kind::name(kind).map_or_else(|| format!("a frame of kind {kind:02x}"), Into::into)
}

/// A well-formed frame. Its contents may be invalid.
pub(super) fn frame(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    bookend::Frame::new(kind, encoding, body).expect("no check sends gigabytes").encode(&mut wire);
    wire
}

/// A MESSAGE.
pub(super) fn message(encoding: Encoding, payload: &[u8]) -> Vec<u8> {
    frame(kind::MESSAGE, encoding, payload)
}

/// A CLOSE as rows quote it.
pub(super) fn quoted_close(code: Code, reason: &str) -> String {
    if reason.is_empty() { format!("CLOSE {} without a reason", code.0) } else { format!("CLOSE {}: {reason}", code.0) }
}

impl fmt::Display for ErrorMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR {}: {}", self.code.0, self.reason)
    }
}
