//! The ready file: it exists while the hub listens, and lists its addresses.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::replace::{remove, replace};

/// The file. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Removes the file that an earlier hub left, which could not remove it when it was killed.
    pub(crate) fn claim(path: &Path) -> io::Result<ReadyFile> {
        remove(path)?;
        Ok(ReadyFile(path.into()))
    }

    /// Writes or replaces it, with one address in each line.
    pub(crate) fn write(&self, addresses: &[String]) -> io::Result<()> {
        let text: String = addresses.iter().map(|address| format!("{address}\n")).collect();
        replace(&self.0, text.as_bytes(), 0o644, false)
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // it may be gone already
    }
}
