//! CPU time and memory of the server's process, which only Linux reports.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

/// A process on this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(pub(super) u32);

/// CPU time in nanoseconds, by thread.
#[derive(Debug)]
pub(super) struct Spent(HashMap<OsString, u64>);

impl Spent {
    /// The CPU time since `before`, in seconds, without threads that have ended since, whose time is not recorded.
    pub(super) fn since(&self, before: &Spent) -> f64 {
        let spent = |(thread, &time): (&OsString, &u64)| {
            Duration::from_nanos(time.saturating_sub(before.0.get(thread).copied().unwrap_or_default()))
        };
        self.0.iter().map(spent).sum::<Duration>().as_secs_f64()
    }
}

impl Process {
    /// The CPU time so far of each running thread.
    pub(super) fn spent(self) -> Option<Spent> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0)).ok()?;
        let spent = threads.filter_map(|thread| {
            let thread = thread.ok()?;
            let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            Some((thread.file_name(), line.split(' ').next()?.parse().ok()?))
        });
        Some(Spent(spent.collect())).filter(|spent| spent.0.values().any(|&time| time > 0))
    }

    /// Resident memory now, in KiB.
    pub(super) fn memory(self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// The peak of resident memory, in KiB.
    pub(super) fn peak(self) -> Option<u64> {
        self.status("VmHWM:")
    }

    fn status(self, field: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }
}
