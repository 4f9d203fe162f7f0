//! Dumps of both sides, and of packets.

use crate::PORT;
use crate::capture::{Link, client, opening, pcap};
use crate::support::{events, inspect, segments, session};

#[test]
fn two_sides_of_a_dump_are_two_streams() {
    let (mine, its) = (session(), [b"Bookend hub\r\n", &session()[..]].concat());
    let array = |peer: u8, bytes: &[u8]| {
        let numbers: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
        format!("char peer{peer}_0[] = {{ /* Packet 4 */\n{} }};\n", numbers.join(", "))
    };
    let found = events(&[], (array(0, &mine) + &array(1, &its)).as_bytes());
    let of = |sender: &str| found.iter().filter(|event| event.starts_with(sender)).count();
    assert_eq!((of("client frame"), of("server frame"), of("server preamble")), (3, 3, 1), "{found:?}");
    // The side that greets is the server.
    let exchanged = events(&[], (array(0, &its) + &array(1, &mine)).as_bytes());
    assert_eq!(exchanged.iter().filter(|event| event.starts_with("server preamble")).count(), 1, "{exchanged:?}");
}

#[test]
fn headers_of_a_dumped_packet_are_not_part_of_the_stream() {
    let bytes = session();
    let stream = [opening(), segments(client, &bytes, 99)].concat();
    let capture = pcap(Link::Ethernet, false, PORT, &stream);
    let (mut dump, mut at) = (String::new(), 24);
    while at < capture.len() {
        let length = u32::from_le_bytes(capture[at + 8..at + 12].try_into().unwrap()) as usize;
        for (row, bytes) in capture[at + 16..][..length].chunks(16).enumerate() {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            dump += &format!("{:04x}   {}\n", 16 * row, digits.join(" "));
        }
        dump += "\n";
        at += 16 + length;
    }
    let (output, _, code) = inspect(&[], dump.as_bytes());
    assert_eq!(code, Some(0), "{output}");
    assert!(output.starts_with("read as a dump, Wireshark, bytes of packets: packets; their Ethernet, IP and TCP"));
    assert!(output.ends_with("3 frames, 0 faults in 1 TCP stream\n"), "{output}");
}
