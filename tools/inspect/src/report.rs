//! The report: the events that were asked for, and the summary.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use super::event::{Event, Origin, Stream, Verdict, Why};
use super::options::Options;
use super::printer::Printer;
use super::summary::Summary;

/// The size of the output buffer, in bytes.
const WRITE: usize = 64 << 10;

/// Writes a report.
pub(super) struct Report<W: Write> {
    out: BufWriter<W>,
    printer: Printer,
    quiet: bool,
    remarks: bool,
    /// Streams that a quiet report has not mentioned yet.
    unwritten: HashMap<u64, Stream>,
}

impl<W: Write> Report<W> {
    pub(super) fn new(options: &Options, out: W) -> Report<W> {
        Report {
            out: BufWriter::with_capacity(WRITE, out),
            printer: Printer::new(options.output),
            quiet: options.quiet,
            remarks: options.remarks,
            unwritten: HashMap::new(),
        }
    }

    pub(super) fn event(&mut self, origin: Option<Origin>, event: &Event<'_>) -> io::Result<()> {
        if !self.remarks && matches!(event, Event::Remark(remark) if remark.verdict.is_remark()) {
            return Ok(());
        }
        if self.quiet {
            if let Event::Stream(stream) = event {
                self.unwritten.insert(stream.number, *stream);
            }
            if !is_wrong(event) {
                return Ok(());
            }
            if let Some(stream) = origin.and_then(|origin| self.unwritten.remove(&origin.stream)) {
                self.printer.event(None, &Event::Stream(stream), &mut self.out)?;
            }
        }
        self.printer.event(origin, event, &mut self.out)
    }

    /// Writes the summary.
    pub(super) fn end(&mut self, summary: &Summary) -> io::Result<()> {
        self.printer.summary(summary, &mut self.out)?;
        self.flush()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// True for the events of a quiet report.
fn is_wrong(event: &Event<'_>) -> bool {
    match event {
        Event::Remark(remark) => matches!(remark.verdict, Verdict::Refused(_)),
        Event::Skipped(skipped) => skipped.why != Why::Around, // its fault was reported
        Event::Fault(_) | Event::Hole { .. } | Event::Conflict { .. } | Event::Damaged(_) => true,
        _ => false,
    }
}
