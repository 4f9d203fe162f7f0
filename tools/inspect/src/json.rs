//! The events as JSON, one object per line. `bookend inspect --help` lists the keys, which are stable.

use std::io::{self, Write};

use bookend::diagnosis::{self, WINDOW};
use bookend::{Encoding, is_disturbing, kind};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use super::event::{Event, FaultyFrame, Origin, Pattern, Remark, SeenFrame, Skipped, Stream, Verdict};
use super::kept::{Kept, KeptObject};
use super::layout::{self, Field, Value};
use super::summary::Summary;
use super::text;
use super::words;

/// An object: its event, its stream, and the rest.
#[derive(Serialize)]
struct Object<T> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'static str>,
    #[serde(flatten)]
    rest: T,
}

pub(super) fn event(origin: Option<Origin>, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
    match event {
        Event::Stream(stream) => line(&TcpStream::of(stream), out),
        Event::Dump { form, note } => write("dump", origin, Dump { form, note: *note }, out),
        Event::Preamble(bytes) => write("preamble", origin, Words::of(bytes), out),
        Event::Line(bytes) => write("line", origin, Words::of(bytes), out),
        Event::Frame(seen) => write("frame", origin, Frame::of(seen), out),
        Event::Remark(remark) => {
            let name = if matches!(remark.verdict, Verdict::Refused(_)) { "refused" } else { "remark" };
            write(name, origin, RemarkObject::of(remark), out)
        }
        Event::Fault(fault) => write("fault", origin, FaultObject::of(fault), out),
        Event::Skipped(skipped) => write("skipped", origin, SkippedObject::of(skipped), out),
        Event::Hole { offset, length } => write("hole", origin, Hole { offset: *offset, length: *length }, out),
        Event::Conflict { offset, length, differing } => {
            write("conflict", origin, Conflict { offset: *offset, length: *length, differing: *differing }, out)
        }
        Event::Unfinished { offset, arrived, expected } => {
            write("unfinished", origin, Unfinished { offset: *offset, arrived: *arrived, expected: *expected }, out)
        }
        Event::NoClose => write("no-close", origin, Nothing {}, out),
        Event::Damaged(detail) => write("damaged", origin, Damaged { detail }, out),
    }
}

pub(super) fn summary(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    write("summary", None, summary, out)
}

fn write<T: Serialize>(event: &'static str, origin: Option<Origin>, rest: T, out: &mut impl Write) -> io::Result<()> {
    let stream = origin.map(|origin| origin.stream);
    let sender = origin.map(|origin| origin.sender.name());
    line(&Object { event, stream, sender, rest }, out)
}

fn line(object: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    object.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, Harmless))?;
    out.write_all(b"\n")
}

/// Escapes every character that is unsafe for a terminal, although JSON allows some of them.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|&(_, character)| is_disturbing(character)) {
            // No such character is above U+FFFF.
            write!(out, "{}\\u{:04x}", &rest[..at], u32::from(character))?;
            rest = &rest[at + character.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
}

#[derive(Serialize)]
struct TcpStream {
    event: &'static str,
    stream: u64,
    client: String,
    server: String,
    whole: bool,
}

impl TcpStream {
    fn of(stream: &Stream) -> TcpStream {
        let (client, server) = (stream.client.to_string(), stream.server.to_string());
        TcpStream { event: "stream", stream: stream.number, client, server, whole: stream.whole }
    }
}

#[derive(Serialize)]
struct Dump<'a> {
    form: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Words<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

impl<'a> Words<'a> {
    fn of(bytes: &'a [u8]) -> Words<'a> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Words { text: Some(text), hex: None },
            Err(_) => Words { text: None, hex: Some(data_encoding::HEXLOWER.encode(bytes)) },
        }
    }
}

#[derive(Serialize)]
struct Damaged<'a> {
    detail: &'a str,
}

#[derive(Serialize)]
struct Hole {
    offset: u64,
    length: u64,
}

#[derive(Serialize)]
struct Conflict {
    offset: u64,
    length: u64,
    differing: u64,
}

#[derive(Serialize)]
struct Unfinished {
    offset: u64,
    arrived: u64,
    expected: Option<u64>,
}

