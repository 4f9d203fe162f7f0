//! Reads dumps: text that shows bytes, as people paste it into a report.
//!
//! `recognise` finds the form by the beginning of a text: it tries the decoders of its table, and the first that reads the
//! sample without a contradiction is used. `offsets` finds the layout of `rows`, whose values `notation` and `row` read;
//! `literals` and `escapes` read strings, `lists` numbers, `digits` hexadecimal digits, `base64` also YAML, and `strace`
//! calls. `lines` reads the text, and `clean` removes what mail programs and terminals add. `packets` recognises whole
//! packets, and `suspicion` what looks like a dump although no form fits.
//!
//! A decoder takes the text line by line, so that the memory does not depend on the length of the dump.

mod base64;
mod clean;
mod digits;
mod direction;
mod escapes;
mod lines;
mod lists;
mod literals;
mod notation;
mod offsets;
mod packets;
mod piece;
mod recognise;
mod row;
mod rows;
mod strace;
mod suspicion;

use std::io::{self, Read};

use bookend::START;
use bookend::session::MAX_PREAMBLE;
use pcap_parser::Linktype;

use self::clean::Cleaner;
use self::lines::{Line, Lines, Units};
use self::packets::Packets;
use self::piece::{Decoder, Fit, Out, Sample};
use crate::side::Side;

pub(crate) use self::piece::Piece;

/// The most bytes of a text that are examined to recognise its form.
pub(crate) const SAMPLE: usize = 64 << 10;

/// A dump whose form is known.
pub(crate) struct Dump {
    /// The name of the form.
    pub(crate) form: String,
    pub(crate) content: Content,
    /// The side that the dump names first is the server.
    swapped: bool,
    new: Box<dyn Fn() -> Box<dyn Decoder>>,
    cleaner: Cleaner,
    units: (Units, usize),
}

/// The names of the forms that are formats of their own.
pub(crate) const HEX: &str = "hexadecimal digits";
pub(crate) const BASE64: &str = "base64";

/// What a dump shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// One direction of a stream.
    Stream,
    /// Both directions.
    Sides,
    /// Packets of this link type, with their headers.
    Packets(Linktype),
}

impl Content {
    /// What the report says about it.
    pub(crate) fn note(self) -> Option<String> {
        match self {
            Content::Stream => None,
            Content::Sides => Some("two sides".into()),
            Content::Packets(link) => {
                Some(format!("packets; their {} headers are not part of the stream", packets::headers(link)))
            }
        }
    }
}

/// Which forms are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Any. Text that looks like none of them is no dump.
    Any,
    /// Any, and other text is refused.
    Dump,
    /// Hexadecimal digits or rows.
    Hex,
    Base64,
}

/// True if `bytes` may be the beginning of a text.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let (units, mark) = lines::units(bytes);
    let bytes = &bytes[mark..];
    let is_printable = |c: char| !matches!(c, '\0'..='\x08' | '\x0E'..='\x1A' | '\x1C'..='\x1F' | '\x7F');
    if units == Units::Utf8 {
        // The last character may be cut off.
        let end = match std::str::from_utf8(bytes) {
            Ok(_) => bytes.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return false,
        };
        return std::str::from_utf8(&bytes[..end]).is_ok_and(|text| text.chars().all(is_printable));
    }
    let mut text = String::new();
    lines::push_text(units, bytes, &mut text);
    text.chars().all(|c| is_printable(c) && (mark > 0 || c.is_ascii()))
}

/// Recognises a dump by its beginning; the text ends after it if it is `complete`. `Ok(None)`: it is no dump. `Err`: it
/// looks like one, but cannot be read; the reason.
pub(crate) fn recognise(beginning: &[u8], complete: bool, wanted: Wanted) -> Result<Option<Dump>, String> {
    let units = lines::units(beginning);
    let mut text = String::new();
    lines::push_text(units.0, &beginning[units.1..], &mut text);
    let lines = split(&text, complete);
    let cleaner = Cleaner::new(lines.iter().map(|line| line.text));
    let sample = Sample { lines: lines.into_iter().map(|line| cleaner.clean(line)).collect(), complete };
    let fit = match wanted {
        Wanted::Any | Wanted::Dump => recognise::form(&sample).map_err(refusal)?,
        Wanted::Hex => recognise::hex(&sample).map_err(refusal)?,
        Wanted::Base64 => Some(recognise::base64_fit()),
    };
    let Some(fit) = fit else {
        let like = suspicion::of(&sample).or((wanted == Wanted::Dump).then_some("nothing that is known"));
        return match like {
            None => Ok(None),
            Some(like) => Err(refusal(format!("the text looks like a dump, but its form is not known ({like})"))),
        };
    };
    let trial = sample.trial(&fit);
    if let (Err(why), Wanted::Any | Wanted::Dump) = (&trial, wanted) {
        return Err(refusal(format!("{}: {why}", fit.form)));
    }
    let trial = trial.unwrap_or_default();
    let (content, swapped) = content(&fit, &trial)?;
    Ok(Some(Dump { form: fit.form, content, swapped, new: fit.new, cleaner, units }))
}

/// What to do instead.
fn refusal(why: String) -> String {
    format!(
        "{why}. Save the bytes themselves, a capture (tcpdump -w) or the output of xxd; --format raw reads the text as it is"
    )
}

