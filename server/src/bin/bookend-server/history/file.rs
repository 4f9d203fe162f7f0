//! What can be known of the history file without opening it as a database.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::settings::{Fault, LoadedSettings};

/// The start of every database of SQLite.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Where the header of SQLite has the version of our tables, in network byte order.
const VERSION_AT: usize = 60;
/// The bytes of the header that are read.
const HEADER: usize = VERSION_AT + 4;

/// Checks that a hub could use the file of the settings, as far as that can be seen from outside: nothing is changed, so
/// that this is permitted to every user, and while a hub runs. Returns warnings.
pub(crate) fn check(loaded: &LoadedSettings) -> Result<Vec<String>, Fault> {
    let Some(path) = &loaded.settings.history.path else { return Ok(Vec::new()) };
    let fault = |text: String| loaded.fault("history.path", text);
    let directory = directory(path);
    let is_directory = fs::metadata(directory).map_err(|error| fault(format!("{}: {error}", directory.display())))?;
    if !is_directory.is_dir() {
        return Err(fault(format!("{} is not a directory", directory.display())));
    }
    let shown = path.display();
    let state = examine(path).map_err(|error| fault(format!("{shown}: {error}")))?;
    let mut warnings = Vec::new();
    match state {
        State::Missing => probe(path).map_err(|error| fault(format!("{}: {error}", directory.display())))?,
        State::Database { version } if version > bookend_server::HISTORY_VERSION => {
            let text = format!("{shown} has version {version}: a later bookend-server has written it");
            return Err(fault(text));
        }
        State::Database { .. } => {}
        State::Foreign => {
            warnings.push(format!("{shown} is not a database: at the start it will be renamed, and a new one made"));
        }
    }
    if let Some(user) = user_of(path).map_err(|error| fault(format!("{shown}: {error}")))? {
        warnings.push(format!("{shown} is in use{user}: another hub cannot use it"));
    }
    warnings.extend(unsuitable(directory).map(|why| format!("{}: {why}", directory.display())));
    Ok(warnings.into_iter().map(|text| fault(text).to_string()).collect())
}

enum State {
    Missing,
    Database { version: i64 },
    Foreign,
}

/// Opens the file as the hub would, and reads its header.
fn examine(path: &Path) -> io::Result<State> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::Missing),
        Err(error) => return Err(error),
    };
    let mut header = Vec::with_capacity(HEADER);
    file.take(HEADER as u64).read_to_end(&mut header)?;
    Ok(match header.get(VERSION_AT..HEADER).and_then(|bytes| bytes.try_into().ok()) {
        Some(version) if header.starts_with(MAGIC) => State::Database { version: u32::from_be_bytes(version).into() },
        _ if header.is_empty() => State::Missing, // SQLite writes an empty file's header when it commits
        _ => State::Foreign,
    })
}

/// Can files be made beside it?
fn probe(path: &Path) -> io::Result<()> {
    let probe = beside(path, &format!(".check-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&probe)?;
    fs::remove_file(probe)
}

/// Who uses the file: ` by process N`, or nothing if that is not known.
fn user_of(path: &Path) -> io::Result<Option<String>> {
    let mut lock = match File::open(beside(path, "-lock")) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let is_read = lock.read_to_string(&mut pid).is_ok();
            let pid = pid.trim().parse::<u32>().ok().filter(|_| is_read);
            Ok(Some(pid.map_or_else(String::new, |pid| format!(" by process {pid}"))))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Gives the files beside a database, which a command of another user may have made, to the owner of the database: the
/// hub could not open them otherwise.
#[cfg(unix)]
pub(crate) fn keep_owner(path: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};
    let Ok(database) = fs::metadata(path) else { return };
    for suffix in ["-lock", "-wal", "-shm"] {
        let other = beside(path, suffix);
        if fs::metadata(&other).is_ok_and(|found| found.uid() != database.uid()) {
            let _ = chown(other, Some(database.uid()), Some(database.gid())); // only root may; others own what they made
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn keep_owner(_path: &Path) {}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The file of that name with a suffix.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Why a file system is not the right place, by the table of mounts of Linux.
fn unsuitable(directory: &Path) -> Option<&'static str> {
    let directory = fs::canonicalize(directory).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let kind = kind_of(&mounts, &directory)?;
    match kind {
        "tmpfs" | "ramfs" => Some("it is in memory (tmpfs): nothing there survives a restart of the machine"),
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "ceph" | "afs" | "glusterfs" | "fuse.sshfs" => {
            Some("it is on another machine: SQLite needs a file system of this one")
        }
        _ => None,
    }
}

/// The kind of the file system of a directory.
fn kind_of<'a>(mounts: &'a str, directory: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let (mount, source) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?.replace("\\040", " ");
        Some((PathBuf::from(point), source.split(' ').next()?))
    };
    let mounts = mounts.lines().filter_map(mount).filter(|(point, _)| directory.starts_with(point));
    // Of several at one point the last one is seen.
    mounts.max_by_key(|(point, _)| point.components().count()).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_file_system_is_that_of_the_innermost_mount() {
        let mounts = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                      25 24 0:23 / /dev/shm rw shared:3 - tmpfs tmpfs rw\n\
                      26 24 0:24 / /mnt/a\\040b rw - nfs4 host:/x rw\n\
                      30 25 0:27 / /dev/shm rw - ramfs ramfs rw\n";
        for (directory, kind) in
            [("/var/lib", "ext4"), ("/dev/shm", "ramfs"), ("/dev/shmem", "ext4"), ("/mnt/a b/c", "nfs4")]
        {
            assert_eq!(kind_of(mounts, Path::new(directory)), Some(kind), "{directory}");
        }
        assert_eq!(kind_of("", Path::new("/")), None);
    }
}
