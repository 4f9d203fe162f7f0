//! A live connection: the packets that each side sends, and the frames in them.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::Style;
use serde::Serialize;

use super::event::{Event, Origin};
use super::options::{MAX_BODY, Output};
use super::printer::Printer;
use super::ruler::{Part, Ruler};
use super::side::Side;
use super::styles::Styles;
use super::walker::{End, Walker};
use super::words;

/// Watches both directions of a live connection, and writes a report about it.
///
/// ```
/// use bookend_inspect::{Output, Side, Watch};
///
/// let mut watch = Watch::new(1, Output::Plain { colored: false, hex: false });
/// let mut report = Vec::new();
/// watch.packet(Side::Client, b"\xF5\xF8\x02\x02", &mut report)?;
/// watch.packet(Side::Client, b"\x00\x00\x00\x02hi\xF8\xF5", &mut report)?;
/// watch.end(Side::Client, &mut report)?;
/// assert!(report.starts_with(b"1 client packet 1, 4 bytes: MESSAGE 1..4"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Watch {
    number: u64,
    output: Output,
    client: Direction,
    server: Direction,
}

struct Direction {
    origin: Origin,
    packets: u64,
    ruler: Ruler,
    walker: Walker,
}

#[derive(Serialize)]
struct Packet {
    event: &'static str,
    stream: u64,
    sender: &'static str,
    packet: u64,
    length: usize,
    parts: Vec<PacketPart>,
}

#[derive(Serialize)]
struct Done<'a> {
    event: &'static str,
    stream: u64,
    sender: &'static str,
    /// In bytes from the first byte that the side sent.
    offset: u64,
    what: &'a str,
}

/// A part of a packet; without a number it is outside frames.
#[derive(Serialize)]
struct PacketPart {
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<u8>,
    before: u64,
    here: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
}

impl Watch {
    /// Watches a connection from its beginning. `number` distinguishes it from others in the report.
    pub fn new(number: u64, output: Output) -> Watch {
        let direction = |sender| Direction::new(Origin { stream: number, sender });
        Watch { number, output, client: direction(Side::Client), server: direction(Side::Server) }
    }

