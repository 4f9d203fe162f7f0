//! Walks along one direction of a stream: bytes in, events out, no I/O.
//!
//! Memory is bounded: frames with bodies of up to 1 MiB are held whole, of longer ones only the beginning, and END is
//! judged where it should stand. The events do not depend on how the bytes came (R2.15).

mod recovery;

use std::mem;

use bookend::diagnosis::WINDOW;
use bookend::{CANARY, Decoder, Encoding, Fault, Frame, HEADER_LENGTH, Hello, MAGIC, OVERHEAD, START, kind};

use super::event::{Event, Remark, Seen, Skipped, Why};
use super::expectations::{Expectations, Sender};
use super::lines::{self, Context, Opening};
use super::passing::Passing;
use super::resync::LONGEST;

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its sender ended it.
    Finished,
    /// The capture ends; the stream perhaps does not.
    Left,
    /// What comes next is not in the capture.
    Hole,
}

/// Takes the events.
pub(super) type Out<'o, E> = &'o mut dyn FnMut(Event<'_>) -> Result<(), E>;

#[derive(Debug)]
pub(super) struct Walker {
    limit: u32,
    sender: Sender,
    frames: Option<bool>,
    /// Does the client of this server speak frames, if that is known?
    client_frames: Option<bool>,
    expectations: Expectations,
    state: State,
    /// The sound frames before `at`, as many as are kept, and what has not been used.
    buffer: Vec<u8>,
    /// Where those frames begin.
    before: usize,
    /// The first byte that has not been used.
    at: usize,
    /// Where that is in the stream.
    offset: u64,
    /// The number of the frame that comes next.
    number: u64,
    decoder: Decoder,
    /// Where the decoder began to count.
    decoder_began: u64,
    /// Bytes that must be there before a search goes on: fewer cannot decide it.
    wanted: usize,
    faults: u64,
    end: Option<End>,
}

#[derive(Debug)]
enum State {
    /// The first START has not come.
    Opening,
    /// A line terminal: there will be no frames.
    Lines,
    Frames,
    /// In a body that is too long to be held.
    Passing(Passing),
    /// A fault was found; its evidence is gathered.
    Judging(Fault),
    /// A sound frame is to be found.
    Searching {
        from: u64,
        passed: u64,
        why: Why,
    },
}

/// Bytes that are compacted, or searched, at once.
const STEP: usize = 4 << 10;
impl Walker {
    /// Walks along what `sender` sent, from the first byte on if it is `whole`. Bodies have at most `limit` bytes.
    pub(super) fn new(sender: Sender, whole: bool, limit: u32) -> Walker {
        Walker {
            limit,
            sender,
            frames: None,
            client_frames: None,
            expectations: Expectations::new(sender, whole),
            state: if whole { State::Opening } else { State::Searching { from: 0, passed: 0, why: Why::Begun } },
            buffer: Vec::new(),
            before: 0,
            at: 0,
            offset: 0,
            number: 0,
            decoder: Decoder::new(limit),
            decoder_began: 0,
            wanted: 0,
            faults: 0,
            end: None,
        }
    }

    /// Tells what the other side said of itself, and, unless it was set otherwise, how long bodies may be.
    pub(super) fn set_peer(&mut self, hello: Hello, limit: Option<u32>) {
        if let Some(limit) = limit {
            self.limit = limit;
            self.decoder.set_limit(limit);
        }
        self.expectations.set_peer(hello);
    }

    /// This side's HELLO, once it has been seen.
    pub(super) fn hello(&self) -> Option<&Hello> {
        self.expectations.hello()
    }

    /// Does this side speak frames, or lines? `None` until its first bytes have told, or if it is neither.
    pub(super) fn frames(&self) -> Option<bool> {
        self.frames
    }

    /// Tells a server's side whether its client speaks frames, or lines.
    pub(super) fn set_client_frames(&mut self, frames: Option<bool>) {
        self.client_frames = frames;
    }

    pub(super) fn push<E>(&mut self, bytes: &[u8], out: Out<'_, E>) -> Result<(), E> {
        self.forget();
        self.buffer.extend_from_slice(bytes);
        self.run(out)
    }

    /// Nothing more will come.
    pub(super) fn end<E>(&mut self, end: End, out: Out<'_, E>) -> Result<(), E> {
        self.end = Some(end);
        self.run(out)?;
        let rest = self.buffer.len() - self.at;
        match &self.state {
            State::Searching { from, passed, why } if passed + rest as u64 > 0 => {
                out(Event::Skipped(Skipped { offset: *from, length: passed + rest as u64, why: *why, found: false }))
            }
            State::Frames
                if rest == 0
                    && end == End::Finished
                    && self.sender != Sender::Unknown
                    && !self.expectations.closed() =>
            {
                out(Event::NoClose)
            }
            _ => Ok(()),
        }
    }

    fn run<E>(&mut self, out: Out<'_, E>) -> Result<(), E> {
        let buffer = mem::take(&mut self.buffer);
        let mut walked = Ok(true);
        while let Ok(true) = walked {
            walked = self.step(&buffer, out);
        }
        self.buffer = buffer;
        walked.map(|_| ())
    }

    /// False if it takes more bytes to go on.
    fn step<E>(&mut self, buffer: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let rest = &buffer[self.at..];
        match self.state {
            State::Opening => self.open(rest, out),
            State::Lines => self.line(rest, out),
            State::Frames => self.frame(rest, out),
            State::Passing(_) => self.pass(rest, out),
            State::Judging(error) => self.judge(error, buffer, out),
            State::Searching { .. } => self.search(rest, out),
        }
    }

    fn advance(&mut self, length: usize) {
        self.at += length;
        self.offset += length as u64;
    }

    // ---- the beginning

    fn open<E>(&mut self, rest: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let context = Context {
            greets: self.sender != Sender::Client,
            may_be_lines: match self.sender {
                Sender::Client => true,
                Sender::Server => self.client_frames != Some(true),
                Sender::Unknown => false,
            },
            is_lines: self.client_frames == Some(false),
            ended: self.end.is_some(),
        };
        match lines::opening(rest, context) {
            Opening::Undecided => return Ok(false),
            Opening::Frames { behind } => {
                if behind > 0 {
                    out(Event::Preamble(&rest[..behind]))?;
                }
                self.at += behind;
                self.before = self.at;
                self.begin_frames();
            }
            Opening::Lines => {
                self.state = State::Lines;
                self.frames = Some(false);
            }
            Opening::Foreign => {
                self.state = State::Judging(Fault::BadStart { offset: 0, found: rest[0] });
            }
        }
        Ok(true)
    }

    fn line<E>(&mut self, rest: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let Some(length) = lines::line(rest, self.end.is_some()) else { return Ok(false) };
        out(Event::Line(&rest[..length]))?;
        self.advance(length);
        self.before = self.at;
        Ok(true)
    }

    // ---- frames

    fn begin_frames(&mut self) {
        self.state = State::Frames;
        self.frames = Some(true);
        self.decoder = Decoder::new(self.limit);
        self.decoder_began = self.offset;
    }

    fn frame<E>(&mut self, rest: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let mut input = rest;
        match self.decoder.decode(&mut input) {
            Ok(Some(frame)) => {
                let wire = &rest[..frame.wire_length()];
                let seen = Seen {
                    number: self.number,
                    offset: self.offset,
                    kind: frame.kind(),
                    encoding: frame.encoding(),
                    length: u32::try_from(frame.body().len()).expect("the decoder keeps it within 2^31-1"),
                    body: frame.body(),
                    missing: 0,
                    ended: true,
                };
                self.tell(seen, frame, wire, true, out)?;
                self.advance(wire.len());
                Ok(true)
            }
            Ok(None) if self.decoder.expected().is_some_and(|expected| expected > LONGEST as u64) => {
                let expected = self.decoder.expected().expect("it was there");
                self.state = State::Passing(Passing::new(&rest[..HEADER_LENGTH], expected));
                self.at += HEADER_LENGTH;
                Ok(true)
            }
            Ok(None) if rest.is_empty() || !self.over() => Ok(false),
            Ok(None) => {
                let arrived = rest.len() as u64;
                if let Some(error) = changed_hello(self.number, rest).or_else(|| self.cut_off(arrived, rest)) {
                    self.state = State::Judging(error);
                    return Ok(true);
                }
                out(Event::Unfinished { offset: self.offset, arrived, expected: self.decoder.expected() })?;
                self.advance(rest.len());
                Ok(false)
            }
            Err(error) => {
                let changed = if let Fault::BadEnd { .. } = error { changed_hello(self.number, rest) } else { None };
                self.state = State::Judging(changed.unwrap_or(self.placed(error)));
                Ok(true)
            }
        }
    }

    /// Tells of a frame, and what a session would say of it.
    fn tell<E>(
        &mut self,
        seen: Seen<'_>,
        frame: Frame<'_>,
        wire: &[u8],
        complete: bool,
        out: Out<'_, E>,
    ) -> Result<(), E> {
        let (number, offset) = (seen.number, seen.offset);
        out(Event::Frame(seen))?;
        for (what, diagnosis) in self.expectations.judge(number, offset, frame, wire, complete) {
            out(Event::Remark(Remark { number, offset, what, diagnosis }))?;
        }
        self.number += 1;
        Ok(())
    }

    /// The decoder's error, with its offset in the stream.
    fn placed(&self, mut error: Fault) -> Fault {
        if let Fault::BadStart { offset, .. }
        | Fault::BadEnd { offset, .. }
        | Fault::UnknownEncoding { offset, .. }
        | Fault::TooLong { offset, .. } = &mut error
        {
            *offset += self.decoder_began;
        }
        error
    }

    fn pass<E>(&mut self, rest: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let State::Passing(mut passing) = mem::replace(&mut self.state, State::Frames) else { return Ok(false) };
        let used = passing.take(rest);
        self.at += used;
        self.before = self.at;
        if let Some((at, found)) = passing.wrong_end() {
            let error = Fault::BadEnd { offset: self.offset + at, found, length: passing.length() };
            self.tell_fault(error, passing.head(), &[], out)?;
            let (from, passed) = (self.offset, passing.position() - passing.missing());
            self.offset += passing.position();
            self.state = State::Searching { from, passed, why: Why::Fault };
            return Ok(true);
        }
        if passing.left() == 0 {
            let frame = Frame::new(passing.kind(), passing.encoding(), passing.body()).expect("it is shorter");
            let seen = Seen {
                number: self.number,
                offset: self.offset,
                kind: passing.kind(),
                encoding: passing.encoding(),
                length: passing.length(),
                body: passing.body(),
                missing: passing.missing(),
                ended: passing.ended(),
            };
            self.tell(seen, frame, passing.head(), false, out)?;
            self.offset += passing.position();
            self.begin_frames();
            return Ok(true);
        }
        if self.over() {
            let (arrived, expected) = (passing.position(), Some(passing.position() + passing.left()));
            let mut passed = 0;
            match self.cut_off(arrived, passing.head()) {
                Some(error) => {
                    self.tell_fault(error, passing.head(), &[], out)?;
                    passed = arrived - passing.missing();
                }
                None => out(Event::Unfinished { offset: self.offset, arrived, expected })?,
            }
            self.state = State::Searching { from: self.offset, passed, why: Why::Fault };
            self.offset += arrived;
            return Ok(false);
        }
        self.state = State::Passing(passing);
        Ok(used > 0)
    }

    /// Will nothing more come at all?
    fn over(&self) -> bool {
        matches!(self.end, Some(End::Finished | End::Left))
    }

    // ---- memory

    /// Drops what is no longer needed of the buffer: all but the last sound frames and what has not been used.
    fn forget(&mut self) {
        if self.at - self.before > WINDOW + STEP {
            while self.at - self.before > WINDOW {
                self.before += total(&self.buffer[self.before..]);
            }
        }
        if self.before > WINDOW {
            self.buffer.drain(..self.before);
            self.at -= self.before;
            self.before = 0;
        }
    }
}

/// Bytes of the sound frame at the beginning of `bytes`.
fn total(bytes: &[u8]) -> usize {
    let length = bytes[4..HEADER_LENGTH].try_into().map_or(0, u32::from_be_bytes);
    length as usize + OVERHEAD
}

/// A first HELLO whose magic or canary was changed: that names what an END at the wrong place is only a sign of (R4.19).
fn changed_hello(number: u64, wire: &[u8]) -> Option<Fault> {
    let body = wire.get(HEADER_LENGTH..)?;
    let is_hello = number == 0 && wire.starts_with(&START) && wire[2] == kind::HELLO;
    let length = wire[4..HEADER_LENGTH].try_into().map_or(0, u32::from_be_bytes) as usize;
    let opening = [&MAGIC[..], &CANARY].concat();
    let opening = &opening[..opening.len().min(body.len()).min(length)];
    (is_hello && wire[3] == Encoding::Binary as u8 && !body.starts_with(opening))
        .then(|| Hello::parse(&body[..opening.len()]).err())?
}

#[cfg(test)]
mod tests;
