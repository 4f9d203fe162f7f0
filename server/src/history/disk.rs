//! What the system says and does about a disk, in one place, so that tests make it fail.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::path::Path;

/// Says which boot of the system this is: what was written before the end of the process is lost only with the boot.
#[cfg(target_os = "linux")]
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The disk of a history file.
pub(super) trait Disk: Debug + Send + Sync {
    /// Is called before each transaction is committed. An error takes it back.
    fn committing(&self) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Makes what was written to a file safe.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// As a file is opened, it is checked as a whole if it has at most so many bytes.
    fn whole(&self) -> u64 {
        16 << 20
    }

    /// The device and the number of a file: a copy has others.
    fn place(&self, path: &Path) -> io::Result<(u64, u64)> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let metadata = std::fs::metadata(path)?;
            Ok((metadata.dev(), metadata.ino()))
        }
        #[cfg(not(unix))]
        std::fs::metadata(path).map(|_| (0, 0))
    }

    /// The boot of the system; empty if it does not say.
    fn boot(&self) -> String {
        #[cfg(target_os = "linux")]
        return std::fs::read_to_string(BOOT).map(|boot| boot.trim().to_owned()).unwrap_or_default();
        #[cfg(not(target_os = "linux"))]
        String::new()
    }
}

/// The real one.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {}
