//! Finds the TCP segment in a captured packet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

/// A TCP segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    pub(super) syn: bool,
    pub(super) ack: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) payload: &'a [u8],
    /// The number of bytes at the end of the payload that were sent, but not captured.
    pub(super) cut: u64,
}

/// The content of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Tcp(Segment<'a>),
    /// An IP fragment. Fragments are not reassembled.
    Fragment,
    /// Not TCP.
    Other,
    /// Truncated headers, or an unknown link type.
    Unreadable,
}

/// Reads a packet of this link type; `lost` bytes at its end were not captured.
pub(super) fn read(link: Linktype, bytes: &[u8], lost: u64) -> Packet<'_> {
    let Some(sliced) = slice(link, bytes) else { return Packet::Unreadable };
    let Some(net) = &sliced.net else {
        return if sliced.stop_err.is_some() { Packet::Unreadable } else { Packet::Other };
    };
    let (from, to): (IpAddr, IpAddr) = match net {
        LaxNetSlice::Ipv4(ip) => {
            (Ipv4Addr::from(ip.header().source()).into(), Ipv4Addr::from(ip.header().destination()).into())
        }
        LaxNetSlice::Ipv6(ip) => {
            (Ipv6Addr::from(ip.header().source()).into(), Ipv6Addr::from(ip.header().destination()).into())
        }
        LaxNetSlice::Arp(_) => return Packet::Other,
    };
    let incomplete = net.ip_payload_ref().is_some_and(|payload| payload.incomplete);
    match &sliced.transport {
        _ if net.ip_payload_ref().is_some_and(|payload| payload.fragmented) => Packet::Fragment,
        Some(TransportSlice::Tcp(tcp)) => Packet::Tcp(Segment {
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            syn: tcp.syn(),
            ack: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            payload: tcp.payload(),
            cut: if incomplete { lost.min(LONGEST_PACKET) } else { 0 },
        }),
        Some(_) => Packet::Other,
        None if sliced.stop_err.is_some() => Packet::Unreadable,
        None => Packet::Other,
    }
}

/// No packet is longer, whatever its record claims. In bytes.
const LONGEST_PACKET: u64 = 1 << 20;

fn slice(link: Linktype, bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    let of_type = |header: usize, ether_type: Option<&[u8; 2]>| {
        let ether_type = EtherType(u16::from_be_bytes(*ether_type?));
        Some(LaxSlicedPacket::from_ether_type(ether_type, bytes.get(header..)?))
    };
    match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        // Type, address type, address length, address, protocol.
        Linktype::LINUX_SLL => of_type(16, bytes.get(14..)?.first_chunk()),
        // Protocol, reserved, interface, address type, packet type, address length, address.
        Linktype::LINUX_SLL2 => of_type(20, bytes.first_chunk()),
        // An address family in the byte order of the capturing host. The IP version states the same.
        Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(bytes.get(4..)?).ok(),
        // Raw IP is 101 in files, but some systems write their own number, 12 or 14.
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | Linktype(12 | 14) => LaxSlicedPacket::from_ip(bytes).ok(),
        _ => None,
    }
}

/// True for the link types that [`read`] supports.
pub(super) fn is_known(link: Linktype) -> bool {
    matches!(
        link,
        Linktype::ETHERNET
            | Linktype::LINUX_SLL
            | Linktype::LINUX_SLL2
            | Linktype::NULL
            | Linktype::LOOP
            | Linktype::RAW
            | Linktype::IPV4
            | Linktype::IPV6
            | Linktype(12 | 14)
    )
}
