//! Identifies a server that does not speak Bookend, by what it has sent and by its answers to a few harmless requests.

use std::borrow::Cow;
use std::time::Duration;

use bookend::Fault;
use bookend::diagnosis::{Confidence, Evidence, diagnose};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::raw_peer::Missing;
use super::report::{Finding, Row, Stage};
use super::route::Route;

/// The fix for a server that requires TLS.
const SPEAK_TLS: &str = "this is a TLS port: write tls://HOST:PORT";
/// The longest product name that is shown, in characters.
const MAX_PRODUCT: usize = 120;
/// The longest answer that is examined, in bytes.
const ANSWER: usize = 4096;
/// The longest time for an answer to a probe.
const MAX_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a server that sends first. It did not do so while HELLO was awaited.
const UNPROMPTED: Duration = Duration::from_secs(2);

/// A request of another protocol, sent on a connection of its own.
struct Probe {
    request: &'static str,
    bytes: &'static [u8],
    /// Recognises answers that the diagnosis does not.
    recognise: fn(&[u8]) -> Option<Recognised>,
}

/// A protocol that was recognised.
#[derive(Debug, PartialEq, Eq)]
struct Recognised {
    name: Cow<'static, str>,
    certain: bool,
    seen: String,
    fix: Cow<'static, str>,
}

/// Short requests first, so that the server does as little work as possible.
static PROBES: [Probe; 7] = [
    Probe { request: "nothing", bytes: b"", recognise: nobody },
    Probe {
        request: "an HTTP request",
        bytes: b"GET / HTTP/1.0\r\nUser-Agent: bookend-doctor\r\n\r\n",
        recognise: nobody,
    },
    Probe { request: "a TLS ClientHello", bytes: &CLIENT_HELLO, recognise: nobody },
    Probe { request: "a PostgreSQL SSLRequest", bytes: b"\0\0\0\x08\x04\xD2\x16\x2F", recognise: postgresql },
    Probe { request: "an MQTT CONNECT", bytes: b"\x10\x0C\0\x04MQTT\x04\x02\0\x0A\0\0", recognise: mqtt },
    Probe { request: "an AMQP header", bytes: b"AMQP\0\0\x09\x01", recognise: nobody },
    Probe { request: "a Redis PING", bytes: b"PING\r\n", recognise: nobody },
];

/// A ClientHello of TLS 1.2 and 1.3 without a key share: a server of either answers it.
#[rustfmt::skip]
const CLIENT_HELLO: [u8; 107] = [
    0x16, 3, 1, 0, 102,                                 // a record with a handshake message
    1, 0, 0, 98, 3, 3,                                  // ClientHello
    0x62, 0x6F, 0x6F, 0x6B, 0x65, 0x6E, 0x64, 0x20, 0x64, 0x6F, 0x63, 0x74, 0x6F, 0x72, 0x20, 0x62, // random
    0x6F, 0x6F, 0x6B, 0x65, 0x6E, 0x64, 0x20, 0x64, 0x6F, 0x63, 0x74, 0x6F, 0x72, 0x20, 0x62, 0x6F,
    0,                                                  // no session
    0, 14, 0x13, 1, 0x13, 2, 0x13, 3, 0xC0, 0x2B, 0xC0, 0x2F, 0, 0x9C, 0, 0x2F, // cipher suites
    1, 0,                                               // no compression
    0, 43,                                              // extensions:
    0, 10, 0, 6, 0, 4, 0, 0x1D, 0, 0x17,                // groups
    0, 13, 0, 14, 0, 12, 4, 3, 5, 3, 8, 4, 8, 5, 4, 1, 5, 1, // signatures
    0, 43, 0, 5, 4, 3, 4, 3, 3,                         // versions
    0, 51, 0, 2, 0, 0,                                  // no key share
];

