//! The ready file: it exists while the hub listens, and lists its addresses.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The file. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Removes the file that an earlier hub left, which could not remove it when it was killed.
    pub(crate) fn claim(path: &Path) -> io::Result<ReadyFile> {
        remove(path)?;
        Ok(ReadyFile(path.into()))
    }

    /// Writes or replaces it, with one address in each line: a reader sees the old content or the new one. Nothing is
    /// written through a symbolic link.
    pub(crate) fn write(&self, addresses: &[String]) -> io::Result<()> {
        let mut beside = self.0.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let text: String = addresses.iter().map(|address| format!("{address}\n")).collect();
        remove(&beside)?;
        File::create_new(&beside)?.write_all(text.as_bytes())?;
        fs::rename(&beside, &self.0)
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // it may be gone already
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
