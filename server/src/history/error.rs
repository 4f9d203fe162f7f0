//! Why a history file cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a history file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum HistoryError {
    /// A hub, or another command, uses the file.
    Locked {
        /// The file.
        path: PathBuf,
        /// The process that uses it, if its number can be read.
        pid: Option<u32>,
    },
    /// There is no such file.
    Missing(PathBuf),
    /// A later version of this program has written the file.
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its layout.
        version: i64,
    },
    /// The file has no room of this name.
    NoRoom(String),
    /// The file cannot be read or written, or is no history file.
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        reason: String,
    },
}

impl HistoryError {
    /// The file cannot be read or written.
    pub(super) fn failed(path: &Path, reason: impl fmt::Display) -> HistoryError {
        HistoryError::Failed { path: path.into(), reason: reason.to_string() }
    }

    /// The name of the error, as it is logged: `history-locked`, `history-missing`, `history-newer`, `history-room`,
    /// `history-failed`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            HistoryError::Locked { .. } => "history-locked",
            HistoryError::Missing(_) => "history-missing",
            HistoryError::Newer { .. } => "history-newer",
            HistoryError::NoRoom(_) => "history-room",
            HistoryError::Failed { .. } => "history-failed",
        }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::Locked { path, pid: Some(pid) } => {
                write!(f, "{} is in use by process {pid}: stop the hub first", path.display())
            }
            HistoryError::Locked { path, pid: None } => {
                write!(f, "{} is in use by another process: stop the hub first", path.display())
            }
            HistoryError::Missing(path) => write!(f, "{} does not exist", path.display()),
            HistoryError::Newer { path, version } => {
                write!(f, "{} has version {version}: a later bookend-server has written it", path.display())
            }
            HistoryError::NoRoom(room) => write!(f, "nothing is kept of a room {room:?}"),
            HistoryError::Failed { path, reason } => write!(f, "{}: {reason}", path.display()),
        }
    }
}

impl std::error::Error for HistoryError {}
