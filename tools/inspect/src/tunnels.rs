//! Strips the header of a tunnel inside IP: IP in IP, GRE and ERSPAN, and the tunnels over UDP.

use super::headers::{Content, Layer, Stripped, Unread, after, named, next_protocol, u16_at};

/// What follows an IP header with this protocol number, except TCP.
pub(super) fn protocol(number: u8, bytes: &[u8]) -> Stripped<'_> {
    match number {
        4 | 41 | 94 => Ok(Layer::Ip(bytes)),
        17 => udp(bytes),
        47 => gre(bytes),
        50 => Err(Unread::Tunnel("ESP, IPsec")),
        55 => Err(Unread::Tunnel("minimal IP encapsulation")),
        97 => Ok(Layer::Ethernet(after(bytes, 2)?)), // EtherIP
        108 => Err(Unread::Tunnel("IPComp")),
        115 => Err(Unread::Tunnel("L2TPv3")),
        137 => Ok(Layer::Mpls(bytes)),
        143 => Ok(Layer::Ethernet(bytes)),
        1 => Err(named("ICMP")),
        2 => Err(named("IGMP")),
        58 => Err(named("ICMPv6")),
        132 => Err(named("SCTP")),
        other => Err(Unread::NotTcp(Content::Protocol(other))),
    }
}

const UDP: Unread = Unread::NotTcp(Content::Named("UDP"));

/// Generic routing encapsulation: flags, a protocol, and the fields that the flags announce.
fn gre(bytes: &[u8]) -> Stripped<'_> {
    let (flags, protocol) = (u16_at(bytes, 0)?, u16_at(bytes, 2)?);
    let field = |flag: u16| if flags & flag == 0 { 0 } else { 4 };
    let (checksum_or_routing, key, sequence) = (field(0xC000), field(0x2000), field(0x1000));
    match flags & 7 {
        _ if flags & 0x4000 != 0 => Err(Unread::Tunnel("GRE with routing")),
        1 => {
            // PPTP: the key field has the length of the payload; an acknowledgement may have none.
            let acknowledgement = field(0x80);
            match after(bytes, 4 + key + sequence + acknowledgement)? {
                [] => Err(named("PPTP")),
                payload => Ok(Layer::Ppp(payload)),
            }
        }
        0 => {
            let payload = after(bytes, 4 + checksum_or_routing + key + sequence)?;
            match protocol {
                0 => Err(named("GRE")), // a keepalive
                // ERSPAN: type I has no header of its own, and no sequence number.
                0x88BE if sequence == 0 => Ok(Layer::Ethernet(payload)),
                0x88BE => Ok(Layer::Ethernet(after(payload, 8)?)),
                0x22EB => {
                    let subheader = if u16_at(payload, 10)? & 1 == 0 { 0 } else { 8 };
                    Ok(Layer::Ethernet(after(payload, 12 + subheader)?))
                }
                other => Ok(Layer::Type(other, payload)),
            }
        }
        _ => Err(Unread::Tunnel("GRE of another version")),
    }
}

/// A datagram: the tunnels have ports of their own. VXLAN on another port is recognised by its header.
fn udp(bytes: &[u8]) -> Stripped<'_> {
    let (from, to, length) = (u16_at(bytes, 0)?, u16_at(bytes, 2)?, usize::from(u16_at(bytes, 4)?));
    let payload = after(bytes, 8)?;
    let payload = if length < 8 { payload } else { &payload[..payload.len().min(length - 8)] };
    let is_on = |port: u16| from == port || to == port;
    match to {
        4789 | 4790 | 8472 if is_vxlan(payload) => vxlan(payload),
        4754 => gre(payload),
        6081 => geneve(payload),
        6635 => Ok(Layer::Mpls(payload)),
        4341 => Ok(Layer::Ip(after(payload, 8)?)), // LISP
        37008 => tzsp(payload),
        _ if is_on(2152) => gtp(payload),
        _ if is_on(1701) => l2tp(payload),
        _ if is_on(3544) => teredo(payload),
        _ if is_on(4500) => match payload {
            [] | [0xFF] | [0, 0, 0, 0, ..] => Err(named("IKE")),
            _ => Err(Unread::Tunnel("ESP over UDP, IPsec")),
        },
        _ if is_on(51820) && payload.starts_with(&[4, 0, 0, 0]) => Err(Unread::Tunnel("WireGuard")),
        _ if is_vxlan_with_ip(payload) => vxlan(payload),
        _ => Err(UDP),
    }
}

