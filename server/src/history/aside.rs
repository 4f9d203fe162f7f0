//! Replaces a file that cannot be used.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::HistoryError;
use super::wal::{beside, index_of, log_of};

/// Renames a file that cannot be used, together with its log, so that a new one can be made.
///
/// # Errors
/// [`HistoryError::Failed`].
pub(super) fn set_aside(path: &Path, reason: &str) -> Result<(), HistoryError> {
    let aside = (1..)
        .map(|number: u64| beside(path, &format!(".aside-{number}")))
        .find(|aside| !aside.exists() && !log_of(aside).exists())
        .unwrap_or_else(|| beside(path, ".aside"));
    tracing::error!(path = %path.display(), aside = %aside.display(), detail = reason, "history-aside");
    // The log first: SQLite would remove one that is left without its database.
    let renamed = ignore_missing(fs::rename(log_of(path), log_of(&aside)))
        .and_then(|()| fs::rename(path, &aside))
        .and_then(|()| ignore_missing(fs::remove_file(index_of(path))));
    renamed.map_err(|error| HistoryError::failed(path, error))
}

/// The file that is to replace another one, while it is being made.
pub(super) fn successor_of(path: &Path) -> PathBuf {
    beside(path, ".new")
}

/// Gives its name to the successor of a file that was set aside.
pub(super) fn succeed(path: &Path) -> io::Result<()> {
    fs::rename(successor_of(path), path)?;
    if let Some(directory) = path.parent().filter(|_| cfg!(unix)) {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

/// The process ended before the successor had its name: it gets it now.
pub(super) fn finish(path: &Path) -> io::Result<()> {
    if !path.exists() && successor_of(path).exists() { succeed(path) } else { Ok(()) }
}

/// A file that is not there need not be renamed or removed.
pub(super) fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
