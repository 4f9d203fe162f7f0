//! TLS and SSL: what a client or a server sends first.

use alloc::format;

use byteorder::{BigEndian, ByteOrder};

use super::super::hex;
use super::{Sighting, certain, likely};

pub(super) fn tls(bytes: &[u8]) -> Sighting {
    match *bytes {
        [0x16, 3, minor @ 0..=4, high, low, handshake @ (1 | 2), ..]
            if (4..=0x4800).contains(&(u16::from(high) << 8 | u16::from(low))) =>
        {
            let hello = if handshake == 1 { "ClientHello" } else { "ServerHello" };
            let version = hello_version(bytes).unwrap_or(0x0300 | u16::from(minor));
            certain(format!("a {hello} of {}: {}", version_name(version), hex(&bytes[..6])))
        }
        [0x15, 3, minor @ 0..=4, 0, 2, level @ (1 | 2), alert, ..] => {
            certain(format!("a TLS alert (level {level}, alert {alert}, record version 3.{minor})"))
        }
        [0x16 | 0x15, 3, minor @ 0..=4, ..] if bytes.len() < 6 => {
            likely(format!("the beginning of a TLS record (3.{minor})"))
        }
        [first @ 0x80..=0xBF, _, 1, 3, minor @ 0..=3, 0, ..] if first < 0xC0 => {
            certain(format!("an SSLv2-style ClientHello of {}", version_name(0x0300 | u16::from(minor))))
        }
        _ => None,
    }
}

/// The version that a ClientHello or a ServerHello asks for: the highest of supported_versions, else its own field.
fn hello_version(record: &[u8]) -> Option<u16> {
    let client = *record.get(5)? == 1;
    let own = BigEndian::read_u16(record.get(9..11)?);
    Some(supported_version(record, client).unwrap_or(own))
}

fn supported_version(record: &[u8], client: bool) -> Option<u16> {
    let rest = record.get(43..)?; // record header 5, handshake header 4, version 2, random 32
    let (&session, rest) = rest.split_first()?;
    let rest = rest.get(usize::from(session)..)?;
    let rest = if client {
        let suites = BigEndian::read_u16(rest.get(..2)?);
        let rest = rest.get(2 + usize::from(suites)..)?;
        let (&compressions, rest) = rest.split_first()?;
        rest.get(usize::from(compressions)..)?
    } else {
        rest.get(3..)?
    };
    let mut extensions = rest.get(2..)?;
    loop {
        let (kind, length) = (BigEndian::read_u16(extensions.get(..2)?), BigEndian::read_u16(extensions.get(2..4)?));
        let value = extensions.get(4..4 + usize::from(length))?;
        if kind == 0x002B {
            let versions = if client { value.get(1..)? } else { value };
            let grease = |version: &u16| version & 0x0F0F == 0x0A0A;
            return versions.chunks_exact(2).map(BigEndian::read_u16).filter(|version| !grease(version)).max();
        }
        extensions = &extensions[4 + usize::from(length)..];
    }
}

fn version_name(version: u16) -> &'static str {
    match version {
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        _ => "TLS of an unknown version",
    }
}
