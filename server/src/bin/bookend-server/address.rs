//! An address to listen on, as it is written, and the address of a listener.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
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

impl ListenAddress {
    /// The same address without TLS.
    pub(crate) fn without_tls(&self) -> ListenAddress {
        match self {
            ListenAddress::Tcp(address) | ListenAddress::Tls(address) => ListenAddress::Tcp(address.clone()),
            ListenAddress::Unix(path) => ListenAddress::Unix(path.clone()),
        }
    }
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

/// The address of one listener.
#[derive(Clone, Debug)]
#[cfg_attr(not(unix), allow(dead_code, reason = "this system has no Unix sockets"))]
pub(crate) enum LocalAddress {
    Tcp(SocketAddr),
    Tls(SocketAddr),
    Unix(PathBuf),
}

impl LocalAddress {
    /// A command that joins the hub.
    pub(crate) fn invitation(&self) -> String {
        match self {
            LocalAddress::Tcp(address) => {
                let join = reachable(address);
                let (text, port) = (join.to_string(), join.port());
                let host = text.rsplit_once(':').map_or(&*text, |(host, _)| host).trim_matches(['[', ']']);
                format!("telnet {host} {port}   or: {} chat {join}", client())
            }
            LocalAddress::Tls(address) => format!("openssl s_client -quiet -connect {}", reachable(address)),
            LocalAddress::Unix(path) => format!("nc -U {}", path.display()),
        }
    }
}

impl std::fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LocalAddress::Tcp(address) => address.fmt(f),
            LocalAddress::Tls(address) => write!(f, "tls://{address}"),
            LocalAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address of this machine that reaches the listener.
fn reachable(address: &SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut reachable = *address; // with the zone of a link-local address
    reachable.set_ip(host);
    reachable
}

/// The command of the client: in a checkout it may not be installed.
fn client() -> &'static str {
    let is_in_checkout = std::env::current_exe().is_ok_and(|program| {
        let target = program.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "target"));
        target.and_then(Path::parent).is_some_and(|root| root.join("cli/Cargo.toml").exists())
    });
    if is_in_checkout { "cargo run --release -p bookend-cli --" } else { "bookend" }
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
