//! Telling another program from a person (R9.20).

use bookend::Fault;
use bookend::diagnosis::{Confidence, Diagnosis, Evidence, diagnose};

/// What is looked at of what a peer says first, in bytes.
const OPENING: usize = 512;
/// What a person may well type, and a protocol's first words as well.
const HUMAN: [&str; 3] = ["foreign-text", "foreign-smtp-ftp", "foreign-netstring"];

const METHODS: [&[u8]; 10] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI"];

/// The first bytes of a peer, until they have shown that it is a person, or not.
#[derive(Debug, Default)]
pub(super) struct Opening(Vec<u8>);

impl Opening {
    /// What the peer is, if it is certain that nobody types these bytes. `input` is what has come behind those before.
    pub(super) fn recognise(&mut self, input: &[u8]) -> Option<(Fault, Diagnosis)> {
        let room = OPENING - self.0.len();
        if room == 0 {
            return None;
        }
        self.0.extend_from_slice(&input[..input.len().min(room)]);
        let fault = Fault::BadStart { offset: 0, found: *self.0.first()? };
        let diagnosis = diagnose(&Evidence::stream(fault, 0, &self.0));
        let first = diagnosis.first()?;
        let known = first.confidence() == Confidence::Certain && !HUMAN.contains(&first.name());
        known.then_some((fault, diagnosis))
    }

    /// The bytes, up to 512 of them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Is the line an HTTP request? `GET well soon!` is none.
pub(super) fn is_request(line: &[u8]) -> bool {
    let mut words = line.splitn(2, |&byte| byte == b' ');
    let (Some(method), Some(rest)) = (words.next(), words.next()) else { return false };
    METHODS.contains(&method) && (rest.starts_with(b"/") || rest.windows(6).any(|window| window == b" HTTP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_what_people_say() {
        // [R9.20]
        for request in
            ["GET / HTTP/1.1", "GET /", "CONNECT a.example:443 HTTP/1.1", "PRI * HTTP/2.0", "POST http://a/ HTTP/1.0"]
        {
            assert!(is_request(request.as_bytes()), "{request}");
        }
        for line in ["GET well soon!", "get / HTTP/1.1", "GET", "", "hello", "/help", "POST it, please"] {
            assert!(!is_request(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn programs_are_told_from_people() {
        for (bytes, name) in [
            (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"[..], "foreign-tls"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "foreign-ssh"),
            (b"*1\r\n$7\r\nCOMMAND\r\n", "foreign-redis"),
            (b"\x10\x0C\x00\x04MQTT\x04\x02\x00\x3C\x00\x00", "foreign-mqtt"),
            (b"\x00\x00\x00\x08\x04\xD2\x16\x2F", "foreign-postgresql"),
            (b"\xFF\xFEh\0i\0\r\0\n\0", "foreign-utf-16-text"),
            (b"\x75\x78\x01\x00\x00\x00\x00\x18BKND\r\n\x1A\n\x7F\x11\r\x00", "channel-seven-bit"),
            (b"f5f8010000000018424b4e44", "channel-hex"),
        ] {
            // However it is cut: but for what a line would be by itself.
            for cut in [bytes.len(), 5] {
                let mut opening = Opening::default();
                let first = opening.recognise(&bytes[..cut]);
                let known = first.or_else(|| opening.recognise(&bytes[cut..])).map(|(_, diagnosis)| diagnosis);
                assert_eq!(known.as_ref().and_then(Diagnosis::first).map(|first| first.name()), Some(name), "{cut}");
            }
        }
        for line in [
            "hello\r\n",
            "HELO everybody\r\n",
            "12:30, lunch?\r\n",
            "5:hello,\r\n",
            "*waves*\r\n",
            "\u{feff}hi\r\n",
            "gr\u{fc}\u{df} Gott\r\n",
            "/name ann\r\n",
            "\u{1b}[A\r\n",
            "PRI\r\n",
            "SSH is nice\r\n",
        ] {
            assert!(Opening::default().recognise(line.as_bytes()).is_none(), "{line}");
        }
        assert!(Opening::default().recognise(b"\xFF\xFB\x1F\xFF\xFB\x20hi\r\n").is_none(), "telnet negotiates");
        assert!(Opening::default().recognise(b"gr\xFC\xDF Gott\r\n").is_none(), "Latin-1");
    }
}
