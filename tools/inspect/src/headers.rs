//! Strips one header below IP from a packet: Ethernet, tags, MPLS, PPPoE and PPP, LLC and SNAP.

use etherparse::{LaxMacsecPayloadSlice, LaxMacsecSlice};

/// The bytes of a packet from a header on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer<'a> {
    Ethernet(&'a [u8]),
    /// What an EtherType announces; a length up to 1500 announces LLC.
    Type(u16, &'a [u8]),
    Llc(&'a [u8]),
    Mpls(&'a [u8]),
    Ppp(&'a [u8]),
    Ip(&'a [u8]),
}

/// Why a packet is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Unread {
    /// It contains no TCP.
    NotTcp(Content),
    /// An IP fragment of this protocol. Fragments are not reassembled.
    Fragment(u8),
    /// A tunnel that is not read. It may contain TCP.
    Tunnel(&'static str),
    /// More headers than a packet may have.
    TooDeep,
    /// The headers are cut off.
    CutOff,
    /// The headers contradict themselves.
    Malformed,
    /// The number of a link type that is not read.
    LinkType(i32),
}

/// What a packet without TCP contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Content {
    Named(&'static str),
    EtherType(u16),
    Protocol(u8),
    PppProtocol(u16),
}

pub(super) type Stripped<'a> = Result<Layer<'a>, Unread>;

/// The rest of `bytes` from `at` on.
pub(super) fn after(bytes: &[u8], at: usize) -> Result<&[u8], Unread> {
    bytes.get(at..).ok_or(Unread::CutOff)
}

/// The big-endian number at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Unread> {
    let number = after(bytes, at)?.first_chunk().ok_or(Unread::CutOff)?;
    Ok(u16::from_be_bytes(*number))
}

/// Destination, source, type.
pub(super) fn ethernet(bytes: &[u8]) -> Stripped<'_> {
    Ok(Layer::Type(u16_at(bytes, 12)?, after(bytes, 14)?))
}

/// What follows an EtherType.
pub(super) fn ether_type(ether_type: u16, bytes: &[u8]) -> Stripped<'_> {
    if let Some((_, length)) = TAGS.iter().find(|(tag, _)| *tag == ether_type) {
        return Ok(Layer::Type(u16_at(bytes, *length)?, after(bytes, length + 2)?));
    }
    match ether_type {
        // The length of an IEEE 802.3 frame, which may be padded. Linux cooked captures write 4.
        4 => Ok(Layer::Llc(bytes)),
        ..=1500 => Ok(Layer::Llc(&bytes[..bytes.len().min(ether_type.into())])),
        0x0800 | 0x86DD => Ok(Layer::Ip(bytes)),
        0x6558 => Ok(Layer::Ethernet(bytes)),
        0x8847 | 0x8848 => Ok(Layer::Mpls(bytes)),
        0x880B => Ok(Layer::Ppp(bytes)),
        // PPPoE: version and type, code, session, length.
        0x8864 => Ok(Layer::Ppp(after(bytes, 6)?)),
        // Provider backbone bridging: a tag of 4 bytes, then a whole frame.
        0x88E7 => Ok(Layer::Ethernet(after(bytes, 4)?)),
        0x88E5 => macsec(bytes),
        0x894F => nsh(bytes),
        0x4305 => Err(Unread::Tunnel("batman-adv")),
        0x22F3 => Err(Unread::Tunnel("TRILL")),
        0x8903 => Err(Unread::Tunnel("FabricPath")),
        0x0806 | 0x8035 => Err(named("ARP")),
        0x8863 => Err(named("PPPoE discovery")),
        0x888E => Err(named("EAPOL")),
        0x88CC => Err(named("LLDP")),
        other => Err(Unread::NotTcp(Content::EtherType(other))),
    }
}

/// Tags with a fixed length, in bytes, before the next EtherType.
const TAGS: [(u16, usize); 10] = [
    (0x8100, 2), // 802.1Q
    (0x88A8, 2), // 802.1ad
    (0x9100, 2), // QinQ before 802.1ad
    (0x9200, 2),
    (0x9300, 2),
    (0x892F, 4), // HSR
    (0x8926, 4), // VN-Tag
    (0x8909, 6), // Cisco metadata
    (0x893F, 6), // E-Tag
    (0xF1C1, 4), // R-Tag
];

pub(super) fn named(name: &'static str) -> Unread {
    Unread::NotTcp(Content::Named(name))
}

fn macsec(bytes: &[u8]) -> Stripped<'_> {
    match LaxMacsecSlice::from_slice(bytes).map_err(|_| Unread::CutOff)?.payload {
        LaxMacsecPayloadSlice::Unmodified(inner) => Ok(Layer::Type(inner.ether_type.0, inner.payload)),
        LaxMacsecPayloadSlice::Modified { .. } => Err(Unread::Tunnel("MACsec")),
    }
}

/// The Network Service Header: its length in words of 4 bytes, and the next protocol.
pub(super) fn nsh(bytes: &[u8]) -> Stripped<'_> {
    let length = 4 * usize::from(u16_at(bytes, 0)? & 0x3F);
    let protocol = u16_at(bytes, 2)? & 0xFF;
    if length < 8 {
        return Err(Unread::Malformed);
    }
    next_protocol(protocol, after(bytes, length)?)
}