/// Flags, and reserved bytes that are zero.
fn is_vxlan(payload: &[u8]) -> bool {
    matches!(payload, [0x08 | 0x0C | 0x88, _, _, _, _, _, _, 0, ..])
}

/// True for a VXLAN header, without extensions, before an Ethernet frame with IP.
fn is_vxlan_with_ip(payload: &[u8]) -> bool {
    payload.starts_with(&[8, 0, 0, 0])
        && is_vxlan(payload)
        && matches!(payload.get(20..22), Some([8, 0] | [0x86, 0xDD]))
}

/// VXLAN, and with the flag P its generic protocol extension.
fn vxlan(payload: &[u8]) -> Stripped<'_> {
    let inner = after(payload, 8)?;
    match payload[0] & 4 {
        0 => Ok(Layer::Ethernet(inner)),
        _ => next_protocol(payload[3].into(), inner),
    }
}

/// Version and length of the options in words of 4 bytes, flags, protocol, network.
fn geneve(payload: &[u8]) -> Stripped<'_> {
    let protocol = u16_at(payload, 2)?;
    let inner = after(payload, 8 + 4 * usize::from(payload[0] & 0x3F))?;
    if payload[0] >> 6 == 0 { Ok(Layer::Type(protocol, inner)) } else { Err(UDP) }
}

/// The TaZmen Sniffer Protocol: version, type, encapsulation, tagged fields.
fn tzsp(payload: &[u8]) -> Stripped<'_> {
    let encapsulation = u16_at(payload, 2)?;
    if payload[0] != 1 || encapsulation != 1 {
        return Err(Unread::Tunnel("TZSP without Ethernet"));
    }
    let mut rest = after(payload, 4)?;
    loop {
        rest = match rest {
            [0, rest @ ..] => rest,
            [1, rest @ ..] => return Ok(Layer::Ethernet(rest)),
            [_, length, rest @ ..] => after(rest, usize::from(*length))?,
            _ => return Err(Unread::CutOff),
        };
    }
}

/// The user plane of GTP: flags, type, length, endpoint, and extensions if a flag announces them.
fn gtp(payload: &[u8]) -> Stripped<'_> {
    let [flags, 0xFF, ..] = *payload else { return Err(UDP) };
    if flags >> 4 != 3 {
        return Err(UDP);
    }
    if flags & 7 == 0 {
        return Ok(Layer::Ip(after(payload, 8)?));
    }
    let mut next = *payload.get(11).ok_or(Unread::CutOff)?;
    let mut rest = after(payload, 12)?;
    while next != 0 && flags & 4 != 0 {
        let length = 4 * usize::from(*rest.first().ok_or(Unread::CutOff)?);
        if length == 0 {
            return Err(Unread::Malformed);
        }
        next = *rest.get(length - 1).ok_or(Unread::CutOff)?;
        rest = after(rest, length)?;
    }
    Ok(Layer::Ip(rest))
}

/// Flags, and the fields that they announce: length, tunnel and session, sequence numbers, offset.
fn l2tp(payload: &[u8]) -> Stripped<'_> {
    let flags = u16_at(payload, 0)?;
    if flags & 0xF != 2 {
        return Err(UDP);
    }
    if flags & 0x8000 != 0 {
        return Err(named("L2TP control"));
    }
    let mut at = 2 + if flags & 0x4000 == 0 { 0 } else { 2 } + 4 + if flags & 0x0800 == 0 { 0 } else { 4 };
    if flags & 0x0200 != 0 {
        at += 2 + usize::from(u16_at(payload, at)?);
    }
    Ok(Layer::Ppp(after(payload, at)?))
}

/// IPv6, perhaps after the origin of the datagram.
fn teredo(payload: &[u8]) -> Stripped<'_> {
    match payload {
        [0, 0, _, _, _, _, _, _, rest @ ..] => Ok(Layer::Ip(rest)),
        [first, ..] if first >> 4 == 6 => Ok(Layer::Ip(payload)),
        _ => Err(UDP),
    }
}
