//! Peers that do not speak TLS on a TLS listener: which protocol they speak, and the answer in that protocol.

use bookend::diagnosis::{Evidence, diagnose, hello_at};
use bookend::{Code, Fault, START};

use crate::fault::{UNKNOWN_PROXY, close_frame, described, is_of_proxy, mentions_token, quoted};
use crate::rendition::{LineEncoding, Rendered};

/// The answer in words.
const ADVICE: &str = "this port speaks TLS, and this connection does not";

/// A peer that does not speak TLS.
pub(super) struct PlaintextPeer {
    /// Its protocol.
    pub(super) detail: String,
    /// The answer in its protocol.
    pub(super) answer: Vec<u8>,
    /// The first bytes as the log quotes them.
    pub(super) quoted: String,
}

/// Identifies a peer by its first bytes.
pub(super) fn identify(bytes: &[u8]) -> PlaintextPeer {
    let quoted = quoted(bytes);
    if bytes.first() == Some(&START[0]) {
        return PlaintextPeer { detail: "bookend: Bookend without TLS".into(), answer: close(), quoted };
    }
    if mentions_token(bytes) {
        // The token was sent unencrypted, but must not appear in the log.
        return PlaintextPeer { detail: "a line with a token".into(), answer: line(), quoted };
    }
    let fault = Fault::BadStart { offset: 0, found: bytes.first().copied().unwrap_or_default() };
    let diagnosis = diagnose(&Evidence::stream(fault, 0, bytes));
    match diagnosis.first() {
        Some(_) if is_of_proxy(&diagnosis) => PlaintextPeer { detail: UNKNOWN_PROXY.into(), answer: line(), quoted },
        Some(first) => PlaintextPeer {
            detail: described(first, &quoted, || format!("{}: {}", first.name(), first.seen())),
            answer: match first.name() {
                _ if hello_at(bytes).is_some() => [line(), close()].concat(),
                "foreign-http" => bad_request(),
                _ => line(),
            },
            quoted,
        },
        None => PlaintextPeer { detail: "unknown".into(), answer: line(), quoted },
    }
}

/// The answer for people and for unknown programs.
pub(super) fn line() -> Vec<u8> {
    let mut out = Rendered::default();
    out.line(LineEncoding::Ascii, &format!("! policy: {ADVICE}"));
    out.bytes
}

fn close() -> Vec<u8> {
    close_frame(Code::POLICY, ADVICE)
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
    fn each_protocol_is_named_and_answered_in_itself() {
        for (bytes, name, answer) in [
            (&b"\xF5\xF8\x01"[..], "bookend: ", &b"\xF5\xF8\x08"[..]),
            (b"\xF5", "bookend: ", b"\xF5\xF8\x08"),
            (b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "foreign-http: ", b"HTTP/1.1 400 Bad Request\r\n"),
            (b"hello\r\n", "foreign-text: ", b"! policy: this port speaks TLS"),
            (b"\r\n", "foreign-text: ", b"! policy: "),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "foreign-ssh: ", b"! policy: "),
            (b"\xFF\xFB\x1F\xFF\xFB\x20", "", b"! policy: "),
        ] {
            let client = identify(bytes);
            let input = bytes.escape_ascii();
            assert!(client.detail.starts_with(name), "{input}: {}", client.detail);
            assert!(client.answer.starts_with(answer), "{input}: {}", client.answer.escape_ascii());
        }
    }
}
