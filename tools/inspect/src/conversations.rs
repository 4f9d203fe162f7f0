//! The TCP streams of a capture: who talks to whom, which of it is Bookend, and what each side sent.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::event::Event;
use super::expectations::Sender;
use super::packet::Segment;
use super::reassembly::{Piece, Reassembly};
use super::resync::{self, Search};
use super::walker::{End, Walker};
use bookend::session::MAX_PREAMBLE;
use bookend::{Encoding, HEADER_LENGTH, Hello, START, kind};

/// Streams that are followed at a time.
const MAX_STREAMS: usize = 1 << 16;
/// What is held of a stream that has not shown what it is, in bytes.
const MAX_HELD: usize = 64 << 10;

/// Which streams are wanted, and how they are judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Only those to or from this port.
    pub(super) port: Option<u16>,
    /// Only this one.
    pub(super) stream: Option<u64>,
    /// Where Bookend is expected.
    pub(super) usual_port: u16,
    pub(super) limit: u32,
    /// The limit stands, whatever the HELLOs say.
    pub(super) limit_stands: bool,
}

/// A stream, for whoever reads of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    /// From 1, in the order in which the capture has them.
    pub(super) number: u64,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// The capture has its beginning. Else who is the client is a guess from the ports.
    pub(super) whole: bool,
}

/// What there is to tell of the streams.
#[derive(Debug)]
pub(super) enum Told<'a> {
    /// A stream that is told of from here on.
    Stream(Stream),
    Event(u64, Sender, Event<'a>),
}

/// Takes what is told.
pub(super) type Out<'o, E> = &'o mut dyn FnMut(Told<'_>) -> Result<(), E>;

/// What is known of streams that are not told of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LeftOut {
    /// Streams that do not look like Bookend, or were not wanted.
    pub(super) streams: u64,
    /// Streams that were too many to be followed at a time.
    pub(super) not_followed: u64,
}

#[derive(Debug)]
pub(super) struct Conversations {
    wanted: Wanted,
    /// By the addresses of both ends, the lesser one first.
    streams: HashMap<(SocketAddr, SocketAddr), Conversation>,
    count: u64,
    left_out: LeftOut,
}

#[derive(Debug)]
struct Conversation {
    stream: Stream,
    client: Direction,
    server: Direction,
    interest: Interest,
    /// Does the client speak frames, or lines, as far as it has shown?
    client_frames: Option<bool>,
    /// The sequence number of the client's SYN.
    opened: Option<u32>,
    over: bool,
}

/// Is the stream told of?
#[derive(Debug)]
enum Interest {
    /// What has come is held until that shows.
    Unknown(Vec<(Sender, Held)>, usize),
    Told,
    None,
}

#[derive(Debug)]
enum Held {
    Bytes(Vec<u8>),
    Hole(u64),
}

#[derive(Debug)]
struct Direction {
    reassembly: Option<Reassembly>,
    /// The first byte that is delivered is the first that was sent.
    whole: bool,
    walker: Option<Box<Walker>>,
    /// What the other side said of itself, until the walker has been told.
    peer: Option<Hello>,
    ended: bool,
}

impl Conversations {
    pub(super) fn new(wanted: Wanted) -> Conversations {
        Conversations { wanted, streams: HashMap::new(), count: 0, left_out: LeftOut::default() }
    }

    pub(super) fn segment<E>(&mut self, segment: &Segment<'_>, out: Out<'_, E>) -> Result<(), E> {
        let key = (segment.from.min(segment.to), segment.from.max(segment.to));
        let opens = segment.syn && !segment.ack;
        if opens && self.streams.get(&key).is_some_and(|old| old.opened != Some(segment.sequence)) {
            let old = self.streams.remove(&key).expect("it was there");
            self.close(old, out)?;
        }
        if !self.streams.contains_key(&key) {
            if segment.rst || (segment.payload.is_empty() && !segment.syn) {
                return Ok(()); // the end of something, of which nothing is there
            }
            if self.streams.len() >= MAX_STREAMS {
                self.streams.retain(|_, stream| !stream.over);
            }
            if self.streams.len() >= MAX_STREAMS {
                self.left_out.not_followed += u64::from(segment.syn);
                return Ok(());
            }
            self.count += 1;
            let conversation = Conversation::new(segment, self.count, &self.wanted);
            if matches!(conversation.interest, Interest::Told) {
                out(Told::Stream(conversation.stream))?;
            }
            self.streams.insert(key, conversation);
        }
        let conversation = self.streams.get_mut(&key).expect("it is there");
        conversation.segment(segment, &self.wanted, out)?;
        if conversation.is_done() && !conversation.over {
            conversation.finish(&self.wanted, out)?;
            self.left_out.streams += u64::from(!matches!(conversation.interest, Interest::Told));
        }
        Ok(())
    }

