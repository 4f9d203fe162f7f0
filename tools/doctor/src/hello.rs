//! The fields of the peer's HELLO: a row for each.

use bookend::{CANARY, Encoding, Encodings, Hello, Line, MAGIC, MAX_LENGTH, MIN_MAX_BODY};

use super::report::{Finding, Row, Stage};
use super::side::Side;

/// What the peer's HELLO offers.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerInfo {
    pub(super) accepted: Encodings,
    pub(super) max_body: u32,
    /// In seconds; 0 means no keepalive.
    pub(super) keepalive: u16,
    /// True if the peer speaks the hub profile.
    pub(super) hub: bool,
}

/// The length of HELLO's fixed part.
pub(super) const FIXED: usize = 24;
/// The place of the minor version.
const MINOR: usize = 13;

/// The fields, in their order: row, tags, fix.
const FIELDS: [(&str, &str, &str); 8] = [
    ("canary", "R4.5 R4.6", "begin the body of HELLO with 42 4B 4E 44 0D 0A 1A 0A FF 11 0D 00"),
    ("version", "R4.8 R4.9", "set byte 12 of HELLO to the major version, 1, and byte 13 to the minor version, 0"),
    ("accepted", "R4.13 R4.14", "set bits 0, 1 and 2 (binary, ASCII, UTF-8), and leave bits 5 to 7 at 0"),
    ("preferred", "R4.15", "prefer 0 (as sent), or an encoding whose bit in `accepted` is set"),
    ("max-body", "R4.16", "accept bodies of 1,024 to 2,147,483,647 bytes: u32, big-endian"),
    ("keepalive", "R7.1", "promise a byte every 2 s or less often: u16, big-endian"),
    ("features", "R4.14", "set bit 0 for the hub profile, and leave bits 1 to 15 at 0"),
    (
        "options",
        "R4.10 R4.11 R4.23 R4.25",
        "write an option as { type u8, length u8, value }: each type once, names as plain lines of 1 to 64 bytes",
    ),
];

fn row(field: usize, finding: Finding) -> Row {
    let (check, spec, fix) = FIELDS[field];
    Row::new(Stage::Hello, check, spec, fix, finding)
}

/// The rows without a HELLO to judge.
pub(super) fn skipped(why: &str) -> Vec<Row> {
    (0..FIELDS.len()).map(|field| row(field, Finding::skipped(why))).collect()
}

/// The rows for a HELLO that the channel has changed.
pub(super) fn damaged(finding: Finding) -> Vec<Row> {
    let mut rows = skipped("the channel changes bytes: see canary");
    rows[0] = row(0, finding);
    rows
}

/// Judges a body of 24 bytes or more. Without info no further check can run.
pub(super) fn judge(body: &[u8], side: Side) -> (Vec<Row>, Option<PeerInfo>) {
    let opening = [&MAGIC[..], &CANARY].concat();
    if !body.starts_with(&opening) {
        let seen = format!("magic and canary are {}", hex(&body[..opening.len()]));
        return (damaged(Finding::fails(seen)), None);
    }
    let number = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    let (major, minor, accepted, preferred) = (body[12], body[13], body[14], body[15]);
    let max_body = u32::from(number(16)) << 16 | u32::from(number(18));
    let (keepalive, features) = (number(20), number(22));
    let findings = [
        Finding::ok("magic and canary arrived unchanged"),
        judge_version(major, minor),
        judge_accepted(accepted),
        judge_preferred(accepted, preferred),
        judge_max_body(max_body),
        judge_keepalive(keepalive),
        judge_features(features),
        judge_options(body, side),
    ];
    let info = PeerInfo {
        accepted: Encodings::from_bits(accepted | Encodings::CORE.bits()).unwrap_or(Encodings::CORE),
        max_body: max_body.min(MAX_LENGTH),
        keepalive,
        hub: features & 1 != 0,
    };
    let rows = findings.into_iter().enumerate().map(|(field, finding)| row(field, finding)).collect();
    (rows, (major == 1).then_some(info))
}

fn judge_version(major: u8, minor: u8) -> Finding {
    match (major, minor) {
        (1, 0) => Finding::ok("1.0"),
        (1, _) => Finding::ok(format!("1.{minor}; with a peer of 1.0, both use 1.0")),
        _ => Finding::fails(format!("{major}.{minor}, but this program tests version 1"))
            .with_fix("set byte 12 of HELLO to the major version, 1; another version needs another tester"),
    }
}

