//! Exit statuses, besides 0, 1, and 128 + N for signal N.

/// Wrong arguments or settings; clap exits with the same status.
pub(crate) const WRONG_SETTINGS: u8 = 2;
