//! Puts load on a Bookend hub, verifies every delivery, and measures it.
//!
//! ```no_run
//! use bookend_load::{Member, Plan, run};
//!
//! let plan = Plan { members: 100, rate: Some(1000.0), ..Plan::new("bench") };
//! let report = run::<Member>(&plan, &["127.0.0.1:3990".parse()?])?;
//! print!("{report}");
//! assert!(report.passed(), "every delivery arrived exactly once, in order, and as published");
//! println!("99 % of the deliveries took at most {} us", report.latency_microseconds.p99);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The driver knows no protocol: a [`Peer`] does. [`Member`] speaks Bookend. The folder `bench` of the repository has peers
//! for redis-server and nats-server, so that these servers get the same work.
//!
//! # Layout
//!
//! `plan` describes the work, and `driver` does it in one thread over `connection`s, each with a `stream` and a `peer`: `driver/join`
//! connects, `driver/publish` publishes. `payload` writes and reads what is published, `judge` checks what arrives,
//! `process` measures the server, and `report` is the result. `arguments` (feature `clap`) has the options of a command
//! line.

#[cfg(feature = "clap")]
mod arguments;
mod connection;
mod driver;
mod error;
mod judge;
mod payload;
mod peer;
mod plan;
mod process;
mod report;
mod stream;

#[cfg(feature = "clap")]
pub use arguments::LoadArguments;
pub use driver::run;
pub use error::LoadError;
pub use payload::MIN_SIZE;
pub use peer::{End, Event, Member, Peer, Purpose};
pub use plan::{Plan, Until};
pub use report::{Bucket, Latency, Report, ServerCost};
#[cfg(feature = "tls")]
pub use stream::Tls;

/// Tests the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
