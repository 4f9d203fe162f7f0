//! The events as lines for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use bookend::diagnosis::{Confidence, Diagnosis};
use bookend::{Code, Encoding, Encodings, Hello, escaped, kind};

use super::conversations::Stream;
use super::dump;
use super::event::{Event, Fault, Remark, Seen, Skipped, Verdict, Why};
use super::expectations::Sender;
use super::layout::{self, Field, Form};
use super::summary::Summary;
use super::{text, words};

/// Which stream of a capture it is of.
pub(super) type Place = Option<(u64, Sender)>;

/// Characters of a payload that a line shows.
const PREVIEW: usize = 60;
/// Characters of a reason that a line shows: all there may be (R6.5).
const REASON: usize = 200;
/// Bytes of a binary payload that a line shows.
const BINARY_PREVIEW: usize = 16;

/// The colours, or none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Styles {
    pub(super) start: Style,
    pub(super) header: Style,
    pub(super) fixed: Style,
    pub(super) payload: Style,
    pub(super) fault: Style,
    pub(super) remark: Style,
    pub(super) quiet: Style,
}

impl Styles {
    pub(super) fn new(colored: bool) -> Styles {
        if !colored {
            return Styles::default();
        }
        let color = |color: AnsiColor| color.on_default();
        Styles {
            start: color(AnsiColor::Cyan).bold(),
            header: color(AnsiColor::Blue).bold(),
            fixed: color(AnsiColor::Magenta),
            payload: color(AnsiColor::Green),
            fault: color(AnsiColor::Red).bold(),
            remark: color(AnsiColor::Yellow),
            quiet: Style::new().dimmed(),
        }
    }
}

/// Writes events for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    pub(super) styles: Styles,
    /// Show the bytes of each frame.
    pub(super) hex: bool,
}

impl Plain {
    pub(super) fn stream(self, stream: &Stream, out: &mut impl Write) -> io::Result<()> {
        let Stream { number, client, server, whole } = stream;
        let guess = if *whole { "" } else { ", begun before the capture" };
        writeln!(out, "stream {number}: client {client}, server {server}{guess}")
    }

    pub(super) fn event(self, place: Place, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
        let Styles { remark, quiet, .. } = self.styles;
        if !matches!(event, Event::Remark(_)) {
            self.place(place, out)?;
        }
        match event {
            Event::Frame(seen) => self.frame(seen, out),
            Event::Remark(said) => self.remark(said, out),
            Event::Fault(found) => self.fault(found, out),
            Event::Preamble(bytes) => writeln!(out, "greeting  \"{}\"", line(bytes)),
            Event::Line(bytes) => writeln!(out, "line      \"{}\"", line(bytes)),
            Event::Skipped(skipped) => writeln!(out, "{remark}{}{remark:#}", skip(skipped)),
            Event::Hole { offset, length } => {
                writeln!(out, "{remark}{length} bytes are not in the capture, from byte {offset} on{remark:#}")
            }
            Event::Unfinished { offset, arrived, expected } => {
                let expected = expected.map_or("".into(), |expected| format!(" of {expected}"));
                writeln!(
                    out,
                    "{remark}the capture ends {arrived}{expected} bytes into the frame at byte {offset}{remark:#}"
                )
            }
            Event::NoClose => writeln!(out, "{quiet}the stream ended without a CLOSE{quiet:#}"),
        }
    }

    fn place(self, place: Place, out: &mut impl Write) -> io::Result<()> {
        let Some((number, sender)) = place else { return Ok(()) };
        write!(out, "{number} {:<6} ", words::sender(sender))
    }

