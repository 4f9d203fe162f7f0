//! `bookend inspect`: says what is in a capture or a dump, and which mistake is behind a fault.
//!
//! # Layout
//!
//! Data goes one way: source → (capture → packet → conversations → reassembly) → walker → printer.
//!
//! - `source` opens the input, `timed` ends it where that is wanted, and judges its form; `hex` and `base64` decode
//!   text.
//! - `capture` reads packets from a file, `packet` finds the TCP segment in each, `conversations` has the streams, and
//!   `reassembly` puts the segments of one direction in order.
//! - `walker` makes events of bytes, without I/O: `lines` is what comes before frames or in their place, `passing` a
//!   body too long to be held, `resync` the way to the next sound frame, `expectations` what a session would say.
//! - `plain`, `dump` and `json` write the events, `summary` counts them.
//! - `watch` does that for a live connection, whose packets `ruler` lays against frames.

mod arguments;
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
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Instant;

use bookend_client::DEFAULT_PORT;
use indicatif::ProgressBar;

pub(crate) use arguments::{Color, InspectArguments};
use capture::{Capture, CaptureError};
use conversations::{Conversations, Told, Wanted};
use expectations::Sender;
use packet::Packet;
use report::{Report, complain};
use source::{Format, Source};
use walker::{End, Walker};
pub(crate) use watch::{Form, Watch};

/// Everything is sound.
const SOUND: u8 = 0;
/// A fault was found, or the input is damaged.
const FAULT: u8 = 1;
/// A wrong option or argument.
const USAGE: u8 = 2;

/// The longest body where nothing else is said (R8.2), in bytes.
const MAX_BODY: u32 = 1 << 20;
/// What is read of a stream at once, in bytes.
const READ: usize = 64 << 10;

/// Inspects, and says the exit code.
pub(crate) fn run(arguments: &InspectArguments) -> u8 {
    if arguments.lacks_input() {
        complain("name a FILE, or pipe something in; bookend inspect --help says more");
        return USAGE;
    }
    let progress = ProgressBar::hidden();
    let (began, is_over) = (Instant::now(), Rc::default());
    let opened = Source::open(arguments.path(), arguments.format, arguments.timeout, &is_over, &progress);
    let (source, format) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            progress.finish_and_clear();
            let name = arguments.path().map_or("standard input".into(), |path| path.display().to_string());
            complain(&format!("{name}: {error}"));
            return USAGE;
        }
    };
    let mut report = Report::new(arguments, name_of(format), progress.clone());
    let opened = Instant::now();
    let ended = inspect(source, arguments, &is_over, &mut report).and_then(|()| report.end());
    progress.finish_and_clear();
    if arguments.verbose {
        for (stage, time) in
            [("opening, and judging the form", opened - began), ("reading and telling", opened.elapsed())]
        {
            complain(&format!("{stage}: {:.1} ms", time.as_secs_f64() * 1000.0));
        }
    }
    match ended {
        Ok(true) => SOUND,
        Ok(false) => FAULT,
        // Nobody reads on: what was found until here is all that is known.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            if report.is_sound() {
                SOUND
            } else {
                FAULT
            }
        }
        Err(error) => {
            complain(&format!("standard output: {error}"));
            FAULT
        }
    }
}

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Auto | Format::Raw => "raw",
        Format::Hex => "hex",
        Format::Base64 => "base64",
        Format::Pcap => "pcap",
    }
}

fn inspect(source: Source, arguments: &InspectArguments, is_over: &Cell<bool>, report: &mut Report) -> io::Result<()> {
    match source {
        Source::Stream(input) => stream(input, arguments, is_over, report),
        Source::Capture(input) => capture(input, arguments, is_over, report),
    }
}

fn stream(
    mut input: impl Read,
    arguments: &InspectArguments,
    is_over: &Cell<bool>,
    report: &mut Report,
) -> io::Result<()> {
    let mut walker = Walker::new(Sender::Unknown, true, arguments.max_body.unwrap_or(MAX_BODY));
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
    arguments: &InspectArguments,
    is_over: &Cell<bool>,
    report: &mut Report,
) -> io::Result<()> {
    let mut conversations = Conversations::new(Wanted {
        port: arguments.port,
        stream: arguments.stream,
        usual_port: DEFAULT_PORT,
        limit: arguments.max_body.unwrap_or(MAX_BODY),
        limit_stands: arguments.max_body.is_some(),
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
