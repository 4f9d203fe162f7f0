//! The ready file: it exists while the hub listens, and lists its addresses.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes it, with one address in each line.
    pub(crate) fn write(path: &Path, addresses: &[String]) -> io::Result<ReadyFile> {
        let file = ReadyFile(path.into());
        file.rewrite(addresses)?;
        Ok(file)
    }

    /// Replaces it atomically: a reader sees the old content or the new one.
    pub(crate) fn rewrite(&self, addresses: &[String]) -> io::Result<()> {
        let mut beside = self.0.clone().into_os_string();
        beside.push(".new");
        let text: String = addresses.iter().map(|address| format!("{address}\n")).collect();
        fs::write(&beside, text)?;
        fs::rename(&beside, &self.0)
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // it may be gone already
    }
}
