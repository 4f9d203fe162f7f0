//! The file that says that the hub listens, and where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file that is there as long as this is.
#[derive(Debug)]
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    /// Writes it, with one place in each line.
    pub(crate) fn write(path: &Path, places: &[String]) -> io::Result<ReadyFile> {
        let file = ReadyFile(path.into());
        file.rewrite(places)?;
        Ok(file)
    }

    /// Writes it anew: whoever reads it finds all of it, the old one or the new one.
    pub(crate) fn rewrite(&self, places: &[String]) -> io::Result<()> {
        let mut beside = self.0.clone().into_os_string();
        beside.push(".new");
        let text: String = places.iter().map(|place| format!("{place}\n")).collect();
        fs::write(&beside, text)?;
        fs::rename(&beside, &self.0)
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.0);
    }
}
