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
//! - [`transfer`](mod@transfer) (feature `transfer`): bytes of any length in chunks, with resume and a digest.
//!
#![cfg_attr(
    feature = "tokio",
    doc = "The [`cookbook`] has programs to copy: a TLS server, graceful shutdown, requests, a serial device, and more."
)]
//!
//! A mistake of the peer is a [`Fault`], a mistake of the application a [`Misuse`]; [`Code`] has their numbers.
//!
//! # Features
//!
//! | feature | on | what |
//! |---|---|---|
//! | none | | everything up to [`Session`]: `no_std` with `alloc` |
//! | `std` | by default | [`blocking::Connection`] |
//! | `tokio` | by default | [`Connection`], [`Handle`], [`Codec`]; needs `std` |
//! | `transfer` | no | [`transfer`](mod@transfer): files and other bytes of any length |
//! | `tracing` | no | a span and events of `tracing` for the session of each connection; needs `std` |
//! | `postcard` | no | `OwnedContent::postcard` and `Payload::from_postcard`: Rust values as binary payloads |
//! | `serde` | no | `Serialize` and `Deserialize` for [`Code`], [`Encoding`], [`Line`], `Counters` |
//! | `tower` | no | `Handle::service` asks and `Connection::serve_service` answers with a `tower_service::Service`; needs `tokio` |
//!
//! ## What `tracing` reports
//!
//! The span `bookend.session` has the fields `role`, `peer`, `room` and `software`. A session that opens or closes, a
//! refusal in either direction, a cancelled request and a stream that fails are events of the level DEBUG; a fault, which
//! ends the session, is a WARN with the fault's name, and the likely mistake and its fix. No span or event contains a
//! token, a payload or other bytes of the peer, apart from its name, room and software, which are plain lines, and up to
//! 32 bytes of a reason that it gives, escaped.
//!
//! # Values in payloads
//!
//! Between Rust programs, the feature `postcard` is short and fast. Other languages read JSON more easily: send it as
//! text, with `serde_json` and no feature.
//!
#![cfg_attr(feature = "tokio", doc = "```")]
#![cfg_attr(not(feature = "tokio"), doc = "```ignore")]
//! # use bookend::{Connection, Hello, OwnedPayload, Refused, Code};
//! # use std::time::Duration;
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Point { x: i32, y: i32 }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (near, far) = tokio::io::duplex(1 << 16);
//! # let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
//! # let (mut connection, other) = (near?, far?);
//! # tokio::spawn(other.serve(async |question: OwnedPayload| {
//! let text = question.text().ok_or_else(|| Refused::new(Code::POLICY, "send JSON as text"))?;
//! let point: Point = serde_json::from_str(&text).map_err(|why| Refused::new(Code::POLICY, why.to_string()))?;
//! # Ok(format!("{}", point.x + point.y)) }));
//! let json = serde_json::to_string(&Point { x: 3, y: -4 })?;
//! let reply = connection.request(&json, Duration::from_secs(5)).await?;
//! # assert_eq!(reply.text(), Some("-1"));
//! # Ok(()) }
//! ```

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

pub mod addressee;
#[cfg(feature = "std")]
pub mod blocking;
mod buffer;
mod code;
#[cfg(feature = "tokio")]
mod codec;
pub mod command;
#[cfg(feature = "tokio")]
mod connection;
#[cfg(all(any(doc, doctest), feature = "tokio"))]
pub mod cookbook;
#[cfg(feature = "std")]
mod counters;
pub mod diagnosis;
mod displayed;
mod encoding;
#[cfg(feature = "std")]
mod endpoint;
#[cfg(feature = "std")]
mod error;
mod fault;
mod frame;
mod hello;
pub mod history;
pub mod kind;
mod line;
mod message;
mod misuse;
#[cfg(feature = "std")]
mod observe;
mod payload;
#[cfg(feature = "serde")]
mod serial;
pub mod session;
mod shared;
mod shown;
pub mod text;
#[cfg(feature = "transfer")]
pub mod transfer;
#[cfg(feature = "postcard")]
mod value;

pub use buffer::ReadBuffer;
pub use code::Code;
#[cfg(feature = "tokio")]
pub use codec::{Codec, FrameBuf};
#[cfg(feature = "tower")]
pub use connection::HandleService;
#[cfg(feature = "tokio")]
pub use connection::{
    Connection, Driver, Event, Guard, Handle, Next, NextEvent, OtherMessage, OwnedMessage, OwnedPayload, Parts, Permit,
    Receiver, Refused, Request, Reserved, Serve,
};
#[cfg(feature = "std")]
pub use counters::Counters;
pub use displayed::displayed;
pub use encoding::{Encoding, Encodings, UnknownEncodingName};
#[cfg(feature = "std")]
pub use endpoint::Batch;
#[cfg(feature = "std")]
pub use error::{ConnectionError, Reply};
pub use fault::Fault;
pub use frame::{Decoder, END, Frame, HEADER_LENGTH, MAX_LENGTH, OVERHEAD, START};
pub use hello::{CANARY, Hello, MAGIC, MAX_HELLO, MIN_MAX_BODY};
pub use kind::PrivateKind;
pub use line::{Line, MAX_LINE, escaped, is_blank, is_disturbing, is_invisible};
pub use message::{Delivery, MAX_PING, MemberName, Message, PresenceEvent, Probe, Refusal};
pub use misuse::Misuse;
pub use payload::{Content, OwnedContent, Payload};
pub use session::{Limits, Outcome, Role, Session, State, Step};
pub use shared::Shared;
pub use text::Text;
#[cfg(feature = "postcard")]
pub use value::ValueError;

/// Tests the programs of the README.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