#[derive(Serialize)]
struct Frame<'a> {
    frame: u64,
    offset: u64,
    kind: u8,
    name: Option<&'static str>,
    encoding: u8,
    length: u32,
    fields: Fields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// What a hub is asked for, or has kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<KeptObject>,
    /// The payload has more bytes.
    #[serde(skip_serializing_if = "is_false")]
    cut: bool,
    /// The number of bytes of the body that are missing from the capture.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
    /// END is missing from the capture.
    #[serde(skip_serializing_if = "is_false")]
    unended: bool,
    /// The frame stands within another format.
    #[serde(skip_serializing_if = "is_false")]
    doubtful: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl<'a> Frame<'a> {
    fn of(seen: &SeenFrame<'a>) -> Frame<'a> {
        let fields = layout::fields(seen.kind, seen.body);
        let payload =
            fields.iter().find(|field| field.value == Value::Payload).map(|field| &seen.body[field.at.clone()]);
        let held = payload.map(|payload| &payload[..payload.len().min(WINDOW)]);
        let cut =
            (seen.body.len() as u64) < u64::from(seen.length) || held.map(<[u8]>::len) != payload.map(<[u8]>::len);
        let text = held.filter(|_| seen.encoding != Encoding::Binary);
        let text = text.and_then(|bytes| text::legal(seen.encoding, bytes, cut));
        let hex = if text.is_some() { None } else { held.map(|bytes| data_encoding::HEXLOWER.encode(bytes)) };
        Frame {
            frame: seen.number,
            offset: seen.offset,
            kind: seen.kind,
            name: kind::name(seen.kind),
            encoding: seen.encoding as u8,
            length: seen.length,
            fields: Fields { fields, body: seen.body },
            text,
            hex,
            history: Kept::of(seen).map(|kept| kept.object()),
            cut,
            missing: (seen.missing > 0).then_some(seen.missing),
            unended: !seen.ended,
            doubtful: seen.doubtful,
        }
    }
}

/// The fixed part, without magic, canary and unknown options: a fault shows what is wrong with them.
struct Fields<'a> {
    fields: Vec<Field>,
    body: &'a [u8],
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for field in &self.fields {
            match field.value {
                Value::Number(number) => map.serialize_entry(field.name, &number)?,
                Value::Code(code) => map.serialize_entry(field.name, &code)?,
                Value::Event(event) => map.serialize_entry(field.name, &event)?,
                Value::Line => {
                    let bytes = &self.body[field.at.clone()];
                    match std::str::from_utf8(bytes) {
                        Ok(line) => map.serialize_entry(field.name, line)?,
                        Err(_) => map.serialize_entry(field.name, &text::shown(Encoding::Utf8, bytes, false))?,
                    }
                }
                Value::Flag => map.serialize_entry(field.name, &true)?,
                Value::Secret => map.serialize_entry(field.name, words::SECRET)?,
                Value::Bytes | Value::Payload => {}
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct RemarkObject<'a> {
    frame: u64,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    detail: String,
    #[serde(flatten)]
    pattern: Option<Pattern>,
    diagnoses: Vec<Hypothesis<'a>>,
}

impl<'a> RemarkObject<'a> {
    fn of(remark: &'a Remark) -> RemarkObject<'a> {
        let (fault, detail, pattern) = match remark.verdict {
            Verdict::Refused(fault) | Verdict::OutOfPlace(fault) => (Some(fault.name()), words::detail(&fault), None),
            Verdict::Note(note) => (None, note.to_owned(), None),
            Verdict::Pattern(pattern) => (None, words::pattern(&pattern, remark.number), Some(pattern)),
        };
        let diagnoses = hypotheses(remark.hypotheses());
        RemarkObject { frame: remark.number, offset: remark.offset, fault, detail, pattern, diagnoses }
    }
}

#[derive(Serialize)]
struct FaultObject<'a> {
    frame: u64,
    offset: u64,
    fault: &'static str,
    detail: String,
    hex: String,
    diagnoses: Vec<Hypothesis<'a>>,
}

impl<'a> FaultObject<'a> {
    fn of(fault: &'a FaultyFrame<'_>) -> FaultObject<'a> {
        FaultObject {
            frame: fault.number,
            offset: fault.offset,
            fault: fault.fault.name(),
            detail: words::detail(&fault.fault),
            hex: data_encoding::HEXLOWER.encode(words::quoted(fault.bytes)),
            diagnoses: hypotheses(fault.diagnosis.hypotheses().iter()),
        }
    }
}

#[derive(Serialize)]
struct Hypothesis<'a> {
    name: &'static str,
    confidence: String,
    offset: u64,
    seen: &'a str,
    expected: &'static str,
    fix: &'static str,
}

