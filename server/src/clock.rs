//! The wall clock.

use std::time::SystemTime;

/// The time, in milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