fn judge_accepted(bits: u8) -> Finding {
    let names = Encoding::ALL.into_iter().filter(|encoding| bits & 1 << *encoding as u8 != 0).map(Encoding::name);
    let names = names.collect::<Vec<_>>().join(", ");
    if Encodings::from_bits(bits).is_none() {
        Finding::fails(format!("{bits:02x} ({names}): every peer must accept binary, us-ascii and utf-8"))
    } else if bits & !Encodings::ALL.bits() != 0 {
        Finding::fails(format!("{bits:02x}: bits 5 to 7 are not 0"))
    } else {
        Finding::ok(names)
    }
}

fn judge_preferred(accepted: u8, preferred: u8) -> Finding {
    match Encoding::from_byte(preferred) {
        Some(Encoding::Binary) => Finding::ok("as sent"),
        Some(encoding) if accepted & 1 << preferred != 0 => Finding::ok(encoding.name()),
        Some(encoding) => Finding::fails(format!("{encoding}, which it does not accept")),
        None => Finding::fails(format!("{preferred}, which is not an encoding")),
    }
}

fn judge_max_body(length: u32) -> Finding {
    let swapped = length.swap_bytes();
    let legal = |length| (MIN_MAX_BODY..=MAX_LENGTH).contains(&length);
    match legal(length) {
        true => Finding::ok(format!("{length} bytes")),
        false if legal(swapped) => Finding::fails(format!("{length} bytes; read as little-endian, {swapped}")),
        false => Finding::fails(format!("{length} bytes")),
    }
}

fn judge_keepalive(seconds: u16) -> Finding {
    match seconds {
        0 => Finding::ok("0: none"),
        1 => Finding::warns("1 s, which leaves no margin to the limit on PINGs"),
        _ => Finding::ok(format!("a byte every {seconds} s")),
    }
}

fn judge_features(bits: u16) -> Finding {
    match bits {
        0 => Finding::ok("none"),
        1 => Finding::ok("the hub profile"),
        0x0100 => Finding::fails("0100: in the other byte order, this is the hub profile"),
        _ => Finding::fails(format!("{bits:04x}: bits 1 to 15 are not 0")),
    }
}

/// Judges the options with `Hello`, after a fixed part that is valid.
fn judge_options(body: &[u8], side: Side) -> Finding {
    let valid = Hello::new().body();
    let hello = match Hello::parse(&[&valid[..FIXED], &body[FIXED..]].concat()) {
        Ok(hello) => hello,
        Err(error) => return Finding::fails(format!("{error}: {}", hex(&body[FIXED..]))),
    };
    if hello.client() && side == Side::Server {
        return Finding::fails("client (type 7): a server must not send it, and a client refuses it")
            .with_fix("leave option 7 to clients, which refuse a HELLO that contains it");
    }
    let mut known: Vec<String> = [("software", hello.software()), ("name", hello.name()), ("room", hello.room())]
        .into_iter()
        .filter_map(|(option, value)| Some(format!("{option} {}", Line::new(value?)?)))
        .collect();
    known.extend(hello.token().map(|_| "a token".into()));
    known.extend(hello.resume().map(|after| format!("resume {after}")));
    known.extend(hello.client().then(|| "client".into()));
    known.extend(hello.requests().map(|requests| format!("requests {requests}")));
    let unknown = || types(&body[FIXED..]).filter(|option| !matches!(option, 1..=5 | 7 | 8));
    if let (0, Some(option)) = (body[MINOR], unknown().find(|option| !matches!(option, 0xC0..=0xEF))) {
        return Finding::fails(format!("an option of the unlisted type {option:02x}"))
            .with_fix("choose a type of C0 to EF for an option of your own (R4.25)");
    }
    known.extend(unknown().map(|option| format!("unknown type {option}")));
    Finding::ok(if known.is_empty() { "none".into() } else { known.join(", ") })
}

/// The types of the options.
fn types(mut options: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let [option, length, rest @ ..] = options else { return None };
        options = rest.get(usize::from(*length)..)?;
        Some(*option)
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