fn hypotheses<'a>(hypotheses: impl Iterator<Item = &'a diagnosis::Hypothesis>) -> Vec<Hypothesis<'a>> {
    let hypotheses = hypotheses.map(|hypothesis| Hypothesis {
        name: hypothesis.name(),
        confidence: hypothesis.confidence().to_string(),
        offset: hypothesis.offset(),
        seen: hypothesis.seen(),
        expected: hypothesis.expected(),
        fix: hypothesis.fix(),
    });
    hypotheses.collect()
}

#[derive(Serialize)]
struct SkippedObject {
    offset: u64,
    length: u64,
    why: &'static str,
    found: bool,
    /// The number of well-formed frames in these bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<u64>,
}

impl SkippedObject {
    fn of(skipped: &Skipped) -> SkippedObject {
        SkippedObject {
            offset: skipped.offset,
            length: skipped.length,
            why: words::why(skipped.why),
            found: skipped.found,
            frames: (skipped.frames > 0).then_some(skipped.frames),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::side::Side;

    fn shown(found: &Event<'_>) -> String {
        let mut out = Vec::new();
        event(Some(Origin { stream: 1, sender: Side::Client }), found, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_are_stable() {
        let body = b"\0\0\0\x07ti\x1B\"";
        let seen = SeenFrame {
            number: 3,
            offset: 99,
            kind: kind::REQUEST,
            encoding: Encoding::Utf8,
            length: 8,
            body,
            missing: 0,
            ended: true,
            doubtful: false,
        };
        assert_eq!(
            shown(&Event::Frame(seen)),
            "{\"event\":\"frame\",\"stream\":1,\"sender\":\"client\",\"frame\":3,\"offset\":99,\"kind\":3,\
             \"name\":\"REQUEST\",\"encoding\":2,\"length\":8,\"fields\":{\"id\":7},\"text\":\"ti\\u001b\\\"\"}\n"
        );
        let error = bookend::Fault::TooLong { offset: 4, length: 1 << 25, max: 1 << 20 };
        let bytes = b"\xF5\xF8\x02\x02\x02\0\0\0hi\xF8\xF5";
        let diagnosis = diagnosis::diagnose(&diagnosis::Evidence::stream(error, 0, bytes));
        let fault = shown(&Event::Fault(FaultyFrame { number: 0, offset: 0, fault: error, bytes, diagnosis }));
        let begins = "{\"event\":\"fault\",\"stream\":1,\"sender\":\"client\",\"frame\":0,\"offset\":0,\
                      \"fault\":\"too-long\",\"detail\":\"a body of 33554432 bytes, but at most 1048576 are accepted\",\
                      \"hex\":\"f5f80202020000006869f8f5\",\"diagnoses\":[{\"name\":\"length-little-endian\",\
                      \"confidence\":\"";
        assert!(fault.starts_with(begins), "{fault}");
    }

    #[test]
    fn text_of_a_peer_cannot_break_a_line() {
        let nasty: String = (0..0x2100).filter_map(char::from_u32).filter(|&c| is_disturbing(c)).collect();
        let line = shown(&Event::Line(nasty.as_bytes()));
        assert!(!line.trim_end_matches('\n').chars().any(is_disturbing), "{line:?}");
    }

    #[test]
    fn token_is_not_shown() {
        let body = bookend::Hello::new().with_token(b"sesame").unwrap().body();
        let length = u32::try_from(body.len()).unwrap();
        let (encoding, kind) = (Encoding::Binary, kind::HELLO);
        let (number, offset, missing, ended, doubtful) = (0, 0, 0, true, false);
        let seen = SeenFrame { number, offset, kind, encoding, length, body: &body, missing, ended, doubtful };
        let line = shown(&Event::Frame(seen));
        assert!(!line.contains("sesame") && !line.contains(&data_encoding::HEXLOWER.encode(b"sesame")), "{line}");
    }
}
