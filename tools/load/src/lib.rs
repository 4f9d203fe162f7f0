//! Puts load on a Bookend hub, verifies every delivery, and measures it.
//!
//! The load knows no protocol: a [`Peer`] does. [`Member`] speaks Bookend; `bench/` at the top of the repository has peers
//! for other servers, so that all of them get the same work.
//!
//! ```no_run
//! use bookend_load::{Member, Plan, run};
//!
//! let report = run::<Member>(&Plan::new("bench"), &["127.0.0.1:3990".parse()?])?;
//! print!("{report}");
//! assert!(report.passed(), "every delivery arrived once, in order, as it was sent");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//!
//! `plan` is the work; `driver` does it in one thread over `connection`s, each of which has a `peer`. `payload` makes and
//! reads what is published; `judge` counts what arrives. `process` asks the system what the server costs; `report` is the
//! outcome. `arguments` (feature `clap`) is the command line of programs that front this crate.

#[cfg(feature = "clap")]
mod arguments;
mod connection;
mod driver;
mod judge;
mod payload;
mod peer;
mod plan;
mod process;
mod report;

use std::fmt;
use std::io;
use std::net::SocketAddr;

#[cfg(feature = "clap")]
pub use arguments::LoadArguments;
use driver::Driver;
pub use payload::MIN_SIZE;
pub use peer::{End, Event, Member, Part, Peer};
pub use plan::{Plan, Until};
pub use report::Report;

/// Why there is no report.
#[derive(Debug)]
pub enum LoadError {
    /// The operating system refuses a resource.
    System(io::Error),
    /// No server answers at these addresses.
    Unreachable(io::Error),
    /// Not all connections could join: how many did, and why no more.
    Unjoined(usize, String),
}

/// Connects, publishes, receives, and verifies. Blocks until the plan is done.
///
/// # Errors
/// Not every connection could join.
pub fn run<P: Peer>(plan: &Plan, addresses: &[SocketAddr]) -> Result<Report, LoadError> {
    Driver::<P>::join(plan, addresses)?.run()
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::System(error) => write!(f, "{error}"),
            LoadError::Unreachable(error) => write!(f, "cannot connect: {error}"),
            LoadError::Unjoined(joined, why) => write!(f, "only {joined} connections joined: {why}"),
        }
    }
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> LoadError {
        LoadError::System(error)
    }
}

impl std::error::Error for LoadError {}

/// Tests the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
