//! A capture, raw or as segments of one stream: no panic, bounded memory, and every packet and byte is accounted for.
#![no_main]

use std::io::Cursor;

use bookend_inspect::{Format, Input, Options, inspect_events};
use bookend_laws::memory::{Counting, allocated};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else { return };
    if first & 1 == 0 {
        account(rest.to_vec());
        return;
    }
    let (file, payload) = segments(rest, first >> 1);
    let counted = account(file);
    assert_eq!(counted, Some(payload), "bytes of TCP payload");
});

/// The law of the account. Returns the bytes of TCP payload, if the capture has an account.
fn account(file: Vec<u8>) -> Option<u64> {
    let most = MEMORY + 64 * file.len();
    let options = Options { format: Format::Pcap, ..Options::default() };
    let (memory, outcome) =
        allocated(|| inspect_events(Input::new(Cursor::new(file)), &options, |_, _| Ok(()))).unwrap();
    assert!(memory <= most, "{memory} bytes were allocated, more than {most}");
    let account = outcome.ok()?.summary.account?;
    let packets: u64 = account.left_out.iter().map(|left_out| left_out.packets).sum();
    let bytes: u64 = account.left_out.iter().map(|left_out| left_out.bytes).sum();
    assert_eq!((account.tcp + packets, account.used + bytes), (account.packets, account.payload), "{account:?}");
    Some(account.payload)
}

/// What is allocated however short the capture is, in bytes: buffers, most of all.
const MEMORY: usize = 4 << 20;

/// A capture of the segments that the bytes describe, and the bytes of payload in it: for each one its side and flags, its
/// sequence number, the bytes that were cut off, the length of its payload, and the payload.
fn segments(mut script: &[u8], tunnel: u8) -> (Vec<u8>, u64) {
    let mut file = vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 101, 0, 0, 0];
    let mut total = 0;
    while let [flags, sequence, cut, length, rest @ ..] = script {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        script = rest;
        let captured = payload.len() - payload.len().min((*cut).into());
        total += captured as u64;
        let packet = packet(*flags, (*sequence).into(), payload, tunnel);
        file.extend([0; 8]);
        file.extend(u32::try_from(packet.len() - (payload.len() - captured)).unwrap().to_le_bytes());
        file.extend(u32::try_from(packet.len()).unwrap().to_le_bytes());
        file.extend(&packet[..packet.len() - (payload.len() - captured)]);
    }
    (file, total)
}

/// A packet of the stream, the upper bit of whose flags tells the sides apart.
fn packet(flags: u8, sequence: u32, payload: &[u8], tunnel: u8) -> Vec<u8> {
    let (from, to) = if flags & 0x80 == 0 { (40_000_u16, 3990_u16) } else { (3990, 40_000) };
    let mut tcp = [from.to_be_bytes(), to.to_be_bytes()].concat();
    tcp.extend((u32::MAX - 40).wrapping_add(sequence).to_be_bytes());
    tcp.extend([0, 0, 0, 0, 0x50, flags & 0x17, 0xFF, 0xFF, 0, 0, 0, 0]);
    tcp.extend(payload);
    let inner = ip(6, &tcp);
    match tunnel & 3 {
        0 => inner,
        1 => ip(4, &inner),
        2 => ip(47, &[&[0, 0, 8, 0], &inner[..]].concat()),
        _ => {
            let frame = [&[8, 0, 0, 0, 0, 0, 1, 0], &[2; 12][..], &[8, 0], &inner].concat();
            let length = u16::try_from(8 + frame.len()).unwrap().to_be_bytes();
            ip(17, &[&[200, 0, 0x12, 0xB5, length[0], length[1], 0, 0], &frame[..]].concat())
        }
    }
}

fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let header = [0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1];
    [&header[..], payload].concat()
}
