//! The load itself: connections that publish and receive in one thread, and a judge of every delivery. It knows of no
//! protocol; `Peer` does. The comparison with other servers (`bench/` at the top of the repository) uses it as well.
//!
//! # Layout
//!
//! `plan` is what is to be done; `driver` does it over `connection`s, each of which has a `peer`. What is published is
//! made, and read, by `payload`; `judge` counts what comes. `process` asks the system what the server costs; `report` is
//! the outcome.

mod connection;
mod driver;
mod judge;
mod payload;
pub(crate) mod peer;
mod plan;
mod process;
mod report;

use std::fmt;
use std::io;
use std::net::SocketAddr;

use driver::Driver;
pub(crate) use payload::MIN_SIZE;
pub(crate) use peer::Member;
use peer::Peer;
pub(crate) use plan::{Plan, Until};
pub(crate) use report::Report;

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The system refuses what is needed here.
    System(io::Error),
    /// No server at these addresses.
    Unreachable(io::Error),
    /// Not all connections could join: so many did, and this is why no more.
    Unjoined(usize, String),
}

/// Connects, publishes, receives, and judges.
pub(crate) fn run<P: Peer>(plan: &Plan, addresses: &[SocketAddr]) -> Result<Report, Trouble> {
    Driver::<P>::join(plan, addresses)?.run()
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::System(error) => write!(f, "{error}"),
            Trouble::Unreachable(error) => write!(f, "cannot connect: {error}"),
            Trouble::Unjoined(joined, why) => write!(f, "only {joined} connections have joined: {why}"),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::System(error)
    }
}
