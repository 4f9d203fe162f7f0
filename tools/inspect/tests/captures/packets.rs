//! Packets as they are captured: TCP segments, plain or inside a tunnel.

/// A TCP segment of a stream between two fictitious hosts.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) from_client: bool,
    pub(crate) sequence: u32,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

pub(crate) const PORT: u16 = 3990;

pub(crate) fn segment(from_client: bool, sequence: u32, flags: u8, payload: &[u8]) -> Segment {
    Segment { from_client, sequence, flags, payload: payload.to_vec() }
}

/// What stands between the link and the IP packet of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tunnel {
    None,
    Vlan,
    QinQ,
    Snap,
    Mpls,
    PseudoWire,
    Pppoe,
    IpInIp,
    IpInIpv6,
    Gre,
    GreWithFields,
    GreBridge,
    ErspanOne,
    ErspanTwo,
    ErspanThree,
    Vxlan(u16),
    VxlanGpe,
    Geneve,
    Gtp,
    L2tp,
    Tzsp,
    VxlanInGre,
}

pub(crate) const TUNNELS: [Tunnel; 24] = [
    Tunnel::None,
    Tunnel::Vlan,
    Tunnel::QinQ,
    Tunnel::Snap,
    Tunnel::Mpls,
    Tunnel::PseudoWire,
    Tunnel::Pppoe,
    Tunnel::IpInIp,
    Tunnel::IpInIpv6,
    Tunnel::Gre,
    Tunnel::GreWithFields,
    Tunnel::GreBridge,
    Tunnel::ErspanOne,
    Tunnel::ErspanTwo,
    Tunnel::ErspanThree,
    Tunnel::Vxlan(4789),
    Tunnel::Vxlan(8472),
    Tunnel::Vxlan(14_789),
    Tunnel::VxlanGpe,
    Tunnel::Geneve,
    Tunnel::Gtp,
    Tunnel::L2tp,
    Tunnel::Tzsp,
    Tunnel::VxlanInGre,
];

fn big(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ether_type.to_be_bytes(), payload].concat()
}

pub(crate) fn ipv4(protocol: u8, payload: &[u8], from_client: bool) -> Vec<u8> {
    let (near, far) = if from_client { (1, 2) } else { (2, 1) };
    let length = big(20 + payload.len());
    let header = [0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, near, 10, 0, 0, far];
    [&header[..], payload].concat()
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x60, 0, 0, 0][..], &big(payload.len()), &[next, 64], &[0xFD; 32], payload].concat()
}

pub(crate) fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    [&50_000_u16.to_be_bytes()[..], &port.to_be_bytes(), &big(8 + payload.len()), &[0, 0], payload].concat()
}

fn vxlan(flags: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    [&[flags, 0, 0, protocol, 0, 0, 77, 0][..], payload].concat()
}

/// The IP packet of a segment.
pub(crate) fn packet(segment: &Segment) -> Vec<u8> {
    let (from, to) = if segment.from_client { (40_000, PORT) } else { (PORT, 40_000) };
    let mut tcp = [from.to_be_bytes(), to.to_be_bytes()].concat();
    tcp.extend(segment.sequence.to_be_bytes());
    tcp.extend([0, 0, 0, 0, 0x50, segment.flags, 0xFF, 0xFF, 0, 0, 0, 0]);
    tcp.extend(&segment.payload);
    ipv4(6, &tcp, segment.from_client)
}

