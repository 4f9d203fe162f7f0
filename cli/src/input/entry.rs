//! A message from the input, its position there, and the reasons why there is none.

use std::fmt;
use std::io;

use bookend::{Content, Encoding};

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) body: Body,
}

/// The position of a message in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// The message is the whole input.
    Whole,
    /// The number of its line, from 1.
    Line(u64),
    /// The number of the message, from 1.
    Message(u64),
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Text(String),
    TextIn(Encoding, String),
    Binary(Vec<u8>),
}

/// Why a part of the input is not a message.
#[derive(Debug)]
pub(crate) enum InputError {
    /// It is not UTF-8. `offset` is the first wrong byte of the message.
    BadText { position: Position, offset: usize },
    /// It is longer than any message may be.
    TooLong { position: Position, limit: usize },
    /// It does not have the expected format.
    Malformed { position: Position, why: String },
    /// The input is UTF-16, of which nothing is used.
    Utf16,
    /// The input cannot be read any further.
    Io(io::Error),
}

impl Position {
    /// The number of the line or the message, from 1.
    pub(crate) fn number(self) -> u64 {
        match self {
            Position::Whole => 1,
            Position::Line(number) | Position::Message(number) => number,
        }
    }
}

impl Body {
    /// The content to send, with text in `encoding` if one is given.
    pub(crate) fn content(&self, encoding: Option<Encoding>) -> Content<'_> {
        match (self, encoding) {
            (Body::Text(text) | Body::TextIn(_, text), Some(encoding)) => Content::TextIn(encoding, text),
            (Body::TextIn(encoding, text), None) => Content::TextIn(*encoding, text),
            (Body::Text(text), None) => Content::Text(text),
            (Body::Binary(bytes), _) => Content::Binary(bytes),
        }
    }

    /// In bytes, text in UTF-8.
    pub(super) fn length(&self) -> usize {
        match self {
            Body::Text(text) | Body::TextIn(_, text) => text.len(),
            Body::Binary(bytes) => bytes.len(),
        }
    }
}

impl InputError {
    /// The position of the message; `None` if nothing more of the input is used.
    pub(crate) fn position(&self) -> Option<Position> {
        match self {
            InputError::BadText { position, .. }
            | InputError::TooLong { position, .. }
            | InputError::Malformed { position, .. } => Some(*position),
            InputError::Utf16 | InputError::Io(_) => None,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Whole => f.write_str("the message"),
            Position::Line(number) => write!(f, "line {number}"),
            Position::Message(number) => write!(f, "message {number}"),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputError::BadText { position, offset } => write!(f, "{position}: bad-text: byte {offset} is not utf-8"),
            InputError::TooLong { position, limit } => write!(f, "{position}: too-long: more than {limit} bytes"),
            InputError::Malformed { position, why } => write!(f, "{position}: malformed: {why}"),
            InputError::Utf16 => f.write_str(
                "standard input: bad-text: it is utf-16, not utf-8, and nothing of it is posted: convert it first, as with `iconv -f UTF-16 -t UTF-8`",
            ),
            InputError::Io(error) => write!(f, "standard input: {error}"),
        }
    }
}