    /// The capture ends.
    pub(super) fn end<E>(&mut self, out: Out<'_, E>) -> Result<LeftOut, E> {
        let mut rest: Vec<Conversation> = self.streams.drain().map(|(_, stream)| stream).collect();
        rest.sort_by_key(|conversation| conversation.stream.number);
        for conversation in rest {
            self.close(conversation, out)?;
        }
        Ok(self.left_out)
    }

    fn close<E>(&mut self, mut conversation: Conversation, out: Out<'_, E>) -> Result<(), E> {
        if conversation.over {
            return Ok(());
        }
        conversation.finish(&self.wanted, out)?;
        self.left_out.streams += u64::from(!matches!(conversation.interest, Interest::Told));
        Ok(())
    }
}

impl Conversation {
    fn new(segment: &Segment<'_>, number: u64, wanted: &Wanted) -> Conversation {
        let (from, to) = (segment.from, segment.to);
        let usual = wanted.port.unwrap_or(wanted.usual_port);
        let from_client = match (segment.syn, segment.ack) {
            (true, ack) => !ack,
            _ if (from.port() == usual) != (to.port() == usual) => to.port() == usual,
            _ => to.port() <= from.port(), // servers have the lesser ports
        };
        let (client, server) = if from_client { (from, to) } else { (to, from) };
        let is_on = |port| client.port() == port || server.port() == port;
        let interest = match (wanted.stream, wanted.port) {
            (Some(stream), _) if stream != number => Interest::None,
            (_, Some(port)) if !is_on(port) => Interest::None,
            (None, None) if !is_on(wanted.usual_port) => Interest::Unknown(Vec::new(), 0),
            _ => Interest::Told,
        };
        let stream = Stream { number, client, server, whole: segment.syn };
        let opened = (segment.syn && !segment.ack).then_some(segment.sequence);
        let (client, server) = (Direction::new(), Direction::new());
        Conversation { stream, client, server, interest, client_frames: None, opened, over: false }
    }

    fn segment<E>(&mut self, segment: &Segment<'_>, wanted: &Wanted, out: Out<'_, E>) -> Result<(), E> {
        if self.over || matches!(self.interest, Interest::None) {
            self.note_end(segment);
            return Ok(());
        }
        let sender = if segment.from == self.stream.client { Sender::Client } else { Sender::Server };
        let mut reassembly = self.direction(sender).begun(segment);
        let first = segment.sequence.wrapping_add(u32::from(segment.syn));
        let delivered = reassembly
            .segment(first, segment.payload, segment.cut, &mut |piece| self.deliver(sender, piece, wanted, out));
        if segment.fin {
            #[expect(clippy::cast_possible_truncation, reason = "sequence numbers are modulo 2^32")]
            let length = (segment.payload.len() as u64 + segment.cut) as u32;
            reassembly.finish_at(first.wrapping_add(length));
        }
        self.direction(sender).ended |= segment.rst || reassembly.is_finished();
        self.direction(sender).reassembly = Some(reassembly);
        if segment.rst {
            self.client.ended = true;
            self.server.ended = true;
        }
        delivered
    }

    /// A stream that is not told of: only whether it is over counts.
    fn note_end(&mut self, segment: &Segment<'_>) {
        let direction = if segment.from == self.stream.client { &mut self.client } else { &mut self.server };
        direction.ended |= segment.fin || segment.rst;
        self.client.ended |= segment.rst;
        self.server.ended |= segment.rst;
    }

    fn direction(&mut self, sender: Sender) -> &mut Direction {
        if sender == Sender::Client { &mut self.client } else { &mut self.server }
    }

    fn is_done(&self) -> bool {
        self.client.ended && self.server.ended
    }

    /// Takes a piece of what `sender` sent: walks along it, or holds it until it shows what the stream is.
    fn deliver<E>(&mut self, sender: Sender, piece: Piece<'_>, wanted: &Wanted, out: Out<'_, E>) -> Result<(), E> {
        match &mut self.interest {
            Interest::Told => self.walk(sender, piece, wanted, out),
            Interest::None => Ok(()),
            Interest::Unknown(held, length) => {
                *length += if let Piece::Bytes(bytes) = piece { bytes.len() } else { 0 } + size_of::<Held>();
                held.push((sender, Held::of(piece)));
                let looks =
                    [look(held, Sender::Client, self.client.whole), look(held, Sender::Server, self.server.whole)];
                if looks.contains(&Look::Bookend) {
                    return self.tell(wanted, out);
                }
                if *length > MAX_HELD || looks == [Look::Foreign; 2] {
                    self.interest = Interest::None;
                }
                Ok(())
            }
        }
    }

    /// It is Bookend: tells of what was held.
    fn tell<E>(&mut self, wanted: &Wanted, out: Out<'_, E>) -> Result<(), E> {
        let Interest::Unknown(held, _) = std::mem::replace(&mut self.interest, Interest::Told) else { return Ok(()) };
        out(Told::Stream(self.stream))?;
        for (sender, held) in &held {
            self.walk(*sender, held.piece(), wanted, out)?;
        }
        Ok(())
    }

