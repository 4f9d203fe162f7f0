//! Bookend: a message protocol for byte streams.
//!
//! A stream delivers bytes, not the messages that were sent. Bookend puts an unmistakable start and a verified end
//! around each message, and states its length and its text encoding in plain sight. The wire is defined by `SPEC.md`;
//! requirement tags such as R2.4 refer to it.
//!
//! # Layout
//!
//! Data flows one way: bytes → frame → message → session → connection. Use the layer that you need:
//!
//! - [`Frame`], [`Decoder`]: framing alone, in your own buffer.
//! - [`Message`], [`Hello`], [`Payload`], [`Text`]: what bodies mean.
//! - [`diagnosis`]: which mistake produces such bytes, and how to fix it.
//! - [`Session`]: the whole protocol without socket and clock; time is an argument. Its module, [`session`], has a
//!   manual.
//! - [`Connection`] (feature `tokio`): a session that owns an `AsyncRead + AsyncWrite`; [`Codec`] for tokio-util.
//! - [`blocking::Connection`] (feature `std`): the same over `Read + Write`.
//!
//! A mistake of the peer is a [`Fault`], a mistake of the application a [`Misuse`]; [`Code`] has their numbers. Without
//! features the crate is `no_std` with `alloc`.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

#[cfg(feature = "std")]
pub mod blocking;
mod buffer;
mod code;
#[cfg(feature = "tokio")]
mod codec;
#[cfg(feature = "tokio")]
mod connection;
pub mod diagnosis;
mod encoding;
#[cfg(feature = "std")]
mod endpoint;
#[cfg(feature = "std")]
mod error;
mod fault;
mod frame;
mod hello;
pub mod kind;
mod line;
mod message;
mod misuse;
mod payload;
pub mod session;
mod shared;
mod shown;
pub mod text;

pub use buffer::ReadBuffer;
pub use code::Code;
#[cfg(feature = "tokio")]
pub use codec::{Codec, FrameBuf};
#[cfg(feature = "tokio")]
pub use connection::{
    Connection, Driver, Event, Guard, Handle, Next, NextEvent, OtherMessage, OwnedMessage, OwnedPayload, Parts, Permit,
    Receiver, Refused, Request, Reserved, Serve,
};
pub use encoding::{Encoding, Encodings, UnknownEncodingName};
#[cfg(feature = "std")]
pub use endpoint::Batch;
#[cfg(feature = "std")]
pub use error::{ConnectionError, Reply};
pub use fault::Fault;
pub use frame::{Decoder, END, Frame, HEADER_LENGTH, MAX_LENGTH, OVERHEAD, START};
pub use hello::{CANARY, Hello, MAGIC, MAX_HELLO, MIN_MAX_BODY};
pub use line::{Line, MAX_LINE, escaped, is_disturbing};
pub use message::{Delivery, MAX_PING, MemberName, Message, PresenceEvent, Probe, Refusal};
pub use misuse::Misuse;
pub use payload::{Content, OwnedContent, Payload};
pub use session::{Limits, Outcome, Role, Session, State, Step};
pub use shared::Shared;
pub use text::Text;

/// Tests the programs of the README.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
