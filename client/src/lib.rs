//! The client's side of a Bookend hub: connect, join a room, send, receive, reconnect.
//!
//! [`Client`] is the place to start; it has an example.
//!
//! # Layout
//!
//! - [`Target`]: `HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`. [`Address`] is the host and the port.
//! - [`Dialler`]: connects to a target, by a [`Proxy`] and [`Tls`] if needed, and returns a [`Stream`]. A program may
//!   bring its own [`Dial`].
//! - [`Joined`]: one session, a [`Connection`](bookend::Connection) after the hub's WELCOME. [`ConnectError`] reports
//!   which [`Stage`] failed, and how to fix it.
//! - [`Client`]: one session after another, by [`Backoff`]. It has two halves: a [`Sender`], whose [`Receipt`]s report
//!   what became of each message, and [`Events`]. [`blocking`] is the same without a runtime.
//! - [`Members`]: who is in the room, by number and by name.
//!
//! # Features
//!
//! Both are on by default:
//!
//! - `tls`: [`Tls`], and targets `tls://HOST:PORT`, by rustls. Without it they fail with the name `unsupported`.
//! - `proxy`: [`Proxy`], SOCKS5 and HTTP CONNECT.

mod address;
pub mod blocking;
mod cause;
mod client;
mod command;
mod dial;
mod driver;
mod error;
mod event;
mod joined;
mod members;
mod options;
#[cfg(feature = "proxy")]
mod proxy;
mod retry;
mod sender;
mod status;
mod step;
mod target;
mod tls;
mod token;

pub use address::{Address, AddressError, DEFAULT_PORT};
pub use bookend::{Content, Hello, Message, Reply};
pub use client::Client;
pub use dial::{Dial, Dialled, Dialler, Io, Stream, Timeouts};
pub use error::{ConnectError, JoinError, SendError, Stage};
pub use event::{End, Event, Events, Incoming, Missed, Up};
pub use joined::{Joined, Welcome};
pub use members::Members;
pub use options::Options;
#[cfg(feature = "proxy")]
pub use proxy::{Proxy, ProxyError};
pub use retry::Backoff;
pub use sender::{Receipt, Sender};
pub use status::Status;
pub use step::ConnectStep;
pub use target::Target;
#[cfg(feature = "tls")]
pub use tls::Tls;
pub use tls::TlsError;
pub use token::Token;

/// Tests the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
