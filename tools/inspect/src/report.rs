//! Where the events go: counted, and written in the form that was asked for.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use super::Options;
use super::conversations::{LeftOut, Stream, Told};
use super::event::{Event, Verdict};
use super::json;
use super::plain::{Place, Plain, Styles};
use super::summary::Summary;

/// What is written at once, in bytes.
const WRITE: usize = 64 << 10;

/// Takes the events.
pub(super) struct Report<W: Write> {
    out: BufWriter<W>,
    form: Form,
    quiet: bool,
    /// Streams of which nothing has been written yet.
    unwritten: HashMap<u64, Stream>,
    summary: Summary,
    damage: Option<String>,
}

enum Form {
    Plain(Plain),
    Json,
}

impl<W: Write> Report<W> {
    pub(super) fn new(options: &Options, format: &'static str, out: W) -> Report<W> {
        let form = match options.form {
            super::Form::Json => Form::Json,
            super::Form::Plain { colored, hex } => Form::Plain(Plain { styles: Styles::new(colored), hex }),
        };
        Report {
            out: BufWriter::with_capacity(WRITE, out),
            form,
            quiet: options.quiet,
            unwritten: HashMap::new(),
            summary: Summary { format, ..Summary::default() },
            damage: None,
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
        self.damage = Some(detail.to_owned());
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

    /// Writes the summary.
    pub(super) fn end(&mut self) -> io::Result<()> {
        match &self.form {
            Form::Plain(plain) => plain.summary(&self.summary, &mut self.out)?,
            Form::Json => json::summary(&self.summary, &mut self.out)?,
        }
        self.flush()
    }

    pub(super) fn is_sound(&self) -> bool {
        self.summary.is_sound()
    }

    /// Why the input could not be read to its end, if it could not.
    pub(super) fn damage(&mut self) -> Option<String> {
        self.damage.take()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
