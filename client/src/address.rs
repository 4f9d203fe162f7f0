//! A host and a port, as people write them.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

/// A hub's port if none is given.
pub const DEFAULT_PORT: u16 = 3990;

/// A host name or IP address, and a port: `HOST`, `HOST:PORT`, `[IPV6]:PORT`. The port is a number, or the name of a
/// TCP service in this machine's list of services; `bookend` is 3990 on every machine.
///
/// ```
/// use bookend_client::Address;
/// let address: Address = "[::1]".parse().unwrap();
/// assert_eq!((address.host(), address.port()), ("::1", 3990));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

/// Why a word is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressError(&'static str);

impl AddressError {
    pub(crate) fn new(why: &'static str) -> AddressError {
        AddressError(why)
    }
}

impl Address {
    /// The host name or IP address, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        Address::parse_with(text, DEFAULT_PORT)
    }
}

impl Address {
    /// Parses an address; `default` is its port if it names none.
    pub(crate) fn parse_with(text: &str, default: u16) -> Result<Address, AddressError> {
        if text.contains("://") {
            return Err(AddressError("an address is HOST:PORT, without a scheme"));
        }
        let (host, port) = split(text)?;
        if host.is_empty() {
            return Err(AddressError("the host is missing"));
        }
        if host.chars().any(|character| character.is_whitespace() || bookend::is_disturbing(character)) {
            return Err(AddressError("a host must not contain spaces or control characters"));
        }
        if host.contains('/') {
            return Err(AddressError("a host must not contain a /"));
        }
        let port = port.map_or(Ok(default), parse_port)?;
        Ok(Address { host: host.into(), port })
    }
}

/// Host, and port if there is one.
fn split(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(AddressError("the ] after the IPv6 address is missing"))?;
        return match rest.strip_prefix(':') {
            _ if !is_ipv6(host) => Err(AddressError("only an IPv6 address may be in brackets")),
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(AddressError("only :PORT may follow the ]")),
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') && is_ipv6(text) => Ok((text, None)),
        Some((_, port)) if port.contains(':') => Err(AddressError("an IPv6 address with a port is [ADDRESS]:PORT")),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

/// An IPv6 address, perhaps with a zone such as `%eth0`.
fn is_ipv6(text: &str) -> bool {
    text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = match text {
        "bookend" => Some(DEFAULT_PORT),
        _ if digits => text.parse().ok(),
        _ if text.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            // A list that cannot be read contains no services.
            service(text, &std::fs::read_to_string(services()).unwrap_or_default())
        }
        _ => None,
    };
    port.filter(|&port| port != 0)
        .ok_or(AddressError("a port is a number from 1 to 65535, or a service that this machine knows by name"))
}

/// The file that lists this machine's services.
fn services() -> PathBuf {
    if cfg!(windows) {
        let root = std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from);
        root.join(r"System32\drivers\etc\services")
    } else {
        PathBuf::from("/etc/services")
    }
}

/// The TCP port of a service, by its name or an alias, in a list of lines `NAME PORT/PROTOCOL ALIAS… # REMARK`.
fn service(name: &str, list: &str) -> Option<u16> {
    list.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (official, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        (official == name || words.any(|alias| alias == name)).then(|| port.parse().ok())?
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_parsed_and_shown_with_its_port() {
        for (written, shown) in [
            ("hub.example", "hub.example:3990"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("localhost:65535", "localhost:65535"),
            ("::1", "[::1]:3990"),
            ("[::1]", "[::1]:3990"),
            ("[fe80::1%eth0]:4000", "[fe80::1%eth0]:4000"),
            ("grüße.example:5", "grüße.example:5"),
            ("hub:bookend", "hub:3990"),
        ] {
            let address: Address = written.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse(), Ok(address), "{shown} parses back");
        }
    }

    #[test]
    fn service_is_found_by_name_and_by_alias_for_tcp_only() {
        let list = "# services\nntp 123/udp\nntp\t 124/tcp # not 125/tcp\nirc 194/tcp chat\nbroken 99999/tcp\n";
        assert_eq!(service("ntp", list), Some(124));
        assert_eq!(service("chat", list), Some(194));
        assert_eq!((service("not", list), service("broken", list), service("irc", "")), (None, None, None));
    }

    #[test]
    fn malformed_address_is_refused() {
        for text in [
            "",
            ":3990",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "host:no-service-of-this-name",
            "host: 1",
            "host:1:2",
            "[::1",
            "[::1]x",
            "[host]:1",
            "[::1]3990",
            "[]",
            "http://host",
            "a b",
            "a\u{202e}b",
            "::1:x",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
