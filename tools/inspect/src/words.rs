//! Words that the plain output and the JSON output share.

use bookend::{Code, Encoding, Fault, kind};

use super::balance::counted;
use super::event::{Pattern, Why};
use super::layout::{Field, Value};
use super::text;

/// Shown instead of a token.
pub(super) const SECRET: &str = "(not shown)";

/// The most bytes of a fault that are quoted: they come from a peer (SPEC 8).
const QUOTED: usize = 32;

pub(super) fn why(why: Why) -> &'static str {
    match why {
        Why::Fault => "fault",
        Why::Hole => "hole",
        Why::Begun => "begun",
        Why::Around => "around",
    }
}

/// The text of a fault, without its name.
pub(super) fn detail(fault: &Fault) -> String {
    let text = fault.to_string();
    text.strip_prefix(fault.name()).and_then(|rest| rest.strip_prefix(": ")).map_or(text.clone(), str::to_owned)
}

/// How many sound frames look like a mistake, and which is the first.
pub(super) fn pattern(pattern: &Pattern, first: u64) -> String {
    let Pattern { mistake, count, of, what } = pattern;
    format!("{mistake} in {count} of {}, first in frame {first}", counted(*of, what))
}

pub(super) fn quoted(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(QUOTED)]
}

/// The name of a kind, such as `HELLO`, or its number.
pub(super) fn kind_name(kind: u8) -> String {
    kind::name(kind).map_or_else(|| format!("kind {kind:02x}"), str::to_owned)
}

/// The value of a field of `body`.
pub(super) fn value(field: &Field, body: &[u8]) -> String {
    let bytes = &body[field.at.clone()];
    match field.value {
        Value::Number(number) => number.to_string(),
        Value::Code(code) => Code(code).to_string(),
        Value::Event(0) => "here".into(),
        Value::Event(1) => "joined".into(),
        Value::Event(2) => "left".into(),
        Value::Event(event) => event.to_string(),
        Value::Line => format!("\"{}\"", text::shown(Encoding::Utf8, bytes, false)),
        Value::Secret => SECRET.into(),
        Value::Flag => "yes".into(),
        Value::Bytes => text::hex(quoted(bytes)),
        Value::Payload => String::new(),
    }
}
