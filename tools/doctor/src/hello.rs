//! What the peer's HELLO says, field by field: a row for each.

use bookend::{CANARY, Encoding, Encodings, Hello, Line, MAGIC, MAX_LENGTH, MIN_MAX_BODY};

use super::report::{Finding, Row, Stage};

/// What the other checks build on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) accepted: Encodings,
    pub(super) max_body: u32,
    /// Seconds; 0 promises nothing.
    pub(super) keepalive: u16,
    pub(super) hub: bool,
}

/// The length of HELLO's fixed part.
pub(super) const FIXED: usize = 24;

/// The fields, in their order: row, tags, fix.
const FIELDS: [(&str, &str, &str); 8] = [
    ("canary", "R4.5 R4.6", "HELLO's body begins with 42 4B 4E 44 0D 0A 1A 0A FF 11 0D 00"),
    ("version", "R4.8 R4.9", "byte 12 of HELLO is the major version, 1, and byte 13 the minor one, 0"),
    ("accepted", "R4.13 R4.14", "set bits 0, 1 and 2 (binary, ASCII, UTF-8), and leave bits 5 to 7 at 0"),
    ("preferred", "R4.15", "prefer 0 (as it was sent) or an encoding that `accepted` holds"),
    ("max-body", "R4.16", "accept bodies of 1,024 to 2,147,483,647 bytes: u32, big-endian"),
    ("keepalive", "R7.1", "promise a byte every 2 s or more seldom: u16, big-endian"),
    ("features", "R4.14", "bit 0 says that the hub profile is spoken, bits 1 to 15 are 0"),
    (
        "options",
        "R4.10 R4.11",
        "an option is { type u8, length u8, value }: each type once, names plain lines of 1 to 64 bytes",
    ),
];

fn row(field: usize, finding: Finding) -> Row {
    let (check, spec, fix) = FIELDS[field];
    Row::new(Stage::Hello, check, spec, fix, finding)
}

/// The rows where there is no HELLO to read.
pub(super) fn skipped(why: &str) -> Vec<Row> {
    (0..FIELDS.len()).map(|field| row(field, Finding::skipped(why))).collect()
}

/// The rows where a channel has changed it.
pub(super) fn damaged(finding: Finding) -> Vec<Row> {
    let mut rows = skipped("HELLO does not arrive as it was sent");
    rows[0] = row(0, finding);
    rows
}

/// Judges a body of 24 bytes or more. Without facts there is nothing to build on.
pub(super) fn judge(body: &[u8]) -> (Vec<Row>, Option<Facts>) {
    let opening = [&MAGIC[..], &CANARY].concat();
    if !body.starts_with(&opening) {
        let seen = format!("they are {}", hex(&body[..opening.len()]));
        return (damaged(Finding::fails(seen)), None);
    }
    let number = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    let (major, minor, accepted, preferred) = (body[12], body[13], body[14], body[15]);
    let max_body = u32::from(number(16)) << 16 | u32::from(number(18));
    let (keepalive, features) = (number(20), number(22));
    let findings = [
        Finding::ok("\"BKND\" and the canary came unchanged"),
        judge_version(major, minor),
        judge_accepted(accepted),
        judge_preferred(accepted, preferred),
        judge_max_body(max_body),
        judge_keepalive(keepalive),
        judge_features(features),
        judge_options(body),
    ];
    let facts = Facts {
        accepted: Encodings::from_bits(accepted | Encodings::CORE.bits()).unwrap_or(Encodings::CORE),
        max_body: max_body.min(MAX_LENGTH),
        keepalive,
        hub: features & 1 != 0,
    };
    let rows = findings.into_iter().enumerate().map(|(field, finding)| row(field, finding)).collect();
    (rows, (major == 1).then_some(facts))
}

fn judge_version(major: u8, minor: u8) -> Finding {
    match (major, minor) {
        (1, 0) => Finding::ok("1.0"),
        (1, _) => Finding::ok(format!("1.{minor}; with this side's 1.0 both use 1.0")),
        _ => Finding::fails(format!("{major}.{minor}, but this is a check of version 1"))
            .with_fix("byte 12 of HELLO is the major version, 1; if it speaks another one, it needs another doctor"),
    }
}

fn judge_accepted(bits: u8) -> Finding {
    let names = Encoding::ALL.into_iter().filter(|encoding| bits & 1 << *encoding as u8 != 0).map(Encoding::name);
    let names = names.collect::<Vec<_>>().join(", ");
    if Encodings::from_bits(bits).is_none() {
        Finding::fails(format!("{bits:02x} ({names}): everyone accepts binary, us-ascii and utf-8"))
    } else if bits & !Encodings::ALL.bits() != 0 {
        Finding::fails(format!("{bits:02x}: bits 5 to 7 are not 0"))
    } else {
        Finding::ok(names)
    }
}

fn judge_preferred(accepted: u8, preferred: u8) -> Finding {
    match Encoding::from_byte(preferred) {
        Some(Encoding::Binary) => Finding::ok("as it was sent"),
        Some(encoding) if accepted & 1 << preferred != 0 => Finding::ok(encoding.name()),
        Some(encoding) => Finding::fails(format!("{encoding}, which it does not accept")),
        None => Finding::fails(format!("{preferred}, which is no encoding")),
    }
}

fn judge_max_body(length: u32) -> Finding {
    let swapped = length.swap_bytes();
    let legal = |length| (MIN_MAX_BODY..=MAX_LENGTH).contains(&length);
    match legal(length) {
        true => Finding::ok(format!("{length} bytes")),
        false if legal(swapped) => Finding::fails(format!("{length} bytes; little-endian it would be {swapped}")),
        false => Finding::fails(format!("{length} bytes")),
    }
}

fn judge_keepalive(seconds: u16) -> Finding {
    match seconds {
        0 => Finding::ok("0: it promises nothing"),
        1 => Finding::warns("1 s, which leaves its PINGs no margin to the limit on PINGs"),
        _ => Finding::ok(format!("a byte every {seconds} s")),
    }
}

fn judge_features(bits: u16) -> Finding {
    match bits {
        0 => Finding::ok("none"),
        1 => Finding::ok("the hub profile"),
        0x0100 => Finding::fails("0100: in the other byte order it would be the hub profile"),
        _ => Finding::fails(format!("{bits:04x}: bits 1 to 15 are not 0")),
    }
}

/// What `Hello` says of the options, everything in front of them being as it should.
fn judge_options(body: &[u8]) -> Finding {
    let sound = Hello::new().body();
    let judged = match Hello::parse(&[&sound[..FIXED], &body[FIXED..]].concat()) {
        Ok(hello) => hello,
        Err(error) => return Finding::fails(format!("{error}: {}", hex(&body[FIXED..]))),
    };
    let mut known: Vec<String> = [("software", judged.software()), ("name", judged.name()), ("room", judged.room())]
        .into_iter()
        .filter_map(|(option, value)| Some(format!("{option} {}", Line::new(value?)?)))
        .collect();
    known.extend(judged.token().map(|_| "a token".into()));
    known.extend(judged.resume().map(|after| format!("resume {after}")));
    known.extend(
        types(&body[FIXED..])
            .filter(|option| !(1..=5).contains(option))
            .map(|option| format!("type {option}, unknown")),
    );
    Finding::ok(if known.is_empty() { "none".into() } else { known.join(", ") })
}

/// The types of options that are laid out soundly.
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
