//! Whom a ban keeps out: a network, a name or a token.

use std::fmt;
use std::net::IpAddr;

use bookend::Line;
use ipnet::IpNet;

use crate::{canonical, source};

/// Shorter prefixes of IPv4 are banned only if that is forced: a /8 is the largest block that one network has.
const SHORTEST_V4: u8 = 8;
/// The same for IPv6. The registries of whole continents have a /12.
const SHORTEST_V6: u8 = 16;

/// Whom a ban keeps out.
///
/// ```
/// use bookend_server::BanTarget;
///
/// let one = BanTarget::address("2001:db8::7".parse().unwrap());
/// assert_eq!(one.to_string(), "2001:db8::/64");
/// let network = BanTarget::network("198.51.100.0/24").unwrap();
/// assert!(!network.is_too_wide() && BanTarget::network("0.0.0.0/0").unwrap().is_too_wide());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BanTarget(pub(super) Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Network(IpNet),
    /// The name of a member.
    Name(Box<str>),
    /// The name of a token.
    Token(Box<str>),
}

impl BanTarget {
    /// An IPv4 address, or the /64 network of an IPv6 address.
    #[must_use]
    pub fn address(address: IpAddr) -> BanTarget {
        BanTarget(Kind::Network(source::network(address)))
    }

    /// A network such as `198.51.100.0/24` or `2001:db8::/32`.
    ///
    /// # Errors
    /// The text is not a network in this notation, or has bits after its prefix.
    pub fn network(text: &str) -> Result<BanTarget, String> {
        let network: IpNet =
            text.parse().map_err(|_| format!("{text:?} is not a network such as 198.51.100.0/24 or 2001:db8::/32"))?;
        let network = source::canonical(network);
        match network == network.trunc() {
            true => Ok(BanTarget(Kind::Network(network))),
            false => Err(format!("{text:?} has bits after its prefix; did you mean {}?", network.trunc())),
        }
    }

    /// The members with a name.
    ///
    /// # Errors
    /// The name is not a plain line of 1 to 64 bytes (R4.11).
    pub fn name(name: &str) -> Result<BanTarget, String> {
        line("name", name).map(|name| BanTarget(Kind::Name(name)))
    }

    /// The members with the token of this name.
    ///
    /// # Errors
    /// The name is not a plain line of 1 to 64 bytes.
    pub fn token(name: &str) -> Result<BanTarget, String> {
        line("token", name).map(|name| BanTarget(Kind::Token(name)))
    }

    /// Is it a network of so many addresses that it is hardly meant: an IPv4 prefix shorter than /8, or an IPv6 prefix
    /// shorter than /16?
    #[must_use]
    pub fn is_too_wide(&self) -> bool {
        match &self.0 {
            Kind::Network(IpNet::V4(network)) => network.prefix_len() < SHORTEST_V4,
            Kind::Network(IpNet::V6(network)) => network.prefix_len() < SHORTEST_V6,
            Kind::Name(_) | Kind::Token(_) => false,
        }
    }

    /// `network`, `name` or `token`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.0 {
            Kind::Network(_) => "network",
            Kind::Name(_) => "name",
            Kind::Token(_) => "token",
        }
    }

    /// The same, as it is compared.
    pub(super) fn key(&self) -> BanTarget {
        match &self.0 {
            Kind::Name(name) => BanTarget(Kind::Name(canonical::key(name))),
            _ => self.clone(),
        }
    }
}

/// The networks that contain an address, the largest first.
pub(super) fn networks_of(address: IpAddr) -> impl Iterator<Item = IpNet> {
    let address = address.to_canonical();
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (0..=longest).map(move |length| IpNet::new(address, length).expect("the length is in range").trunc())
}

fn line(what: &str, text: &str) -> Result<Box<str>, String> {
    Line::new(text)
        .map(|line| line.as_str().into())
        .ok_or_else(|| format!("{what} must be 1 to 64 bytes without control characters"))
}

impl fmt::Display for BanTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(f),
            Kind::Network(network) => network.fmt(f),
            Kind::Name(name) | Kind::Token(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        BanTarget::network(text).map(|target| target.to_string())
    }

    #[test]
    fn a_network_is_cidr_without_bits_after_the_prefix_and_ipv4_in_ipv6_is_ipv4() {
        assert_eq!(shown("198.51.100.0/24"), Ok("198.51.100.0/24".into()));
        assert_eq!(shown("198.51.100.7/32"), Ok("198.51.100.7".into()));
        assert_eq!(shown("2001:DB8::/32"), Ok("2001:db8::/32".into()));
        assert_eq!(shown("::ffff:198.51.100.0/120"), Ok("198.51.100.0/24".into()));
        let bits = "\"198.51.100.7/24\" has bits after its prefix; did you mean 198.51.100.0/24?";
        assert_eq!(shown("198.51.100.7/24"), Err(bits.into()));
        for wrong in ["", "198.51.100.7", "198.51.100.0/33", "::/129", "/8", "example/8", "1.2.3/24", "1.2.3.4/-1"] {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn everything_is_too_wide_however_it_is_written() {
        for wide in ["0.0.0.0/0", "128.0.0.0/1", "8.0.0.0/7", "::/0", "::ffff:0.0.0.0/96", "2000::/3", "::/15"] {
            assert!(BanTarget::network(wide).unwrap().is_too_wide(), "{wide}");
        }
        for narrow in ["10.0.0.0/8", "2001::/16", "::1/128", "127.0.0.1/32"] {
            assert!(!BanTarget::network(narrow).unwrap().is_too_wide(), "{narrow}");
        }
    }

    #[test]
    fn an_address_is_itself_or_its_network_of_ipv6() {
        let shown = |text: &str| BanTarget::address(text.parse().unwrap()).to_string();
        assert_eq!(shown("192.0.2.7"), "192.0.2.7");
        assert_eq!(shown("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(shown("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(shown("::1"), "::1");
    }

    #[test]
    fn the_networks_of_an_address_contain_it() {
        let address: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        let networks: Vec<_> = networks_of(address).collect();
        assert_eq!((networks.len(), networks[24].to_string()), (33, "192.0.2.0/24".into()));
        assert_eq!(networks_of("2001:db8::7".parse().unwrap()).nth(64).unwrap().to_string(), "2001:db8::/64");
    }
}
