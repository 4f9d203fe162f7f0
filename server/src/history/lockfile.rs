//! The file `PATH-lock`, which says that a process uses a history file. A lock on the file itself would interfere with
//! those of SQLite.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::error::HistoryError;
use super::wal::beside;

/// While it exists, no other process uses the file.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Opens a file, or makes one that only this user may read. SQLite gives the same permissions to the files beside a
/// database.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Lock {
    /// Takes it.
    ///
    /// # Errors
    /// [`HistoryError::Locked`] if another process has it, and [`HistoryError::Failed`].
    pub(super) fn take(path: &Path) -> Result<Lock, HistoryError> {
        let lock = beside(path, "-lock");
        let failed = |error| HistoryError::failed(&lock, error);
        let mut file = create(&lock).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(HistoryError::Locked { path: path.into(), pid: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut write = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        let _ = write(); // a full disk: the lock holds without the number
        Ok(Lock { _file: file })
    }
}
