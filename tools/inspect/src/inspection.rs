//! The inspection: reads the input, and passes on every event.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use pcap_parser::Linktype;

use super::account::{Account, Packets};
use super::capture::{Capture, CaptureError, Item};
use super::conversations::{Conversations, Fate};
use super::dialogue::Dialogue;
use super::dumps::{Content, DumpReader};
use super::event::{Event, Origin};
use super::options::{MAX_BODY, Options};
use super::packet::{self, Packet};
use super::report::Report;
use super::side::Side;
use super::source::{Input, Source};
use super::summary::Summary;
use super::walker::{End, Walker};

/// The size of a read, in bytes.
const READ: usize = 64 << 10;

/// The result of an inspection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The counts.
    pub summary: Summary,
    /// Why the input could not be read to its end, if it could not.
    pub damage: Option<String>,
    /// Why the events could not be passed on to the end, if they could not. The summary then covers what was read.
    pub unwritten: Option<io::Error>,
    /// How long it took to open the input and recognise its format.
    pub opening: Duration,
    /// How long it took to read the input and pass on the events.
    pub reading: Duration,
}

impl Outcome {
    /// True if no frame is faulty or would be refused, and the input was read to its end.
    pub fn is_faultless(&self) -> bool {
        self.summary.is_faultless()
    }
}

/// Inspects `input`, and writes a report to `out`.
///
/// # Errors
/// The input cannot be opened, or its first bytes cannot be read. Later errors are in the [`Outcome`].
pub fn inspect(input: Input, options: &Options, out: impl Write) -> io::Result<Outcome> {
    run(input, options, Report::new(options, out))
}

/// Inspects `input`, and calls `take` with every event. An event of a capture has an [`Origin`], except
/// [`Event::Stream`] and [`Event::Damaged`]. An error from `take` ends the inspection.
///
/// # Errors
/// The input cannot be opened, or its first bytes cannot be read. Later errors are in the [`Outcome`].
pub fn inspect_events(
    input: Input,
    options: &Options,
    take: impl FnMut(Option<Origin>, &Event<'_>) -> io::Result<()>,
) -> io::Result<Outcome> {
    run(input, options, Events(take))
}

/// Takes the events.
trait Sink {
    fn event(&mut self, origin: Option<Origin>, event: &Event<'_>) -> io::Result<()>;

    /// The next bytes of the input may be a long time coming.
    fn pause(&mut self) -> io::Result<()>;

    fn end(&mut self, summary: &Summary) -> io::Result<()>;
}

impl<W: Write> Sink for Report<W> {
    fn event(&mut self, origin: Option<Origin>, event: &Event<'_>) -> io::Result<()> {
        Report::event(self, origin, event)
    }

    fn pause(&mut self) -> io::Result<()> {
        self.flush()
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        Report::end(self, summary)
    }
}

struct Events<F>(F);

impl<F: FnMut(Option<Origin>, &Event<'_>) -> io::Result<()>> Sink for Events<F> {
    fn event(&mut self, origin: Option<Origin>, event: &Event<'_>) -> io::Result<()> {
        (self.0)(origin, event)
    }

    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _summary: &Summary) -> io::Result<()> {
        Ok(())
    }
}

fn run(input: Input, options: &Options, sink: impl Sink) -> io::Result<Outcome> {
    let (began, is_over) = (Instant::now(), Rc::default());
    let (source, format) = Source::open(input, options.format, &is_over)?;
    let opened = Instant::now();
    let summary = Summary { format: format.name(), ..Summary::default() };
    let mut inspection = Inspection { options, is_over, sink, summary, damage: None };
    let taken = match source {
        Source::Stream(input) => inspection.stream(input),
        Source::Capture(input) => inspection.capture(input),
        Source::Dump(dump) => inspection.dump(*dump),
        Source::Refused(why) => inspection.damaged(&why),
    };
    let Inspection { mut sink, summary, damage, .. } = inspection;
    let taken = taken.and_then(|()| sink.end(&summary));
    Ok(Outcome { summary, damage, unwritten: taken.err(), opening: opened - began, reading: opened.elapsed() })
}

struct Inspection<'a, S> {
    options: &'a Options,
    /// The timeout has ended the input.
    is_over: Rc<Cell<bool>>,
    sink: S,
    summary: Summary,
    damage: Option<String>,
}

