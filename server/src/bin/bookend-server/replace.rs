//! Replaces a file at once: a reader, or the next start after a crash, finds the old content or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Replaces the file. Nothing is written through a symbolic link.
///
/// The new file has `mode` where there are permissions, less what the umask takes away. `durable` waits for the disk.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32, durable: bool) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    remove(&beside)?; // of a hub that has crashed, or a link that somebody has put there
    let mut file = create(&beside, mode)?;
    file.write_all(content)?;
    if durable {
        file.sync_all()?;
    }
    fs::rename(&beside, path)
}

/// Removes a file or a symbolic link, if there is one.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg_attr(not(unix), allow(unused_variables, reason = "there are no permissions"))]
fn create(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    options.open(path)
}
