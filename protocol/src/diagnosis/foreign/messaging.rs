//! Messaging: AMQP, MQTT, HL7 over MLLP.

use alloc::format;
use alloc::string::String;

use super::super::{find, quoted};
use super::{Sighting, certain, likely};

/// A protocol header, or the Connection.Start of a server.
pub(super) fn amqp(bytes: &[u8]) -> Sighting {
    if let [1, 0, 0, _, _, _, _, 0, 10, 0, 10, major, minor, ..] = *bytes {
        return certain(format!("Connection.Start of AMQP {major}-{minor}{}", product(bytes)));
    }
    let version = match *bytes.strip_prefix(b"AMQP")? {
        [0, 0, 9, 1, ..] => "0-9-1",
        [0 | 2 | 3, 1, 0, 0, ..] => "1.0",
        [1, 1, ..] => "0-8, 0-9 or 0-10",
        _ => return likely(format!("the word {}", quoted(&bytes[..bytes.len().min(8)]))),
    };
    certain(format!("the protocol header of AMQP {version}"))
}

/// The product in the table of a Connection.Start.
fn product(bytes: &[u8]) -> String {
    let value = |key: &[u8]| {
        let at = find(&bytes[..bytes.len().min(4096)], key)? + key.len();
        let (length, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
        let value = rest.get(..u32::from_be_bytes(*length).min(32) as usize)?;
        Some(quoted(value))
    };
    match (value(b"\x07productS"), value(b"\x07versionS")) {
        (Some(product), Some(version)) => format!(" ({product} {version})"),
        _ => String::new(),
    }
}

pub(super) fn mqtt(bytes: &[u8]) -> Sighting {
    match *bytes {
        [0x20, 2, 0 | 1, 0..=5] => return likely("what looks like a CONNACK"),
        [0x10, ..] => {}
        _ => return None,
    }
    let width = 1 + bytes[1..].iter().take(4).position(|&byte| byte < 0x80)?;
    let level = match bytes.get(1 + width..)? {
        [0, 4, b'M', b'Q', b'T', b'T', level, ..] => level,
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', level, ..] => level,
        _ => return None,
    };
    let version = match level & 0x7F {
        3 => "3.1",
        4 => "3.1.1",
        5 => "5.0",
        _ => "of an unknown version",
    };
    certain(format!("a CONNECT of MQTT {version}"))
}

pub(super) fn mllp(bytes: &[u8]) -> Sighting {
    let message = bytes.strip_prefix(b"\x0B")?;
    if [&b"MSH|"[..], b"FHS|", b"BHS|"].iter().any(|segment| message.starts_with(segment)) {
        return certain(format!("0b before {}", quoted(&message[..message.len().min(12)])));
    }
    if find(message, b"\x1C\r").is_some() { likely("0b before and 1c 0d after") } else { None }
}
