//! Proxies and load balancers: what they put before a connection, and what a client asks them for.

use alloc::format;
use alloc::string::String;

use super::super::{hex, quoted};
use super::{Sighting, certain, first_line, possible};
use crate::frame::START;

/// The header of the PROXY protocol.
pub(super) fn header(bytes: &[u8]) -> Sighting {
    if bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n") {
        return certain("the signature of PROXY protocol version 2");
    }
    let line = first_line(bytes)?;
    let is_header = [&b"PROXY TCP4 "[..], b"PROXY TCP6 ", b"PROXY UNKNOWN"].iter().any(|kind| line.starts_with(kind));
    if is_header { certain(format!("the line {}", quoted(line))) } else { None }
}

/// What a client asks a SOCKS proxy for.
pub(super) fn socks(bytes: &[u8]) -> Sighting {
    match *bytes {
        [5, count @ 1..=16, ref rest @ ..] => socks_5(bytes, usize::from(count), rest),
        [4, command @ (1 | 2), _, _, a, b, c, d, ref user @ ..] => {
            let end = user.iter().take(256).position(|&byte| byte == 0)?;
            user[..end].iter().all(u8::is_ascii_graphic).then_some(())?;
            let is_name = [a, b, c] == [0; 3] && d != 0;
            let host = match user.get(end + 1..).filter(|_| is_name) {
                Some(name) => {
                    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
                    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(())?;
                    quoted(name)
                }
                None => format!("{a}.{b}.{c}.{d}"),
            };
            let verb = if command == 1 { "CONNECT" } else { "BIND" };
            certain(format!("a SOCKS4 {verb} request for {host}"))
        }
        _ => None,
    }
}

/// A greeting: how many methods, and which. A request may follow, if the client waits for no answer.
fn socks_5(bytes: &[u8], count: usize, rest: &[u8]) -> Sighting {
    let arrived = &rest[..rest.len().min(count)];
    // Methods without a meaning of their own are hardly ever offered (RFC 1928, section 3).
    let known = arrived.iter().all(|method| matches!(method, 0..=9 | 0x80..=0xFE));
    let distinct = arrived.iter().enumerate().all(|(at, method)| !arrived[..at].contains(method));
    if !known || !distinct {
        return None;
    }
    let seen = || -> String { format!("a SOCKS5 greeting: {}", hex(&bytes[..2 + arrived.len()])) };
    match rest.get(count..) {
        Some([] | [5 | 1, ..]) => certain(seen()),
        Some(after) if START.starts_with(&after[..after.len().min(2)]) => certain(seen()),
        Some(_) => None,
        None => possible(seen()),
    }
}
