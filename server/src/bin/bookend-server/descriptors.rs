//! The limit of open files, and how many connections it allows.

use crate::settings::Settings;

/// Descriptors that connections do not use: for the admin service and its 32 connections, for listeners, and for files that
/// a reload reads.
const RESERVE: usize = 64;
/// The most connections by default. While they are idle, each takes 2 KiB of memory, or 10 KiB with TLS.
const DEFAULT: usize = 1 << 16;

/// Raises the limit of open files as far as the system allows without privileges.
pub(crate) fn raise_limit() {
    #[cfg(unix)]
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(detail = %error, "open-files-failed");
    }
}

/// How many connections these settings allow.
pub(crate) fn connections(settings: &Settings) -> usize {
    let wanted = match settings.hub.connections {
        0 => DEFAULT,
        wanted => wanted,
    };
    wanted.min(for_connections(open_files()))
}

/// Logs how many connections these settings allow.
pub(crate) fn log(settings: &Settings) {
    let (connections, wanted, open_files) = (connections(settings), settings.hub.connections, open_files());
    if connections < wanted {
        let detail = format!("door.connections is {wanted}, but the limit of open files allows {connections}");
        tracing::warn!(open_files, connections, detail, "open-files");
    } else {
        tracing::info!(open_files, connections, "open-files");
    }
}

/// How many of these descriptors connections may use.
fn for_connections(open_files: usize) -> usize {
    open_files - RESERVE.min(open_files / 2)
}

#[cfg(unix)]
fn open_files() -> usize {
    let soft = rlimit::Resource::NOFILE.get().map_or(1024, |(soft, _)| soft);
    usize::try_from(soft).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn open_files() -> usize {
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_for_the_operator() {
        for (open_files, connections) in [(1_048_576, 1_048_512), (1024, 960), (128, 64), (64, 32), (20, 10)] {
            assert_eq!(for_connections(open_files), connections);
        }
    }
}