/// The "next protocol" of the Network Service Header and of VXLAN-GPE.
pub(super) fn next_protocol(protocol: u16, bytes: &[u8]) -> Stripped<'_> {
    match protocol {
        1 | 2 => Ok(Layer::Ip(bytes)),
        3 => Ok(Layer::Ethernet(bytes)),
        4 => nsh(bytes),
        5 => Ok(Layer::Mpls(bytes)),
        _ => Err(Unread::Tunnel("NSH or VXLAN-GPE with another protocol")),
    }
}

/// One label. The last one does not say what follows.
pub(super) fn mpls(bytes: &[u8]) -> Stripped<'_> {
    let rest = after(bytes, 4)?;
    if bytes[2] & 1 == 0 {
        return Ok(Layer::Mpls(rest));
    }
    match rest.first().ok_or(Unread::CutOff)? >> 4 {
        4 | 6 => Ok(Layer::Ip(rest)),
        0 => Ok(Layer::Ethernet(after(rest, 4)?)), // a control word
        _ => Ok(Layer::Ethernet(rest)),
    }
}

/// PPP, with or without the address and control bytes of HDLC; its protocol has one byte or two.
pub(super) fn ppp(bytes: &[u8]) -> Stripped<'_> {
    let bytes = bytes.strip_prefix(&[0xFF, 3]).unwrap_or(bytes);
    let first = *bytes.first().ok_or(Unread::CutOff)?;
    let (protocol, rest) =
        if first & 1 == 1 { (u16::from(first), &bytes[1..]) } else { (u16_at(bytes, 0)?, after(bytes, 2)?) };
    match protocol {
        0x21 | 0x57 => Ok(Layer::Ip(rest)),
        0x281 | 0x283 => Ok(Layer::Mpls(rest)),
        0x2D | 0x2F => Err(Unread::Tunnel("PPP with compressed TCP headers")),
        0x3D => Err(Unread::Tunnel("PPP multilink")),
        0x53 | 0x55 => Err(Unread::Tunnel("PPP with encryption")),
        0xFB | 0xFD => Err(Unread::Tunnel("PPP with compression")),
        other => Err(Unread::NotTcp(Content::PppProtocol(other))),
    }
}

/// LLC: destination, source, control; SNAP: an organisation and a type.
pub(super) fn llc(bytes: &[u8]) -> Stripped<'_> {
    match bytes {
        // The organisation zero announces an EtherType, as does the one for bridges to Apple networks.
        [0xAA, 0xAA, 3, 0, 0, 0 | 0xF8, a, b, rest @ ..] => Ok(Layer::Type(u16::from_be_bytes([*a, *b]), rest)),
        [0x06, 0x06, 3, rest @ ..] => Ok(Layer::Ip(rest)),
        [0xFF, 0xFF, ..] => Err(named("IPX")),
        [0x42, 0x42, ..] => Err(named("spanning tree")),
        [0xAA, 0xAA, 3, ..] if bytes.len() < 8 => Err(Unread::CutOff),
        [_, _, _, ..] => Err(named("LLC")),
        _ => Err(Unread::CutOff),
    }
}
