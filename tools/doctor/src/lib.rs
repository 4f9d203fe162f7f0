//! Examines live Bookend peers against the requirements of SPEC.md.
//!
//! [`examine`] is a doctor for a server: over a hundred checks, each a [`Row`] that says what holds, what does not, on
//! which requirement it rests, and how to fix it. [`conform`] tests an adapter, a server or a client in any language
//! and writes a report card.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use bookend_client::Dialler;
//! use bookend_doctor::{Options, Progress, examine};
//! use tokio::sync::mpsc;
//!
//! let dialler = Dialler::new("127.0.0.1:3990".parse()?);
//! let (progress, mut reported) = mpsc::channel(16);
//! let print = async {
//!     while let Some(progress) = reported.recv().await {
//!         if let Progress::Row(row) = progress { print!("{}", row.plain(false)) }
//!     }
//! };
//! let options = Options::default();
//! let (outcome, ()) = tokio::join!(examine(dialler, &options, progress), print);
//! println!("{outcome:?}");
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! `side` and `reached` are a connection; `way` makes one: it dials a server, or accepts a client by `acceptor`. `reach`
//! finds the way to a server, step by step; `greeting` says HELLO, and `hello` reads the answer field by field;
//! `refusal` explains a CLOSE in its place, and `identify` names what is not Bookend. `checks` is the table of what a
//! peer must do, run in the order of `schedule` over connections of `wire`, which can send wrong bytes; `conduct` judges
//! what the peer itself sends meanwhile. `examination` does all of that, and `report` hands the rows on.

mod acceptor;
mod checks;
mod codes;
mod conduct;
pub mod conform;
mod examination;
mod frame;
mod greeting;
mod guise;
mod hello;
mod identify;
mod memory;
mod reach;
mod reached;
mod refusal;
mod report;
mod schedule;
mod side;
mod subject;
mod way;
mod wire;

pub use acceptor::Acceptor;
pub use examination::{Ended, Options, Peer, examine};
pub use report::{Progress, Row, Stage, Sum, Unread, Verdict};

/// Tests the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
