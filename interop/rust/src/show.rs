//! Words of the adapter protocol, to and from values.

use std::fmt::Write;

use bookend::history::{Entry, Page, Query};
use bookend::{Encoding, Fault, Frame, Hello, Message, Misuse, Payload, Text};

pub(crate) fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".into();
    }
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    if hex == "-" {
        return Ok(Vec::new());
    }
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return Err(format!("'{hex}' is not hex"));
    }
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| format!("'{hex}' is not hex")))
        .collect()
}

pub(crate) fn number<N: std::str::FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("'{word}' is not such a number"))
}

pub(crate) fn kind(word: &str) -> Result<u8, String> {
    u8::from_str_radix(word, 16).map_err(|_| format!("'{word}' is not a kind"))
}

pub(crate) fn encoding(word: &str) -> Result<Encoding, String> {
    Encoding::from_byte(number(word)?).ok_or_else(|| format!("'{word}' is not an encoding"))
}

/// Where each read of an input of `length` bytes ends.
pub(crate) fn cuts(cut: &str, length: usize) -> Vec<usize> {
    if cut == "bytes" { (1..=length).collect() } else { vec![length] }
}

pub(crate) fn fault(error: Fault) -> String {
    let offset = match error {
        Fault::BadStart { offset, .. }
        | Fault::BadEnd { offset, .. }
        | Fault::UnknownEncoding { offset, .. }
        | Fault::TooLong { offset, .. } => offset,
        Fault::BadText { offset, .. } => offset as u64,
        _ => return format!("fault:{}", error.name()),
    };
    format!("fault:{}:{offset}", error.name())
}

/// What cannot be sent is shown as the fault that it would be.
pub(crate) fn misuse(misuse: Misuse) -> String {
    match misuse {
        Misuse::UnmappableText { offset, .. } => format!("fault:{}:{offset}", misuse.name()),
        Misuse::TooLong { .. } => format!("fault:{}:0", misuse.name()),
        _ => format!("fault:{}", misuse.name()),
    }
}

pub(crate) fn frame(frame: Frame<'_>) -> String {
    format!("{:02x}:{}:{}", frame.kind(), frame.encoding() as u8, hex(frame.body()))
}

pub(crate) fn hello(hello: &Hello) -> String {
    let mut words = format!(
        "major=1 minor={} accepted={:02x} preferred={} max-body={} keepalive={} features={}",
        hello.minor(),
        hello.accepted().bits(),
        hello.preferred() as u8,
        hello.max_body(),
        hello.keepalive(),
        u8::from(hello.hub()),
    );
    let options = [
        ("name", hello.name().map(|name| hex(name.as_bytes()))),
        ("room", hello.room().map(|room| hex(room.as_bytes()))),
        ("token", hello.token().map(hex)),
        ("resume", hello.resume().map(|after| after.to_string())),
        ("software", hello.software().map(|software| hex(software.as_bytes()))),
        ("client", hello.client().then(|| "1".into())),
        ("requests", hello.requests().map(|requests| requests.to_string())),
        ("wire", Some(hex(&hello.body()))),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            let _ = write!(words, " {name}={value}");
        }
    }
    words
}

pub(crate) fn message(message: &Message<'_>) -> String {
    let name = bookend::kind::name(message.kind()).unwrap_or("?");
    let fields = match *message {
        Message::Message(payload) => format!("payload={}", shown(payload)),
        Message::Request { id, payload } | Message::Reply { id, payload } => {
            format!("id={id} payload={}", shown(payload))
        }
        Message::Error(refusal) => {
            let (id, frame, code) = (refusal.id, refusal.frame, refusal.code.0);
            format!("id={id} frame={frame} code={code} reason={}", text(refusal.reason))
        }
        Message::Ping(probe) | Message::Pong(probe) => format!("payload={}", hex(probe.as_bytes())),
        Message::Close { code, reason } => format!("code={} reason={}", code.0, text(reason)),
        Message::Welcome { member, next_seq, greeting } => {
            format!("member={member} seq={next_seq} greeting={}", text(greeting))
        }
        Message::Presence { member, event, name } => {
            format!("member={member} event={} name={}", event as u8, text(name.text()))
        }
        Message::Post { to, payload } => format!("to={to} payload={}", shown(payload)),
        Message::Delivery(delivery) => format!(
            "from={} to={} seq={} time={} name={} payload={}",
            delivery.from,
            delivery.to,
            delivery.seq,
            delivery.time,
            hex(delivery.name().as_bytes()),
            shown(delivery.payload)
        ),
        Message::Gap { missed } => format!("missed={missed}"),
        Message::Cancel { id } => format!("id={id}"),
        _ => "?".into(),
    };
    format!("{name} {fields}")
}

/// A payload read as a query, and the query written again.
pub(crate) fn query(payload: &[u8]) -> String {
    let Some(query) = Query::parse(Payload::Binary(payload)) else { return "other".into() };
    let text = query.text.map(|text| format!(" text={}", hex(text.as_bytes()))).unwrap_or_default();
    format!("ok before={} count={}{text} wire={}", query.before, query.count, hex(&query.encode()))
}

/// A payload read as a page.
pub(crate) fn page(payload: &[u8]) -> String {
    let Ok(page) = Page::parse(Payload::Binary(payload)) else { return "other".into() };
    let lost = page.lost_before().map_or_else(|| "-".into(), |lost| lost.to_string());
    page.entries().fold(format!("ok lost={lost}"), |words, entry| match entry {
        Entry::Gap(missed) => format!("{words} gap:{missed}"),
        Entry::Message(delivery) => {
            let (from, seq, time) = (delivery.from, delivery.seq, delivery.time);
            let name = hex(delivery.name().as_bytes());
            format!("{words} {from}:{seq}:{time}:{name}:{}", shown(delivery.payload))
        }
    })
}

fn shown(payload: Payload<'_>) -> String {
    match payload {
        Payload::Binary(bytes) => hex(bytes),
        Payload::Text(words) => text(words),
    }
}

fn text(text: Text<'_>) -> String {
    hex(text.to_str().as_bytes())
}