/// The row that names the protocol, at the latest at `end`. `received` is the answer to HELLO.
pub(super) async fn identify(
    route: &Route,
    received: &[u8],
    missing: &Missing,
    probing: bool,
    timeout: Duration,
    end: Instant,
) -> Row {
    let finding = match recognise(received, nobody) {
        Some(recognised) if recognised.certain || !probing => recognised.finding("HELLO"),
        _ if probing => probe(route, received, missing, timeout.min(MAX_TIMEOUT), end).await,
        _ => unknown(received, missing, ""),
    };
    Row::new(Stage::Protocol, "protocol", "R4.1", "is the address right, and the port?", finding)
}

async fn probe(route: &Route, received: &[u8], missing: &Missing, timeout: Duration, end: Instant) -> Finding {
    let mut likely = recognise(received, nobody).map(|recognised| (recognised, "HELLO"));
    for probe in &PROBES {
        let timeout = if probe.bytes.is_empty() { timeout.min(UNPROMPTED) } else { timeout };
        match ask(route, probe, end.min(Instant::now() + timeout)).await {
            Some(recognised) if recognised.certain => return recognised.finding(probe.request),
            Some(recognised) if likely.is_none() => likely = Some((recognised, probe.request)),
            _ => {}
        }
    }
    match likely {
        Some((recognised, asked)) => recognised.finding(asked),
        None => unknown(received, missing, ", nor to requests of HTTP, TLS, PostgreSQL, MQTT, AMQP and Redis"),
    }
}

fn unknown(received: &[u8], missing: &Missing, also: &str) -> Finding {
    if received.is_empty() {
        let seen = format!("no answer to HELLO{also}: {missing}");
        return Finding::fails(seen)
            .named("silent")
            .with_fix("does the server answer at all? is this the port of another protocol?");
    }
    let head = &received[..received.len().min(64)];
    Finding::fails(format!("it does not speak Bookend; its protocol is unknown: \"{}\"", head.escape_ascii()))
        .named("unknown")
}

/// Sends a probe, and reads until the answer is recognised or ends.
async fn ask(route: &Route, probe: &Probe, deadline: Instant) -> Option<Recognised> {
    let mut stream = route.connect(deadline).await.ok()?.stream;
    if !probe.bytes.is_empty() {
        timeout_at(deadline, stream.write_all(probe.bytes)).await.ok()?.ok()?;
        timeout_at(deadline, stream.flush()).await.ok()?.ok()?;
    }
    let mut answer = Vec::new();
    loop {
        let more = timeout_at(deadline, stream.read_buf(&mut answer)).await;
        let recognised = recognise(&answer, probe.recognise);
        let over = !matches!(more, Ok(Ok(1..))) || answer.len() >= ANSWER;
        // The head of an HTTP response names the server.
        if over || recognised.as_ref().is_some_and(|recognised| recognised.certain && is_whole(&answer)) {
            return recognised;
        }
    }
}

fn is_whole(answer: &[u8]) -> bool {
    !answer.starts_with(b"HTTP/") || answer.windows(4).any(|window| window == b"\r\n\r\n")
}

fn recognise(answer: &[u8], own: fn(&[u8]) -> Option<Recognised>) -> Option<Recognised> {
    let &found = answer.first()?;
    if let Some(recognised) = own(answer) {
        return Some(recognised);
    }
    let diagnosis = diagnose(&Evidence::greeting(Fault::BadStart { offset: 0, found }, answer));
    let first = diagnosis.first()?;
    let seen = match product(first.name(), answer) {
        Some(product) => format!("{} ({product})", first.seen()),
        None => first.seen().into(),
    };
    let certain = first.confidence() == Confidence::Certain
        // An answer of PONG to PING, or of CONNACK to CONNECT, is no coincidence.
        || first.confidence() == Confidence::Likely && matches!(first.name(), "foreign-redis" | "foreign-mqtt");
    let fix = if first.name() == "foreign-tls" { SPEAK_TLS.into() } else { first.fix().into() };
    Some(Recognised { name: first.name().into(), certain, seen, fix })
}