impl Tunnel {
    /// An Ethernet frame with this IP packet.
    pub(crate) fn wrap(self, inner: &[u8]) -> Vec<u8> {
        let frame = ethernet(0x0800, inner);
        let in_ip = |protocol, payload: &[u8]| ethernet(0x0800, &ipv4(protocol, payload, true));
        let in_udp = |port, payload: &[u8]| in_ip(17, &udp(port, payload));
        match self {
            Tunnel::None => frame,
            Tunnel::Vlan => ethernet(0x8100, &[&[0, 7, 8, 0], inner].concat()),
            Tunnel::QinQ => ethernet(0x88A8, &[&[0, 7, 0x81, 0, 0, 8, 8, 0], inner].concat()),
            Tunnel::Snap => {
                let payload = [&[0xAA, 0xAA, 3, 0, 0, 0, 8, 0], inner].concat();
                // Longer frames than 1500 bytes have no 802.3 length: they remain plain.
                if payload.len() <= 1500 { ethernet(u16::try_from(payload.len()).unwrap(), &payload) } else { frame }
            }
            Tunnel::Mpls => ethernet(0x8847, &[&[0, 1, 0, 64, 0, 2, 1, 64], inner].concat()),
            Tunnel::PseudoWire => ethernet(0x8847, &[&[0, 2, 1, 64, 0, 0, 0, 9], &frame[..]].concat()),
            Tunnel::Pppoe => {
                let length = big(inner.len() + 2);
                ethernet(0x8864, &[&[0x11, 0, 0, 5, length[0], length[1], 0, 0x21], inner].concat())
            }
            Tunnel::IpInIp => in_ip(4, inner),
            Tunnel::IpInIpv6 => ethernet(0x86DD, &ipv6(4, inner)),
            Tunnel::Gre => in_ip(47, &[&[0, 0, 8, 0], inner].concat()),
            Tunnel::GreWithFields => in_ip(47, &[&[0xB0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1], inner].concat()),
            Tunnel::GreBridge => in_ip(47, &[&[0x20, 0, 0x65, 0x58, 0, 0, 0, 9], &frame[..]].concat()),
            Tunnel::ErspanOne => in_ip(47, &[&[0, 0, 0x88, 0xBE], &frame[..]].concat()),
            Tunnel::ErspanTwo => {
                in_ip(47, &[&[0x10, 0, 0x88, 0xBE, 0, 0, 0, 1, 0x10, 0, 0, 1, 0, 0, 0, 2], &frame[..]].concat())
            }
            Tunnel::ErspanThree => {
                let header = [0x10, 0, 0x22, 0xEB, 0, 0, 0, 1, 0x20, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1];
                in_ip(47, &[&header[..], &[0; 8], &frame].concat())
            }
            Tunnel::Vxlan(port) => in_udp(port, &vxlan(8, 0, &frame)),
            Tunnel::VxlanGpe => in_udp(4790, &vxlan(12, 1, inner)),
            Tunnel::Geneve => in_udp(6081, &[&[1, 0, 0x65, 0x58, 0, 0, 9, 0, 1, 2, 3, 4], &frame[..]].concat()),
            Tunnel::Gtp => in_udp(2152, &[&[0x34, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0], inner].concat()),
            Tunnel::L2tp => in_udp(1701, &[&[0x40, 2, 0, 0, 0, 1, 0, 2, 0xFF, 3, 0, 0x21], inner].concat()),
            Tunnel::Tzsp => in_udp(37_008, &[&[1, 0, 0, 1, 10, 1, 200, 0, 1], &frame[..]].concat()),
            Tunnel::VxlanInGre => in_ip(47, &[&[0, 0, 0x65, 0x58], &Tunnel::Vxlan(4789).wrap(inner)[..]].concat()),
        }
    }
}

/// A packet, and the number of its bytes that are captured.
pub(crate) type Recorded = (Vec<u8>, usize);

/// A pcap file.
pub(crate) fn pcap(link: u32, packets: &[Recorded]) -> Vec<u8> {
    let mut file = vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend(link.to_le_bytes());
    for (packet, captured) in packets {
        file.extend([0; 8]);
        file.extend(u32::try_from(*captured).unwrap().to_le_bytes());
        file.extend(u32::try_from(packet.len()).unwrap().to_le_bytes());
        file.extend(&packet[..*captured]);
    }
    file
}

/// A pcapng file of one interface with this link type, in old packet blocks or in enhanced ones.
pub(crate) fn pcapng(big_endian: bool, old: bool, link: u16, packets: &[Recorded]) -> Vec<u8> {
    let u32 = |number: usize| {
        let number = u32::try_from(number).unwrap();
        if big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let u16 = |number: u16| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let block = |kind: usize, body: &[u8]| {
        let length = u32(12 + body.len().next_multiple_of(4));
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        [&u32(kind)[..], &length, body, &padding, &length].concat()
    };
    let mut file = block(0x0A0D_0D0A, &[&u32(0x1A2B_3C4D)[..], &u16(1), &u16(0), &[0xFF; 8]].concat());
    file.extend(block(1, &[&u16(link)[..], &u16(0), &u32(0)].concat()));
    for (packet, captured) in packets {
        let interface = if old { [u16(0), u16(3)].concat() } else { u32(0).to_vec() };
        let head = [&interface[..], &[0; 8], &u32(*captured), &u32(packet.len())].concat();
        file.extend(block(if old { 2 } else { 6 }, &[&head, &packet[..*captured]].concat()));
    }
    file
}