    /// Takes the bytes that one read returned.
    ///
    /// # Errors
    /// The errors of `out`, also for the other methods.
    pub fn packet(&mut self, sender: Side, bytes: &[u8], mut out: impl Write) -> io::Result<()> {
        let output = self.output;
        let (direction, other) = self.directions(sender);
        direction.packets += 1;
        let parts = direction.ruler.lay(bytes);
        match output {
            Output::Plain { colored, .. } => direction.plain(bytes.len(), &parts, Styles::new(colored), &mut out)?,
            Output::Json => direction.json(bytes.len(), &parts, &mut out)?,
        }
        let had_hello = direction.walker.hello().is_some();
        let origin = Some(direction.origin);
        let printer = Printer::new(output);
        direction.walker.push(bytes, &mut |event: Event<'_>| printer.event(origin, &event, &mut out))?;
        if let (false, Some(hello)) = (had_hello, direction.walker.hello()) {
            other.walker.set_peer(hello.clone(), Some(hello.max_body()));
        }
        if sender == Side::Client {
            other.walker.set_client_frames(direction.walker.frames());
        }
        Ok(())
    }

    /// Reports something that was done to the bytes of a side, such as `drop`. `offset` counts the bytes from the first
    /// that the side sent.
    pub fn done(&mut self, sender: Side, offset: u64, what: &str, mut out: impl Write) -> io::Result<()> {
        let (stream, sender) = (self.number, sender.name());
        match self.output {
            Output::Plain { colored, .. } => {
                let style = Styles::new(colored).remark;
                writeln!(out, "{stream} {sender:<6} {style}{what} at byte {offset}{style:#}")
            }
            Output::Json => line(&Done { event: "done", stream, sender, offset, what }, &mut out),
        }
    }

    /// The side has ended its direction.
    pub fn end(&mut self, sender: Side, mut out: impl Write) -> io::Result<()> {
        let printer = Printer::new(self.output);
        let (direction, _) = self.directions(sender);
        let origin = Some(direction.origin);
        direction.walker.end(End::Finished, &mut |event| printer.event(origin, &event, &mut out))
    }

    /// The direction of `sender`, and the other one.
    fn directions(&mut self, sender: Side) -> (&mut Direction, &mut Direction) {
        match sender {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }
}

impl Direction {
    fn new(origin: Origin) -> Direction {
        let walker = Walker::new(Some(origin.sender), true, MAX_BODY);
        Direction { origin, packets: 0, ruler: Ruler::default(), walker }
    }

    fn plain(&self, length: usize, parts: &[Part], styles: Styles, out: &mut impl Write) -> io::Result<()> {
        let bytes = if length == 1 { "byte" } else { "bytes" };
        let Origin { stream, sender } = self.origin;
        let (sender, packet, quiet) = (sender.name(), self.packets, styles.quiet);
        let mut line = format!("{stream} {sender:<6} {quiet}packet {packet}, {length} {bytes}:{quiet:#}");
        for (at, part) in parts.iter().enumerate() {
            let style = style(*part, styles);
            let bar = if at == 0 { "" } else { " |" };
            write!(line, "{bar} {style}{}{style:#}", shown(*part)).expect("writing to a String does not fail");
        }
        writeln!(out, "{line}")
    }

    fn json(&self, length: usize, parts: &[Part], out: &mut impl Write) -> io::Result<()> {
        let part = |part: &Part| match *part {
            Part::Frame { number, kind, before, here, of } => {
                PacketPart { frame: Some(number), kind, before, here, of }
            }
            Part::Before { here } | Part::Outside { here } => {
                PacketPart { frame: None, kind: None, before: 0, here, of: None }
            }
        };
        let packet = Packet {
            event: "packet",
            stream: self.origin.stream,
            sender: self.origin.sender.name(),
            packet: self.packets,
            length,
            parts: parts.iter().map(part).collect(),
        };
        line(&packet, out)
    }
}

fn line(object: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    out.write_all(b"\n")
}

/// The name of a whole frame, or the bytes of a part, such as `MESSAGE 3..6`.
fn shown(part: Part) -> String {
    let (kind, before, here, of) = match part {
        Part::Frame { kind, before, here, of, .. } => (kind, before, here, of),
        Part::Before { here } => return format!("{here} before the first frame"),
        Part::Outside { here } => return format!("{here} outside frames"),
    };
    let name = kind.map_or("frame".to_owned(), words::kind_name);
    let until = before + here;
    match of {
        Some(of) if here == of => name,
        Some(of) if until == of => format!("…{name} {}..{of}", before + 1),
        Some(of) => format!("{}{name} {}..{until} of {of}…", if before == 0 { "" } else { "…" }, before + 1),
        None => format!("{}{name} {}..{until}…", if before == 0 { "" } else { "…" }, before + 1),
    }
}

fn style(part: Part, styles: Styles) -> Style {
    match part {
        Part::Frame { number, .. } if number % 2 == 0 => styles.frames[0],
        Part::Frame { .. } => styles.frames[1],
        Part::Before { .. } | Part::Outside { .. } => styles.outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::{Encoding, Frame, Hello};

    const PLAIN: Output = Output::Plain { colored: false, hex: false };

    fn wire(kind: u8, encoding: Encoding, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Frame::new(kind, encoding, body).unwrap().encode(&mut bytes);
        bytes
    }

    fn hello() -> Vec<u8> {
        let mut bytes = Vec::new();
        Hello::new().encode(&mut bytes);
        bytes
    }

    #[test]
    fn each_packet_lists_its_frames() {
        let mut watch = Watch::new(1, PLAIN);
        let mut out = Vec::new();
        let bytes = [hello(), wire(2, Encoding::Utf8, b"hi"), wire(6, Encoding::Binary, b"")].concat();
        for packet in [&bytes[..36], &bytes[36..40], &bytes[40..]] {
            watch.packet(Side::Client, packet, &mut out).unwrap();
        }
        let lines = String::from_utf8(out).unwrap();
        let packets: Vec<_> = lines.lines().filter(|line| line.contains("packet")).collect();
        assert_eq!(
            packets,
            [
                "1 client packet 1, 36 bytes: HELLO | frame 1..2…",
                "1 client packet 2, 4 bytes: …MESSAGE 3..6…",
                "1 client packet 3, 16 bytes: …MESSAGE 7..12 | PING",
            ]
        );
        assert!(lines.contains("MESSAGE") && lines.contains("\"hi\""), "{lines}");
    }
}
