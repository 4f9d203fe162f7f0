//! The link types of captures: those that are read, and the names of the others.

use pcap_parser::Linktype;

use super::headers::Layer;

/// What a packet of this link type begins with. `None` if the type is not read, or the header is cut off.
pub(super) fn layer(link: Linktype, bytes: &[u8]) -> Option<Layer<'_>> {
    let of_type = |header: usize, ether_type: Option<&[u8; 2]>| {
        Some(Layer::Type(u16::from_be_bytes(*ether_type?), bytes.get(header..)?))
    };
    match link {
        Linktype::ETHERNET => Some(Layer::Ethernet(bytes)),
        // Type, address type, address length, address, protocol.
        Linktype::LINUX_SLL => of_type(16, bytes.get(14..)?.first_chunk()),
        // Protocol, reserved, interface, address type, packet type, address length, address.
        Linktype::LINUX_SLL2 => of_type(20, bytes.first_chunk()),
        // An address family in the byte order of the capturing host. The IP version states the same.
        Linktype::NULL | Linktype::LOOP => Some(Layer::Ip(bytes.get(4..)?)),
        // Raw IP is 101 in files, but some systems write their own number, 12 or 14.
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | Linktype(12 | 14) => Some(Layer::Ip(bytes)),
        _ => None,
    }
}

/// No header of a link is longer, in bytes.
const LONGEST_HEADER: usize = 32;

/// True for the link types that [`layer`] reads.
pub(super) fn is_read(link: Linktype) -> bool {
    layer(link, &[0; LONGEST_HEADER]).is_some()
}

/// The number of a link type, with its name in the list of tcpdump.org if that is known here.
pub(super) fn described(link: Linktype) -> String {
    match NAMES.iter().find(|(number, _)| *number == link.0) {
        Some((number, name)) => format!("{number} ({name})"),
        None if link == UNDESCRIBED => "of an interface that the file does not describe".to_owned(),
        None if (147..=162).contains(&link.0) => format!("{} (USER{})", link.0, link.0 - 147),
        None => link.0.to_string(),
    }
}

/// The link type of a packet whose interface the file does not describe.
pub(super) const UNDESCRIBED: Linktype = Linktype(-1);

/// Link types that are not read, but that captures of TCP streams have.
const NAMES: [(i32, &str); 34] = [
    (6, "IEEE802_5, Token Ring"),
    (7, "ARCNET"),
    (8, "SLIP"),
    (9, "PPP"),
    (10, "FDDI"),
    (50, "PPP_HDLC"),
    (51, "PPP_ETHER, PPPoE"),
    (100, "ATM_RFC1483"),
    (104, "C_HDLC"),
    (105, "IEEE802_11, wireless LAN"),
    (107, "FRELAY, Frame Relay"),
    (109, "ENC, IPsec"),
    (117, "PFLOG"),
    (119, "IEEE802_11_PRISM, wireless LAN"),
    (122, "IP_OVER_FC"),
    (123, "SUNATM"),
    (127, "IEEE802_11_RADIOTAP, wireless LAN"),
    (138, "APPLE_IP_OVER_IEEE1394"),
    (143, "DOCSIS"),
    (163, "IEEE802_11_AVS, wireless LAN"),
    (166, "PPP_PPPD"),
    (187, "BLUETOOTH_HCI_H4"),
    (189, "USB_LINUX"),
    (192, "PPI"),
    (195, "IEEE802_15_4_WITHFCS"),
    (201, "BLUETOOTH_HCI_H4_WITH_PHDR"),
    (204, "PPP_WITH_DIR"),
    (220, "USB_LINUX_MMAPPED"),
    (227, "CAN_SOCKETCAN"),
    (239, "NFLOG"),
    (249, "USBPCAP"),
    (252, "WIRESHARK_UPPER_PDU"),
    (253, "NETLINK"),
    (258, "PKTAP"),
];
