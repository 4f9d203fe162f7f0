//! Finds the TCP segment in a captured packet, inside any tunnels.

use std::net::SocketAddr;

use etherparse::err::{ip, tcp};
use etherparse::{LaxIpSlice, TcpSlice, ip_number};
use pcap_parser::Linktype;

use super::headers::{self, Layer, Unread};
use super::{link, tunnels};

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) sequence: u32,
    /// The sequence number that the sender expects next of the other side.
    pub(super) acknowledged: Option<u32>,
    pub(super) syn: bool,
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
    /// Not read, and the number of bytes of TCP payload in it, as far as its headers show them.
    Unread(Unread, u64),
}

/// The most headers of a packet, so that no packet takes long.
const DEEPEST: usize = 24;
/// No packet is longer, whatever its record claims. In bytes.
const LONGEST_PACKET: u64 = 1 << 20;

/// Reads a packet of this link type.
pub(super) fn read(link: Linktype, bytes: &[u8]) -> Packet<'_> {
    if !link::is_read(link) {
        return Packet::Unread(Unread::LinkType(link.0), 0);
    }
    let Some(mut layer) = link::layer(link, bytes) else { return Packet::Unread(Unread::CutOff, 0) };
    for _ in 0..DEEPEST {
        let stripped = match layer {
            Layer::Ethernet(bytes) => headers::ethernet(bytes),
            Layer::Type(ether_type, bytes) => headers::ether_type(ether_type, bytes),
            Layer::Llc(bytes) => headers::llc(bytes),
            Layer::Mpls(bytes) => headers::mpls(bytes),
            Layer::Ppp(bytes) => headers::ppp(bytes),
            Layer::Ip(bytes) => match internet(bytes) {
                Ok(inner) => Ok(inner),
                Err(packet) => return packet,
            },
        };
        layer = match stripped {
            Ok(inner) => inner,
            Err(unread) => return Packet::Unread(unread, 0),
        };
    }
    Packet::Unread(Unread::TooDeep, 0)
}

/// Reads an IP packet: the layer inside a tunnel, or what ends the search.
fn internet(bytes: &[u8]) -> Result<Layer<'_>, Packet<'_>> {
    let (slice, stop) = LaxIpSlice::from_slice(bytes).map_err(|error| match error {
        ip::LaxHeaderSliceError::Len(_) => Packet::Unread(Unread::CutOff, 0),
        ip::LaxHeaderSliceError::Content(_) => Packet::Unread(Unread::Malformed, 0),
    })?;
    let payload = slice.payload();
    if payload.fragmented {
        return Err(fragment(&slice));
    }
    if stop.is_some() {
        return Err(Packet::Unread(Unread::CutOff, 0));
    }
    if payload.ip_number != ip_number::TCP {
        let number = payload.ip_number.0;
        return tunnels::protocol(number, payload.payload).map_err(|unread| Packet::Unread(unread, 0));
    }
    let tcp = TcpSlice::from_slice(payload.payload).map_err(|error| match error {
        tcp::HeaderSliceError::Len(_) => Packet::Unread(Unread::CutOff, 0),
        tcp::HeaderSliceError::Content(_) => Packet::Unread(Unread::Malformed, 0),
    })?;
    Err(Packet::Tcp(Segment {
        from: SocketAddr::new(slice.source_addr(), tcp.source_port()),
        to: SocketAddr::new(slice.destination_addr(), tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload(),
        cut: if payload.incomplete { missing(&slice, bytes).min(LONGEST_PACKET) } else { 0 },
    }))
}

/// The number of bytes that the IP header claims beyond those that were captured.
fn missing(slice: &LaxIpSlice<'_>, bytes: &[u8]) -> u64 {
    let claimed = match slice {
        LaxIpSlice::Ipv4(v4) => usize::from(v4.header().total_len()),
        LaxIpSlice::Ipv6(v6) => 40 + usize::from(v6.header().payload_length()),
    };
    claimed.saturating_sub(bytes.len()) as u64
}

/// A fragment: TCP payload follows the TCP header, which is in the first fragment.
fn fragment<'a>(slice: &LaxIpSlice<'_>) -> Packet<'a> {
    let (number, bytes) = (slice.payload().ip_number, slice.payload().payload);
    let is_first = match slice {
        LaxIpSlice::Ipv4(v4) => v4.header().fragments_offset().value() == 0,
        // etherparse does not pass on the offset: what looks like a header is taken for one.
        LaxIpSlice::Ipv6(_) => true,
    };
    match number {
        ip_number::TCP => {
            let payload = TcpSlice::from_slice(bytes).ok().filter(|_| is_first).map(|tcp| tcp.payload().len());
            Packet::Unread(Unread::Fragment(number.0), payload.unwrap_or(bytes.len()) as u64)
        }
        ip_number::UDP if is_first && tunnels::protocol(number.0, bytes).is_ok() => {
            Packet::Unread(Unread::Tunnel("over UDP, in fragments"), 0)
        }
        _ => Packet::Unread(Unread::Fragment(number.0), 0),
    }
}
