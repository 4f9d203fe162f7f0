//! One TCP stream of a capture: its ends, and what each side sent.

use std::net::SocketAddr;

use bookend::Hello;

use super::account::Bytes;
use super::early;
use super::event::{Event, Origin, Stream};
use super::options::{MAX_BODY, Options};
use super::packet::Segment;
use super::reassembly::{Piece, Reassembly};
use super::recognition::{Held, Look};
use super::side::Side;
use super::walker::{End, Walker};

/// Takes the events.
pub(super) type Out<'o, E> = &'o mut dyn FnMut(Option<Origin>, Event<'_>) -> Result<(), E>;

/// One TCP stream.
#[derive(Debug)]
pub(super) struct Conversation {
    stream: Stream,
    client: Direction,
    server: Direction,
    selection: Selection,
    /// Whether the client sends frames or lines, once that is known.
    client_frames: Option<bool>,
    over: bool,
    /// A reset has ended the stream.
    reset: bool,
    /// Bytes of TCP payload since the last [`take_bytes`](Conversation::take_bytes).
    payload: u64,
    /// Those that no direction counts.
    apart: Bytes,
}

/// Whether the stream is inspected.
#[derive(Debug)]
enum Selection {
    /// Its pieces are held until the stream is recognised.
    Undecided(Held),
    Shown,
    Omitted,
}

#[derive(Debug, Default)]
struct Direction {
    reassembly: Option<Reassembly>,
    /// The sequence number of the SYN.
    opened: Option<u32>,
    /// The sequence number of the first byte, if that is known before it arrives.
    first: Option<u32>,
    /// The sequence number that the other side expects next.
    expected: Option<u32>,
    /// The first byte that is delivered is the first that was sent.
    whole: bool,
    walker: Option<Box<Walker>>,
    /// The HELLO of the other side, until the walker has it.
    peer: Option<Hello>,
    ended: bool,
}

impl Conversation {
    /// `server` is the side that the bytes show to be the server, if they do.
    pub(super) fn new(
        segment: &Segment<'_>,
        server: Option<SocketAddr>,
        number: u64,
        options: &Options,
    ) -> Conversation {
        let (from, to) = (segment.from, segment.to);
        let usual = options.port.unwrap_or(options.usual_port);
        let from_client = match (segment.syn, segment.acknowledged) {
            (true, acknowledged) => acknowledged.is_none(),
            _ if (from.port() == usual) != (to.port() == usual) => to.port() == usual,
            // Servers usually have the lesser port.
            _ => server.map_or(to.port() <= from.port(), |server| server == to),
        };
        let (client, server) = if from_client { (from, to) } else { (to, from) };
        let is_on = |port| client.port() == port || server.port() == port;
        let selection = match (options.stream, options.port) {
            (Some(stream), _) if stream != number => Selection::Omitted,
            (_, Some(port)) if !is_on(port) => Selection::Omitted,
            (None, None) if !is_on(options.usual_port) => Selection::Undecided(Held::default()),
            _ => Selection::Shown,
        };
        Conversation {
            stream: Stream { number, client, server, whole: segment.syn },
            client: Direction::default(),
            server: Direction::default(),
            selection,
            client_frames: None,
            over: false,
            reset: false,
            payload: 0,
            apart: Bytes::default(),
        }
    }

    pub(super) fn stream(&self) -> Stream {
        self.stream
    }

    pub(super) fn is_shown(&self) -> bool {
        matches!(self.selection, Selection::Shown)
    }

    /// True if both sides have ended.
    pub(super) fn is_done(&self) -> bool {
        self.client.ended && self.server.ended
    }

    /// True after [`finish`](Conversation::finish).
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// True if the segment opens another stream between the same ends.
    pub(super) fn is_replaced_by(&self, segment: &Segment<'_>) -> bool {
        let direction = self.of(segment.from);
        match direction.opened {
            _ if !segment.syn => false,
            Some(opened) => opened != segment.sequence,
            None if self.over => true,
            // A SYN may have been captured late.
            None => direction.first.is_some_and(|first| !early::is_start(segment.sequence.wrapping_add(1), first)),
        }
    }

    /// True if the segment is not the first of its direction, but nothing earlier was captured so far.
    pub(super) fn lacks_start(&self, segment: &Segment<'_>) -> bool {
        let is_data = !segment.syn && !segment.rst && early::begins(segment);
        let is_followed = !self.over && !matches!(self.selection, Selection::Omitted);
        is_data && is_followed && !self.has_begun(segment.from)
    }

    /// True if the first byte of this end is known.
    pub(super) fn has_begun(&self, from: SocketAddr) -> bool {
        self.of(from).first.is_some()
    }

    /// Sets the sequence number of the first byte of this end, and that of its SYN if there is one.
    pub(super) fn set_first(&mut self, from: SocketAddr, first: u32, syn: Option<u32>) {
        let direction = self.direction(self.side(from));
        direction.first = direction.first.or(Some(first));
        direction.opened = direction.opened.or(syn);
    }

    pub(super) fn segment<E>(&mut self, segment: &Segment<'_>, options: &Options, out: Out<'_, E>) -> Result<(), E> {
        self.payload += segment.payload.len() as u64;
        let sender = self.side(segment.from);
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        if segment.syn {
            self.set_first(segment.from, first, Some(segment.sequence));
        }
        if matches!(self.selection, Selection::Omitted) {
            self.note_end(segment);
            return Ok(());
        }
        if self.over {
            self.count_after_end(sender, first, segment.payload);
            return Ok(());
        }
        if segment.acknowledged.is_some() {
            self.direction(sender.other()).expected = segment.acknowledged;
        }
        if segment.rst && !self.direction(sender).is_reset_by(first) {
            self.apart.outside_window += segment.payload.len() as u64;
            return Ok(());
        }
        if self.direction(sender).reassembly.is_none() && !(segment.syn || segment.rst || early::begins(segment)) {
            return Ok(()); // an acknowledgement alone
        }
        let mut reassembly = self.direction(sender).begun(first, segment.syn);
        let delivered = reassembly
            .segment(first, segment.payload, segment.cut, &mut |piece| self.deliver(sender, piece, options, out));
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers are modulo 2^32")]
        let length = (segment.payload.len() as u64 + segment.cut) as u32;
        if segment.fin {
            reassembly.finish_at(first.wrapping_add(length));
        }
        if segment.rst {
            reassembly.reset_at(first.wrapping_add(length));
        }
        self.reset |= reassembly.is_reset();
        self.direction(sender).ended |= reassembly.is_finished();
        self.direction(sender).reassembly = Some(reassembly);
        self.client.ended |= self.reset;
        self.server.ended |= self.reset;
        delivered
    }

    fn count_after_end(&mut self, sender: Side, first: u32, payload: &[u8]) {
        let reset = self.reset;
        match &mut self.direction(sender).reassembly {
            Some(reassembly) => reassembly.count_after_end(first, payload, reset),
            None if reset => self.apart.after_reset += payload.len() as u64,
            None => self.apart.after_fin += payload.len() as u64,
        }
    }

    /// What became of the bytes since the last call, and how many bytes of holes arrived after all. The stream is over.
    pub(super) fn take_bytes(&mut self) -> (Bytes, u64) {
        let payload = std::mem::take(&mut self.payload);
        let mut bytes = std::mem::take(&mut self.apart);
        if !self.is_shown() {
            return (Bytes { other_stream: payload, ..Bytes::default() }, 0);
        }
        let mut late = 0;
        for direction in [&mut self.client, &mut self.server] {
            if let Some(reassembly) = &mut direction.reassembly {
                bytes.add(reassembly.take_bytes());
                late += reassembly.take_late();
            }
        }
        (bytes, late)
    }

    /// Of a stream that is not inspected only the end matters.
    fn note_end(&mut self, segment: &Segment<'_>) {
        let sender = self.side(segment.from);
        self.direction(sender).ended |= segment.fin || segment.rst;
        self.client.ended |= segment.rst;
        self.server.ended |= segment.rst;
    }

    fn side(&self, from: SocketAddr) -> Side {
        if from == self.stream.client { Side::Client } else { Side::Server }
    }

    fn of(&self, from: SocketAddr) -> &Direction {
        match self.side(from) {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn direction(&mut self, sender: Side) -> &mut Direction {
        match sender {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Takes a piece of what `sender` sent: inspects it, or holds it until the stream is recognised.
    fn deliver<E>(&mut self, sender: Side, piece: Piece<'_>, options: &Options, out: Out<'_, E>) -> Result<(), E> {
        match &mut self.selection {
            Selection::Shown => self.walk(sender, piece, options, out),
            Selection::Omitted => Ok(()),
            Selection::Undecided(held) => {
                held.push(sender, piece);
                match held.look(self.client.whole, self.server.whole) {
                    Look::Bookend => return self.show(options, out),
                    Look::Foreign => self.selection = Selection::Omitted,
                    Look::Undecided => {}
                }
                Ok(())
            }
        }
    }

    /// The stream is Bookend: inspects the held pieces.
    fn show<E>(&mut self, options: &Options, out: Out<'_, E>) -> Result<(), E> {
        let Selection::Undecided(held) = std::mem::replace(&mut self.selection, Selection::Shown) else {
            return Ok(());
        };
        out(None, Event::Stream(self.stream))?;
        for (sender, piece) in held.pieces() {
            self.walk(sender, piece, options, out)?;
        }
        Ok(())
    }

    fn walk<E>(&mut self, sender: Side, piece: Piece<'_>, options: &Options, out: Out<'_, E>) -> Result<(), E> {
        let origin = Origin { stream: self.stream.number, sender };
        let walker = self.walker(sender, options);
        let had_hello = walker.hello().is_some();
        let mut take = |event: Event<'_>| out(Some(origin), event);
        match piece {
            Piece::Bytes(bytes) => walker.push(bytes, &mut take)?,
            Piece::Hole(length) => walker.hole(length, &mut take)?,
            Piece::Conflict { position, length, differing } => {
                let offset = position.saturating_sub(walker.greeting());
                take(Event::Conflict { offset, length, differing })?;
            }
        }
        let hello = if had_hello { None } else { walker.hello().cloned() };
        let frames = walker.frames();
        match sender {
            Side::Client => {
                self.server.peer = hello.or(self.server.peer.take());
                self.client_frames = frames;
            }
            Side::Server => self.client.peer = hello.or(self.client.peer.take()),
        }
        Ok(())
    }

    /// The walker of a direction, which knows what the other direction has shown.
    fn walker(&mut self, sender: Side, options: &Options) -> &mut Walker {
        let client_frames = self.client_frames;
        let direction = self.direction(sender);
        let limit = options.max_body.unwrap_or(MAX_BODY);
        let new = || Box::new(Walker::new(Some(sender), direction.whole, limit));
        let walker = direction.walker.get_or_insert_with(new);
        if let Some(hello) = direction.peer.take() {
            let limit = options.max_body.is_none().then_some(hello.max_body());
            walker.set_peer(hello, limit);
        }
        if sender == Side::Server {
            walker.set_client_frames(client_frames);
        }
        walker
    }

    /// Both sides have ended, or the capture has.
    pub(super) fn finish<E>(&mut self, options: &Options, out: Out<'_, E>) -> Result<(), E> {
        self.over = true;
        for sender in [Side::Client, Side::Server] {
            if let Some(mut reassembly) = self.direction(sender).reassembly.take() {
                reassembly.give_up(&mut |piece| self.deliver(sender, piece, options, out))?;
                self.direction(sender).ended |= reassembly.is_finished();
                self.direction(sender).reassembly = Some(reassembly);
            }
        }
        for sender in [Side::Client, Side::Server] {
            if self.direction(sender).walker.is_none() {
                continue;
            }
            let origin = Origin { stream: self.stream.number, sender };
            let end = if self.direction(sender).ended { End::Finished } else { End::Cut };
            let walker = self.walker(sender, options);
            walker.end(end, &mut |event| out(Some(origin), event))?;
            let frames = walker.frames();
            self.direction(sender).walker = None;
            if sender == Side::Client {
                self.client_frames = frames;
            }
        }
        if let Selection::Undecided(_) = self.selection {
            self.selection = Selection::Omitted;
        }
        Ok(())
    }
}

impl Direction {
    /// The reassembly, which begins with this sequence number unless it has begun.
    fn begun(&mut self, first: u32, syn: bool) -> Reassembly {
        self.reassembly.take().unwrap_or_else(|| {
            self.whole = syn || self.opened.is_some();
            let first = *self.first.get_or_insert(first);
            Reassembly::new(first)
        })
    }

    /// True if a reset with this sequence number counts, now or later: it is the expected one, as far as that is known.
    fn is_reset_by(&mut self, sequence: u32) -> bool {
        match (&mut self.reassembly, self.expected) {
            (Some(reassembly), _) => reassembly.reset_at(sequence),
            (None, Some(expected)) => expected == sequence,
            (None, None) => true,
        }
    }
}
