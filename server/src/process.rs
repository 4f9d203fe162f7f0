//! What the system reports about this process.

use std::time::{Duration, SystemTime};

/// Numbers of the process, as far as files of the system contain them.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) open_fds: Option<u64>,
    pub(crate) max_fds: Option<u64>,
    pub(crate) resident_bytes: Option<u64>,
    /// In seconds since 1970-01-01T00:00:00Z.
    pub(crate) start: f64,
}

impl Process {
    /// Reads the numbers of a process that started at `start`.
    pub(crate) fn read(start: SystemTime) -> Process {
        let start = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64();
        let file = |path: &str| std::fs::read_to_string(path).ok().filter(|_| cfg!(target_os = "linux"));
        Process {
            open_fds: open_fds(),
            max_fds: file("/proc/self/limits").and_then(|limits| max_fds(&limits)),
            resident_bytes: file("/proc/self/status").and_then(|status| resident_bytes(&status)),
            start,
        }
    }
}

#[cfg(target_os = "linux")]
fn open_fds() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    entries.checked_sub(1) // the descriptor of this directory
}

#[cfg(not(target_os = "linux"))]
fn open_fds() -> Option<u64> {
    None
}

/// `Max open files  SOFT  HARD  files`
fn max_fds(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// `VmRSS:  NUMBER kB`
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_files_of_linux() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax processes  7  7  processes\nMax open files            1024                 524288               files     \n";
        assert_eq!(max_fds(limits), Some(1024));
        assert_eq!(max_fds("Max open files  unlimited  unlimited  files\n"), None);
        assert_eq!(resident_bytes("VmHWM:\t    9000 kB\nVmRSS:\t    8000 kB\n"), Some(8000 << 10));
        assert_eq!(resident_bytes(""), None);
        let process = Process::read(SystemTime::now());
        assert_eq!(process.open_fds.is_some(), cfg!(target_os = "linux"));
        assert_eq!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20), cfg!(target_os = "linux"));
    }
}
