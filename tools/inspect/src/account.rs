//! The account of a capture: every packet and every byte of TCP payload is used, or left out for a reason.

use std::collections::BTreeMap;

use serde::Serialize;

use super::headers::{Content, Unread};
use super::link;

/// What became of the packets of a capture, and of the TCP payload in them.
///
/// `packets` is the sum of `tcp` and of the packets left out; `payload` is the sum of `used` and of the bytes left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// Packets in the capture.
    pub packets: u64,
    /// Packets with a TCP segment.
    pub tcp: u64,
    /// Bytes of TCP payload in the capture.
    pub payload: u64,
    /// Bytes of TCP payload that were inspected.
    pub used: u64,
    /// What was not, in the order of the reasons.
    pub left_out: Vec<LeftOut>,
}

/// Packets or bytes that were left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The stable name of the reason.
    pub why: &'static str,
    /// The protocol, the tunnel or the link type, if the reason has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// Packets; 0 if the packets were read, and only bytes of their payload were left out.
    pub packets: u64,
    /// Bytes of TCP payload, as far as the headers show them.
    pub bytes: u64,
    /// A stream of Bookend may lack them. [`Summary::is_faultless`](crate::Summary::is_faultless) is then false.
    pub of_value: bool,
}

impl Account {
    /// True if nothing of value was left out.
    pub fn is_complete(&self) -> bool {
        self.left_out.iter().all(|left_out| !left_out.of_value)
    }

    /// The packets that were left out for a reason of this name.
    pub(super) fn packets_left_out(&self, why: &[&str]) -> u64 {
        self.left_out.iter().filter(|left_out| why.contains(&left_out.why)).map(|left_out| left_out.packets).sum()
    }
}

/// Bytes of TCP payload, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes {
    pub(super) used: u64,
    /// Sent again, with the same content as far as it is held.
    pub(super) repeated: u64,
    /// Sent again with other content.
    pub(super) conflicting: u64,
    /// Arrived after the inspection had gone past their place.
    pub(super) out_of_order: u64,
    /// Too far from what was expected.
    pub(super) outside_window: u64,
    pub(super) after_fin: u64,
    pub(super) after_reset: u64,
    /// Of streams that are not Bookend, or were not asked for.
    pub(super) other_stream: u64,
    /// Of streams that were not followed because too many were open at a time.
    pub(super) not_followed: u64,
}

impl Bytes {
    pub(super) fn add(&mut self, mut other: Bytes) {
        for (sum, more) in self.all_mut().into_iter().zip(other.all_mut()) {
            *sum += *more;
        }
    }

    fn all_mut(&mut self) -> [&mut u64; 9] {
        [
            &mut self.used,
            &mut self.repeated,
            &mut self.conflicting,
            &mut self.out_of_order,
            &mut self.outside_window,
            &mut self.after_fin,
            &mut self.after_reset,
            &mut self.other_stream,
            &mut self.not_followed,
        ]
    }
}

/// Counts the packets of a capture.
#[derive(Debug, Default)]
pub(super) struct Packets {
    tcp: u64,
    /// Bytes of the payload of those with TCP.
    payload: u64,
    unread: BTreeMap<Unread, (u64, u64)>,
}

impl Packets {
    /// A packet with TCP and so many bytes of payload.
    pub(super) fn tcp(&mut self, payload: usize) {
        self.tcp += 1;
        self.payload += payload as u64;
    }

    /// A packet that is not read, with so many bytes of TCP payload.
    pub(super) fn unread(&mut self, why: Unread, bytes: u64) {
        let (packets, sum) = self.unread.entry(why).or_default();
        *packets += 1;
        *sum += bytes;
    }

    /// The account, with what became of the payload of the TCP packets.
    pub(super) fn account(&self, bytes: &Bytes) -> Account {
        let Packets { tcp, payload, .. } = *self;
        let mut account = Account { packets: tcp, tcp, payload, used: bytes.used, left_out: Vec::new() };
        for (why, &(packets, bytes)) in &self.unread {
            let (name, what, of_value) = described(*why);
            account.packets += packets;
            account.payload += bytes;
            account.left_out.push(LeftOut { why: name, what, packets, bytes, of_value });
        }
        for (why, bytes, of_value) in [
            ("retransmission", bytes.repeated, false),
            ("conflicting-retransmission", bytes.conflicting, true),
            ("out-of-order", bytes.out_of_order, true),
            ("outside-window", bytes.outside_window, true),
            ("after-fin", bytes.after_fin, true),
            ("after-reset", bytes.after_reset, true),
            ("other-stream", bytes.other_stream, false),
            ("not-followed", bytes.not_followed, true),
        ] {
            if bytes > 0 {
                account.left_out.push(LeftOut { why, what: None, packets: 0, bytes, of_value });
            }
        }
        account
    }
}

/// The name of a reason, its detail, and whether such a packet may have bytes of a Bookend stream.
fn described(why: Unread) -> (&'static str, Option<String>, bool) {
    match why {
        Unread::NotTcp(content) => ("not-tcp", Some(named(content)), false),
        Unread::Fragment(protocol) => {
            let name = named(Content::Protocol(protocol));
            // Tunnels over UDP are distinguished by the first fragment.
            ("fragment", Some(name), !matches!(protocol, 1 | 17 | 58))
        }
        Unread::Tunnel(name) => ("tunnel", Some(name.to_owned()), true),
        Unread::TooDeep => ("too-deep", None, true),
        Unread::CutOff => ("cut-off", None, true),
        Unread::Malformed => ("malformed", None, true),
        Unread::LinkType(number) => ("link-type", Some(link::described(pcap_parser::Linktype(number))), true),
    }
}

fn named(content: Content) -> String {
    match content {
        Content::Named(name) => name.to_owned(),
        Content::EtherType(number) => format!("EtherType {number:04x}"),
        Content::Protocol(1) => "ICMP".to_owned(),
        Content::Protocol(6) => "TCP".to_owned(),
        Content::Protocol(17) => "UDP".to_owned(),
        Content::Protocol(58) => "ICMPv6".to_owned(),
        Content::Protocol(number) => format!("IP protocol {number}"),
        Content::PppProtocol(number) => format!("PPP protocol {number:04x}"),
    }
}
