//! Where the events go: counted, and written in the form that was asked for.

use std::collections::HashMap;
use std::io::{self, BufWriter, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use bookend::escaped;
use indicatif::ProgressBar;

use super::arguments::InspectArguments;
use super::conversations::{LeftOut, Stream, Told};
use super::event::{Event, Verdict};
use super::json;
use super::plain::{Place, Plain, Styles};
use super::summary::Summary;

/// What is written at once, in bytes.
const WRITE: usize = 64 << 10;

/// Takes the events.
pub(super) struct Report {
    out: BufWriter<Output>,
    form: Form,
    quiet: bool,
    /// Streams of which nothing has been written yet.
    unwritten: HashMap<u64, Stream>,
    summary: Summary,
}

enum Form {
    Plain(Plain),
    Json,
}

impl Report {
    pub(super) fn new(arguments: &InspectArguments, format: &'static str, progress: ProgressBar) -> Report {
        let choice = arguments.color.choice();
        let colored = choice != ColorChoice::Never;
        let form = if arguments.json {
            Form::Json
        } else {
            Form::Plain(Plain { styles: Styles::new(colored), hex: arguments.hex })
        };
        let out = if colored && !arguments.json {
            Output::Colored(AutoStream::new(io::stdout(), choice), progress)
        } else {
            Output::Plain(io::stdout(), progress)
        };
        let summary = Summary { format, ..Summary::default() };
        Report {
            out: BufWriter::with_capacity(WRITE, out),
            form,
            quiet: arguments.quiet,
            unwritten: HashMap::new(),
            summary,
        }
    }

    pub(super) fn told(&mut self, told: &Told<'_>) -> io::Result<()> {
        match told {
            Told::Stream(stream) => {
                self.summary.streams += 1;
                self.unwritten.insert(stream.number, *stream);
                if self.quiet { Ok(()) } else { self.begin(stream.number) }
            }
            Told::Event(stream, sender, event) => self.event(Some((*stream, *sender)), event),
        }
    }

    /// Writes of a stream whose it is, once.
    fn begin(&mut self, number: u64) -> io::Result<()> {
        match (self.unwritten.remove(&number), &self.form) {
            (None, _) => Ok(()),
            (Some(stream), Form::Plain(plain)) => plain.stream(&stream, &mut self.out),
            (Some(stream), Form::Json) => json::stream(&stream, &mut self.out),
        }
    }

    pub(super) fn event(&mut self, place: Place, event: &Event<'_>) -> io::Result<()> {
        self.summary.count(event);
        let wrong = match event {
            Event::Remark(remark) => matches!(remark.what, Verdict::Refused(_)),
            Event::Fault(_) | Event::Skipped(_) | Event::Hole { .. } => true,
            _ => false,
        };
        if self.quiet && !wrong {
            return Ok(());
        }
        if let Some((number, _)) = place {
            self.begin(number)?;
        }
        match &self.form {
            Form::Plain(plain) => plain.event(place, event, &mut self.out),
            Form::Json => json::event(place, event, &mut self.out),
        }
    }

    /// The input cannot be read on.
    pub(super) fn damaged(&mut self, detail: &str) -> io::Result<()> {
        self.summary.damaged = true;
        self.flush()?;
        complain(detail);
        match &self.form {
            Form::Plain(_) => Ok(()),
            Form::Json => json::damaged(detail, &mut self.out),
        }
    }

    pub(super) fn count_packets(&mut self, left_out: LeftOut, fragments: u64, unreadable: u64) {
        self.summary.left_out = left_out.streams;
        self.summary.not_followed = left_out.not_followed;
        self.summary.fragments = fragments;
        self.summary.unreadable = unreadable;
    }

    /// Writes the summary. True if everything is sound.
    pub(super) fn end(&mut self) -> io::Result<bool> {
        match &self.form {
            Form::Plain(plain) => plain.summary(&self.summary, &mut self.out)?,
            Form::Json => json::summary(&self.summary, &mut self.out)?,
        }
        self.flush()?;
        Ok(self.is_sound())
    }

    pub(super) fn is_sound(&self) -> bool {
        self.summary.is_sound()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Tells of something that went wrong, in one line.
pub(super) fn complain(what: &str) {
    // If nobody reads that, there is nobody else to tell.
    let _told = writeln!(io::stderr(), "bookend: {}", escaped(what));
}

/// Standard output, which the progress bar makes room for.
enum Output {
    Colored(AutoStream<Stdout>, ProgressBar),
    Plain(Stdout, ProgressBar),
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Colored(out, progress) => progress.suspend(|| out.write(bytes)),
            Output::Plain(out, progress) => progress.suspend(|| out.write(bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Colored(out, _) => out.flush(),
            Output::Plain(out, _) => out.flush(),
        }
    }
}
