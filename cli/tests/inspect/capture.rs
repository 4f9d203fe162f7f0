//! Captures as tcpdump writes them, built byte by byte.

/// A TCP segment between two fictitious hosts.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    pub(crate) from_client: bool,
    pub(crate) sequence: u32,
    pub(crate) flags: u8,
    pub(crate) payload: &'a [u8],
    /// The number of captured bytes of the payload, if not all were captured.
    pub(crate) snap: Option<usize>,
}

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

/// The client's port.
const CLIENT_PORT: u16 = 40000;

/// The link type of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Ethernet,
    Vlan,
    Cooked,
    Cooked2,
    Null,
    Raw,
}

pub(crate) const LINKS: [Link; 6] = [Link::Ethernet, Link::Vlan, Link::Cooked, Link::Cooked2, Link::Null, Link::Raw];

impl Link {
    fn number(self) -> u32 {
        match self {
            Link::Ethernet | Link::Vlan => 1,
            Link::Cooked => 113,
            Link::Cooked2 => 276,
            Link::Null => 0,
            Link::Raw => 101,
        }
    }

    fn header(self, v6: bool) -> Vec<u8> {
        let protocol: [u8; 2] = if v6 { [0x86, 0xDD] } else { [8, 0] };
        match self {
            Link::Ethernet => [&[0; 12][..], &protocol].concat(),
            Link::Vlan => [&[0; 12][..], &[0x81, 0, 0, 7], &protocol].concat(),
            Link::Cooked => [&[0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0][..], &protocol].concat(),
            Link::Cooked2 => [&protocol[..], &[0; 18]].concat(),
            Link::Null => {
                if v6 {
                    vec![10, 0, 0, 0]
                } else {
                    vec![2, 0, 0, 0]
                }
            }
            Link::Raw => Vec::new(),
        }
    }
}

/// A segment from the client.
pub(crate) fn client(sequence: u32, payload: &[u8]) -> Segment<'_> {
    Segment { from_client: true, sequence, flags: ACK, payload, snap: None }
}

/// A segment from the server.
pub(crate) fn server(sequence: u32, payload: &[u8]) -> Segment<'_> {
    Segment { from_client: false, ..client(sequence, payload) }
}

impl Segment<'_> {
    pub(crate) fn with(self, flags: u8) -> Self {
        Segment { flags: self.flags | flags, ..self }
    }

    /// Only the first `length` bytes of the payload are captured.
    pub(crate) fn cut(self, length: usize) -> Self {
        Segment { snap: Some(length), ..self }
    }

    /// The whole packet.
    fn packet(&self, link: Link, v6: bool, port: u16) -> Vec<u8> {
        let (from, to) = if self.from_client { (CLIENT_PORT, port) } else { (port, CLIENT_PORT) };
        let mut tcp = [from.to_be_bytes(), to.to_be_bytes()].concat();
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend([0, 0, 0, 0, 0x50, self.flags, 0xFF, 0xFF, 0, 0, 0, 0]);
        tcp.extend(self.payload);
        let (near, far) = if self.from_client { (1, 2) } else { (2, 1) };
        let mut ip = Vec::new();
        if v6 {
            ip.extend([0x60, 0, 0, 0]);
            ip.extend(u16::try_from(tcp.len()).unwrap().to_be_bytes());
            ip.extend([6, 64]);
            for host in [near, far] {
                ip.extend([0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
            }
        } else {
            ip.extend([0x45, 0]);
            ip.extend(u16::try_from(20 + tcp.len()).unwrap().to_be_bytes());
            ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
            ip.extend([10, 0, 0, near, 10, 0, 0, far]);
        }
        [link.header(v6), ip, tcp].concat()
    }
}

/// The SYN of the client and of the server. The first byte of each side then has the sequence number 1.
pub(crate) fn opening() -> Vec<Segment<'static>> {
    let syn = Segment { flags: SYN, ..client(0, b"") };
    vec![syn, server(0, b"").with(SYN)]
}

/// A pcap file of a stream to this port.
pub(crate) fn pcap(link: Link, v6: bool, port: u16, segments: &[Segment<'_>]) -> Vec<u8> {
    let mut file = vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend(link.number().to_le_bytes());
    for segment in segments {
        let packet = segment.packet(link, v6, port);
        let captured = segment.snap.map_or(packet.len(), |length| packet.len() - segment.payload.len() + length);
        file.extend([0; 8]);
        file.extend(u32::try_from(captured).unwrap().to_le_bytes());
        file.extend(u32::try_from(packet.len()).unwrap().to_le_bytes());
        file.extend(&packet[..captured]);
    }
    file
}

/// A pcapng file of the same stream, in either byte order.
pub(crate) fn pcapng(big_endian: bool, port: u16, segments: &[Segment<'_>]) -> Vec<u8> {
    let u32 = |number: usize| {
        let number = u32::try_from(number).unwrap();
        if big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let block = |kind: usize, body: &[u8]| {
        let length = u32(12 + body.len().next_multiple_of(4));
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        [&u32(kind)[..], &length, body, &padding, &length].concat()
    };
    let u16 = |number: u16| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let mut file = block(0x0A0D_0D0A, &[&u32(0x1A2B_3C4D)[..], &u16(1), &u16(0), &[0xFF; 8]].concat());
    file.extend(block(1, &[&u16(1)[..], &u16(0), &u32(0)].concat()));
    for segment in segments {
        let packet = segment.packet(Link::Ethernet, false, port);
        let head = [u32(0), u32(0), u32(0), u32(packet.len()), u32(packet.len())].concat();
        file.extend(block(6, &[head, packet].concat()));
    }
    file
}
