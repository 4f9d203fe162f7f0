//! How much memory a process has used, where the system reports it.

use std::fs;
use std::ops::Sub;

/// The peak of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Memory that was written to.
    resident: u64,
    /// Addresses that were reserved, including zeroed pages that were never touched.
    reserved: u64,
}

impl Memory {
    /// The peak of a process since it began. `None` without `/proc`, or if the process has ended.
    pub(crate) fn peak_of(process: u32) -> Option<Memory> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
        };
        Some(Memory { resident: field("VmHWM:")?, reserved: field("VmPeak:")? })
    }

    /// The larger of the two values.
    pub(crate) fn most(self) -> u64 {
        self.resident.max(self.reserved)
    }
}

impl Sub for Memory {
    type Output = Memory;

    /// The growth since `before`.
    fn sub(self, before: Memory) -> Memory {
        Memory {
            resident: self.resident.saturating_sub(before.resident),
            reserved: self.reserved.saturating_sub(before.reserved),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_never_touched_counts() {
        // [R8.1]
        let own = || Memory::peak_of(std::process::id()).unwrap();
        let before = own();
        let zeroes = vec![0_u8; 1 << 30];
        let grown = own() - before;
        drop(zeroes);
        assert!(grown.most() >= 1 << 29, "{grown:?}");
        assert!(grown.resident < 1 << 29, "{grown:?}");
    }
}
