//! Whoever speaks without TLS where TLS is due: what it is, and how it is told.

use bookend::diagnosis::{Evidence, diagnose};
use bookend::{Code, Fault, Hello, Limits, Role, START, Session};

use crate::rendition::{LineEncoding, Rendered};

/// Bytes of a peer's data that a log line quotes.
const QUOTED: usize = 32;
/// What everybody is told.
const ADVICE: &str = "this port speaks TLS, and this connection does not";

/// Somebody who does not speak TLS.
pub(super) struct Client<'a> {
    /// What it is.
    pub(super) detail: String,
    /// What it is told in its own tongue.
    pub(super) answer: Vec<u8>,
    /// What the log quotes.
    pub(super) quoted: &'a [u8],
}

/// Judges how it begins.
pub(super) fn judge(bytes: &[u8]) -> Client<'_> {
    let quoted = &bytes[..bytes.len().min(QUOTED)];
    if bytes.first() == Some(&START[0]) {
        return Client { detail: "bookend: Bookend without TLS".into(), answer: close(), quoted };
    }
    if bytes.starts_with(b"/token") {
        // The token has been told to the whole way to here, but not to the log.
        return Client { detail: "a line with a token".into(), answer: line(), quoted: &[] };
    }
    let fault = Fault::BadStart { offset: 0, found: bytes.first().copied().unwrap_or_default() };
    let diagnosis = diagnose(&Evidence::stream(fault, 0, bytes));
    match diagnosis.first() {
        Some(first) => Client {
            detail: format!("{}: {}", first.name(), first.seen()),
            answer: if first.name() == "foreign-http" { bad_request() } else { line() },
            quoted,
        },
        None => Client { detail: "unknown".into(), answer: line(), quoted },
    }
}

/// For people, and for all who are not known better.
pub(super) fn line() -> Vec<u8> {
    let mut out = Rendered::default();
    out.line(LineEncoding::Ascii, &format!("! policy: {ADVICE}"));
    out.bytes
}

fn close() -> Vec<u8> {
    let mut out = Vec::new();
    let mut session = Session::new(Role::Server, Hello::new(), Limits::default(), std::time::Duration::ZERO);
    session.close(Code::POLICY, ADVICE, std::time::Duration::ZERO);
    session.take_output(&mut out);
    out
}

fn bad_request() -> Vec<u8> {
    let length = ADVICE.len() + 1;
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{ADVICE}\n"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_named_and_told_in_its_own_tongue() {
        for (bytes, name, answer) in [
            (&b"\xF5\xF8\x01"[..], "bookend: ", &b"\xF5\xF8\x08"[..]),
            (b"\xF5", "bookend: ", b"\xF5\xF8\x08"),
            (b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "foreign-http: ", b"HTTP/1.1 400 Bad Request\r\n"),
            (b"hello\r\n", "foreign-text: ", b"! policy: this port speaks TLS"),
            (b"\r\n", "foreign-text: ", b"! policy: "),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "foreign-ssh: ", b"! policy: "),
            (b"\xFF\xFB\x1F\xFF\xFB\x20", "", b"! policy: "),
        ] {
            let client = judge(bytes);
            let input = bytes.escape_ascii();
            assert!(client.detail.starts_with(name), "{input}: {}", client.detail);
            assert!(client.answer.starts_with(answer), "{input}: {}", client.answer.escape_ascii());
        }
    }
}
