//! The reference hub of the Bookend protocol: what a member says reaches every member of its room (SPEC 9).
//!
//! Framed peers and people with a line terminal share one port and one room.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use bookend_server::{Config, Hub, Listener};
//! let hub = Hub::new(Config::default());
//! let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await?;
//! println!("listening on {}", listener.address());
//! listener.run(hub).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | adds | packages to build |
//! |---|---|---|
//! | none | the hub, its listeners and tokens | about 30 |
//! | `tls` | [`Tls`], [`Hub::serve_tls`], [`Listener::run_tls`] | about 45 |
//! | `admin` | [`Admin`], the HTTP service for operators | 15 more |
//! | `daemon` (default) | the program `bookend-server`, with both of the above | about 80 |
//!
//! A program that embeds the hub turns the default off:
//!
//! ```toml
//! bookend-server = { version = "0.1", default-features = false, features = ["tls"] }
//! ```
//!
//! # Layout
//!
//! Data goes one way, from a sender's stream to the room's log and from there to each member's stream:
//!
//! - `connection`: one task for each stream: reads, writes, timer, wake-ups. `endpoint`: the same without the stream.
//! - `framed`, `terminal`: what the peer says, as frames or as lines. `client`: what both do with it.
//! - `hub`, `room`: who is where. `mailbox`: what is for one connection alone.
//! - `log`, `block`, `rendition`: what was said in a room, kept once, and rendered once for each form that is in use.
//! - `feed`: a member's cursor into the log.
//! - `access`: who may do what.
//! - `listen`, `admission`: the door. `tls`, `certificate`: the door that speaks TLS.
//! - `admin`: HTTP for those who look after the hub.
//! - `counters`, `report`, `metrics`: what is counted, what is told of one connection and of all.

mod access;
#[cfg(feature = "admin")]
mod admin;
mod admission;
mod block;
#[cfg(feature = "tls")]
mod certificate;
mod client;
mod clock;
mod config;
mod connection;
mod counters;

mod fault;
mod feed;
mod framed;
mod hex;
mod hub;
mod listen;
mod lock;
mod log;
mod mailbox;
mod metrics;
mod output;
mod peer;
mod process;
mod registry;
mod rendition;
mod report;
mod room;
mod rooms;
mod scratch;
mod services;
mod terminal;
#[cfg(feature = "tls")]
mod tls;

pub use access::{Access, Grant, Right, Rights, TokensFault, make_token};
#[cfg(feature = "admin")]
pub use admin::{Admin, AdminOrder, AdminRules, AdminToken, Reach};
#[cfg(feature = "tls")]
pub use certificate::Certificate;
pub use config::Config;
pub use hub::{Hub, RoomList, RoomReport, Target};
#[cfg(unix)]
pub use listen::UnixListener;
pub use listen::{Address, ListenError, Listener};
pub use peer::Peer;
pub use registry::{ConnectionList, ShutdownSummary};
pub use report::{ClosedReport, ConnectionReport};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError, TlsFile, TlsFiles};
