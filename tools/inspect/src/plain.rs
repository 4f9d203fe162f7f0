//! The events as lines of text.

use std::io::{self, Write};

use anstyle::Style;
use bookend::diagnosis::{Confidence, Hypothesis};
use bookend::{Encoding, Encodings, Hello, escaped, kind};

use super::balance::{self, counted};
use super::event::{Event, FaultyFrame, Origin, Remark, SeenFrame, Skipped, Stream, Verdict, Why};
use super::field_rows;
use super::kept::Kept;
use super::layout::{self, Value};
use super::styles::Styles;
use super::summary::Summary;
use super::{text, words};

/// The most characters of a payload in a line.
const PREVIEW: usize = 60;
/// The most characters of a reason in a line: all that a reason may have (R6.5).
const REASON: usize = 200;
/// The most bytes of a binary payload in a line.
const BINARY_PREVIEW: usize = 16;

/// Writes events as lines of text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    pub(super) styles: Styles,
    /// Show the bytes of each frame.
    pub(super) hex: bool,
}

impl Plain {
    pub(super) fn event(self, origin: Option<Origin>, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
        let Styles { remark, quiet, .. } = self.styles;
        // A remark follows its frame, but for one on all frames.
        if !matches!(event, Event::Remark(remark) if !matches!(remark.verdict, Verdict::Pattern(_))) {
            self.origin(origin, out)?;
        }
        match event {
            Event::Stream(stream) => writeln!(out, "{}", described_stream(stream)),
            Event::Dump { form, note } => {
                let note = note.map_or("".into(), |note| format!(": {note}"));
                writeln!(out, "{quiet}read as a dump, {}{note}{quiet:#}", escaped(form))
            }
            Event::Frame(seen) => self.frame(seen, out),
            Event::Remark(found) => self.remark(found, out),
            Event::Fault(found) => self.fault(found, out),
            Event::Preamble(bytes) => writeln!(out, "greeting  \"{}\"", line(bytes)),
            Event::Line(bytes) => writeln!(out, "line      \"{}\"", line(bytes)),
            Event::Skipped(skipped) => writeln!(out, "{remark}{}{remark:#}", skip(skipped)),
            Event::Hole { offset, length } => {
                writeln!(
                    out,
                    "{remark}{} missing from the capture at byte {offset}{remark:#}",
                    counted(*length, "byte")
                )
            }
            Event::Conflict { offset, length, differing } => writeln!(
                out,
                "{remark}a retransmission carries other bytes: {differing} of {} from byte {offset} on differ{remark:#}",
                counted(*length, "byte")
            ),
            Event::Unfinished { offset, arrived, expected } => {
                let expected = expected.map_or("".into(), |expected| format!(" of {expected}"));
                writeln!(
                    out,
                    "{remark}the capture ends {arrived}{expected} bytes into the frame at byte {offset}{remark:#}"
                )
            }
            Event::NoClose => writeln!(out, "{quiet}the stream ended without a CLOSE{quiet:#}"),
            Event::Damaged(_) => Ok(()), // the caller of `inspect` reports it
        }
    }

    fn origin(self, origin: Option<Origin>, out: &mut impl Write) -> io::Result<()> {
        let Some(Origin { stream, sender }) = origin else { return Ok(()) };
        write!(out, "{stream} {:<6} ", sender.name())
    }

    fn frame(self, seen: &SeenFrame<'_>, out: &mut impl Write) -> io::Result<()> {
        let Styles { header, fixed, remark, .. } = self.styles;
        let name = words::kind_name(seen.kind);
        write!(out, "{:>5} {:>9}  {header}{name:<9}{header:#} ", seen.number, seen.offset)?;
        write!(out, "{:<8} {:>7}", seen.encoding.name(), seen.length)?;
        let fields = layout::fields(seen.kind, seen.body);
        match Hello::parse(seen.body) {
            Ok(hello) if seen.kind == kind::HELLO => {
                write!(out, "  {fixed}{}{fixed:#}", described(&hello))?;
                for field in fields.iter().filter(|field| !BEFORE_OPTIONS.contains(&field.name)) {
                    write!(out, " {fixed}{}={}{fixed:#}", field.name, words::value(field, seen.body))?;
                }
            }
            _ => {
                for field in fields.iter().filter(|field| field.value != Value::Payload) {
                    write!(out, "  {fixed}{}={}{fixed:#}", field.name, words::value(field, seen.body))?;
                }
                if let Some(field) = fields.iter().find(|field| field.value == Value::Payload) {
                    write!(out, "  {}", self.payload(seen, &seen.body[field.at.clone()]))?;
                }
            }
        }
        let kept = Kept::of(seen);
        if let Some(kept) = &kept {
            write!(out, "  {fixed}{kept}{fixed:#}")?;
        }
        if seen.missing > 0 {
            write!(out, "  ({} missing from the capture)", counted(seen.missing, "byte"))?;
        }
        if seen.doubtful {
            write!(out, "  {remark}(doubtful){remark:#}")?;
        }
        writeln!(out)?;
        for line in kept.iter().flat_map(Kept::lines) {
            writeln!(out, "               {line}")?;
        }
        if self.hex { field_rows::frame(self.styles, seen, &fields, out) } else { Ok(()) }
    }

