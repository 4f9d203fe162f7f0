//! What the server costs, as the system tells it, where it does: on Linux.

use std::fs;

/// A process on this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(pub(super) u32);

impl Process {
    /// Time on a processor so far, of the threads that live, in seconds.
    pub(super) fn cpu(self) -> Option<f64> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0)).ok()?;
        let spent = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok());
        let nanoseconds: Option<f64> = spent.map(|line| line.split(' ').next()?.parse::<f64>().ok()).sum();
        nanoseconds.map(|nanoseconds| nanoseconds / 1e9).filter(|&seconds| seconds > 0.0)
    }

    /// Resident memory now, in KiB.
    pub(super) fn memory(self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// The most that was ever resident, in KiB.
    pub(super) fn peak(self) -> Option<u64> {
        self.status("VmHWM:")
    }

    fn status(self, field: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }
}
