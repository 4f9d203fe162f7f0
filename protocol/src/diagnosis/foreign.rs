//! Peers that speak another protocol, recognised by their first bytes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

use super::mistakes::{self as m, Mistake};
use super::{Confidence, Hypothesis, Stream, find, hex, quoted};
use crate::encoding::Encoding;
use crate::frame::START;
use crate::text::Text;

/// What a recogniser returns: how sure it is, and what it saw.
type Sighting = Option<(Confidence, String)>;

type Recogniser = fn(&[u8]) -> Sighting;
/// Reads a length prefix.
type Read = fn(&[u8]) -> u32;

/// Strict ones first: the first that recognises the bytes decides.
const PEERS: [(&Mistake, Recogniser); 15] = [
    (&m::FOREIGN_TLS, tls),
    (&m::FOREIGN_HTTP_2, http_2),
    (&m::FOREIGN_WEBSOCKET, websocket),
    (&m::FOREIGN_HTTP, http),
    (&m::FOREIGN_SSH, ssh),
    (&m::FOREIGN_SMTP_FTP, smtp_ftp),
    (&m::FOREIGN_AMQP, amqp),
    (&m::FOREIGN_POSTGRESQL, postgresql),
    (&m::FOREIGN_MQTT, mqtt),
    (&m::FOREIGN_NATS, nats),
    (&m::FOREIGN_REDIS, redis),
    (&m::FOREIGN_MLLP, mllp),
    (&m::FOREIGN_PROXY, proxy),
    (&m::FOREIGN_NETSTRING, netstring),
    (&m::FOREIGN_UTF_16_TEXT, utf_16_text),
];

pub(super) fn judge(stream: &Stream<'_>, found: &mut Vec<Hypothesis>) {
    let bytes = stream.bytes;
    if stream.offset != 0
        || bytes.is_empty()
        || bytes.starts_with(&START)
        || found.iter().any(|known| known.confidence > Confidence::Possible)
    {
        return;
    }
    let strict = PEERS.iter().find_map(|(mistake, recognise)| Some((*mistake, recognise(bytes)?)));
    let sighting = strict
        .or_else(|| Some((&m::FOREIGN_LENGTH_PREFIX, length_prefix(bytes)?)))
        .or_else(|| Some((&m::FOREIGN_TEXT, text(bytes)?)));
    if let Some((mistake, (confidence, seen))) = sighting {
        found.push(Hypothesis::new(mistake, confidence, 0, seen));
    }
}

fn certain(seen: impl Into<String>) -> Sighting {
    Some((Confidence::Certain, seen.into()))
}

fn likely(seen: impl Into<String>) -> Sighting {
    Some((Confidence::Likely, seen.into()))
}

/// The first line without its line break, if it is printable ASCII and at most 1,024 bytes; an incomplete line
/// counts too.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().take(1025).position(|&byte| byte == b'\n').unwrap_or(bytes.len().min(1025));
    let line = &bytes[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (line.len() <= 1024 && line.iter().all(|&byte| matches!(byte, b' '..=b'~' | b'\t'))).then_some(line)
}

