//! Inspects captures, and checks the law of the account.

use std::io::Cursor;

use bookend::{Encoding, Hello, Message, Payload};
use bookend_inspect::{Account, Event, Input, Options, Summary, inspect, inspect_events};

use crate::packets::{ACK, FIN, Recorded, SYN, Segment, Tunnel, packet, pcap, segment};

pub(crate) fn inspected(file: &[u8]) -> (String, Summary) {
    let mut report = Vec::new();
    let outcome = inspect(Input::new(Cursor::new(file.to_vec())), &Options::default(), &mut report).unwrap();
    (String::from_utf8(report).unwrap(), outcome.summary)
}

/// The account of a capture that can be read to its end. The law: every packet and every byte of payload is used, or left
/// out for a reason.
pub(crate) fn account(file: &[u8]) -> (Account, Summary) {
    let (_, summary) = inspected(file);
    let account = summary.account.clone().unwrap();
    let packets: u64 = account.left_out.iter().map(|left_out| left_out.packets).sum();
    let bytes: u64 = account.left_out.iter().map(|left_out| left_out.bytes).sum();
    assert_eq!((account.tcp + packets, account.used + bytes), (account.packets, account.payload), "{account:?}");
    (account, summary)
}

/// The bytes left out for this reason.
pub(crate) fn left_out(account: &Account, why: &str) -> u64 {
    account.left_out.iter().filter(|left_out| left_out.why == why).map(|left_out| left_out.bytes).sum()
}

/// The names of the frames of one side.
pub(crate) fn frames(file: &[u8], sender: &str) -> Vec<u8> {
    let mut kinds = Vec::new();
    let input = Input::new(Cursor::new(file.to_vec()));
    let outcome = inspect_events(input, &Options::default(), |origin, event| {
        if let Event::Frame(frame) = event
            && origin.is_some_and(|origin| origin.sender.name() == sender)
        {
            kinds.push(frame.kind);
        }
        Ok(())
    });
    assert_eq!(outcome.unwrap().summary.faults, 0);
    kinds
}

/// What one side of a sound session sends: HELLO, messages, CLOSE.
pub(crate) fn session(messages: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    Hello::new().encode(&mut wire);
    for number in 0..messages {
        let text = format!("message {number} {}", "x".repeat(number % 40));
        let payload = Payload::decode(Encoding::Utf8, text.as_bytes()).unwrap();
        Message::Message(payload).encode(1 << 20, &mut wire).unwrap();
    }
    wire.extend(b"\xF5\xF8\x08\x01\0\0\0\x02\x03\xE8\xF8\xF5");
    wire
}

/// The segments of a session with both its ends: `sizes` are those of the segments, in turn.
pub(crate) fn stream(client: &[u8], server: &[u8], sizes: &[usize]) -> Vec<Segment> {
    let mut segments = vec![segment(true, 999, SYN, b""), segment(false, 4999, SYN | ACK, b"")];
    let mut sizes = sizes.iter().copied().cycle();
    let (mut at, wires) = ([0, 0], [client, server]);
    while at[0] < client.len() || at[1] < server.len() {
        for side in [0, 1] {
            let end = wires[side].len().min(at[side] + sizes.next().unwrap());
            if end > at[side] {
                let first = [1000, 5000][side] + u32::try_from(at[side]).unwrap();
                segments.push(segment(side == 0, first, ACK, &wires[side][at[side]..end]));
                at[side] = end;
            }
        }
    }
    let end = |first: u32, wire: &[u8]| first + u32::try_from(wire.len()).unwrap();
    segments.push(segment(true, end(1000, client), FIN | ACK, b""));
    segments.push(segment(false, end(5000, server), FIN | ACK, b""));
    segments
}

/// The packets of segments, all of whose bytes are captured.
pub(crate) fn whole(tunnel: Tunnel, segments: &[Segment]) -> Vec<Recorded> {
    let packets = segments.iter().map(|segment| tunnel.wrap(&packet(segment)));
    packets.map(|packet| (packet.clone(), packet.len())).collect()
}

pub(crate) fn ethernet(tunnel: Tunnel, segments: &[Segment]) -> Vec<u8> {
    pcap(1, &whole(tunnel, segments))
}
