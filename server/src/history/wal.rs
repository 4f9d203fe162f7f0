//! The write-ahead log of SQLite: is all of it there that the last process had committed?
//!
//! SQLite takes the frames of the log up to the first one whose checksum is wrong, and says nothing of the others. The
//! index in the `-shm` file, which nobody syncs, outlives the process but not the system: its header says how many frames
//! there were.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The bytes of one of the two copies of the header of the index.
const COPY: usize = 48;
/// Those that its checksum covers.
const COVERED: usize = 40;

/// What is known of the log before SQLite opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    /// Frames that were committed; `None` if no header says it.
    frames: Option<u32>,
    /// The salt in that header, and the one in the log: they agree if the header is about this log.
    index_salt: [u8; 8],
    log_salt: [u8; 8],
}

impl Before {
    /// Reads the files, which no connection has open.
    pub(super) fn read(path: &Path) -> io::Result<Before> {
        let log = first_bytes::<32>(&log_of(path))?;
        let index = first_bytes::<{ 2 * COPY }>(&index_of(path))?;
        let mut before = Before { frames: None, index_salt: [0; 8], log_salt: [0; 8] };
        before.log_salt.copy_from_slice(&log[16..24]);
        for copy in index.chunks_exact(COPY) {
            if let Some((frames, salt)) =
                header(copy).filter(|&(frames, _)| before.frames.is_none_or(|most| most < frames))
            {
                (before.frames, before.index_salt) = (Some(frames), salt);
            }
        }
        Ok(before)
    }

    /// Is the log complete, if SQLite has recovered this many frames?
    pub(super) fn is_complete(&self, recovered: u64) -> bool {
        match self.frames {
            None => false,
            Some(0) => true,
            Some(frames) => recovered >= u64::from(frames) && self.index_salt == self.log_salt,
        }
    }
}

/// The log of a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The index of that log.
pub(super) fn index_of(path: &Path) -> PathBuf {
    beside(path, "-shm")
}

/// A file beside another one.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The frames and the salt in a copy of the header, if its checksum is right.
fn header(copy: &[u8]) -> Option<(u32, [u8; 8])> {
    let word = |at: usize| Some(u32::from_ne_bytes(copy.get(at..at + 4)?.try_into().ok()?));
    let mut sums = (0u32, 0u32);
    for at in (0..COVERED).step_by(8) {
        sums.0 = sums.0.wrapping_add(word(at)?).wrapping_add(sums.1);
        sums.1 = sums.1.wrapping_add(word(at + 4)?).wrapping_add(sums.0);
    }
    let is_good = copy[12] == 1 && (word(COVERED)?, word(COVERED + 4)?) == sums;
    is_good.then_some((word(16)?, copy[32..40].try_into().ok()?))
}

/// The first bytes of a file, with zeros for those that it does not have.
fn first_bytes<const N: usize>(path: &Path) -> io::Result<[u8; N]> {
    let (mut bytes, mut length) = ([0; N], 0);
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(bytes),
        opened => opened?,
    };
    while length < N {
        match file.read(&mut bytes[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(bytes)
}

/// The bytes of a file; 0 if there is none.
pub(super) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
