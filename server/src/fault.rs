//! How the faults of peers are logged.

use std::time::Duration;

use bookend::diagnosis::{Diagnosis, Hypothesis};
use bookend::{Code, Fault, Hello, Limits, Role, Session};

use crate::client::Client;

/// How many bytes of a peer a log event quotes.
pub(crate) const QUOTED: usize = 32;

/// As many letters and digits without a break may be a token.
const SECRET: usize = 16;
/// Stands for them in the log.
const HIDDEN: &str = "***";
/// Why a header of the PROXY protocol is refused.
pub(crate) const UNKNOWN_PROXY: &str = "a PROXY protocol header from an address that is not in door.proxies";

/// Is it the header of a proxy that should not send one?
pub(crate) fn is_of_proxy(diagnosis: &Diagnosis) -> bool {
    diagnosis.first().map(Hypothesis::name) == Some("foreign-proxy-protocol")
}

/// May the bytes contain a token that somebody tried to send? Nothing of them must be logged. What stands between the
/// letters does not matter: UTF-16, telnet commands, control characters.
pub(crate) fn mentions_token(bytes: &[u8]) -> bool {
    let letters: Vec<u8> = bytes.iter().copied().filter(u8::is_ascii_alphabetic).collect();
    letters.windows(5).any(|window| window.eq_ignore_ascii_case(b"token"))
}

/// The first bytes of a peer's data, escaped for the log, without anything that may be a token.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    if mentions_token(bytes) {
        return HIDDEN.into();
    }
    let (mut shown, mut rest) = (Vec::new(), bytes);
    while let Some(&first) = rest.first()
        && shown.len() < QUOTED
    {
        let run = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let (piece, after) = rest.split_at(run.max(1));
        match run {
            SECRET.. => shown.extend_from_slice(HIDDEN.as_bytes()),
            0 => shown.push(first),
            _ => shown.extend_from_slice(piece),
        }
        rest = after;
    }
    shown.truncate(QUOTED);
    shown.escape_ascii().to_string()
}

/// The CLOSE for a framed peer that no session is opened with.
pub(crate) fn close_frame(code: Code, reason: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut session = Session::new(Role::Server, Hello::new(), Limits::default(), Duration::ZERO);
    session.close(code, reason, Duration::ZERO);
    session.take_output(&mut out);
    out
}

/// What a diagnosis says, or its name alone if `input` hides something that it may quote.
pub(crate) fn described(first: &Hypothesis, input: &str, whole: impl FnOnce() -> String) -> String {
    if input.contains(HIDDEN) { first.name().into() } else { whole() }
}

/// Logs a fault: its name, its diagnosis, and the first bytes in which it was found.
pub(crate) fn log_fault(client: &Client, fault: Fault, diagnosis: Option<&Diagnosis>, bytes: &[u8]) {
    let input = quoted(bytes);
    let (peer, name) = (client.peer().label(), fault.name());
    match diagnosis.and_then(|diagnosis| Some((diagnosis, diagnosis.first()?))) {
        Some((diagnosis, first)) => {
            client.hub().counters().diagnoses.count(first.name());
            let detail = described(first, &input, || diagnosis.to_string());
            tracing::info!(peer, fault = name, diagnosis = first.name(), detail, %input, "fault");
        }
        None => tracing::info!(peer, fault = name, detail = %fault, %input, "fault"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_be_a_token_is_quoted() {
        let secret = "9a1f0c5be77d4f21a6d0b6f4c39be812";
        for before in
            ["/token ", " /token ", "/TOKEN\t", "\r\n/token ", "\u{feff}/token ", "\0", "GET /?q=", "\u{1b}[A"]
        {
            for cut in [SECRET, secret.len()] {
                let quoted = quoted(format!("{before}{}\r\n", &secret[..cut]).as_bytes());
                assert!(!quoted.contains(&secret[..4]) && quoted.contains("***"), "{before:?}: {quoted}");
            }
        }
        for bytes in [&b"\xff\xfd\x03/token s3cret"[..], b"/tok\xff\xf1en s3cret", b"/\0T\0o\0k\0e\0n\0 \0s\x003\0c\0"]
        {
            assert_eq!(quoted(bytes), HIDDEN, "{}", bytes.escape_ascii());
        }
        assert_eq!(quoted(b"\x16\x03\x01\x02 GET / HTTP/1.1"), r"\x16\x03\x01\x02 GET / HTTP/1.1");
        assert_eq!(quoted(&[b'.'; 100]).len(), QUOTED);
    }
}
