//! Recognises files that are no capture yet: compressed ones, and captures in formats that are not read.

/// A format that is not read: how its files begin, its name, and the command that converts a file of it.
const FORMATS: [(&[u8], &str, &str); 17] = [
    (&[0x1F, 0x8B], "gzip", "gunzip -c FILE"),
    (&[0x28, 0xB5, 0x2F, 0xFD], "zstd", "zstd -dc FILE"),
    (&[0xFD, b'7', b'z', b'X'], "xz", "xz -dc FILE"),
    (b"BZh9", "bzip2", "bzip2 -dc FILE"),
    (&[0x04, 0x22, 0x4D, 0x18], "lz4", "lz4 -dc FILE"),
    (&[0x1F, 0x9D], "compress", "zcat FILE"),
    (b"PK\x03\x04", "a zip archive", "unzip -p FILE"),
    (b"snoop\0", "a capture by snoop", EDITCAP),
    (b"RTSS", "a capture by Network Monitor 1", EDITCAP),
    (b"GMBU", "a capture by Network Monitor 2", EDITCAP),
    (b"TRSNIFF data", "a capture by Sniffer", EDITCAP),
    (b"XCP\0", "a capture by NetXray", EDITCAP),
    (b"iptrace 1.0", "a capture by AIX iptrace", EDITCAP),
    (b"iptrace 2.0", "a capture by AIX iptrace", EDITCAP),
    (b"\x54\x52\x00\x64\x00", "a capture by HP-UX nettl", EDITCAP),
    (b"\x54\x52\x00\x02\x00\x00\x00\x00", "a capture by HP-UX nettl", EDITCAP),
    (&[0xA1, 0xB2, 0xCD, 0x34], "a capture in the big-endian form of modified pcap", EDITCAP),
];

/// The program of Wireshark that converts captures.
const EDITCAP: &str = "editcap -F pcap FILE -";

/// Why an input that begins with these bytes is not read, and what to do. `None` if it is not known to be of a format that
/// is not read.
pub(super) fn refusal(sample: &[u8]) -> Option<String> {
    let (_, name, command) = FORMATS.iter().find(|(magic, _, _)| sample.starts_with(magic))?;
    Some(format!("this is {name}: {command} | bookend inspect -"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn format_is_named_with_the_command_that_converts_it() {
        let gzip = refusal(b"\x1F\x8B\x08\0").unwrap();
        assert_eq!(gzip, "this is gzip: gunzip -c FILE | bookend inspect -");
        let snoop = refusal(b"snoop\0\0\0\0\0\0\x02").unwrap();
        assert_eq!(snoop, "this is a capture by snoop: editcap -F pcap FILE - | bookend inspect -");
        assert!(refusal(b"GMBU\0\x02").unwrap().contains("Network Monitor"));
        for read in [&b"\xD4\xC3\xB2\xA1\x02\0"[..], b"\xF5\xF8\x01\0", b"snoopy\r\n", b"BZ", b""] {
            assert_eq!(refusal(read), None, "{read:02x?}");
        }
    }
}
