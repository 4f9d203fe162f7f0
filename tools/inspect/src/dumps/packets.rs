//! Recognises dumps of whole packets, whose headers precede the bytes of the stream.

use std::collections::VecDeque;

use pcap_parser::Linktype;

use super::piece::Piece;

/// The longest packet, in bytes.
const MAX_PACKET: usize = 256 << 10;

/// The headers before IP, and their lengths in bytes.
const LINKS: [(Linktype, usize); 5] = [
    (Linktype::RAW, 0),
    (Linktype::ETHERNET, 14),
    (Linktype::LINUX_SLL, 16),
    (Linktype::LINUX_SLL2, 20),
    (Linktype::NULL, 4),
];

/// What the headers of a packet are called.
pub(super) fn headers(link: Linktype) -> &'static str {
    match link {
        Linktype::ETHERNET => "Ethernet, IP and TCP",
        Linktype::LINUX_SLL | Linktype::LINUX_SLL2 => "Linux cooked, IP and TCP",
        Linktype::NULL => "loopback, IP and TCP",
        _ => "IP and TCP",
    }
}

/// The link type of a packet, if `bytes` are one. `cut`: the packet may be longer than `bytes`.
pub(super) fn link(bytes: &[u8], cut: bool) -> Option<Linktype> {
    LINKS.iter().find(|(link, header)| is_packet(*link, bytes, *header, cut)).map(|(link, _)| *link)
}

fn is_packet(link: Linktype, bytes: &[u8], mut header: usize, cut: bool) -> bool {
    let type_at = match link {
        Linktype::ETHERNET => Some(12),
        Linktype::LINUX_SLL => Some(14),
        Linktype::LINUX_SLL2 => Some(0),
        _ => None,
    };
    let mut ether_type = type_at.and_then(|at| bytes.get(at..at + 2));
    if ether_type == Some(&[0x81, 0]) && link == Linktype::ETHERNET {
        header += 4;
        ether_type = bytes.get(16..18);
    }
    let version = match ether_type {
        Some([0x08, 0x00]) => Some(4),
        Some([0x86, 0xDD]) => Some(6),
        Some(_) => return false,
        None if type_at.is_some() => return false,
        None => None,
    };
    let Some(ip) = bytes.get(header..) else { return false };
    let (found, length) = match ip {
        [0x45..=0x4F, _, high, low, _, _, _, _, _, 1 | 6 | 17, ..] if ip.len() >= 20 => {
            (4, usize::from(u16::from_be_bytes([*high, *low])))
        }
        [0x60..=0x6F, _, _, _, high, low, 0 | 6 | 17 | 58, ..] if ip.len() >= 40 => {
            (6, 40 + usize::from(u16::from_be_bytes([*high, *low])))
        }
        _ => return false,
    };
    // A short packet is padded, and a frame check sequence may follow.
    let padding = if type_at.is_some() { 46_usize.saturating_sub(length) + 4 } else { 0 };
    version.is_none_or(|version| version == found)
        && length >= 20
        && (ip.len() == length || (ip.len() > length && ip.len() - length <= padding) || (cut && ip.len() < length))
}

/// Puts together the pieces of each packet.
#[derive(Debug, Default)]
pub(super) struct Packets {
    packet: Vec<u8>,
    whole: VecDeque<Vec<u8>>,
}

impl Packets {
    pub(super) fn push(&mut self, piece: &Piece) -> Result<(), String> {
        if piece.begins {
            self.finish();
        }
        self.packet.extend_from_slice(&piece.bytes);
        if self.packet.len() > MAX_PACKET { Err("no packet is so long".into()) } else { Ok(()) }
    }

    pub(super) fn finish(&mut self) {
        if !self.packet.is_empty() {
            self.whole.push_back(std::mem::take(&mut self.packet));
        }
    }

    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        self.whole.pop_front()
    }
}
