//! Exit statuses, besides 0 and 1.

/// Wrong arguments or settings; clap exits with the same status.
pub(crate) const WRONG_SETTINGS: u8 = 2;
/// A second signal ended the program at once; shells use the same status for an interrupted program.
pub(crate) const INTERRUPTED: i32 = 130;
