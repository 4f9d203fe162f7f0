//! The client's side of a Bookend hub: connect, join a room, send, receive, reconnect.
//!
//! [`Client`] is the place to start; it has an example.
//!
//! # Layout
//!
//! - [`Target`]: `HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`. [`Address`] is the host and the port. [`Targets`] are
//!   several, separated by commas.
//! - [`Dialler`]: connects to a target, by a [`Proxy`] and [`Tls`] if needed, and returns a [`Stream`]. A program may
//!   bring its own [`Dial`]. [`Diallers`] try one host after another.
//! - [`Joined`]: one session, a [`Connection`](bookend::Connection) after the hub's WELCOME. [`ConnectError`] reports
//!   which [`Stage`] failed, and how to fix it.
//! - [`Client`]: one session after another, by [`Backoff`]. It has two halves: a [`Sender`], whose [`Receipt`]s report
//!   what became of each message, and [`Events`]. [`blocking`] is the same without a runtime.
//! - [`Sender::history`] asks for a [`Page`] of what the hub has kept of the room, and [`Pages`] walk back.
//! - [`Members`]: who is in the room, by number and by name.
//! - [`Metrics`]: what a program counts.
//!
//! # Several rooms
//!
//! A session is in one room, that of its HELLO (SPEC 9), and a POST names none: a program in three rooms has three
//! clients, each a connection and a task of a few KiB. `Events` is a stream, so that they can be taken together:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use bookend_client::{Client, Dialler, Hello, Options};
//! use futures_util::StreamExt;
//! use futures_util::stream::select_all;
//!
//! let (mut senders, mut rooms) = (Vec::new(), Vec::new());
//! for room in ["kitchen", "garden"] {
//!     let hello = Hello::new().with_hub(true).with_name("ann")?.with_room(room)?;
//!     let dialler = Dialler::new("localhost:3990".parse()?);
//!     let (sender, events) = Client::connect(Options::new(dialler, hello)).await?.split();
//!     senders.push(sender);
//!     rooms.push(events.map(move |event| (room, event)));
//! }
//! let mut events = select_all(rooms);
//! while let Some((room, event)) = events.next().await {
//!     println!("{room}: {event:?}");
//! }
//! # Ok(()) }
//! ```
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
mod history;
mod joined;
mod members;
mod metrics;
mod options;
#[cfg(feature = "proxy")]
mod proxy;
mod race;
mod retry;
mod sender;
mod status;
mod step;
mod target;
mod targets;
mod tls;
mod token;

pub use address::{Address, AddressError, DEFAULT_PORT};
pub use bookend::addressee::Unaddressed;
pub use bookend::history::Query;
pub use bookend::{Content, Hello, Message, Reply};
pub use client::Client;
pub use dial::{Dial, Dialled, Dialler, Diallers, Io, Stream, Timeouts};
pub use error::{ConnectError, JoinError, SendError, Stage};
pub use event::{End, Event, Events, Incoming, Missed, Up};
pub use history::{Entry, HistoryError, Page, Pages};
pub use joined::{Joined, Welcome};
pub use members::Members;
pub use metrics::Metrics;
pub use options::Options;
#[cfg(feature = "proxy")]
pub use proxy::{Proxy, ProxyError};
pub use retry::Backoff;
pub use sender::{Receipt, Sender};
pub use status::Status;
pub use step::ConnectStep;
pub use target::Target;
pub use targets::Targets;
#[cfg(feature = "tls")]
pub use tls::Tls;
pub use tls::TlsError;
pub use token::Token;

/// Tests the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
