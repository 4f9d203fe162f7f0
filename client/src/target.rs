//! What to connect to: a hub's address and its transport.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::address::{Address, AddressError};

/// What to connect to: `HOST:PORT` or `bookend://HOST:PORT`, `tls://HOST:PORT` or `bookends://HOST:PORT`, or `unix:PATH`
/// (SPEC 10, Addresses).
///
/// ```
/// use bookend_client::Target;
/// let target: Target = "tls://hub.example".parse().unwrap();
/// assert_eq!(target.to_string(), "tls://hub.example:3990");
/// assert_eq!("bookends://hub.example".parse(), Ok(target));
/// assert!(matches!("unix:/run/hub".parse(), Ok(Target::Unix(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// TCP.
    Tcp(Address),
    /// TLS over TCP.
    Tls(Address),
    /// A Unix socket, on systems that have them.
    Unix(PathBuf),
}

impl Target {
    /// Host and port, unless it is a Unix socket.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        match self {
            Target::Tcp(address) | Target::Tls(address) => Some(address),
            Target::Unix(_) => None,
        }
    }

    /// The path of a Unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Target::Unix(path) => Some(path),
            Target::Tcp(_) | Target::Tls(_) => None,
        }
    }

    /// Whether it uses TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Target::Tls(_))
    }
}

impl From<Address> for Target {
    fn from(address: Address) -> Target {
        Target::Tcp(address)
    }
}

impl FromStr for Target {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Target, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(AddressError::new("the path after unix: is missing")),
                path => Ok(Target::Unix(path.into())),
            };
        }
        if let Some(address) = text.strip_prefix("tls://").or_else(|| text.strip_prefix("bookends://")) {
            return address.parse().map(Target::Tls);
        }
        if let Some(address) = text.strip_prefix("bookend://") {
            return address.parse().map(Target::Tcp);
        }
        if text.contains("://") {
            return Err(AddressError::new(
                "an address is HOST:PORT, bookend://HOST:PORT, tls://HOST:PORT, bookends://HOST:PORT or unix:PATH",
            ));
        }
        text.parse().map(Target::Tcp)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp(address) => write!(f, "{address}"),
            Target::Tls(address) => write!(f, "tls://{address}"),
            Target::Unix(path) => write!(f, "unix:{}", bookend::escaped(&path.to_string_lossy())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_parses_back() {
        for (written, shown) in [
            ("hub", "hub:3990"),
            ("bookend://hub", "hub:3990"),
            ("bookends://[::1]:4", "tls://[::1]:4"),
            ("tls://hub:4", "tls://hub:4"),
            ("tls://[::1]", "tls://[::1]:3990"),
            ("unix:/run/book end", "unix:/run/book end"),
        ] {
            let target: Target = written.parse().unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(shown.parse(), Ok(target), "{written}");
        }
    }

    #[test]
    fn malformed_target_is_refused() {
        for text in [
            "",
            "unix:",
            "tls://",
            "http://hub",
            "tls://unix:/x",
            "tls:hub:1",
            "wss://hub",
            "bookend://",
            "bookend://hub/room",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text:?}");
        }
    }
}
