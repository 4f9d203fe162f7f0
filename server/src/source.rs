//! The source of a connection, by which connections are counted and limited.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Source {
    /// One IPv4 address, or one /64 network of IPv6: the owner of one address usually has all 2^64 of its network.
    Network(IpAddr),
    /// A user of this machine, who connects to a Unix socket.
    User(u32),
    /// The embedding program provides the stream, and no address.
    Unknown,
}

impl Source {
    /// The source of connections from an address.
    pub(crate) fn of(address: IpAddr) -> Source {
        Source::Network(network(address).addr())
    }

    /// Is it on this machine?
    pub(crate) fn is_local(self) -> bool {
        match self {
            Source::Network(address) => address.is_loopback(),
            Source::User(_) | Source::Unknown => true,
        }
    }
}

/// One IPv4 address, or the /64 network of an IPv6 address.
pub(crate) fn network(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpNet::new(address.into(), 64).expect("64 is a prefix of IPv6").trunc()
        }
        address => address.into(),
    }
}

/// The same network, as IPv4 if its addresses are mapped ones: IPv4 addresses are compared as such, however they arrive.
pub(crate) fn canonical(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(mapped) = network else { return network };
    let found = mapped.prefix_len().checked_sub(MAPPED).zip(mapped.addr().to_ipv4_mapped());
    found.and_then(|(prefix, address)| Ipv4Net::new(address, prefix).ok()).map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Source {
        Source::of(address.parse().unwrap())
    }

    #[test]
    fn a_network_of_mapped_addresses_is_one_of_ipv4() {
        for (written, same) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
            ("::ffff:10.0.0.1/128", "10.0.0.1/32"),
            ("::/0", "::/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
        ] {
            assert_eq!(canonical(written.parse().unwrap()), same.parse().unwrap(), "{written}");
        }
    }

    #[test]
    fn a_network_of_ipv6_and_a_mapped_ipv4_address_are_one_source() {
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
        assert!(of("::1").is_local() && of("127.0.0.9").is_local() && !of("192.0.2.1").is_local());
    }
}
