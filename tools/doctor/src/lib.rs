//! Tests live Bookend peers against the requirements of SPEC.md.
//!
//! [`examine`] runs over a hundred checks against a server. Each check is a [`Row`], which states the verdict, what the
//! server did, the requirements that the check rests on, and how to fix what is wrong. [`conform`](mod@conform) tests an
//! adapter, a server or a client written in any language, and writes a report card.
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
//! | modules | job |
//! |---|---|
//! | `side`, `peer_stream`, `acceptor`, `route` | connect to a server, or accept a connection from a client |
//! | `reach` | find the route to a server, step by step: resolver, TCP, TLS, proxy |
//! | `greeting`, `hello`, `refusal` | exchange HELLOs and judge the peer's HELLO field by field |
//! | `foreign` | name the protocol of a server that does not speak Bookend |
//! | `tokens`, `identity`, `raw_peer`, `conduct`, `target` | one connection per check: send any bytes, read frames, judge what the peer sends |
//! | `checks`, `schedule` | the table of checks, and the order in which they run |
//! | `examine`, `report`, `secret` | all of it, as rows that never show the token |
//! | `coverage` | which requirements were asked, and why the others were not |
//! | `conform` | the same rows, or the answers of an adapter, as a report card |

mod acceptor;
mod checks;
mod codes;
mod conduct;
pub mod conform;
mod coverage;
mod examine;
mod foreign;
mod frame;
mod greeting;
mod hello;
mod identity;
mod memory;
mod peer_stream;
mod raw_peer;
mod reach;
mod refusal;
mod report;
mod route;
mod schedule;
mod secret;
mod side;
mod target;
mod tokens;

pub use acceptor::Acceptor;
pub use examine::{Options, Outcome, examine};
pub use report::{Progress, ProgressClosed, Row, Stage, Summary, Verdict};
pub use tokens::Tokens;

/// Tests the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
