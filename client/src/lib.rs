//! The client's side of a Bookend hub: find it, join a room, know who is there, show what arrives.
//!
//! # Layout
//!
//! Data goes one way, from what people write to what a program hears:
//!
//! - [`Place`]: `HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`; [`Address`] is the host and the port.
//! - [`Dialler`]: the way there: name, addresses, [`Proxy`], [`Tls`]; a [`Stream`] at the end. [`Dial`] is any such way.
//! - [`Joined`]: one session, a [`Connection`](bookend::Connection) whose hub has said WELCOME; [`ConnectError`] says at
//!   which [`Stage`] that failed, and how to fix it.
//! - [`Client`]: one session after the other, by [`Backoff`]: a [`Sender`], whose [`Receipt`]s say what became of each
//!   message, and [`Events`]. [`blocking`] is the same without a runtime.
//! - [`Members`]: who is in the room, by number and by name.
//! - [`show`]: a message as a line for people, or as JSON.
//!
//! # Features
//!
//! Both are on by default:
//!
//! - `tls`: [`Tls`] and `tls://HOST:PORT`, by rustls. Without it such an address fails with the name `unsupported`.
//! - `proxy`: [`Proxy`], SOCKS5 and HTTP CONNECT.
//!
//! The program `bookend` is made of these. [`Client`] has an example.

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
mod place;
#[cfg(feature = "proxy")]
mod proxy;
mod retry;
mod sender;
pub mod show;
mod state;
mod step;
mod tls;
mod wire;

pub use address::{Address, AddressError, DEFAULT_PORT};
pub use bookend::{Content, Hello, Message, Reply};
pub use client::Client;
pub use dial::{Dial, Dialled, Dialler, Io, Patience, Stream};
pub use error::{ConnectError, JoinError, SendError, Stage};
pub use event::{End, Event, Events, Incoming, Missed, Up};
pub use joined::{Joined, Welcome};
pub use members::Members;
pub use options::Options;
pub use place::Place;
#[cfg(feature = "proxy")]
pub use proxy::{Proxy, ProxyError};
pub use retry::Backoff;
pub use sender::{Receipt, Sender};
pub use state::State;
pub use step::Step;
#[cfg(feature = "tls")]
pub use tls::Tls;
pub use tls::TlsError;