impl Recognised {
    fn finding(self, asked: &str) -> Finding {
        let Recognised { name, seen, fix, .. } = self;
        let asked =
            if asked == "nothing" { "it sends, unprompted,".into() } else { format!("it answers {asked} with") };
        Finding::fails(format!("{name}: {asked} {seen}")).named(name).with_fix(fix)
    }
}

/// The product name: from an HTTP header, or from the first line of a protocol that begins with one.
fn product(name: &str, answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let line = match name {
        "foreign-http" => lines.find(|line| line.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("server:"))),
        "foreign-ssh" | "foreign-smtp-ftp" | "foreign-nats" => lines.next(),
        _ => None,
    };
    Some(line?.chars().take(MAX_PRODUCT).collect())
}

fn nobody(_: &[u8]) -> Option<Recognised> {
    None
}

fn recognised(name: &'static str, seen: String, fix: &'static str) -> Option<Recognised> {
    Some(Recognised { name: name.into(), certain: true, seen, fix: fix.into() })
}

/// Exactly `S` or `N`.
fn postgresql(answer: &[u8]) -> Option<Recognised> {
    let tls = match answer {
        b"S" => "with TLS",
        b"N" => "without TLS",
        _ => return None,
    };
    let seen = format!("\"{}\": a server {tls}", char::from(answer[0]));
    recognised("foreign-postgresql", seen, "this is PostgreSQL: correct the address or port")
}

/// CONNACK of any version.
fn mqtt(answer: &[u8]) -> Option<Recognised> {
    let &[0x20, length, flags @ (0 | 1), code, ..] = answer else { return None };
    if usize::from(length) + 2 != answer.len() || length < 2 {
        return None;
    }
    let seen = format!("a CONNACK (code {code}, flags {flags})");
    recognised("foreign-mqtt", seen, "this is MQTT: correct the address or port")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(answer: &[u8], own: fn(&[u8]) -> Option<Recognised>) -> Option<String> {
        recognise(answer, own).map(|recognised| recognised.name.into_owned())
    }

    #[test]
    fn protocols_are_distinguished_by_their_answers() {
        let mysql_greeting = b"\x4A\0\0\x00\x0A8.0.36-0ubuntu0\0\x08\0\0\0";
        assert_eq!(name_of(mysql_greeting, nobody).as_deref(), Some("foreign-mysql"));
        assert_eq!(name_of(b"N", postgresql).as_deref(), Some("foreign-postgresql"));
        assert_eq!(name_of(b"No, thank you\r\n", postgresql).as_deref(), Some("foreign-text"));
        assert_eq!(name_of(b"\x20\x02\0\0", mqtt).as_deref(), Some("foreign-mqtt"));
        assert_eq!(name_of(b"+PONG\r\n", nobody).as_deref(), Some("foreign-redis"));
        let head = b"\x01\0\0\0\0\x01\xF2\0\x0A\0\x0A\0\x09\0\0\x01\xCD";
        let start = [&head[..], b"\x07productS\0\0\0\x08RabbitMQ", b"\x07versionS\0\0\0\x053.9.1"].concat();
        let seen = recognise(&start, nobody).unwrap().seen;
        assert_eq!(seen, "Connection.Start of AMQP 0-9 (\"RabbitMQ\" \"3.9.1\")");
    }

    #[test]
    fn http_server_is_named_by_its_header() {
        let answer = b"HTTP/1.1 400 Bad Request\r\nDate: now\r\nserver: nginx/1.22.1\r\n\r\nServer: no";
        assert!(recognise(answer, nobody).unwrap().seen.ends_with("(server: nginx/1.22.1)"));
    }

    #[test]
    fn client_hello_has_consistent_lengths() {
        let body = CLIENT_HELLO.len() - 5;
        assert_eq!(usize::from(CLIENT_HELLO[4]), body);
        assert_eq!(usize::from(CLIENT_HELLO[8]), body - 4);
        assert_eq!(name_of(&CLIENT_HELLO, nobody).as_deref(), Some("foreign-tls"));
    }
}
