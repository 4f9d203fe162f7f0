//! Why a run has no report.

use std::fmt;
use std::io;

/// Why a run has no report.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The operating system refused a resource, such as a file descriptor.
    System(io::Error),
    /// No server accepts connections at these addresses.
    Unreachable(io::Error),
    /// Not all connections could join.
    Unjoined {
        /// The number of connections that joined.
        joined: usize,
        /// Why no more joined.
        why: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::System(error) => write!(f, "{error}"),
            LoadError::Unreachable(error) => write!(f, "cannot connect: {error}"),
            LoadError::Unjoined { joined, why } => write!(f, "only {joined} connections joined: {why}"),
        }
    }
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> LoadError {
        LoadError::System(error)
    }
}

impl std::error::Error for LoadError {}
