//! A proxy on the way to a hub: SOCKS5 or HTTP CONNECT.

mod environment;
mod handshake;
mod socks5;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use crate::address::{Address, AddressError};
use crate::cause::{self, io_name};
pub(crate) use handshake::tunnel;

/// `socks5://[USER:PASSWORD@]HOST[:PORT]` or `http://[USER:PASSWORD@]HOST[:PORT]`.
///
/// The proxy always resolves the hub's name, so `socks5h://` is the same as `socks5://`. Without a port SOCKS5
/// is 1080 and HTTP is 80; `%hex` in user and password is decoded. `Display` and `Debug` omit the
/// credentials.
///
/// ```
/// use bookend_client::Proxy;
/// let proxy: Proxy = "socks5://ann:p%40ss@gate:1081".parse().unwrap();
/// assert_eq!(proxy.to_string(), "socks5://gate:1081");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: Scheme,
    address: Address,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Socks5,
    Http,
}

#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: String,
}

/// Why a proxy did not connect to the hub.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy's host has no address.
    Resolve(Arc<io::Error>),
    /// The proxy cannot be reached: each address that was tried, and why it failed.
    Tcp(Vec<(SocketAddr, Arc<io::Error>)>),
    /// The connection to the proxy failed, or the proxy did not answer in time.
    Io(Arc<io::Error>),
    /// The peer is not a proxy of this kind.
    NotAProxy(String),
    /// The proxy requires credentials, or other ones.
    Credentials(String),
    /// An HTTP proxy requires credentials of another kind than a user and a password, such as Negotiate.
    Method(String),
    /// The proxy refuses to connect to the hub, and reports why.
    Refused(String),
}

impl Proxy {
    /// What may fix an error of the proxy.
    pub(crate) fn fix(&self, error: &ProxyError) -> &'static str {
        match (error, self.scheme, &self.credentials) {
            (ProxyError::Credentials(_), Scheme::Http, None) => {
                "the proxy requires a user and a password: --proxy http://USER:PASSWORD@HOST:PORT, or the same in ALL_PROXY"
            }
            (ProxyError::Credentials(_), Scheme::Socks5, None) => {
                "the proxy requires a user and a password: --proxy socks5://USER:PASSWORD@HOST:PORT, or the same in ALL_PROXY"
            }
            (ProxyError::Credentials(_), _, Some(_)) => {
                "the proxy does not accept this user and password: correct them, or leave them out if it wants none"
            }
            (ProxyError::Method(_), ..) => {
                "the proxy wants a login that is not a password (Basic): use one that does, such as a local proxy that logs in there"
            }
            (ProxyError::Refused(_), ..) => {
                "can the proxy reach the hub, and is it allowed to? NO_PROXY lists hosts that need no proxy"
            }
            _ => "is it the right proxy, and does it run? --proxy, ALL_PROXY and HTTPS_PROXY set it",
        }
    }

    /// The proxy's address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The proxy that the environment names for `hub`: `HTTPS_PROXY` if it uses TLS, else `ALL_PROXY`, in either
    /// case. There is none for what `NO_PROXY` lists (hosts, domains with their subdomains, IP addresses, `*`), nor for
    /// a hub on this machine: `localhost` and loopback addresses.
    ///
    /// # Errors
    /// [`AddressError`] if a variable is set and is not a proxy. Connecting directly instead could expose traffic.
    pub fn from_environment(hub: &crate::Target) -> Result<Option<Proxy>, AddressError> {
        environment::proxy(hub, |name| std::env::var(name).ok())
    }
}

impl FromStr for Proxy {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Proxy, AddressError> {
        let wrong =
            AddressError::new("a proxy is socks5://[USER:PASSWORD@]HOST:PORT or http://[USER:PASSWORD@]HOST:PORT");
        let (scheme, rest) = text.split_once("://").ok_or(wrong)?;
        let (scheme, port) = match scheme.to_ascii_lowercase().as_str() {
            "socks5" | "socks5h" => (Scheme::Socks5, 1080),
            "http" => (Scheme::Http, 80),
            _ => return Err(wrong),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, host) = match rest.rsplit_once('@') {
            Some((credentials, host)) => (Some(Credentials::parse(credentials).ok_or(wrong)?), host),
            None => (None, rest),
        };
        Ok(Proxy { scheme, address: Address::parse_with(host, port)?, credentials })
    }
}

impl Credentials {
    /// Each is at most 255 bytes long, the limit of SOCKS5.
    fn parse(text: &str) -> Option<Credentials> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let (user, password) = (percent_decoded(user)?, percent_decoded(password)?);
        (!user.is_empty() && user.len() <= 255 && password.len() <= 255).then_some(Credentials { user, password })
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            decoded.extend(data_encoding::HEXLOWER_PERMISSIVE.decode(digits).ok()?);
            rest = after;
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Socks5 => "socks5",
            Scheme::Http => "http",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

impl fmt::Debug for Proxy {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl ProxyError {
    /// The fault's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            ProxyError::Resolve(_) => "unknown-host",
            ProxyError::Tcp(tried) => tried.last().map_or("io", |(_, error)| io_name(error)),
            ProxyError::Io(error) => io_name(error),
            ProxyError::NotAProxy(_) => "not-a-proxy",
            ProxyError::Credentials(_) | ProxyError::Method(_) => "proxy-credentials",
            ProxyError::Refused(_) => "proxy-refused",
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyError::Resolve(error) | ProxyError::Io(error) => write!(f, "{error}"),
            ProxyError::Tcp(tried) => cause::tried(f, tried, None),
            ProxyError::NotAProxy(line)
            | ProxyError::Credentials(line)
            | ProxyError::Method(line)
            | ProxyError::Refused(line) => {
                write!(f, "{}", bookend::escaped(line))
            }
        }
    }
}

impl std::error::Error for ProxyError {}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> ProxyError {
        ProxyError::Io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_is_parsed_with_its_credentials_and_shown_without() {
        for (written, shown) in [
            ("socks5://gate", "socks5://gate:1080"),
            ("SOCKS5H://[::1]:9", "socks5://[::1]:9"),
            ("http://ann:secret@gate:8080/", "http://gate:8080"),
            ("http://gate", "http://gate:80"),
        ] {
            let proxy: Proxy = written.parse().unwrap();
            assert_eq!(proxy.to_string(), shown);
            assert!(!format!("{proxy:?}").contains("secret"));
        }
        let proxy: Proxy = "http://a%3ab:p%40@x".parse().unwrap();
        let credentials = proxy.credentials.unwrap();
        assert_eq!((&*credentials.user, &*credentials.password), ("a:b", "p@"));
    }

    #[test]
    fn malformed_proxy_is_refused() {
        let long = format!("socks5://{}@gate", "u".repeat(256));
        for text in
            ["", "gate:1080", "https://gate", "socks4://gate", "http://", "http://:x@gate", "http://%4@g", &long]
        {
            assert!(text.parse::<Proxy>().is_err(), "{text:?}");
        }
    }
}
