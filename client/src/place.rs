//! Where a hub is, and how its bytes travel there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::address::{Address, AddressError};

/// `HOST:PORT`, `tls://HOST:PORT`, or `unix:PATH`.
///
/// ```
/// use bookend_client::Place;
/// let place: Place = "tls://hub.example".parse().unwrap();
/// assert_eq!(place.to_string(), "tls://hub.example:3990");
/// assert!(matches!("unix:/run/hub".parse(), Ok(Place::Unix(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// TCP.
    Tcp(Address),
    /// TLS over TCP.
    Tls(Address),
    /// A socket of this machine, where there is such a thing.
    Unix(PathBuf),
}

impl Place {
    /// Host and port, unless it is a Unix socket.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        match self {
            Place::Tcp(address) | Place::Tls(address) => Some(address),
            Place::Unix(_) => None,
        }
    }

    /// The path of a Unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Place::Unix(path) => Some(path),
            Place::Tcp(_) | Place::Tls(_) => None,
        }
    }

    /// Is it TLS?
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Place::Tls(_))
    }
}

impl From<Address> for Place {
    fn from(address: Address) -> Place {
        Place::Tcp(address)
    }
}

impl FromStr for Place {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Place, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err(AddressError::new("the path behind unix: is missing")),
                path => Ok(Place::Unix(path.into())),
            };
        }
        if let Some(address) = text.strip_prefix("tls://") {
            return address.parse().map(Place::Tls);
        }
        if text.contains("://") {
            return Err(AddressError::new("an address is HOST:PORT, tls://HOST:PORT or unix:PATH"));
        }
        text.parse().map(Place::Tcp)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp(address) => write!(f, "{address}"),
            Place::Tls(address) => write!(f, "tls://{address}"),
            Place::Unix(path) => write!(f, "unix:{}", bookend::escaped(&path.to_string_lossy())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_as_it_is_shown() {
        for (written, shown) in [
            ("hub", "hub:3990"),
            ("tls://hub:4", "tls://hub:4"),
            ("tls://[::1]", "tls://[::1]:3990"),
            ("unix:/run/book end", "unix:/run/book end"),
        ] {
            let place: Place = written.parse().unwrap();
            assert_eq!(place.to_string(), shown);
            assert_eq!(shown.parse(), Ok(place));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "unix:", "tls://", "http://hub", "tls://unix:/x", "tls:hub:1", "wss://hub"] {
            assert!(text.parse::<Place>().is_err(), "{text:?}");
        }
    }
}
