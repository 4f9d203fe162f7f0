//! What failures of the operating system are called, and how the addresses that were tried are listed.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::place::Place;

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
pub(crate) fn tried(f: &mut fmt::Formatter<'_>, all: &[(SocketAddr, io::Error)], place: Option<&Place>) -> fmt::Result {
    for (index, (peer, error)) in all.iter().enumerate() {
        let mark = if index == 0 { "" } else { "; " };
        match place {
            Some(place) => write!(f, "{mark}{}{error}", Beside(Some(*peer), place))?,
            None => write!(f, "{mark}{peer}: {error}")?,
        }
    }
    Ok(())
}

/// One of the addresses that a host has, unless that is what was asked for.
pub(crate) struct Beside<'a>(pub(crate) Option<SocketAddr>, pub(crate) &'a Place);

impl fmt::Display for Beside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Beside(peer, place) = self;
        match (peer, place.address()) {
            (Some(peer), Some(address)) if peer.to_string() != address.to_string() => write!(f, "{peer}: "),
            _ => Ok(()),
        }
    }
}
