//! Databases: PostgreSQL, MySQL, MongoDB, Redis.

use alloc::format;

use byteorder::{ByteOrder, LittleEndian};

use super::super::quoted;
use super::{Sighting, certain, first_line, likely};

pub(super) fn postgresql(bytes: &[u8]) -> Sighting {
    match *bytes {
        [0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F, ..] => certain("an SSLRequest"),
        [0, 0, 0, 8, 4, 0xD2, 0x16, 0x30, ..] => certain("a GSSENCRequest"),
        [0, 0, 0, 16, 4, 0xD2, 0x16, 0x2E, ..] => certain("a CancelRequest"),
        [0, 0, high, low, 0, 3, 0, 0..=2, ..] => {
            let length = usize::from(high) << 8 | usize::from(low);
            let parameters = bytes.get(8..bytes.len().min(length))?;
            let known = [&b"user\0"[..], b"database\0", b"client_encoding\0", b"application_name\0", b"options\0"];
            if known.iter().any(|name| parameters.starts_with(name)) { certain("a startup message") } else { None }
        }
        [b'E', 0, 0, _, _, b'S', ..] => certain("an ErrorResponse"),
        _ => None,
    }
}

/// The first packet of a server, with number 0: a greeting of protocol 10, or an error.
pub(super) fn mysql(bytes: &[u8]) -> Sighting {
    match *bytes {
        [_, _, 0, 0, 10, ref rest @ ..] => {
            let version = &rest[..rest.iter().take(64).position(|&byte| byte == 0)?];
            if version.is_empty() || !version.iter().all(u8::is_ascii_graphic) {
                return None;
            }
            certain(format!("the greeting of version {}", quoted(version)))
        }
        [length, high, 0, 0, 0xFF, low_code, high_code, ref message @ ..] => {
            let (length, code) = (u16::from_le_bytes([length, high]), u16::from_le_bytes([low_code, high_code]));
            let message = &message[..message.len().min(usize::from(length).checked_sub(3)?)];
            if !(1000..5000).contains(&code)
                || message.len() < 4
                || !message.iter().all(|byte| (b' '..=b'~').contains(byte))
            {
                return None;
            }
            certain(format!("error {code}: {}", quoted(message)))
        }
        _ => None,
    }
}

/// The header of a message, little-endian: length, id, the id that it answers, the operation.
pub(super) fn mongodb(bytes: &[u8]) -> Sighting {
    let field = |at: usize| bytes.get(at..at + 4).map(LittleEndian::read_u32);
    let name = match field(12)? {
        2013 => "OP_MSG",
        2012 => "OP_COMPRESSED",
        2004 => "OP_QUERY",
        1 => "OP_REPLY",
        _ => return None,
    };
    let answers = field(8)? != 0;
    if (16..=48 << 20).contains(&field(0)?) && answers == (name == "OP_REPLY") {
        certain(format!("the header of {name}"))
    } else {
        None
    }
}

pub(super) fn redis(bytes: &[u8]) -> Sighting {
    let line = first_line(bytes)?;
    let number = |digits: &[u8]| !digits.is_empty() && digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
    if line.first() == Some(&b'*') && number(&line[1..]) && bytes.get(line.len()..)?.starts_with(b"\r\n") {
        let next = &bytes[line.len() + 2..];
        if next.is_empty() {
            return likely(format!("an array {}", quoted(line)));
        }
        let second = first_line(next)?;
        if second.first() != Some(&b'$') || !number(&second[1..]) {
            return None;
        }
        let command = next.get(second.len() + 2..).and_then(first_line).unwrap_or_default();
        return certain(format!("a RESP array with the command {}", quoted(command)));
    }
    // POP3 has text after +OK.
    let replies = [&b"-ERR "[..], b"-NOAUTH ", b"-DENIED ", b"-WRONGPASS ", b"-LOADING ", b"-MOVED ", b"-MISCONF "];
    let is_reply = matches!(line, b"+OK" | b"+PONG") || replies.iter().any(|reply| line.starts_with(reply));
    if is_reply { likely(format!("a RESP reply: {}", quoted(line))) } else { None }
}
