//! A live stream, watched: what each read brought, against the frames that are in it.

use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::expectations::Sender;
use super::plain::{Plain, Styles, kind_name};
use super::ruler::{Part, Ruler};
use super::walker::{End, Walker};
use super::{MAX_BODY, json, words};

/// How events are written.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Lines for people.
    Plain {
        /// With the colours of a terminal.
        colored: bool,
        /// With the bytes of each frame, field by field.
        hex: bool,
    },
    /// A JSON object per line.
    Json,
}

/// Both directions of one connection.
pub struct Watch {
    number: u64,
    form: Form,
    client: Direction,
    server: Direction,
}

struct Direction {
    sender: Sender,
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
    /// In bytes from the first one that the side sent.
    offset: u64,
    what: &'a str,
}

/// Without a number it is of no frame.
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
    /// Watches a connection from its beginning.
    pub fn new(number: u64, form: Form) -> Watch {
        Watch { number, form, client: Direction::new(Sender::Client), server: Direction::new(Sender::Server) }
    }

    /// One read brought this, from the client or from the server.
    pub fn packet(&mut self, from_client: bool, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let (number, form) = (self.number, self.form);
        let (direction, other) = self.directions(from_client);
        direction.packets += 1;
        let parts = direction.ruler.lay(bytes);
        match form {
            Form::Plain { colored, .. } => direction.plain(number, bytes.len(), &parts, colored, out)?,
            Form::Json => direction.json(number, bytes.len(), &parts, out)?,
        }
        let had_hello = direction.walker.hello().is_some();
        direction.push(number, form, bytes, out)?;
        if let (false, Some(hello)) = (had_hello, direction.walker.hello()) {
            other.walker.set_peer(hello.clone(), Some(hello.max_body()));
        }
        if from_client {
            other.walker.set_client_frames(direction.walker.frames());
        }
        Ok(())
    }

    /// Something was done to what that side sends.
    pub fn done(&mut self, from_client: bool, offset: u64, what: &str, out: &mut Vec<u8>) -> io::Result<()> {
        let (stream, form) = (self.number, self.form);
        let (direction, _) = self.directions(from_client);
        let sender = words::sender(direction.sender);
        match form {
            Form::Plain { colored, .. } => {
                let style = Styles::new(colored).remark;
                writeln!(out, "{stream} {sender:<6} {style}{what} at byte {offset}{style:#}")
            }
            Form::Json => line(&Done { event: "done", stream, sender, offset, what }, out),
        }
    }

    /// That side has ended its direction.
    pub fn end(&mut self, from_client: bool, out: &mut Vec<u8>) -> io::Result<()> {
        let (number, form) = (self.number, self.form);
        let (direction, _) = self.directions(from_client);
        let place = Some((number, direction.sender));
        direction.walker.end(End::Finished, &mut |event| match form {
            Form::Plain { colored, hex } => Plain { styles: Styles::new(colored), hex }.event(place, &event, out),
            Form::Json => json::event(place, &event, out),
        })
    }

    fn directions(&mut self, from_client: bool) -> (&mut Direction, &mut Direction) {
        let Watch { client, server, .. } = self;
        if from_client { (client, server) } else { (server, client) }
    }
}

impl Direction {
    fn new(sender: Sender) -> Direction {
        let walker = Walker::new(sender, true, MAX_BODY);
        Direction { sender, packets: 0, ruler: Ruler::default(), walker }
    }

    fn push(&mut self, number: u64, form: Form, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let place = Some((number, self.sender));
        self.walker.push(bytes, &mut |event| match form {
            Form::Plain { colored, hex } => Plain { styles: Styles::new(colored), hex }.event(place, &event, out),
            Form::Json => json::event(place, &event, out),
        })
    }

    fn plain(&self, number: u64, length: usize, parts: &[Part], colored: bool, out: &mut Vec<u8>) -> io::Result<()> {
        let bytes = if length == 1 { "byte" } else { "bytes" };
        let quiet = if colored { Style::new().dimmed() } else { Style::new() };
        let mut line = format!(
            "{number} {:<6} {quiet}packet {}, {length} {bytes}:{quiet:#}",
            words::sender(self.sender),
            self.packets
        );
        for (at, part) in parts.iter().enumerate() {
            let style = style(*part, colored);
            let bar = if at == 0 { "" } else { " |" };
            let _infallible = write!(line, "{bar} {style}{}{style:#}", shown(*part));
        }
        writeln!(out, "{line}")
    }

    fn json(&self, number: u64, length: usize, parts: &[Part], out: &mut Vec<u8>) -> io::Result<()> {
        let part = |part: &Part| match *part {
            Part::Frame { number, kind, before, here, of } => {
                PacketPart { frame: Some(number), kind, before, here, of }
            }
            Part::Front { here } | Part::Lost { here } => {
                PacketPart { frame: None, kind: None, before: 0, here, of: None }
            }
        };
        let packet = Packet {
            event: "packet",
            stream: number,
            sender: words::sender(self.sender),
            packet: self.packets,
            length,
            parts: parts.iter().map(part).collect(),
        };
        line(&packet, out)
    }
}

fn line(object: &impl Serialize, out: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    out.write_all(b"\n")
}

/// A frame that is whole by its name; of a part, which bytes they are.
fn shown(part: Part) -> String {
    let (kind, before, here, of) = match part {
        Part::Frame { kind, before, here, of, .. } => (kind, before, here, of),
        Part::Front { here } => return format!("{here} in front of frames"),
        Part::Lost { here } => return format!("{here} of no frame"),
    };
    let name = kind.map_or("frame".to_owned(), kind_name);
    let until = before + here;
    match of {
        Some(of) if here == of => name,
        Some(of) if until == of => format!("…{name} {}..{of}", before + 1),
        Some(of) => format!("{}{name} {}..{until} of {of}…", if before == 0 { "" } else { "…" }, before + 1),
        None => format!("{}{name} {}..{until}…", if before == 0 { "" } else { "…" }, before + 1),
    }
}

/// Frames have colours in turn, so that one in many packets is seen as one.
fn style(part: Part, colored: bool) -> Style {
    let color = match part {
        _ if !colored => return Style::new(),
        Part::Frame { number, .. } if number % 2 == 0 => AnsiColor::Cyan,
        Part::Frame { .. } => AnsiColor::Green,
        Part::Front { .. } | Part::Lost { .. } => AnsiColor::Yellow,
    };
    color.on_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookend::{Encoding, Frame, Hello};

    const PLAIN: Form = Form::Plain { colored: false, hex: false };

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
    fn packets_are_told_against_frames() {
        let mut watch = Watch::new(1, PLAIN);
        let mut out = Vec::new();
        let bytes = [hello(), wire(2, Encoding::Utf8, b"hi"), wire(6, Encoding::Binary, b"")].concat();
        for packet in [&bytes[..36], &bytes[36..40], &bytes[40..]] {
            watch.packet(true, packet, &mut out).unwrap();
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
