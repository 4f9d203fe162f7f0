//! Distinguishes other programs from people (R9.20).

use bookend::Fault;
use bookend::diagnosis::{Confidence, Diagnosis, Evidence, Hypothesis, diagnose, hello_at};

/// Diagnoses of bytes that a person may type as well.
const HUMAN: [&str; 3] = ["foreign-text", "foreign-smtp-ftp", "foreign-netstring"];

const METHODS: [&[u8]; 10] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI"];

/// A program, and what is known about it.
pub(super) struct Program {
    pub(super) fault: Fault,
    pub(super) diagnosis: Diagnosis,
    /// It has sent a HELLO, after other bytes.
    pub(super) is_framed: bool,
}

/// Which program has sent these first bytes, if nobody types them: a framed peer whose HELLO is not the first that it
/// sends, or another one that is certain.
pub(super) fn program(bytes: &[u8]) -> Option<Program> {
    let fault = Fault::BadStart { offset: 0, found: *bytes.first()? };
    let is_framed = hello_at(bytes).is_some();
    let diagnosis = diagnose(&Evidence::stream(fault, 0, bytes));
    let is_certain = |first: &Hypothesis| first.confidence() == Confidence::Certain && !HUMAN.contains(&first.name());
    let is_compressed = |first: &Hypothesis| {
        first.name() == "channel-compressed" && first.confidence() == Confidence::Likely && is_binary(bytes)
    };
    let known = is_framed || diagnosis.first().is_some_and(|first| is_certain(first) || is_compressed(first));
    known.then_some(Program { fault, diagnosis, is_framed })
}

/// Does nobody type this: neither UTF-8 nor without control characters?
fn is_binary(bytes: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < b' ' && !b"\t\r\n\x08\x1B".contains(byte);
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some()) && bytes.iter().any(is_control)
}

/// Is the line an HTTP request? `GET well soon!` is not.
pub(super) fn is_request(line: &[u8]) -> bool {
    let mut words = line.splitn(2, |&byte| byte == b' ');
    let (Some(method), Some(rest)) = (words.next(), words.next()) else { return false };
    METHODS.contains(&method) && (rest.starts_with(b"/") || rest.windows(6).any(|window| window == b" HTTP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_requests_differ_from_what_people_type() {
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
    fn programs_differ_from_people() {
        for (bytes, name) in [
            (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"[..], "foreign-tls"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "foreign-ssh"),
            (b"*1\r\n$7\r\nCOMMAND\r\n", "foreign-redis"),
            (b"\x10\x0C\x00\x04MQTT\x04\x02\x00\x3C\x00\x00", "foreign-mqtt"),
            (b"\x00\x00\x00\x08\x04\xD2\x16\x2F", "foreign-postgresql"),
            (b"\xFF\xFEh\0i\0\r\0\n\0", "foreign-utf-16-text"),
            (b"\x75\x78\x01\x00\x00\x00\x00\x18BKND\r\n\x1A\n\x7F\x11\r\x00", "channel-seven-bit"),
            (b"f5f8010000000018424b4e44", "channel-hex"),
            (b"\x78\x9C\xFB\xFA\x83\x91\x01\x08", "channel-compressed"),
        ] {
            let known = program(bytes).and_then(|program| Some(program.diagnosis.first()?.name()));
            assert_eq!(known, Some(name));
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
            "x\u{69c}\u{1} is a letter\r\n",
        ] {
            assert!(program(line.as_bytes()).is_none(), "{line}");
        }
        assert!(program(b"\xFF\xFB\x1F\xFF\xFB\x20hi\r\n").is_none(), "telnet negotiates");
        assert!(program(b"gr\xFC\xDF Gott\r\n").is_none(), "Latin-1");
    }
}