    fn walk<E>(&mut self, sender: Sender, piece: Piece<'_>, wanted: &Wanted, out: Out<'_, E>) -> Result<(), E> {
        let number = self.stream.number;
        let walker = self.walker(sender, wanted);
        let had_hello = walker.hello().is_some();
        let mut tell = |event: Event<'_>| out(Told::Event(number, sender, event));
        match piece {
            Piece::Bytes(bytes) => walker.push(bytes, &mut tell)?,
            Piece::Hole(length) => walker.hole(length, &mut tell)?,
        }
        let hello = if had_hello { None } else { walker.hello().cloned() };
        let frames = walker.frames();
        let other = if sender == Sender::Client { &mut self.server } else { &mut self.client };
        if let Some(hello) = hello {
            other.peer = Some(hello);
        }
        if sender == Sender::Client {
            self.client_frames = frames;
        }
        Ok(())
    }

    /// The walker of a direction, which knows what the other one has shown.
    fn walker(&mut self, sender: Sender, wanted: &Wanted) -> &mut Walker {
        let client_frames = self.client_frames;
        let direction = self.direction(sender);
        let new = || Box::new(Walker::new(sender, direction.whole, wanted.limit));
        let walker = direction.walker.get_or_insert_with(new);
        if let Some(hello) = direction.peer.take() {
            let limit = (!wanted.limit_stands).then_some(hello.max_body());
            walker.set_peer(hello, limit);
        }
        if sender == Sender::Server {
            walker.set_client_frames(client_frames);
        }
        walker
    }

    /// Both sides have ended, or the capture has.
    fn finish<E>(&mut self, wanted: &Wanted, out: Out<'_, E>) -> Result<(), E> {
        self.over = true;
        for sender in [Sender::Client, Sender::Server] {
            if let Some(mut reassembly) = self.direction(sender).reassembly.take() {
                reassembly.give_up(&mut |piece| self.deliver(sender, piece, wanted, out))?;
                self.direction(sender).ended |= reassembly.is_finished();
            }
        }
        let number = self.stream.number;
        for sender in [Sender::Client, Sender::Server] {
            if self.direction(sender).walker.is_none() {
                continue;
            }
            let end = if self.direction(sender).ended { End::Finished } else { End::Left };
            let walker = self.walker(sender, wanted);
            walker.end(end, &mut |event| out(Told::Event(number, sender, event)))?;
            let frames = walker.frames();
            self.direction(sender).walker = None;
            if sender == Sender::Client {
                self.client_frames = frames;
            }
        }
        if let Interest::Unknown(..) = self.interest {
            self.interest = Interest::None;
        }
        Ok(())
    }
}

impl Direction {
    fn new() -> Direction {
        Direction { reassembly: None, whole: false, walker: None, peer: None, ended: false }
    }

    /// The reassembly, which begins with this segment if it has not yet.
    fn begun(&mut self, segment: &Segment<'_>) -> Reassembly {
        self.reassembly.take().unwrap_or_else(|| {
            self.whole = segment.syn;
            Reassembly::new(segment.sequence.wrapping_add(u32::from(segment.syn)))
        })
    }
}

impl Held {
    fn of(piece: Piece<'_>) -> Held {
        match piece {
            Piece::Bytes(bytes) => Held::Bytes(bytes.to_vec()),
            Piece::Hole(length) => Held::Hole(length),
        }
    }

    fn piece(&self) -> Piece<'_> {
        match self {
            Held::Bytes(bytes) => Piece::Bytes(bytes),
            Held::Hole(length) => Piece::Hole(*length),
        }
    }
}

/// What the first bytes of one side show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Bookend,
    Foreign,
    Open,
}

/// What do the first bytes of one side show? `whole`: they are the first that were sent.
fn look(held: &[(Sender, Held)], sender: Sender, whole: bool) -> Look {
    let room = if sender == Sender::Client { 1 } else { MAX_PREAMBLE + 1 };
    let mut bytes = Vec::new();
    for (_, held) in held.iter().filter(|(from, _)| *from == sender) {
        match held {
            Held::Bytes(more) if !whole || bytes.len() < room + HEADER_LENGTH => bytes.extend_from_slice(more),
            _ => break,
        }
    }
    if !whole {
        let found = matches!(resync::find(&bytes, bookend::MAX_LENGTH, true), Search::Found(_));
        return if found { Look::Bookend } else { Look::Open };
    }
    match bytes.iter().take(room).position(|&byte| byte == START[0]) {
        None if bytes.len() < room => Look::Open,
        None => Look::Foreign,
        Some(start) => match bytes.get(start..start + 4) {
            None => Look::Open,
            Some([a, b, kind, encoding])
                if [*a, *b] == START && kind::name(*kind).is_some() && Encoding::from_byte(*encoding).is_some() =>
            {
                Look::Bookend
            }
            Some(_) => Look::Foreign,
        },
    }
}
