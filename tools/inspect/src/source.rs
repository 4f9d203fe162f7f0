//! Opens the input, limits it in time, and recognises its format.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::rc::Rc;
use std::time::Duration;

use super::capture;
use super::dumps::{self, Dump, DumpReader, Wanted};
use super::foreign;
use super::options::Format;
use super::timed::Timed;

/// The input of an inspection: a file, a pipe, or bytes in memory.
pub struct Input {
    open: Box<dyn FnOnce() -> io::Result<Box<dyn Read>> + Send>,
    timeout: Option<Duration>,
}

impl Input {
    /// The bytes of `reader`.
    pub fn new(reader: impl Read + Send + 'static) -> Input {
        Input::from_fn(|| Ok(reader))
    }

    /// The bytes of the reader that `open` returns. With a timeout, `open` runs in another thread, because opening a FIFO
    /// blocks until it has a writer.
    pub fn from_fn<R: Read + 'static>(open: impl FnOnce() -> io::Result<R> + Send + 'static) -> Input {
        Input { open: Box::new(|| open().map(|reader| Box::new(reader) as Box<dyn Read>)), timeout: None }
    }

    /// Reads for at most this long, counted from the call of [`inspect`](crate::inspect); the input then ends as if it had
    /// been cut off there. `None` reads until the end.
    pub fn with_timeout(self, timeout: impl Into<Option<Duration>>) -> Input {
        Input { timeout: timeout.into(), ..self }
    }
}

/// An open input.
pub(super) enum Source {
    /// One direction of a stream.
    Stream(Box<dyn Read>),
    Capture(Box<dyn Read>),
    Dump(Box<DumpReader>),
    /// A dump that cannot be read; the reason.
    Refused(String),
}

impl Source {
    /// Opens the input, and returns its format. At the timeout the input ends, and `is_over` becomes true.
    pub(super) fn open(input: Input, format: Format, is_over: &Rc<Cell<bool>>) -> io::Result<(Source, Format)> {
        let mut input: Box<dyn Read> = match input.timeout {
            None => (input.open)()?,
            Some(timeout) => Box::new(Timed::new(input.open, timeout, Rc::clone(is_over))),
        };
        let (sample, complete) = match format {
            Format::Raw | Format::Pcap => (Vec::new(), false),
            Format::Auto | Format::Dump | Format::Hex | Format::Base64 => sample(&mut input, format)?,
        };
        let complete = complete && !is_over.get();
        if format == Format::Auto
            && let Some(refusal) = foreign::refusal(&sample)
        {
            return Err(io::Error::new(io::ErrorKind::Unsupported, refusal));
        }
        let found = recognise(&sample, complete, format);
        let input = Box::new(Cursor::new(sample).chain(input));
        Ok(match found {
            Found::Raw => (Source::Stream(input), Format::Raw),
            Found::Capture => (Source::Capture(input), Format::Pcap),
            Found::Dump(dump, format) => (Source::Dump(Box::new(DumpReader::new(dump, input))), format),
            Found::Refused(why) => (Source::Refused(why), Format::Dump),
        })
    }
}

/// The first bytes, as many as are needed to recognise the format, and whether the input ends after them.
fn sample(input: &mut impl Read, format: Format) -> io::Result<(Vec<u8>, bool)> {
    let mut sample = Vec::new();
    // Binary input is recognised by its first bytes: a live stream may not send more for a while.
    while sample.len() < dumps::SAMPLE && (format != Format::Auto || sample.len() < 4 || dumps::is_text(&sample)) {
        let before = sample.len();
        sample.resize(before + PIECE, 0);
        let read = input.read(&mut sample[before..]);
        sample.truncate(before + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => return Ok((sample, true)),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
    Ok((sample, false))
}

/// The size of a read of the sample, in bytes.
const PIECE: usize = 4 << 10;

/// What the input is.
enum Found {
    Raw,
    Capture,
    Dump(Dump, Format),
    Refused(String),
}

fn recognise(sample: &[u8], complete: bool, format: Format) -> Found {
    let wanted = match format {
        Format::Raw => return Found::Raw,
        Format::Pcap => return Found::Capture,
        Format::Auto if capture::is_capture(sample) => return Found::Capture,
        Format::Auto if !dumps::is_text(sample) => return Found::Raw,
        Format::Auto => Wanted::Any,
        Format::Dump => Wanted::Dump,
        Format::Hex => Wanted::Hex,
        Format::Base64 => Wanted::Base64,
    };
    match dumps::recognise(sample, complete, wanted) {
        Ok(None) => Found::Raw,
        Ok(Some(dump)) => {
            let format = match (format, dump.form.as_str()) {
                (Format::Hex | Format::Base64, _) => format,
                (_, dumps::HEX) => Format::Hex,
                (_, dumps::BASE64) => Format::Base64,
                _ => Format::Dump,
            };
            Found::Dump(dump, format)
        }
        Err(why) => Found::Refused(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(sample: &[u8]) -> String {
        match recognise(sample, true, Format::Auto) {
            Found::Raw => "raw".into(),
            Found::Capture => "pcap".into(),
            Found::Dump(dump, _) => dump.form,
            Found::Refused(why) => why,
        }
    }

    #[test]
    fn format_is_recognised_by_the_first_bytes() {
        for (sample, format) in [
            (&b"\xF5\xF8\x02\x02"[..], "raw"),
            (b"\xD4\xC3\xB2\xA1\x02\0", "pcap"),
            (b"\x0A\x0D\x0D\x0A\x1C\0", "pcap"),
            (b"f5f8 0202", "hexadecimal digits"),
            (b"7578 0100 00000018", "hexadecimal digits"),
            (b"00000000: f5f8 0202  ....\n", "xxd"),
            (b"9fgCAgAAAAJoafj1\n", "base64"),
            (b"Bookend hub, Sunday\r\n", "raw"),
            (b"GET / HTTP/1.1\r\n\r\n", "raw"),
            (b"hello", "raw"),
            (b"", "raw"),
        ] {
            assert_eq!(named(sample), format, "{sample:02x?}");
        }
    }
}
