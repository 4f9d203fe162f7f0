//! Peers that speak another protocol, recognised by their first bytes.
//!
//! # Layout
//!
//! One file has the recognisers of one field: `tls`, `http`, `proxies`, `services` (text and screens), `databases`,
//! `messaging`, and `data`, which has no protocol.

use alloc::string::String;
use alloc::vec::Vec;

use super::mistakes::{self as m, Mistake};
use super::{Confidence, Hypothesis, Stream, find, hello_at};
use crate::frame::START;

mod data;
mod databases;
mod http;
mod messaging;
mod proxies;
mod services;
mod tls;

/// What a recogniser returns: how sure it is, and what it saw.
type Sighting = Option<(Confidence, String)>;

type Recogniser = fn(&[u8]) -> Sighting;

/// What may also stand before the frames of a client. Strict ones first: the first that recognises the bytes decides.
const IN_FRONT: [(&Mistake, Recogniser); 17] = [
    (&m::FOREIGN_TLS, tls::tls),
    (&m::FOREIGN_HTTP_2, http::http_2),
    (&m::FOREIGN_WEBSOCKET, http::websocket),
    (&m::FOREIGN_HTTP, http::http),
    (&m::FOREIGN_SSH, services::ssh),
    (&m::FOREIGN_SMTP_FTP, services::mail_ftp),
    (&m::FOREIGN_AMQP, messaging::amqp),
    (&m::FOREIGN_POSTGRESQL, databases::postgresql),
    (&m::FOREIGN_MYSQL, databases::mysql),
    (&m::FOREIGN_MONGODB, databases::mongodb),
    (&m::FOREIGN_MQTT, messaging::mqtt),
    (&m::FOREIGN_NATS, services::nats),
    (&m::FOREIGN_VNC, services::vnc),
    (&m::FOREIGN_RDP, services::rdp),
    (&m::FOREIGN_PROXY, proxies::header),
    (&m::FOREIGN_SOCKS, proxies::socks),
    (&m::CHANNEL_COMPRESSED, data::compressed),
];

/// What is something else if a frame is inside it.
const WITHOUT_FRAMES: [(&Mistake, Recogniser); 6] = [
    (&m::FOREIGN_REDIS, databases::redis),
    (&m::FOREIGN_MLLP, messaging::mllp),
    (&m::FOREIGN_NETSTRING, data::netstring),
    (&m::FOREIGN_UTF_16_TEXT, data::utf_16_text),
    (&m::FOREIGN_LENGTH_PREFIX, data::length_prefix),
    (&m::FOREIGN_TEXT, data::text),
];

/// What a client sends before its HELLO, if that is certain; alone it explains the fault.
pub(super) fn in_front(stream: &Stream<'_>) -> Option<Hypothesis> {
    let front = &stream.bytes[..hello_at(stream.bytes).filter(|&at| stream.offset == 0 && at > 0)?];
    first_of(&IN_FRONT, front).filter(|known| known.confidence == Confidence::Certain)
}

/// Does compressed data begin here?
pub(super) fn is_compressed(bytes: &[u8]) -> bool {
    data::compressed(bytes).is_some()
}

/// The protocol of a peer that sends no HELLO.
pub(super) fn judge(stream: &Stream<'_>, found: &mut Vec<Hypothesis>) {
    let bytes = stream.bytes;
    if stream.offset != 0
        || bytes.is_empty()
        || bytes.starts_with(&START)
        || hello_at(bytes).is_some()
        || found.iter().any(|known| known.confidence > Confidence::Possible)
    {
        return;
    }
    found.extend(first_of(&IN_FRONT, bytes).or_else(|| first_of(&WITHOUT_FRAMES, bytes)));
}

fn first_of(peers: &[(&'static Mistake, Recogniser)], bytes: &[u8]) -> Option<Hypothesis> {
    let (mistake, (confidence, seen)) =
        peers.iter().find_map(|(mistake, recognise)| Some((*mistake, recognise(bytes)?)))?;
    Some(Hypothesis::new(mistake, confidence, 0, seen))
}

fn certain(seen: impl Into<String>) -> Sighting {
    Some((Confidence::Certain, seen.into()))
}

fn likely(seen: impl Into<String>) -> Sighting {
    Some((Confidence::Likely, seen.into()))
}

fn possible(seen: impl Into<String>) -> Sighting {
    Some((Confidence::Possible, seen.into()))
}

/// The first line without its line break, if it is printable ASCII and at most 1,024 bytes; an incomplete line
/// counts too.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().take(1025).position(|&byte| byte == b'\n').unwrap_or(bytes.len().min(1025));
    let line = &bytes[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (line.len() <= 1024 && line.iter().all(|&byte| matches!(byte, b' '..=b'~' | b'\t'))).then_some(line)
}
