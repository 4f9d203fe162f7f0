//! Opens the input, limits it in time, and recognises its format.

use std::cell::Cell;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::rc::Rc;
use std::time::Duration;

use bookend::START;
use bookend::session::MAX_PREAMBLE;

use super::base64::{self, Base64Reader};
use super::capture;
use super::foreign;
use super::hex::{self, HexReader};
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
}

/// The most bytes that are examined to recognise the format.
const SAMPLE: usize = 4 << 10;

impl Source {
    /// Opens the input, and returns its format. At the timeout the input ends, and `is_over` becomes true.
    pub(super) fn open(input: Input, format: Format, is_over: &Rc<Cell<bool>>) -> io::Result<(Source, Format)> {
        let mut input: Box<dyn Read> = match input.timeout {
            None => (input.open)()?,
            Some(timeout) => Box::new(Timed::new(input.open, timeout, Rc::clone(is_over))),
        };
        let (sample, complete) = sample(&mut input, format)?;
        let complete = complete && !is_over.get();
        if let Some(refusal) = foreign::refusal(&sample) {
            return Err(io::Error::new(io::ErrorKind::Unsupported, refusal));
        }
        let format = if format == Format::Auto { recognise(&sample, complete) } else { format };
        let input = Cursor::new(sample).chain(input);
        Ok((Source::new(format, input), format))
    }

    fn new(format: Format, input: Chain<Cursor<Vec<u8>>, Box<dyn Read>>) -> Source {
        match format {
            Format::Auto | Format::Raw => Source::Stream(Box::new(input)),
            Format::Hex => Source::Stream(Box::new(HexReader::new(BufReader::new(input)))),
            Format::Base64 => Source::Stream(Box::new(Base64Reader::new(input))),
            Format::Pcap => Source::Capture(Box::new(input)),
        }
    }
}

/// The first bytes, as many as are needed to recognise the format, and whether the input ends after them.
fn sample(input: &mut impl Read, format: Format) -> io::Result<(Vec<u8>, bool)> {
    let mut sample = Vec::new();
    if format != Format::Auto {
        return Ok((sample, false));
    }
    // Binary input is recognised by its first bytes: a live stream may not send more for a while.
    while sample.len() < SAMPLE && is_text(&sample) {
        let before = sample.len();
        let mut piece = [0; SAMPLE];
        let count = match input.read(&mut piece) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sample.extend_from_slice(&piece[..count]);
        if sample.len() == before {
            return Ok((sample, true));
        }
    }
    while sample.len() < 4 && !is_text(&sample) {
        let mut piece = [0; 4];
        match input.read(&mut piece) {
            Ok(0) => return Ok((sample, true)),
            Ok(count) => sample.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((sample, false))
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'))
}

fn recognise(sample: &[u8], complete: bool) -> Format {
    if capture::is_capture(sample) {
        return Format::Pcap;
    }
    if !is_text(sample) {
        return Format::Raw;
    }
    if hex::is_hex(sample, complete) {
        return Format::Hex;
    }
    // Plain words may be base64 as well, but they do not decode to a START.
    let start = |bytes: Vec<u8>| bytes.windows(2).take(MAX_PREAMBLE + 1).any(|window| window == START);
    if base64::decoded(sample).is_some_and(start) { Format::Base64 } else { Format::Raw }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_is_recognised_by_the_first_bytes() {
        for (sample, format) in [
            (&b"\xF5\xF8\x02\x02"[..], Format::Raw),
            (b"\xD4\xC3\xB2\xA1\x02\0", Format::Pcap),
            (b"\x0A\x0D\x0D\x0A\x1C\0", Format::Pcap),
            (b"f5f8 0202", Format::Hex),
            (b"7578 0100 00000018", Format::Hex),
            (b"00000000: f5f8 0202  ....\n", Format::Hex),
            (b"9fgCAgAAAAJoafj1\n", Format::Base64),
            (b"Bookend hub, Sunday\r\n", Format::Raw),
            (b"GET / HTTP/1.1\r\n\r\n", Format::Raw),
            (b"hello", Format::Raw),
            (b"", Format::Raw),
        ] {
            assert_eq!(recognise(sample, true), format, "{sample:02x?}");
        }
    }
}
