//! A place to listen on, as it is written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use bookend_server::Address;

/// A port of a host, without or with TLS, or a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `HOST:PORT`
    Tcp(Address),
    /// `tls://HOST:PORT`
    Tls(Address),
    /// `unix:PATH`; none can be made where there are no Unix sockets.
    Unix(PathBuf),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let address = |text: &str| text.parse().map_err(|error: bookend_server::ListenError| error.to_string());
        match (text.strip_prefix("unix:"), text.strip_prefix("tls://")) {
            (Some(_), _) if !cfg!(unix) => Err(format!("{text}: there are no Unix sockets on this system")),
            (Some(""), _) => Err("unix: has no path behind it".into()),
            (Some(path), _) => Ok(Place::Unix(path.into())),
            (_, Some(text)) => address(text).map(Place::Tls),
            _ if text.contains("://") => Err(format!("{text}: a place is HOST:PORT, tls://HOST:PORT or unix:PATH")),
            _ => address(text).map(Place::Tcp),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Tcp(address) => address.fmt(f),
            Place::Tls(address) => write!(f, "tls://{address}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_it_was_read() {
        for text in ["127.0.0.1:3990", "[::1]:0", "localhost:nntp", "tls://127.0.0.1:3991"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        #[cfg(unix)]
        assert_eq!("unix:/run/b.sock".parse::<Place>().unwrap(), Place::Unix("/run/b.sock".into()));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "127.0.0.1", ":3990", "unix:", "tls://", "tls://127.0.0.1", "tcp://127.0.0.1:3990"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }
}