    fn payload(self, seen: &SeenFrame<'_>, bytes: &[u8]) -> String {
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

    fn remark(self, found: &Remark, out: &mut impl Write) -> io::Result<()> {
        let Styles { fault, remark, .. } = self.styles;
        match &found.verdict {
            Verdict::Refused(broken) => {
                writeln!(out, "      {fault}{}{fault:#}: {}", broken.name(), words::detail(broken))?;
            }
            Verdict::OutOfPlace(broken) => {
                writeln!(out, "      {remark}unless the stream began earlier{remark:#}: {broken}")?;
            }
            Verdict::Note(note) => writeln!(out, "      {remark}{note}{remark:#}")?,
            Verdict::Pattern(pattern) => {
                writeln!(out, "{remark}remark    {}{remark:#}", words::pattern(pattern, found.number))?;
            }
        }
        let of = match found.verdict {
            Verdict::Refused(bookend::Fault::BadText { .. }) => "of the payload",
            _ if found.verdict.is_remark() => "of the payload",
            _ => "of the stream",
        };
        self.hypotheses(found.hypotheses(), of, out)
    }

    fn fault(self, found: &FaultyFrame<'_>, out: &mut impl Write) -> io::Result<()> {
        let Styles { fault, quiet, .. } = self.styles;
        let (name, detail) = (found.fault.name(), words::detail(&found.fault));
        writeln!(out, "{:>5} {:>9}  {fault}fault {name}{fault:#}: {detail}", found.number, found.offset)?;
        let quoted = words::quoted(found.bytes);
        let dots = if quoted.len() < found.bytes.len() { " …" } else { "" };
        writeln!(out, "      {quiet}{}{dots}{quiet:#}", text::hex(quoted))?;
        if found.diagnosis.first().is_none() {
            writeln!(out, "      no known mistake explains these bytes")?;
        }
        self.hypotheses(found.diagnosis.hypotheses().iter(), "of the stream", out)
    }

    fn hypotheses<'a>(
        self,
        hypotheses: impl Iterator<Item = &'a Hypothesis>,
        of: &str,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let quiet = self.styles.quiet;
        for hypothesis in hypotheses {
            let style = match hypothesis.confidence() {
                Confidence::Certain => self.styles.fault,
                Confidence::Likely => self.styles.remark,
                Confidence::Possible => Style::new(),
            };
            let (confidence, name) = (hypothesis.confidence(), hypothesis.name());
            writeln!(out, "      {style}{confidence:<8}{style:#}  {name}: {}", escaped(hypothesis.seen()))?;
            let (offset, expected) = (hypothesis.offset(), hypothesis.expected());
            writeln!(out, "                {quiet}byte {offset} {of}; expected: {expected}{quiet:#}")?;
            let fix = if confidence == Confidence::Possible { "if so" } else { "fix" };
            writeln!(out, "                {fix}: {}", hypothesis.fix())?;
        }
        Ok(())
    }

    pub(super) fn summary(self, summary: &Summary, out: &mut impl Write) -> io::Result<()> {
        let style = if summary.is_faultless() { Style::new() } else { self.styles.fault };
        let faults = counted(summary.faults, "fault");
        write!(out, "{}, {style}{faults}{style:#}", counted(summary.frames, "frame"))?;
        let parts = [
            (summary.doubtful, "frame", "doubtful"),
            (summary.refused, "frame", "refused"),
            (summary.skipped, "byte", "skipped"),
            (summary.missing, "byte", "missing from the capture"),
        ];
        for (count, what, fate) in parts {
            if count > 0 {
                write!(out, ", {} {fate}", counted(count, what))?;
            }
        }
        if summary.format == "pcap" || (summary.format == "dump" && summary.streams > 0) {
            write!(out, " in {}", counted(summary.streams, "TCP stream"))?;
        }
        writeln!(out)?;
        let notes = [
            (summary.left_out, "other TCP stream", "not shown: use --port or --stream to see them"),
            (summary.not_followed, "TCP stream", "not followed: too many were open at a time"),
        ];
        for (count, what, why) in notes {
            if count > 0 {
                writeln!(out, "{} {why}", counted(count, what))?;
            }
        }
        for (line, of_value) in summary.account.as_ref().map(balance::lines).unwrap_or_default() {
            let style = if of_value { self.styles.fault } else { Style::new() };
            writeln!(out, "{style}{line}{style:#}")?;
        }
        Ok(())
    }
}

/// Fields of HELLO that [`described`] covers, or that have no information if they are legal.
const BEFORE_OPTIONS: [&str; 10] =
    ["magic", "canary", "major", "minor", "accepted", "preferred", "max_body", "keepalive", "features", "option"];

fn described_stream(stream: &Stream) -> String {
    let Stream { number, client, server, whole } = stream;
    let begun = if *whole { "" } else { ", began before the capture" };
    format!("stream {number}: client {client}, server {server}{begun}")
}

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

/// A line without its line end.
fn line(bytes: &[u8]) -> String {
    text::shown(Encoding::Utf8, bytes.strip_suffix(b"\r\n").unwrap_or(bytes), false)
}

fn skip(skipped: &Skipped) -> String {
    let Skipped { offset, length, why, found, frames } = skipped;
    let length = counted(*length, "byte");
    if *why == Why::Around {
        let place = if *found { "around the next frame" } else { "after the last frame" };
        return format!("{length} {place}, from byte {offset}");
    }
    let within = if *frames > 0 { format!(", with {} in them", counted(*frames, "whole frame")) } else { "".into() };
    let until = match (why, found) {
        (Why::Begun, true) => "to the first whole frame: the stream began before the capture",
        (_, true) => "to the next whole frame",
        (_, false) => "to the end: no whole frame follows",
    };
    format!("{length} skipped from byte {offset} {until}{within}")
}
