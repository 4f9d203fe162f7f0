//! Writes events in the output that was asked for.

use std::io::{self, Write};

use super::event::{Event, Origin};
use super::json;
use super::options::Output;
use super::plain::Plain;
use super::styles::Styles;
use super::summary::Summary;

/// Writes events.
#[derive(Clone, Copy, Debug)]
pub(super) enum Printer {
    Plain(Plain),
    Json,
}

impl Printer {
    pub(super) fn new(output: Output) -> Printer {
        match output {
            Output::Plain { colored, hex } => Printer::Plain(Plain { styles: Styles::new(colored), hex }),
            Output::Json => Printer::Json,
        }
    }

    pub(super) fn event(self, origin: Option<Origin>, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
        match self {
            Printer::Plain(plain) => plain.event(origin, event, out),
            Printer::Json => json::event(origin, event, out),
        }
    }

    pub(super) fn summary(self, summary: &Summary, out: &mut impl Write) -> io::Result<()> {
        match self {
            Printer::Plain(plain) => plain.summary(summary, out),
            Printer::Json => json::summary(summary, out),
        }
    }
}