    fn frame(self, seen: &Seen<'_>, out: &mut impl Write) -> io::Result<()> {
        let Styles { header, fixed, .. } = self.styles;
        let name = kind_name(seen.kind);
        write!(out, "{:>5} {:>9}  {header}{name:<9}{header:#} ", seen.number, seen.offset)?;
        write!(out, "{:<8} {:>7}", seen.encoding.name(), seen.length)?;
        let fields = layout::fields(seen.kind, seen.body);
        match Hello::parse(seen.body) {
            Ok(hello) if seen.kind == kind::HELLO => {
                write!(out, "  {fixed}{}{fixed:#}", described(&hello))?;
                for field in fields.iter().filter(|field| !BEFORE_OPTIONS.contains(&field.name)) {
                    write!(out, " {fixed}{}={}{fixed:#}", field.name, value(field, seen.body))?;
                }
            }
            _ => {
                for field in fields.iter().filter(|field| field.form != Form::Payload) {
                    write!(out, "  {fixed}{}={}{fixed:#}", field.name, value(field, seen.body))?;
                }
                if let Some(field) = fields.iter().find(|field| field.form == Form::Payload) {
                    write!(out, "  {}", self.payload(seen, &seen.body[field.at.clone()]))?;
                }
            }
        }
        if seen.missing > 0 {
            write!(out, "  ({} bytes are not in the capture)", seen.missing)?;
        }
        writeln!(out)?;
        if self.hex { dump::frame(self.styles, seen, &fields, out) } else { Ok(()) }
    }

    fn payload(self, seen: &Seen<'_>, bytes: &[u8]) -> String {
        let style = self.styles.payload;
        let more = (seen.body.len() as u64) < u64::from(seen.length);
        if seen.encoding == Encoding::Binary {
            let held = &bytes[..bytes.len().min(BINARY_PREVIEW)];
            let dots = if more || held.len() < bytes.len() { " …" } else { "" };
            return format!("{style}{}{dots}{style:#}", text::hex(held));
        }
        let room = if matches!(seen.kind, kind::CLOSE | kind::ERROR) { REASON } else { PREVIEW };
        let held = &bytes[..bytes.len().min(4 * room)];
        let cut = more || held.len() < bytes.len();
        let shown = text::shown(seen.encoding, held, cut);
        let end = shown.char_indices().nth(room).map_or(shown.len(), |(at, _)| at);
        let dots = if cut || end < shown.len() { " …" } else { "" };
        format!("{style}\"{}\"{dots}{style:#}", &shown[..end])
    }

    fn remark(self, said: &Remark, out: &mut impl Write) -> io::Result<()> {
        let Styles { fault, remark, .. } = self.styles;
        match &said.what {
            Verdict::Refused(error) => {
                writeln!(out, "      {fault}{}{fault:#}: {}", error.name(), words::detail(error))?;
            }
            Verdict::OutOfPlace(error) => {
                writeln!(out, "      {remark}unless this is a part of a stream{remark:#}: {error}")?;
            }
            Verdict::Note(note) => writeln!(out, "      {remark}{note}{remark:#}")?,
        }
        let of = match said.what {
            Verdict::Note(_) | Verdict::Refused(bookend::Fault::BadText { .. }) => "of the payload",
            _ => "of the stream",
        };
        said.diagnosis.as_ref().map_or(Ok(()), |diagnosis| self.diagnosis(diagnosis, of, out))
    }

    fn fault(self, found: &Fault<'_>, out: &mut impl Write) -> io::Result<()> {
        let Styles { fault, quiet, .. } = self.styles;
        let (name, detail) = (found.error.name(), words::detail(&found.error));
        writeln!(out, "{:>5} {:>9}  {fault}fault {name}{fault:#}: {detail}", found.number, found.offset)?;
        let quoted = words::quoted(found.bytes);
        let dots = if quoted.len() < found.bytes.len() { " …" } else { "" };
        writeln!(out, "      {quiet}{}{dots}{quiet:#}", text::hex(quoted))?;
        if found.diagnosis.first().is_none() {
            writeln!(out, "      no mistake that is known makes such bytes")?;
        }
        self.diagnosis(&found.diagnosis, "of the stream", out)
    }

    fn diagnosis(self, diagnosis: &Diagnosis, of: &str, out: &mut impl Write) -> io::Result<()> {
        let quiet = self.styles.quiet;
        for hypothesis in diagnosis.hypotheses() {
            let style = match hypothesis.confidence() {
                Confidence::Certain => self.styles.fault,
                Confidence::Likely => self.styles.remark,
                Confidence::Possible => Style::new(),
            };
            let (confidence, name) = (hypothesis.confidence(), hypothesis.name());
            writeln!(out, "      {style}{confidence:<8}{style:#}  {name}: {}", escaped(hypothesis.seen()))?;
            let (offset, expected) = (hypothesis.offset(), hypothesis.expected());
            writeln!(out, "                {quiet}byte {offset} {of}; expected: {expected}{quiet:#}")?;
            writeln!(out, "                fix: {}", hypothesis.fix())?;
        }
        Ok(())
    }

