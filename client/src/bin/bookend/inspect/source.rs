//! Where the bytes come from: a file or standard input, and what form they have.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Chain, Cursor, IsTerminal, Read};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use bookend::START;
use bookend::session::MAX_PREAMBLE;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressBarIter, ProgressDrawTarget, ProgressStyle};

use super::base64::{self, Base64Reader};
use super::capture;
use super::hex::{self, HexReader};
use super::timed::Timed;

/// The form of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Judge by the first bytes
    Auto,
    /// The bytes of one direction of a stream
    Raw,
    /// Digits, or a dump of xxd, hexdump, od or Wireshark
    Hex,
    Base64,
    /// A capture of tcpdump or Wireshark, pcap or pcapng
    Pcap,
}

/// What is to be inspected.
pub(super) enum Source {
    /// One direction of a stream.
    Stream(Box<dyn Read>),
    Capture(Box<dyn Read>),
}

/// What is looked at to judge the form, in bytes.
const SAMPLE: usize = 4 << 10;

type Input = ProgressBarIter<Box<dyn Read>>;

impl Source {
    /// Opens `path`, or standard input; and what form the bytes have. Once `patience` is over, nothing more is read, and
    /// `is_over` is true.
    pub(super) fn open(
        path: Option<&Path>,
        format: Format,
        patience: Option<Duration>,
        is_over: &Rc<Cell<bool>>,
        progress: &ProgressBar,
    ) -> io::Result<(Source, Format)> {
        let metadata = path.map(fs::metadata).transpose()?;
        show(progress, metadata.filter(fs::Metadata::is_file).map(|metadata| metadata.len()));
        let input: Box<dyn Read> = match (path.map(Path::to_owned), patience) {
            (Some(path), None) => Box::new(File::open(path)?),
            (None, None) => Box::new(io::stdin()),
            // A FIFO is not open before somebody writes.
            (Some(path), Some(patience)) => Box::new(Timed::new(|| File::open(path), patience, Rc::clone(is_over))),
            (None, Some(patience)) => Box::new(Timed::new(|| Ok(io::stdin()), patience, Rc::clone(is_over))),
        };
        let mut input = progress.wrap_read(input);
        let (sample, complete) = sample(&mut input, format)?;
        let complete = complete && !is_over.get();
        let format = if format == Format::Auto { judge(&sample, complete) } else { format };
        let input = Cursor::new(sample).chain(input);
        Ok((Source::of(format, input), format))
    }

    fn of(format: Format, input: Chain<Cursor<Vec<u8>>, Input>) -> Source {
        match format {
            Format::Auto | Format::Raw => Source::Stream(Box::new(input)),
            Format::Hex => Source::Stream(Box::new(HexReader::new(BufReader::new(input)))),
            Format::Base64 => Source::Stream(Box::new(Base64Reader::new(input))),
            Format::Pcap => Source::Capture(Box::new(input)),
        }
    }
}

/// Files below this are read before anybody wonders, in bytes.
const LARGE: u64 = 16 << 20;

/// Shows how far reading is, on a terminal; `length` is that of a file, `None` for what may never end.
fn show(progress: &ProgressBar, length: Option<u64>) {
    // The frames of a live stream on a terminal show that by themselves.
    if length.map_or(io::stdout().is_terminal(), |length| length < LARGE) || !io::stderr().is_terminal() {
        return;
    }
    progress.set_draw_target(ProgressDrawTarget::stderr());
    match length {
        Some(length) => {
            progress.set_length(length);
            progress.set_style(style("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left"));
        }
        None => progress.set_style(style("{bytes} read, {bytes_per_sec}")),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is right")
}

/// As many of the first bytes as tell the form, and whether those are all.
fn sample(input: &mut impl Read, format: Format) -> io::Result<(Vec<u8>, bool)> {
    let mut sample = Vec::new();
    if format != Format::Auto {
        return Ok((sample, false));
    }
    // What is no text shows at once; a live stream is not to be waited for.
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

fn judge(sample: &[u8], complete: bool) -> Format {
    if capture::is_capture(sample) {
        return Format::Pcap;
    }
    if !is_text(sample) {
        return Format::Raw;
    }
    if hex::is_hex(sample, complete) {
        return Format::Hex;
    }
    // Words are base64 too, but they do not decode to a START.
    let start = |bytes: Vec<u8>| bytes.windows(2).take(MAX_PREAMBLE + 1).any(|window| window == START);
    if base64::decoded(sample).is_some_and(start) { Format::Base64 } else { Format::Raw }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_judged_by_the_first_bytes() {
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
            assert_eq!(judge(sample, true), format, "{sample:02x?}");
        }
    }
}
