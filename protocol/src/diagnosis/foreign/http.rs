//! HTTP, and what is asked for with it: WebSocket, and a way through a proxy.

use alloc::format;

use super::super::{find, quoted};
use super::{Sighting, certain, first_line, likely};

pub(super) fn http_2(bytes: &[u8]) -> Sighting {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let seen = bytes.len().min(PREFACE.len());
    if seen >= 14 && bytes[..seen] == PREFACE[..seen] {
        return certain("the preface \"PRI * HTTP/2.0\"");
    }
    // A server's SETTINGS on stream 0, a multiple of six bytes.
    match *bytes {
        [0, 0, length, 4, 0, 0, 0, 0, 0, ..]
            if length % 6 == 0 && length <= 60 && bytes.len() >= 9 + usize::from(length) =>
        {
            certain("a SETTINGS frame")
        }
        _ => None,
    }
}

const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI"];

pub(super) fn http(bytes: &[u8]) -> Sighting {
    let line = first_line(bytes)?;
    if line.starts_with(b"HTTP/1.") || line.starts_with(b"HTTP/0.9") {
        return certain(format!("an HTTP answer: {}", quoted(line)));
    }
    let (method, rest) = line.split_at_checked(line.iter().position(|&byte| byte == b' ')?)?;
    let known = METHODS.iter().any(|known| known.as_bytes() == method);
    let versioned = [&b" HTTP/1."[..], b" HTTP/2.0"].iter().any(|version| find(rest, version).is_some());
    if method == b"CONNECT" && versioned {
        return certain(format!("a CONNECT request to an HTTP proxy: {}", quoted(line)));
    }
    if versioned && method.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-') {
        return certain(format!("an HTTP request: {}", quoted(line)));
    }
    let target = rest.get(1).is_some_and(|&byte| byte == b'/' || byte == b'*') || find(rest, b"://").is_some();
    if known && target { likely(format!("what looks like an HTTP request: {}", quoted(line))) } else { None }
}

pub(super) fn websocket(bytes: &[u8]) -> Sighting {
    let (_, line) = http(bytes)?;
    let head = &bytes[..find(bytes, b"\r\n\r\n").unwrap_or(bytes.len()).min(8192)].to_ascii_lowercase();
    head.split(|&byte| byte == b'\n').find(|header| {
        header.strip_prefix(b"upgrade:").is_some_and(|value| find(value, b"websocket").is_some())
            || header.starts_with(b"sec-websocket-")
    })?;
    certain(line.replacen("an HTTP", "a WebSocket upgrade in an HTTP", 1))
}
