//! Inspects a capture, a dump or the bytes of a Bookend stream: every frame, every fault, and the mistake that caused it.
//!
//! [`inspect`] writes a report:
//!
//! ```
//! use bookend_inspect::{Input, Options, inspect};
//!
//! let bytes = &b"\xF5\xF8\x02\x02\x02\x00\x00\x00hi\xF8\xF5"[..]; // the length is little-endian
//! let mut report = Vec::new();
//! let outcome = inspect(Input::new(bytes), &Options::default(), &mut report)?;
//! assert!(!outcome.is_faultless());
//! assert!(String::from_utf8_lossy(&report).contains("length-little-endian"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`inspect_events`] passes on [`Event`]s instead, for a program that evaluates them:
//!
//! ```
//! use bookend_inspect::{Event, Input, Options, inspect_events};
//!
//! let bytes = &b"\xF5\xF8\x02\x02\x00\x00\x00\x02hi\xF8\xF5"[..];
//! let mut messages = 0;
//! let outcome = inspect_events(Input::new(bytes), &Options::default(), |_, event| {
//!     messages += u64::from(matches!(event, Event::Frame(frame) if frame.kind == bookend::kind::MESSAGE));
//!     Ok(())
//! })?;
//! assert_eq!((messages, outcome.summary.faults), (1, 0));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! [`Watch`] reports on a live connection.
//!
//! # Layout
//!
//! Data flows one way: source → (capture → packet → conversations → reassembly) → walker → printer.
//!
//! - `source` opens the input and recognises its format, `timed` ends it at the timeout; `dumps` decodes text that shows
//!   bytes, and `foreign` names the formats that are not read.
//! - `capture` reads the packets of a file. `packet` finds the TCP segment in each: it strips one header after another, with
//!   `link`, `headers` and `tunnels`. `conversations` and `conversation` follow the TCP streams, whose first segments
//!   `early` holds if they have no SYN; `recognition` finds those that are Bookend. `reassembly` orders the segments of one
//!   direction, and compares retransmissions with its `history`. `account` balances what was used and what was left out.
//!   `dialogue` follows the two sides of a dump.
//! - `walker` turns bytes into events, without I/O. It uses `lines` for what precedes or replaces frames, `passing` for
//!   bodies that are too long to hold, `resync` to find the next frame after a fault, `expectations` for the rules of
//!   a session, and `remarks` for what sound frames show.
//! - `printer` writes an event with `plain`, `field_rows` or `json`, and the account with `balance`; `summary` counts events, and `report` selects them.
//! - `inspection` connects all of these. `watch` does the same for a live connection, whose packets `ruler` compares with
//!   its frames.

mod account;
mod balance;
mod capture;
mod conversation;
mod conversations;
mod dialogue;
mod dumps;
mod early;
mod event;
mod expectations;
mod field_rows;
mod foreign;
mod headers;
mod history;
mod inspection;
mod json;
mod kept;
mod layout;
mod lines;
mod link;
mod options;
mod packet;
mod passing;
mod plain;
mod printer;
mod reassembly;
mod recognition;
mod remarks;
mod report;
mod resync;
mod ruler;
mod side;
mod source;
mod styles;
mod summary;
mod text;
mod timed;
mod tunnels;
mod walker;
mod watch;
mod words;

pub use account::{Account, LeftOut};
pub use event::{Event, FaultyFrame, Origin, Remark, SeenFrame, Skipped, Stream, Verdict, Why};
pub use inspection::{Outcome, inspect, inspect_events};
pub use options::{Format, Options, Output};
pub use side::Side;
pub use source::Input;
pub use summary::Summary;
pub use watch::Watch;

/// Tests the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
