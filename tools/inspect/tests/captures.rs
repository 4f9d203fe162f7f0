//! Captures: every packet and every byte of TCP payload is used, or left out for a reason that the report names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "captures/packets.rs"]
mod packets;
#[path = "captures/support.rs"]
mod support;

use bookend::kind::{CLOSE, DELIVERY, HELLO, MESSAGE, POST};
use bookend::{Delivery, Encoding, Message, Payload};
use packets::{ACK, FIN, RST, SYN, TUNNELS, Tunnel, ipv4, packet, pcap, pcapng, segment, udp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use support::{account, ethernet, frames, inspected, left_out, session, stream, whole};

const SESSION: [u8; 4] = [HELLO, MESSAGE, MESSAGE, CLOSE];

#[test]
fn stream_inside_every_tunnel_is_read() {
    let (client, server) = (session(2), session(2));
    for tunnel in TUNNELS {
        let file = ethernet(tunnel, &stream(&client, &server, &[30, 50]));
        assert_eq!(frames(&file, "client"), SESSION, "{tunnel:?}");
        assert_eq!(frames(&file, "server"), SESSION, "{tunnel:?}");
        let (account, summary) = account(&file);
        assert_eq!((account.used, account.left_out.len()), (account.payload, 0), "{tunnel:?}: {account:?}");
        assert!(summary.is_faultless());
    }
}

/// Recorded by `real/record` between two network namespaces.
#[test]
fn session_through_a_real_tunnel_is_read() {
    for (name, file) in [
        ("vxlan", &include_bytes!("real/vxlan.pcap")[..]),
        ("gre", include_bytes!("real/tun-gre.pcap")),
        ("ipip", include_bytes!("real/tun-ipip.pcap")),
        ("mpls", include_bytes!("real/tun-mpls.pcap")),
    ] {
        let (report, summary) = inspected(file);
        assert!(report.contains("\"through a real tunnel: "), "{report}");
        assert_eq!((summary.streams, summary.frames, summary.faults), (2, 18, 0), "{name}");
        assert!(summary.is_faultless(), "{name}: {report}");
        account(file);
    }
}

#[test]
fn old_packet_blocks_are_read() {
    let packets = whole(Tunnel::None, &stream(&session(2), &session(2), &[40]));
    for (big_endian, old) in [(false, true), (true, true), (false, false), (true, false)] {
        assert_eq!(frames(&pcapng(big_endian, old, 1, &packets), "server"), SESSION, "{big_endian} {old}");
    }
}

#[test]
fn link_type_that_is_not_read_is_named() {
    let packets = whole(Tunnel::None, &stream(&session(1), b"", &[40]));
    for (link, name) in [(9, "9 (PPP)"), (105, "105 (IEEE802_11"), (147, "147 (USER0)"), (999, "link type 999:")] {
        let mut report = Vec::new();
        let input = bookend_inspect::Input::new(std::io::Cursor::new(pcap(link, &packets)));
        let outcome = bookend_inspect::inspect(input, &bookend_inspect::Options::default(), &mut report).unwrap();
        let damage = outcome.damage.unwrap();
        assert!(damage.contains(name) && outcome.summary.damaged, "{damage}");
    }
    // A section of pcapng may have other interfaces, so its packets are counted.
    let (report, summary) = inspected(&pcapng(false, false, 105, &packets));
    assert!(report.contains("packets not read: link type 105 (IEEE802_11"), "{report}");
    assert!(!summary.is_faultless() && summary.unreadable == packets.len() as u64);
}

#[test]
fn tunnel_that_is_not_read_is_named_and_not_tcp_is_no_loss() {
    let frame = |ip: Vec<u8>| {
        let packet = [&[2; 12][..], &[8, 0], &ip].concat();
        (packet.clone(), packet.len())
    };
    let wireguard = frame(ipv4(17, &udp(51_820, &[4, 0, 0, 0, 1, 2, 3, 4]), true));
    let packets = [frame(ipv4(50, &[1; 40], true)), frame(ipv4(50, &[1; 40], true)), wireguard];
    let (report, summary) = inspected(&pcap(1, &packets));
    assert!(report.contains("2 packets in a tunnel that is not read: ESP, IPsec"), "{report}");
    assert!(report.contains("1 packet in a tunnel that is not read: WireGuard"), "{report}");
    assert!(!summary.is_faultless());
    let dns = frame(ipv4(17, &udp(53, b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0"), true));
    let arp = ([&[2; 12][..], &[8, 6], &[0; 28]].concat(), 42);
    let (report, summary) = inspected(&pcap(1, &[dns, arp, frame(ipv4(1, &[8, 0, 0, 0], true))]));
    assert!(report.contains("3 packets without TCP: 1 ARP, 1 ICMP, 1 UDP"), "{report}");
    assert!(summary.is_faultless());
}

#[test]
fn headers_without_end_are_too_many() {
    let mut inner = packet(&segment(true, 1000, ACK, b"\xF5\xF8"));
    for _ in 0..40 {
        inner = ipv4(4, &inner, true);
    }
    let file = ethernet(Tunnel::None, &[]);
    let frame = Tunnel::None.wrap(&inner);
    let (account, summary) = account(&[file, pcap(1, &[(frame.clone(), frame.len())])[24..].to_vec()].concat());
    assert_eq!((account.left_out[0].why, summary.unreadable, summary.is_faultless()), ("too-deep", 1, false));
}

#[test]
fn fragments_of_tcp_are_counted_with_their_bytes() {
    let whole = packet(&segment(true, 1000, ACK, &[7; 24]));
    let mut first = whole[..20 + 32].to_vec();
    (first[3], first[6]) = (52, 0x20);
    let mut second = [&whole[..20], &whole[52..]].concat();
    (second[3], second[6], second[7]) = (32, 0, 4);
    let frames = [first, second].map(|ip| Tunnel::None.wrap(&ip)).map(|frame| (frame.clone(), frame.len()));
    let (account, summary) = account(&pcap(1, &frames));
    assert_eq!((account.payload, left_out(&account, "fragment"), summary.fragments), (24, 24, 2));
    assert!(!summary.is_faultless());
}

#[test]
fn reset_counts_only_at_the_expected_number() {
    let (client, server) = (session(2), session(2));
    let sound = stream(&client, &server, &[30]);
    for at in 3..sound.len() - 2 {
        for (from_client, sequence) in [(true, 999), (false, 0), (true, 0x8000_0000), (false, 5_001_000), (true, 1005)]
        {
            let mut segments = sound.clone();
            segments.insert(at, segment(from_client, sequence, RST, b""));
            let file = ethernet(Tunnel::None, &segments);
            assert_eq!(frames(&file, "server"), SESSION, "{at} {sequence}");
            assert_eq!(account(&file).0.left_out, [], "{at} {sequence}");
        }
    }
}

#[test]
fn bytes_after_a_reset_are_counted() {
    let (client, server) = (session(1), session(1));
    let mut segments = stream(&client, &server, &[30]);
    let next = 1000 + 30;
    segments.insert(4, segment(true, next, RST, b""));
    let (account, summary) = account(&ethernet(Tunnel::None, &segments));
    let used = 30 + 30;
    assert_eq!((account.used, left_out(&account, "after-reset")), (used, account.payload - used), "{account:?}");
    assert!(!summary.is_faultless());
    // A reset that was captured before what precedes it counts after that.
    let mut segments = stream(&client, &server, &[30]);
    segments.truncate(6);
    segments.insert(4, segment(true, 1000 + 60, RST, b""));
    segments.push(segment(true, 1000 + 60, ACK, b"late"));
    let (account, _) = support::account(&ethernet(Tunnel::None, &segments));
    assert_eq!(left_out(&account, "after-reset"), 30 + 4, "{account:?}");
}

#[test]
fn conflicting_retransmission_is_reported() {
    let client = session(2);
    let mut segments = stream(&client, b"", &[1000]);
    segments.insert(3, segment(true, 1040, ACK, &[&client[40..42], b"XYZ", &client[45..60]].concat()));
    let (report, summary) = inspected(&ethernet(Tunnel::None, &segments));
    assert!(report.contains("a retransmission carries other bytes: 3 of 20 bytes from byte 40 on differ"), "{report}");
    assert!(!summary.is_faultless());
    // A probe of keep-alive, whose byte does not matter.
    let mut segments = stream(&client, b"", &[1000]);
    segments.insert(3, segment(true, 999 + u32::try_from(client.len()).unwrap(), ACK, b"\0"));
    let (account, summary) = account(&ethernet(Tunnel::None, &segments));
    assert_eq!((left_out(&account, "retransmission"), summary.is_faultless()), (1, true));
}

#[test]
fn hole_before_the_first_frame_is_no_fault_of_the_greeting() {
    let client = session(1);
    let server = [b"Bookend hub, Sunday\r\n", &session(3)[..]].concat();
    for (from, to) in [(10, 21), (10, 30), (21, 60), (3, 56), (21, 22)] {
        let mut segments = stream(&client, b"", &[1000]);
        segments.insert(3, segment(false, 5000, ACK, &server[..from]));
        segments.insert(4, segment(false, 5000 + u32::try_from(to).unwrap(), ACK, &server[to..]));
        let (report, summary) = inspected(&ethernet(Tunnel::None, &segments));
        assert_eq!((summary.faults, summary.missing), (0, (to - from) as u64), "{report}");
        assert!(summary.is_faultless(), "{report}");
        // The capture may as well end there, or the packet be cut off.
        segments.truncate(4);
        segments.retain(|segment| segment.flags & FIN == 0);
        let (report, summary) = inspected(&ethernet(Tunnel::None, &segments));
        assert_eq!(summary.faults, 0, "{report}");
    }
}

#[test]
fn sides_of_a_session_that_began_before_the_capture_are_told_by_its_frames() {
    let said = Payload::decode(Encoding::Utf8, b"hi").unwrap();
    let wire = |message: &Message<'_>| {
        let mut wire = Vec::new();
        message.encode(1 << 20, &mut wire).unwrap();
        wire
    };
    let post = wire(&Message::Post { to: 0, payload: said });
    let delivery = wire(&Message::Delivery(Delivery::new(7, 0, 1, 0, "ann", said).unwrap()));
    let client =
        [segment(true, 1000, ACK, &post), segment(true, 1000 + u32::try_from(post.len()).unwrap(), ACK, &post)];
    let server = [segment(false, 5000, ACK, &delivery)];
    for (segments, shown) in [
        (client.to_vec(), [vec![POST, POST], vec![]]),
        (server.to_vec(), [vec![], vec![DELIVERY]]),
        ([&server[..], &client[..]].concat(), [vec![POST, POST], vec![DELIVERY]]),
    ] {
        // The port of the server is greater than the one of the client, and not the usual one.
        let mut packets = whole(Tunnel::None, &segments);
        for (packet, _) in &mut packets {
            for at in [34, 36] {
                if packet[at..at + 2] == 3990_u16.to_be_bytes() {
                    packet[at..at + 2].copy_from_slice(&65_000_u16.to_be_bytes());
                }
            }
        }
        let file = pcap(1, &packets);
        assert_eq!([frames(&file, "client"), frames(&file, "server")], shown);
    }
}

#[test]
fn stream_with_a_prefix_is_recognised_on_any_port_however_it_is_cut() {
    let client: Vec<u8> = [&[0, 0, 0, 34], &session(1)[..]].concat();
    for size in [1, 3, 5, 1000] {
        let mut packets = whole(Tunnel::None, &stream(&client, b"", &[size]));
        for (packet, _) in &mut packets {
            for at in [34, 36] {
                if packet[at..at + 2] == 3990_u16.to_be_bytes() {
                    packet[at..at + 2].copy_from_slice(&5000_u16.to_be_bytes());
                }
            }
        }
        let (_, summary) = inspected(&pcap(1, &packets));
        assert_eq!((summary.streams, summary.left_out), (1, 0), "{size}");
    }
}

/// How a packet of a sound session is changed.
#[derive(Clone, Debug)]
enum Change {
    Swap(Index, Index),
    Repeat(Index, Index),
    /// Prepends bytes that were sent before.
    Overlap(Index, usize),
    Drop(Index),
    /// Captures only a part.
    Truncate(Index, Index),
    Damage(Index, Index),
    Reset(Index, u32),
    Tunnel(Index, Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<Index>;
    let change = prop_oneof![
        4 => (index(), index()).prop_map(|(a, b)| Change::Swap(a, b)),
        2 => (index(), index()).prop_map(|(a, b)| Change::Repeat(a, b)),
        2 => (index(), 1..60_usize).prop_map(|(a, length)| Change::Overlap(a, length)),
        1 => index().prop_map(Change::Drop),
        1 => (index(), index()).prop_map(|(a, b)| Change::Truncate(a, b)),
        1 => (index(), index()).prop_map(|(a, b)| Change::Damage(a, b)),
        1 => (index(), prop_oneof![1000..1200_u32, any::<u32>()]).prop_map(|(a, sequence)| Change::Reset(a, sequence)),
        2 => (index(), index()).prop_map(|(a, b)| Change::Tunnel(a, b)),
    ];
    vec(change, 0..12)
}

/// The packets after the changes, each with the number of payload bytes that were captured.
fn changed(client: &[u8], server: &[u8], sizes: &[usize], changes: &[Change]) -> Vec<(packets::Recorded, usize)> {
    let plain = stream(client, server, sizes);
    let mut packets: Vec<_> = plain.into_iter().map(|segment| (segment, Tunnel::None, 0)).collect();
    for change in changes {
        let length = packets.len();
        match change {
            Change::Swap(a, b) => packets.swap(a.index(length), b.index(length)),
            Change::Repeat(a, b) => packets.insert(b.index(length), packets[a.index(length)].clone()),
            Change::Overlap(a, more) => {
                let segment = &mut packets[a.index(length)].0;
                let (wire, first) = if segment.from_client { (client, 1000) } else { (server, 5000) };
                let at = segment.sequence.saturating_sub(first) as usize;
                if segment.flags == ACK && at <= wire.len() {
                    let begin = at.saturating_sub(*more);
                    segment.payload.splice(..0, wire[begin..at].iter().copied());
                    segment.sequence -= u32::try_from(at - begin).unwrap();
                }
            }
            Change::Drop(a) => drop((length > 1).then(|| packets.remove(a.index(length)))),
            Change::Truncate(a, b) => packets[a.index(length)].2 = b.index(200),
            Change::Damage(a, b) => {
                let payload = &mut packets[a.index(length)].0.payload;
                if !payload.is_empty() {
                    let at = b.index(payload.len());
                    payload[at] ^= 0x20;
                }
            }
            Change::Reset(a, sequence) => {
                packets.insert(a.index(length), (segment(true, *sequence, RST, b""), Tunnel::None, 0));
            }
            Change::Tunnel(a, b) => packets[a.index(length)].1 = TUNNELS[b.index(TUNNELS.len())],
        }
    }
    let recorded = packets.into_iter().map(|(segment, tunnel, lost)| {
        let packet = tunnel.wrap(&packet(&segment));
        let lost = lost.min(segment.payload.len());
        ((packet.clone(), packet.len() - lost), segment.payload.len() - lost)
    });
    recorded.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The law: the bytes that were used and those left out, by reason, are the TCP payload of the capture.
    #[test]
    fn account_of_every_capture_balances(
        messages in 0..6_usize,
        sizes in vec(1..90_usize, 1..5),
        changes in changes(),
        old in any::<Option<bool>>(),
    ) {
        let (client, server) = (session(messages), [b"hub\r\n", &session(messages)[..]].concat());
        let packets = changed(&client, &server, &sizes, &changes);
        let payload: usize = packets.iter().map(|(_, payload)| payload).sum();
        let recorded: Vec<_> = packets.into_iter().map(|(recorded, _)| recorded).collect();
        let file = match old {
            None => pcap(1, &recorded),
            Some(old) => pcapng(old, !old, 1, &recorded),
        };
        let (account, _) = account(&file);
        prop_assert_eq!(account.payload, payload as u64);
        prop_assert_eq!(account.packets, recorded.len() as u64);
    }

    /// A session that was captured whole is shown whole, in whatever order, however often and inside whatever tunnel.
    #[test]
    fn disordered_session_is_shown_whole(
        sizes in vec(30..90_usize, 1..5),
        order in vec(any::<(Index, Index)>(), 0..40),
        repeated in vec(any::<(Index, Index)>(), 0..8),
        tunnel in any::<Index>(),
    ) {
        let (client, server) = (session(2), [b"hub\r\n", &session(2)[..]].concat());
        let mut segments = stream(&client, &server, &sizes);
        for (from, to) in repeated {
            let copy = segments[from.index(segments.len())].clone();
            segments.insert(to.index(segments.len()), copy);
        }
        for (a, b) in order {
            let length = segments.len();
            segments.swap(a.index(length), b.index(length));
        }
        let file = ethernet(TUNNELS[tunnel.index(TUNNELS.len())], &segments);
        prop_assert_eq!(frames(&file, "client"), SESSION);
        prop_assert_eq!(frames(&file, "server"), SESSION);
        let (account, summary) = account(&file);
        prop_assert_eq!(account.used, (client.len() + server.len()) as u64);
        prop_assert!(summary.is_faultless(), "{:?}", summary);
    }
}

#[test]
fn syn_of_the_next_stream_ends_the_last() {
    let bytes = session(1);
    let mut segments = stream(&bytes, b"", &[1000]);
    segments.truncate(3);
    let second: Vec<_> = stream(&bytes, b"", &[1000])
        .into_iter()
        .map(|mut segment| {
            segment.sequence = segment.sequence.wrapping_add(70_000);
            segment
        })
        .collect();
    assert_eq!(second[0].flags, SYN);
    segments.extend(second);
    let (_, summary) = inspected(&ethernet(Tunnel::None, &segments));
    assert_eq!((summary.streams, summary.frames, summary.is_faultless()), (2, 6, true));
}
