//! What failures of the operating system are called, and how the addresses that were tried are listed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::target::Target;

/// The stable name of an I/O error.
pub(crate) fn io_name(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection-refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            "connection-reset"
        }
        io::ErrorKind::TimedOut => "timed-out",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            "unreachable"
        }
        io::ErrorKind::PermissionDenied => "not-permitted",
        _ => "io",
    }
}

/// Each address that was tried, and why it failed.
pub(crate) fn tried(
    f: &mut fmt::Formatter<'_>,
    all: &[(SocketAddr, Arc<io::Error>)],
    target: Option<&Target>,
) -> fmt::Result {
    for (index, (peer, error)) in all.iter().enumerate() {
        let mark = if index == 0 { "" } else { "; " };
        match target {
            Some(target) => write!(f, "{mark}{}{error}", Beside(Some(*peer), target))?,
            None => write!(f, "{mark}{peer}: {error}")?,
        }
    }
    Ok(())
}

/// The address that was tried, unless it is the target itself.
pub(crate) struct Beside<'a>(pub(crate) Option<SocketAddr>, pub(crate) &'a Target);

impl fmt::Display for Beside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Beside(peer, target) = self;
        match (peer, target.address()) {
            (Some(peer), Some(address)) if peer.to_string() != address.to_string() => write!(f, "{peer}: "),
            _ => Ok(()),
        }
    }
}