/// The lines of a text: without the last if it is cut off, unless it is long.
fn split(text: &str, complete: bool) -> Vec<Line<'_>> {
    let (whole, last) = match text.rfind('\n') {
        Some(end) => (Some(&text[..end]), &text[end + 1..]),
        None => (None, text),
    };
    let whole = whole.into_iter().flat_map(|text| text.split('\n'));
    let mut lines: Vec<Line<'_>> =
        whole.map(|text| Line { text: strip_return(text), begins: true, ends: true }).collect();
    if lines.is_empty() || last.len() > LONG_LINE || (complete && !last.is_empty()) {
        lines.push(Line { text: if complete { strip_return(last) } else { last }, begins: true, ends: complete });
    }
    lines
}

/// A line of a sample that is cut off is examined only if it is longer, in bytes.
const LONG_LINE: usize = 2 << 10;

fn strip_return(line: &str) -> &str {
    line.strip_suffix('\r').unwrap_or(line)
}

/// What the dump shows, and whether its sides are exchanged.
fn content(fit: &Fit, trial: &Out) -> Result<(Content, bool), String> {
    let mut first = Vec::new();
    for (number, piece) in trial.pieces().enumerate() {
        if number > 0 && piece.begins {
            break;
        }
        first.extend_from_slice(&piece.bytes);
    }
    let is_tcpdump = fit.form.starts_with("tcpdump");
    if let Some(link) = packets::link(&first, is_tcpdump) {
        return Ok((Content::Packets(link), false));
    }
    if is_tcpdump && !first.windows(2).take(MAX_PREAMBLE + 1).any(|pair| pair == START) {
        return Err(refusal(format!("{}: the packets have no IP header that is known", fit.form)));
    }
    let side = |side| {
        let pieces = trial.pieces().filter(move |piece| piece.side == Some(side));
        pieces.flat_map(|piece| piece.bytes.iter().copied()).take(MAX_PREAMBLE).collect::<Vec<u8>>()
    };
    let (client, server) = (side(Side::Client), side(Side::Server));
    if client.is_empty() || server.is_empty() {
        return Ok((Content::Stream, false));
    }
    // Only a server greets with a line.
    let greets = |bytes: &[u8]| bytes.first() != Some(&START[0]) && bytes.windows(2).any(|pair| pair == START);
    Ok((Content::Sides, greets(&client) && server.starts_with(&START)))
}

/// Reads a dump.
pub(crate) struct DumpReader {
    lines: Lines<Box<dyn Read>>,
    cleaner: Cleaner,
    decoder: Box<dyn Decoder>,
    pub(crate) form: String,
    pub(crate) content: Content,
    swapped: bool,
    out: Out,
    packets: Packets,
    ended: bool,
    /// Why the dump cannot be read any further; what precedes it is passed on first.
    failed: Option<io::Error>,
    /// A piece that was read in part.
    piece: Vec<u8>,
    used: usize,
}

impl DumpReader {
    pub(crate) fn new(dump: Dump, input: Box<dyn Read>) -> DumpReader {
        DumpReader {
            lines: Lines::new(input, dump.units),
            cleaner: dump.cleaner,
            decoder: (dump.new)(),
            form: dump.form,
            content: dump.content,
            swapped: dump.swapped,
            out: Out::default(),
            packets: Packets::default(),
            ended: false,
            failed: None,
            piece: Vec::new(),
            used: 0,
        }
    }

    /// The next bytes, or `None` at the end.
    pub(crate) fn piece(&mut self) -> io::Result<Option<Piece>> {
        loop {
            if let Some(mut piece) = self.out.pop() {
                if self.swapped {
                    piece.side = piece.side.map(Side::other);
                }
                return Ok(Some(piece));
            }
            match self.failed.take() {
                Some(error) => return Err(error),
                None if !self.advance()? => return Ok(None),
                None => {}
            }
        }
    }

    /// The next packet, or `None` at the end.
    pub(crate) fn packet(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !matches!(self.content, Content::Packets(_)) {
            return Ok(None);
        }
        loop {
            if let Some(packet) = self.packets.pop() {
                return Ok(Some(packet));
            }
            match self.piece()? {
                Some(piece) => self.packets.push(&piece).map_err(|why| self.wrong(&why))?,
                None => {
                    self.packets.finish();
                    return Ok(self.packets.pop());
                }
            }
        }
    }

    /// Decodes the next line. Returns false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let decoded = match self.lines.next()? {
            Some(line) => self.decoder.line(self.cleaner.clean(line), &mut self.out),
            None => {
                self.ended = true;
                self.decoder.end(&mut self.out)
            }
        };
        if let Err(why) = decoded {
            self.failed = Some(self.wrong(&why));
            self.ended = true;
        }
        Ok(true)
    }

    fn wrong(&self, why: &str) -> io::Error {
        let message = format!("line {} of the text ({}): {why}", self.lines.number(), self.form);
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

impl Read for DumpReader {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        while self.used == self.piece.len() {
            match self.piece()? {
                Some(piece) => (self.piece, self.used) = (piece.bytes, 0),
                None => return Ok(0),
            }
        }
        let count = (&self.piece[self.used..]).read(space)?;
        self.used += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