fn tls(bytes: &[u8]) -> Sighting {
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

fn http_2(bytes: &[u8]) -> Sighting {
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

fn http(bytes: &[u8]) -> Sighting {
    let line = first_line(bytes)?;
    if line.starts_with(b"HTTP/1.") || line.starts_with(b"HTTP/0.9") {
        return certain(format!("an HTTP answer: {}", quoted(line)));
    }
    let (method, rest) = line.split_at_checked(line.iter().position(|&byte| byte == b' ')?)?;
    let known = METHODS.iter().any(|known| known.as_bytes() == method);
    if find(rest, b" HTTP/1.").is_some() && method.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-') {
        return certain(format!("an HTTP request: {}", quoted(line)));
    }
    let target = rest.get(1).is_some_and(|&byte| byte == b'/' || byte == b'*') || find(rest, b"://").is_some();
    if known && target { likely(format!("what looks like an HTTP request: {}", quoted(line))) } else { None }
}

fn websocket(bytes: &[u8]) -> Sighting {
    let (_, line) = http(bytes)?;
    let head = &bytes[..find(bytes, b"\r\n\r\n").unwrap_or(bytes.len()).min(8192)].to_ascii_lowercase();
    head.split(|&byte| byte == b'\n').find(|header| {
        header.strip_prefix(b"upgrade:").is_some_and(|value| find(value, b"websocket").is_some())
            || header.starts_with(b"sec-websocket-")
    })?;
    certain(line.replacen("an HTTP", "a WebSocket upgrade in an HTTP", 1))
}

fn ssh(bytes: &[u8]) -> Sighting {
    let line = first_line(bytes)?;
    (line.starts_with(b"SSH-2.0-") || line.starts_with(b"SSH-1.")).then(|| (Confidence::Certain, quoted(line)))
}

fn smtp_ftp(bytes: &[u8]) -> Sighting {
    let line = first_line(bytes)?;
    let upper = line.to_ascii_uppercase();
    let greets = [b"220 ", b"220-", b"421 ", b"554 "].iter().any(|code| upper.starts_with(*code));
    let named = [&b"SMTP"[..], b"FTP", b"MAIL"].iter().any(|word| find(&upper, word).is_some());
    let client = [&b"EHLO "[..], b"HELO ", b"LHLO ", b"MAIL FROM:", b"USER ", b"AUTH TLS"]
        .iter()
        .any(|verb| upper.starts_with(verb));
    match (greets, named || client) {
        (true, true) | (false, true) if greets || client => certain(format!("the line {}", quoted(line))),
        (true, false) => likely(format!("the line {}", quoted(line))),
        _ => None,
    }
}

fn amqp(bytes: &[u8]) -> Sighting {
    let version = match *bytes.strip_prefix(b"AMQP")? {
        [0, 0, 9, 1, ..] => "0-9-1",
        [0 | 2 | 3, 1, 0, 0, ..] => "1.0",
        [1, 1, ..] => "0-8, 0-9 or 0-10",
        _ => return likely(format!("the word {}", quoted(&bytes[..bytes.len().min(8)]))),
    };
    certain(format!("the protocol header of AMQP {version}"))
}

fn postgresql(bytes: &[u8]) -> Sighting {
    match *bytes {
        [0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F, ..] => certain("an SSLRequest"),
        [0, 0, 0, 8, 4, 0xD2, 0x16, 0x30, ..] => certain("a GSSENCRequest"),
        [0, 0, 0, 16, 4, 0xD2, 0x16, 0x2E, ..] => certain("a CancelRequest"),
        [0, 0, high, low, 0, 3, 0, 0..=2, ..] => {
            let length = usize::from(high) << 8 | usize::from(low);
            let parameters = bytes.get(8..bytes.len().min(length))?;
            let known = [&b"user\0"[..], b"database\0", b"client_encoding\0", b"application_name\0", b"options\0"];
            known
                .iter()
                .any(|name| parameters.starts_with(name))
                .then(|| (Confidence::Certain, "a startup message".into()))
        }
        [b'E', 0, 0, _, _, b'S', ..] => certain("an ErrorResponse"),
        _ => None,
    }
}

fn mqtt(bytes: &[u8]) -> Sighting {
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

fn nats(bytes: &[u8]) -> Sighting {
    let line = first_line(&bytes[..bytes.len().min(1024)])?;
    let upper = line.to_ascii_uppercase();
    let opens = [&b"INFO {"[..], b"CONNECT {"].iter().any(|verb| upper.starts_with(verb));
    (opens || upper.starts_with(b"-ERR '")).then(|| (Confidence::Certain, format!("the line {}", quoted(line))))
}

fn redis(bytes: &[u8]) -> Sighting {
    let line = first_line(bytes)?;
    let number = |digits: &[u8]| !digits.is_empty() && digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
    if line.first() == Some(&b'*') && number(&line[1..]) && bytes.get(line.len()..)?.starts_with(b"\r\n") {
        let next = &bytes[line.len() + 2..];
        if next.is_empty() {
            return likely(format!("an array {}", quoted(line)));
        }
        let second = first_line(next)?;
        return (second.first() == Some(&b'$') && number(&second[1..])).then(|| {
            let command = next.get(second.len() + 2..).and_then(first_line).unwrap_or_default();
            (Confidence::Certain, format!("a RESP array with the command {}", quoted(command)))
        });
    }
    let replies = [&b"+OK"[..], b"+PONG", b"-ERR ", b"-NOAUTH ", b"-DENIED ", b"-WRONGPASS ", b"-LOADING ", b"-MOVED "];
    replies
        .iter()
        .any(|reply| line.starts_with(reply))
        .then(|| (Confidence::Likely, format!("a RESP reply: {}", quoted(line))))
}

fn mllp(bytes: &[u8]) -> Sighting {
    let message = bytes.strip_prefix(b"\x0B")?;
    if [&b"MSH|"[..], b"FHS|", b"BHS|"].iter().any(|segment| message.starts_with(segment)) {
        return certain(format!("0b before {}", quoted(&message[..message.len().min(12)])));
    }
    find(message, b"\x1C\r").map(|_| (Confidence::Likely, "0b before and 1c 0d after".into()))
}

fn proxy(bytes: &[u8]) -> Sighting {
    if bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n") {
        return certain("the signature of PROXY protocol version 2");
    }
    let line = first_line(bytes)?;
    [&b"PROXY TCP4 "[..], b"PROXY TCP6 ", b"PROXY UNKNOWN"]
        .iter()
        .any(|kind| line.starts_with(kind))
        .then(|| (Confidence::Certain, format!("the line {}", quoted(line))))
}

fn netstring(bytes: &[u8]) -> Sighting {
    let width = bytes.iter().take(10).position(|&byte| byte == b':').filter(|&width| width > 0)?;
    let digits =
        core::str::from_utf8(&bytes[..width]).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let length: usize = digits.parse().ok().filter(|_| width == 1 || !digits.starts_with('0'))?;
    match bytes.get(width + 1 + length) {
        Some(b',')
            if bytes.get(width + length + 2).is_none_or(|next| next.is_ascii_digit() || b"\r\n".contains(next)) =>
        {
            certain(format!("{} bytes between {} and a comma", length, quoted(&bytes[..=width])))
        }
        Some(_) => None,
        // A time of day begins like this as well.
        None => (width > 2)
            .then(|| (Confidence::Possible, format!("what looks like a length, {}", quoted(&bytes[..=width])))),
    }
}

fn utf_16_text(bytes: &[u8]) -> Sighting {
    let (encoding, name) = match bytes {
        [0xFF, 0xFE, ..] => (Encoding::Utf16Le, "FF FE (UTF-16LE)"),
        [0xFE, 0xFF, ..] => (Encoding::Utf16Be, "FE FF (UTF-16BE)"),
        _ => return None,
    };
    let even = bytes.len().min(1024) & !1;
    // The window may end within a pair of surrogates.
    let text = [even, even - 2].into_iter().find_map(|end| Text::decode(encoding, &bytes[..end]).ok())?.to_str();
    let printable = text.chars().filter(|c| !c.is_control() || c.is_whitespace()).count();
    (printable == text.chars().count()).then(|| (Confidence::Certain, format!("the byte order mark {name} and text")))
}

/// Lengths of four bytes that lead from one to the next.
fn length_prefix(bytes: &[u8]) -> Sighting {
    let orders: [(&str, Read); 2] = [("big", BigEndian::read_u32), ("little", LittleEndian::read_u32)];
    for (order, read) in orders {
        let (mut rest, mut links) = (bytes, 0_usize);
        let Some(first) = bytes.get(..4).map(read).filter(|&length| length > 0 && length <= 1 << 24) else { continue };
        if bytes[4..].starts_with(&START) {
            return None; // frames: something stands before them
        }
        let whole = loop {
            let Some((field, after)) = rest.split_at_checked(4) else { break rest.is_empty() };
            let Some(after) = usize::try_from(read(field)).ok().and_then(|length| after.get(length..)) else {
                break (1..=1 << 24).contains(&read(field)) && links > 0;
            };
            links += 1;
            rest = after;
        };
        let seen = format!("{}, a {order}-endian length of {first}, and what it leads to", hex(&bytes[..4]));
        match (whole, links) {
            (true, 1..) => return likely(seen),
            (false, 0) if usize::try_from(first).is_ok_and(|first| first > bytes.len() - 4) => {
                return Some((Confidence::Possible, format!("{}, perhaps a {order}-endian length", hex(&bytes[..4]))));
            }
            _ => {}
        }
    }
    None
}

/// Printable text in UTF-8 or a legacy encoding, perhaps after telnet negotiation.
fn text(bytes: &[u8]) -> Sighting {
    let mut rest = bytes;
    while let [0xFF, 0xFB..=0xFE, _, after @ ..] = rest {
        rest = after;
    }
    let negotiated = rest.len() < bytes.len();
    let head = &rest[..rest.len().min(1024)];
    if head.is_empty() {
        return if negotiated { likely("telnet negotiation") } else { None };
    }
    let controls =
        head.iter().filter(|&&byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1B | 0x08)).count();
    let letters = head.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ').count();
    // What was read may end within a character.
    let valid = core::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    let seen = || format!("the text {}", quoted(head));
    match (controls, valid) {
        (0, true) if head.len() >= 2 || negotiated => likely(seen()),
        (0, false) if letters * 2 > head.len() => Some((Confidence::Possible, seen())),
        _ => None,
    }
}
