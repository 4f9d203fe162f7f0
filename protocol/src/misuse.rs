//! What an application asked for that the protocol forbids: one flat [`Misuse`].

use core::fmt;

use crate::code::Code;
use crate::encoding::Encoding;

/// A call that the protocol forbids, or that the peer's HELLO does. Nothing was sent, and the session is unaffected.
///
/// What the peer does wrong is a [`Fault`](crate::Fault). The names are those of SPEC 6, where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The session is not open yet, or not any more (R4.2, R7.5).
    NotOpen,
    /// A body is longer than the peer accepts (R4.17), or than a frame can be (R2.6).
    TooLong {
        /// The length of the body, in bytes.
        length: u64,
        /// The limit in force, in bytes.
        max: u32,
    },
    /// The encoding cannot carry the text (R5.13).
    UnmappableText {
        /// The encoding that was wanted.
        encoding: Encoding,
        /// The first such character, in bytes of UTF-8 from the start of the text.
        offset: usize,
    },
    /// The peer does not accept the encoding (R5.10).
    EncodingRefused {
        /// The encoding.
        encoding: Encoding,
    },
    /// A kind of the hub profile, which is not in force (R9.1).
    UnknownKind {
        /// The kind.
        kind: u8,
    },
    /// A kind that this side does not send (R9.2), or that the session sends itself.
    UnexpectedKind {
        /// The kind.
        kind: u8,
    },
    /// The id belongs to a request that is still unanswered (R3.15).
    DuplicateRequest {
        /// The id.
        id: u32,
    },
    /// Too many requests are unanswered (R3.16).
    TooManyRequests,
    /// No request of that id is unanswered: of the peer, for an answer (R3.12); of this side, for a CANCEL (R3.22).
    NoSuchRequest {
        /// The id.
        id: u32,
    },
    /// A message that could not be read as it would be sent (R7.18).
    Malformed {
        /// The kind.
        kind: u8,
        /// The rule.
        why: &'static str,
    },
    /// A value that a HELLO cannot hold (R4.11).
    BadHello {
        /// The rule.
        why: &'static str,
    },
}

impl Misuse {
    /// The stable name (SPEC 6).
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Misuse::NotOpen => "not-open",
            Misuse::TooLong { .. } => "too-long",
            Misuse::UnmappableText { .. } => "unmappable-text",
            Misuse::EncodingRefused { .. } => "encoding-refused",
            Misuse::UnknownKind { .. } => "unknown-kind",
            Misuse::UnexpectedKind { .. } => "unexpected-kind",
            Misuse::DuplicateRequest { .. } => "duplicate-request",
            Misuse::TooManyRequests => "try-later",
            Misuse::NoSuchRequest { .. } => "no-such-request",
            Misuse::Malformed { .. } => "malformed",
            Misuse::BadHello { .. } => "bad-hello",
        }
    }

    /// The code for an ERROR that passes the reason on, for example to a peer whose request cannot be answered.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Misuse::TooLong { .. } => Code::TOO_LONG,
            Misuse::UnmappableText { .. } => Code::UNMAPPABLE_TEXT,
            Misuse::EncodingRefused { .. } => Code::BAD_TEXT,
            Misuse::UnknownKind { .. } => Code::UNKNOWN_KIND,
            Misuse::TooManyRequests => Code::TRY_LATER,
            Misuse::NotOpen
            | Misuse::UnexpectedKind { .. }
            | Misuse::DuplicateRequest { .. }
            | Misuse::NoSuchRequest { .. }
            | Misuse::Malformed { .. }
            | Misuse::BadHello { .. } => Code::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for Misuse {
    /// The name, a colon and a detail of plain ASCII.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match *self {
            Misuse::NotOpen => f.write_str("the session is not open"),
            Misuse::TooLong { length, max } => {
                write!(f, "a body of {length} bytes, but at most {max} are accepted")
            }
            Misuse::UnmappableText { encoding, offset } => {
                write!(f, "{encoding} cannot carry the character at byte {offset}")
            }
            Misuse::EncodingRefused { encoding } => write!(f, "{encoding} was not accepted in HELLO"),
            Misuse::UnknownKind { kind } => write!(f, "kind {kind:02x} needs the hub profile"),
            Misuse::UnexpectedKind { kind } => write!(f, "kind {kind:02x} is not sent by this side's application"),
            Misuse::DuplicateRequest { id } => write!(f, "request {id} is still unanswered"),
            Misuse::TooManyRequests => f.write_str("too many requests are unanswered"),
            Misuse::NoSuchRequest { id } => write!(f, "request {id} is not unanswered"),
            Misuse::Malformed { kind, why } => write!(f, "kind {kind:02x}: {why}"),
            Misuse::BadHello { why } => f.write_str(why),
        }
    }
}

impl core::error::Error for Misuse {}
