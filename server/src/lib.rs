//! The reference hub of the Bookend protocol: it delivers each message of a member to every member of the room that may
//! read, or reports to a slow one exactly how many it missed (SPEC 9).
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
//! | `tls` | `Tls`, `Hub::serve_tls`, `Listener::run_tls` | about 45 |
//! | `admin` | `Admin`, the HTTP service for operators | 16 more |
//! | `history` | `History`, which keeps rooms in an SQLite file; needs a C compiler | 16 more |
//! | `daemon` (default) | the program `bookend-server`, with all of the above | about 90 |
//!
//! A program that embeds the hub turns the default off:
//!
//! ```toml
//! bookend-server = { version = "0.1", default-features = false, features = ["tls"] }
//! ```
//!
//! # Layout
//!
//! Data flows one way, from the stream of the sender to the log of the room, and from there to the stream of each member:
//!
//! - `connection`: one task for each stream, which reads, writes and waits. `connection/core`: the same without a stream.
//! - `framed`, `terminal`: the two kinds of peer. `client`: what both do in a room.
//! - `hub`: what connections share. `rooms`, `room`: members. `memory`: the memory of all logs. `registry`, `mailbox`: connections, and what is for one alone.
//! - `log`, `block`, `rendition`: the events of a room, stored once, and rendered once for each form in use.
//! - `queries`: what members ask of the history of their room. `page`: the answer. `matching`: letters in upper and lower case.
//! - `feed`: the cursor of a member into the log. `output`: bytes for one peer alone.
//! - `canonical`: the form of names, and when two are the same.
//! - `access`: tokens and rights. `admission`: limits on connections by `source`, with `places`, `quota`, `wrong_tokens`.
//! - `bans`: who is kept out.
//! - `listen`, `proxy`, `tls`, `certificate`: how connections are accepted.
//! - `admin`: HTTP for operators. `counters`, `report`, `metrics`: what is counted and reported.
//!
//! Imports form no cycle; a module and its own submodules count as one.

mod access;
#[cfg(feature = "admin")]
mod admin;
mod admission;
mod bans;
mod block;
mod canonical;
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
#[cfg(feature = "history")]
mod history;
mod hub;
mod intake;
mod listen;
mod lock;
mod log;
mod mailbox;
mod matching;
mod memory;
mod metrics;
mod output;
mod page;
mod peer;
mod places;
mod process;
mod proxy;
mod queries;
mod quota;
mod registry;
mod rendition;
mod report;
mod room;
mod rooms;
mod scratch;
mod services;
mod source;
mod store;
mod terminal;
#[cfg(feature = "tls")]
mod tls;
mod toml_string;
mod windowed;
mod wrong_tokens;

pub use access::{Access, Grant, Right, Rights, TokensFault, make_token};
#[cfg(feature = "admin")]
pub use admin::{Admin, AdminOrder, AdminRules, AdminToken, Reach};
pub use bans::{Ban, BanError, BanKeeper, BanTarget};
#[cfg(feature = "tls")]
pub use certificate::Certificate;
pub use config::Config;
#[cfg(feature = "history")]
pub use history::{
    CheckReport, Deleted, HISTORY_VERSION, History, HistoryConfig, HistoryError, HistoryFailure, HistoryFile,
    HistoryStatus, KeptMessage, KeptMessages, KeptRoom, WhenFull,
};
pub use hub::{Banned, Hub, KeptReport, Kicked, RoomList, RoomReport, Target};
#[cfg(unix)]
pub use listen::UnixListener;
pub use listen::{Address, ListenError, Listener};
pub use peer::Peer;
pub use registry::{ConnectionList, ShutdownSummary};
pub use report::{ClosedReport, ConnectionReport};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError, TlsFile, TlsFiles};
pub use toml_string::toml_string;