    pub(super) fn summary(self, summary: &Summary, out: &mut impl Write) -> io::Result<()> {
        let style = if summary.is_sound() { Style::new() } else { self.styles.fault };
        let mut parts = vec![
            counted(summary.frames, "sound frame"),
            format!("{style}{}{style:#}", counted(summary.faults, "fault")),
        ];
        for (count, what) in [(summary.refused, "frame to be refused"), (summary.skipped, "byte skipped")] {
            if count > 0 {
                parts.push(counted(count, what));
            }
        }
        if summary.missing > 0 {
            parts.push(format!("{} not in the capture", counted(summary.missing, "byte")));
        }
        let streams = if summary.format == "pcap" {
            format!(" in {}", counted(summary.streams, "TCP stream"))
        } else {
            String::new()
        };
        writeln!(out, "{}{streams}", parts.join(", "))?;
        let notes = [
            (summary.left_out, "other TCP stream", "are left out: --port or --stream shows them"),
            (summary.not_followed, "TCP stream", "more than can be followed at a time"),
            (summary.fragments, "IP fragment", "are not put together"),
            (summary.unreadable, "packet", "could not be read: cut off in their headers, or of an unknown link type"),
        ];
        for (count, what, why) in notes {
            if count > 0 {
                writeln!(out, "{}, which {why}", counted(count, what))?;
            }
        }
        Ok(())
    }
}

/// Fields of HELLO that [`described`] tells of, or that say nothing when they are right.
const BEFORE_OPTIONS: [&str; 10] =
    ["magic", "canary", "major", "minor", "accepted", "preferred", "max_body", "keepalive", "features", "option"];

fn described(hello: &Hello) -> String {
    let accepted = match hello.accepted() {
        Encodings::ALL => "all encodings".to_owned(),
        accepted => {
            let names = Encoding::ALL.into_iter().filter(|&encoding| accepted.contains(encoding)).map(Encoding::name);
            names.collect::<Vec<_>>().join(", ")
        }
    };
    let preferred = if hello.preferred() == Encoding::Binary { "text as sent" } else { hello.preferred().name() };
    let hub = if hello.hub() { ", hub" } else { "" };
    let (minor, max_body, keepalive) = (hello.minor(), hello.max_body(), hello.keepalive());
    format!("1.{minor}, accepts {accepted}, prefers {preferred}, max body {max_body}, keepalive {keepalive} s{hub}")
}

/// A field's value, for people.
pub(super) fn value(field: &Field, body: &[u8]) -> String {
    let bytes = &body[field.at.clone()];
    match field.form {
        Form::Number(number) => number.to_string(),
        Form::Code(code) => Code(code).to_string(),
        Form::Event(0) => "here".into(),
        Form::Event(1) => "joined".into(),
        Form::Event(2) => "left".into(),
        Form::Event(event) => event.to_string(),
        Form::Line => format!("\"{}\"", text::shown(Encoding::Utf8, bytes, false)),
        Form::Secret => words::SECRET.into(),
        Form::Bytes => text::hex(words::quoted(bytes)),
        Form::Payload => String::new(),
    }
}

/// A line without the line end that it should have.
fn line(bytes: &[u8]) -> String {
    text::shown(Encoding::Utf8, bytes.strip_suffix(b"\r\n").unwrap_or(bytes), false)
}

pub(super) fn kind_name(kind: u8) -> String {
    kind::name(kind).map_or_else(|| format!("kind {kind:02x}"), str::to_owned)
}

fn skip(skipped: &Skipped) -> String {
    let Skipped { offset, length, why, found } = skipped;
    let where_to = match (why, found) {
        (Why::Begun, true) => "to the first whole frame: the stream had begun before",
        (_, true) => "to the next sound frame",
        (_, false) => "to the end: no sound frame is there",
    };
    format!("{} skipped from byte {offset} on, {where_to}", counted(*length, "byte"))
}

fn counted(count: u64, what: &str) -> String {
    match (count, what.split_once(' ')) {
        (1, _) => format!("1 {what}"),
        (_, Some((noun, rest))) if matches!(noun, "frame" | "byte") => format!("{count} {noun}s {rest}"),
        _ => format!("{count} {what}s"),
    }
}
