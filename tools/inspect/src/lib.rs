//! Names every frame, fault and mistake in a capture, a dump or the bytes of a Bookend stream.
//!
//! ```
//! use bookend_inspect::{Input, Options, inspect};
//!
//! let bytes = &b"\xF5\xF8\x02\x02\x02\x00\x00\x00hi\xF8\xF5"[..]; // the length is little-endian
//! let mut report = Vec::new();
//! let outcome = inspect(Input::new(bytes), &Options::default(), &mut report)?;
//! assert!(!outcome.is_sound);
//! assert!(String::from_utf8_lossy(&report).contains("length-little-endian"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Layout
//!
//! Data goes one way: source → (capture → packet → conversations → reassembly) → walker → printer.
//!
//! - `source` opens the input and judges its form, `timed` ends it at the timeout; `hex` and `base64` decode text.
//! - `capture` reads packets from a file, `packet` finds the TCP segment in each, `conversations` has the streams, and
//!   `reassembly` orders the segments of one direction.
//! - `walker` turns bytes into events, without I/O: `lines` is what precedes or replaces frames, `passing` a body too
//!   long to be held, `resync` the search for the next sound frame, `expectations` what a session would report.
//! - `plain`, `dump` and `json` write the events, `summary` counts them.
//! - [`Watch`] does the same for a live connection; `ruler` compares its packets with its frames.

mod base64;
mod capture;
mod conversations;
mod dump;
mod event;
mod expectations;
mod hex;
mod json;
mod layout;
mod lines;
mod packet;
mod passing;
mod plain;
mod reassembly;
mod report;
mod resync;
mod ruler;
mod source;
mod summary;
mod text;
mod timed;
mod walker;
mod watch;
mod words;

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use capture::{Capture, CaptureError};
use conversations::{Conversations, Told, Wanted};
use expectations::Sender;
use packet::Packet;
use report::Report;
use source::Source;
pub use source::{Format, Input};
use walker::{End, Walker};
pub use watch::{Form, Watch};

/// The longest body by default (R8.2), in bytes.
const MAX_BODY: u32 = 1 << 20;
/// Bytes read of a stream at once.
const READ: usize = 64 << 10;

/// What to inspect of the input, and how to write it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The form of the input.
    pub format: Format,
    /// The longest body that is no fault, in bytes. `None`: 1 MiB, or what the HELLOs of a capture say.
    pub max_body: Option<u32>,
    /// Of a capture, only the streams to or from this port.
    pub port: Option<u16>,
    /// Of a capture, only this stream, counted from 1.
    pub stream: Option<u64>,
    /// The port at which a stream of a capture is taken for Bookend even if its bytes do not look like it: 3990.
    pub usual_port: u16,
    /// How to write it.
    pub form: Form,
    /// Write only faults and the summary.
    pub quiet: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            format: Format::Auto,
            max_body: None,
            port: None,
            stream: None,
            usual_port: 3990,
            form: Form::Plain { colored: false, hex: false },
            quiet: false,
        }
    }
}

/// What was found.
#[derive(Debug)]
pub struct Outcome {
    /// No fault was found, and the input was whole.
    pub is_sound: bool,
    /// Why the input could not be read to its end, if it could not.
    pub damage: Option<String>,
    /// Why the report could not be written to its end; `is_sound` then speaks of the part that was read.
    pub unwritten: Option<io::Error>,
    /// The time that opening the input and judging its form took.
    pub opening: Duration,
    /// The time that reading, and writing the report, took.
    pub reading: Duration,
}

/// Inspects `input`, and writes a report to `out`.
///
/// # Errors
/// The input could not be opened, or its first bytes not be read.
pub fn inspect(input: Input, options: &Options, out: impl Write) -> io::Result<Outcome> {
    let (began, is_over) = (Instant::now(), Rc::default());
    let (source, format) = Source::open(input, options.format, &is_over)?;
    let opened = Instant::now();
    let mut report = Report::new(options, format.name(), out);
    let written = match source {
        Source::Stream(input) => stream(input, options, &is_over, &mut report),
        Source::Capture(input) => capture(input, options, &is_over, &mut report),
    };
    let written = written.and_then(|()| report.end());
    Ok(Outcome {
        is_sound: report.is_sound(),
        damage: report.damage(),
        unwritten: written.err(),
        opening: opened - began,
        reading: opened.elapsed(),
    })
}

fn stream(
    mut input: impl Read,
    options: &Options,
    is_over: &Cell<bool>,
    report: &mut Report<impl Write>,
) -> io::Result<()> {
    let mut walker = Walker::new(Sender::Unknown, true, options.max_body.unwrap_or(MAX_BODY));
    let mut buffer = vec![0; READ];
    loop {
        report.flush()?;
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => walker.push(&buffer[..count], &mut |event| report.event(None, &event))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Time was up within a line of text.
            Err(_) if is_over.get() => return walker.end(End::Left, &mut |event| report.event(None, &event)),
            Err(error) => {
                walker.end(End::Left, &mut |event| report.event(None, &event))?;
                return report.damaged(&error.to_string());
            }
        }
    }
    let end = if is_over.get() { End::Left } else { End::Finished };
    walker.end(end, &mut |event| report.event(None, &event))
}

/// Why reading a capture stopped.
enum Stop {
    Capture(CaptureError),
    Output(io::Error),
}

impl From<CaptureError> for Stop {
    fn from(error: CaptureError) -> Stop {
        Stop::Capture(error)
    }
}

fn capture(
    input: impl Read,
    options: &Options,
    is_over: &Cell<bool>,
    report: &mut Report<impl Write>,
) -> io::Result<()> {
    let mut conversations = Conversations::new(Wanted {
        port: options.port,
        stream: options.stream,
        usual_port: options.usual_port,
        limit: options.max_body.unwrap_or(MAX_BODY),
        limit_stands: options.max_body.is_some(),
    });
    let (mut fragments, mut unreadable) = (0, 0);
    let report = std::cell::RefCell::new(report);
    let mut tell = |told: Told<'_>| report.borrow_mut().told(&told);
    let read = Capture::new(input).read(
        |record| {
            match packet::read(record.link, record.bytes, record.lost) {
                Packet::Tcp(segment) => conversations.segment(&segment, &mut tell).map_err(Stop::Output)?,
                Packet::Fragment => fragments += 1,
                Packet::Unreadable => unreadable += 1,
                Packet::Other => {}
            }
            Ok(())
        },
        || report.borrow_mut().flush().map_err(Stop::Output),
    );
    if let Err(Stop::Output(error)) = read {
        return Err(error);
    }
    let left_out = conversations.end(&mut tell)?;
    let report = report.into_inner();
    report.count_packets(left_out, fragments, unreadable);
    match read {
        // It ends where time was up.
        Err(Stop::Capture(_)) if is_over.get() => Ok(()),
        Err(Stop::Capture(error)) => report.damaged(&error.to_string()),
        _ => Ok(()),
    }
}