impl<S: Sink> Inspection<'_, S> {
    fn event(&mut self, origin: Option<Origin>, event: &Event<'_>) -> io::Result<()> {
        self.summary.count(event);
        self.sink.event(origin, event)
    }

    fn damaged(&mut self, why: &str) -> io::Result<()> {
        self.damage = Some(why.to_owned());
        self.event(None, &Event::Damaged(why))
    }

    fn stream(&mut self, mut input: impl Read) -> io::Result<()> {
        let mut walker = Walker::new(None, true, self.options.max_body.unwrap_or(MAX_BODY));
        let mut buffer = vec![0; READ];
        loop {
            self.sink.pause()?;
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => walker.push(&buffer[..count], &mut |event| self.event(None, &event))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The timeout has ended the input within a line of text.
                Err(_) if self.is_over.get() => break,
                Err(error) => {
                    walker.end(End::Cut, &mut |event| self.event(None, &event))?;
                    return self.damaged(&error.to_string());
                }
            }
        }
        let end = if self.is_over.get() { End::Cut } else { End::Finished };
        walker.end(end, &mut |event| self.event(None, &event))
    }

    fn dump(&mut self, mut dump: DumpReader) -> io::Result<()> {
        let (content, note) = (dump.content, dump.content.note());
        self.event(None, &Event::Dump { form: &dump.form, note: note.as_deref() })?;
        match content {
            Content::Stream => self.stream(dump),
            Content::Sides => self.sides(&mut dump),
            Content::Packets(link) => self.packets(&mut dump, link),
        }
    }

    /// A dump of both directions.
    fn sides(&mut self, dump: &mut DumpReader) -> io::Result<()> {
        let mut dialogue = Dialogue::new(self.options);
        let read = loop {
            match dump.piece() {
                Ok(Some(piece)) => {
                    let sender = piece.side.unwrap_or(Side::Client);
                    dialogue.push(sender, &piece.bytes, &mut |origin, event| self.event(origin, &event))?;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let end = if read.is_err() || self.is_over.get() { End::Cut } else { End::Finished };
        dialogue.end(end, &mut |origin, event| self.event(origin, &event))?;
        self.read_until(read)
    }

    /// A dump of packets.
    fn packets(&mut self, dump: &mut DumpReader, link: Linktype) -> io::Result<()> {
        let mut conversations = Conversations::new(self.options);
        let mut packets = Packets::default();
        let read = loop {
            match dump.packet() {
                Ok(Some(bytes)) => self.packet(&mut conversations, &mut packets, packet::read(link, &bytes))?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.end_capture(conversations, &packets)?;
        self.read_until(read)
    }

    /// Reports why the input could not be read to its end.
    fn read_until(&mut self, read: io::Result<()>) -> io::Result<()> {
        match read {
            Err(error) if !self.is_over.get() => self.damaged(&error.to_string()),
            _ => Ok(()),
        }
    }

    fn packet(
        &mut self,
        conversations: &mut Conversations<'_>,
        packets: &mut Packets,
        packet: Packet<'_>,
    ) -> io::Result<()> {
        match packet {
            Packet::Tcp(segment) => {
                packets.tcp(segment.payload.len());
                conversations.segment(&segment, &mut |origin, event| self.event(origin, &event))?;
            }
            Packet::Unread(why, bytes) => packets.unread(why, bytes),
        }
        Ok(())
    }

    fn end_capture(&mut self, mut conversations: Conversations<'_>, packets: &Packets) -> io::Result<()> {
        let fate = conversations.end(&mut |origin, event| self.event(origin, &event))?;
        self.balance(packets.account(&fate.bytes), fate);
        Ok(())
    }

    fn capture(&mut self, input: impl Read) -> io::Result<()> {
        let mut conversations = Conversations::new(self.options);
        let mut packets = Packets::default();
        let read = Capture::new(input).read(|item| {
            let Item::Packet(record) = item else {
                let mut take = |origin, event: Event<'_>| self.event(origin, &event);
                return conversations.pause(&mut take).and_then(|()| self.sink.pause()).map_err(Stop::Output);
            };
            let packet = packet::read(record.link, record.bytes);
            self.packet(&mut conversations, &mut packets, packet).map_err(Stop::Output)
        });
        if let Err(Stop::Output(error)) = read {
            return Err(error);
        }
        self.end_capture(conversations, &packets)?;
        match read {
            // The timeout has ended the input within a packet.
            Err(Stop::Capture(_)) if self.is_over.get() => Ok(()),
            Err(Stop::Capture(error)) => self.damaged(&error.to_string()),
            _ => Ok(()),
        }
    }

    /// Adds the account of a capture to the summary.
    fn balance(&mut self, account: Account, fate: Fate) {
        self.summary.left_out = fate.left_out;
        self.summary.not_followed = fate.not_followed;
        self.summary.missing = self.summary.missing.saturating_sub(fate.late);
        self.summary.fragments = account.packets_left_out(&["fragment"]);
        self.summary.unreadable = account.packets_left_out(&["cut-off", "malformed", "too-deep", "link-type"]);
        self.summary.account = Some(account);
    }
}

/// Why reading a capture ends early.
enum Stop {
    Capture(CaptureError),
    Output(io::Error),
}

impl From<CaptureError> for Stop {
    fn from(error: CaptureError) -> Stop {
        Stop::Capture(error)
    }
}
