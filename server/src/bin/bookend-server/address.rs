//! An address to listen on, as it is written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use bookend_server::Address;

/// A port of a host, with or without TLS, or a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    /// `HOST:PORT`
    Tcp(Address),
    /// `tls://HOST:PORT`
    Tls(Address),
    /// `unix:PATH`; refused on systems without Unix sockets.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenAddress, String> {
        let address = |text: &str| text.parse().map_err(|error: bookend_server::ListenError| error.to_string());
        match (text.strip_prefix("unix:"), text.strip_prefix("tls://")) {
            (Some(_), _) if !cfg!(unix) => Err(format!("{text}: this system has no Unix sockets")),
            (Some(""), _) => Err("unix: needs a path after the colon".into()),
            (Some(path), _) => Ok(ListenAddress::Unix(path.into())),
            (_, Some(text)) => address(text).map(ListenAddress::Tls),
            _ if text.contains("://") => {
                Err(format!("{text}: an address must be HOST:PORT, tls://HOST:PORT or unix:PATH"))
            }
            _ => address(text).map(ListenAddress::Tcp),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Tls(address) => write!(f, "tls://{address}"),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_was_read() {
        for text in ["127.0.0.1:3990", "[::1]:0", "localhost:nntp", "tls://127.0.0.1:3991"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        #[cfg(unix)]
        assert_eq!("unix:/run/b.sock".parse::<ListenAddress>().unwrap(), ListenAddress::Unix("/run/b.sock".into()));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "127.0.0.1", ":3990", "unix:", "tls://", "tls://127.0.0.1", "tcp://127.0.0.1:3990"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
