//! Walks along one direction of a stream: bytes in, events out, no I/O.
//!
//! Memory is bounded: a frame with a body of up to 1 MiB is held whole. Of a longer one only the beginning is held, and
//! END is checked where it should be. The events do not depend on how the bytes are split (R2.15).

mod frames;
mod recovery;

use std::mem;

use bookend::diagnosis::WINDOW;
use bookend::{Decoder, Fault, HEADER_LENGTH, Hello, OVERHEAD};

use super::event::{Event, Skipped, Why};
use super::expectations::Expectations;
use super::lines::{self, Context, Opening};
use super::passing::Passing;
use super::side::Side;

/// How the input ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The sender ended the stream.
    Finished,
    /// The input ends; the stream may continue.
    Cut,
    /// The next bytes are missing from the capture.
    Hole,
}

/// Takes the events.
pub(super) type Out<'o, E> = &'o mut dyn FnMut(Event<'_>) -> Result<(), E>;

#[derive(Debug)]
pub(super) struct Walker {
    limit: u32,
    /// `None` if the input does not show which side sent the bytes.
    sender: Option<Side>,
    /// Whether this side sends frames or lines, once that is known.
    frames: Option<bool>,
    /// The same of the client, if this side is a server.
    client_frames: Option<bool>,
    expectations: Expectations,
    state: State,
    /// The last frames before `at`, as evidence for a diagnosis, and the bytes that are not processed yet.
    buffer: Vec<u8>,
    /// The index of the first of those frames.
    before: usize,
    /// The index of the first byte that is not processed yet.
    at: usize,
    /// The offset of that byte in the stream.
    offset: u64,
    /// The number of bytes before the first START.
    greeting: u64,
    /// The number of the next frame.
    number: u64,
    decoder: Decoder,
    /// The offset at which the decoder began to count.
    decoder_began: u64,
    /// A search waits for at least so many bytes: fewer cannot decide it.
    wanted: usize,
    faults: u64,
    /// A fault has shown that another format stands around the frames.
    wrapped: bool,
    end: Option<End>,
}

#[derive(Debug)]
enum State {
    /// Before the first START.
    Opening,
    /// The same, if the stream may have begun before the capture.
    Begun,
    /// A line terminal, which sends no frames.
    Lines,
    Frames,
    /// Inside a body that is too long to hold.
    Passing(Passing),
    /// After a fault, collecting evidence for its diagnosis.
    Judging(Fault),
    /// Searching for a well-formed frame.
    Searching {
        from: u64,
        passed: u64,
        why: Why,
    },
}

/// The least number of bytes that are dropped, or searched, at a time.
const STEP: usize = 4 << 10;

impl Walker {
    /// Walks along the bytes of `sender`, which begin with the first of the stream if it is `whole`. Legal bodies have at
    /// most `limit` bytes.
    pub(super) fn new(sender: Option<Side>, whole: bool, limit: u32) -> Walker {
        Walker {
            limit,
            sender,
            frames: None,
            client_frames: None,
            expectations: Expectations::new(sender, whole),
            state: if whole { State::Opening } else { State::Begun },
            buffer: Vec::new(),
            before: 0,
            at: 0,
            offset: 0,
            greeting: 0,
            number: 0,
            decoder: Decoder::new(limit),
            decoder_began: 0,
            wanted: 0,
            faults: 0,
            wrapped: false,
            end: None,
        }
    }

    /// Sets the HELLO of the other side, and the length limit of bodies unless it is `None`.
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

    /// True if this side sends frames, false if it sends lines. `None` while that is undecided, or if it is neither.
    pub(super) fn frames(&self) -> Option<bool> {
        self.frames
    }

    /// Sets whether the client of this server sends frames or lines.
    pub(super) fn set_client_frames(&mut self, frames: Option<bool>) {
        self.client_frames = frames;
    }

    /// The number of bytes before the first START, which no offset counts.
    pub(super) fn greeting(&self) -> u64 {
        self.greeting
    }

    pub(super) fn push<E>(&mut self, bytes: &[u8], out: Out<'_, E>) -> Result<(), E> {
        self.forget();
        self.buffer.extend_from_slice(bytes);
        self.run(out)
    }

    /// The input ends.
    pub(super) fn end<E>(&mut self, end: End, out: Out<'_, E>) -> Result<(), E> {
        if let (State::Opening, End::Cut) = (&self.state, end) {
            self.greet(out)?;
        }
        self.end = Some(end);
        self.run(out)?;
        self.end_frames(out)?;
        for remark in self.expectations.end() {
            out(Event::Remark(remark))?;
        }
        Ok(())
    }

    /// Reports how the stream ends.
    fn end_frames<E>(&mut self, out: Out<'_, E>) -> Result<(), E> {
        let rest = self.buffer.len() - self.at;
        match &self.state {
            State::Searching { from, passed, why } if passed + rest as u64 > 0 => {
                let length = passed + rest as u64;
                out(Event::Skipped(Skipped { offset: *from, length, why: *why, found: false, frames: 0 }))
            }
            State::Frames
                if rest == 0
                    && self.end == Some(End::Finished)
                    && self.sender.is_some()
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

    /// Returns false if more bytes are needed.
    fn step<E>(&mut self, buffer: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let rest = &buffer[self.at..];
        match self.state {
            State::Opening => self.open(rest, out),
            State::Begun => Ok(self.begin(rest)),
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

    /// Decides whether a stream without SYN begins with these bytes.
    fn begin(&mut self, rest: &[u8]) -> bool {
        let begins = lines::begins(rest, self.end.is_some());
        match begins {
            Some(true) => self.state = State::Opening,
            Some(false) => self.state = State::Searching { from: self.offset, passed: 0, why: Why::Begun },
            None => {}
        }
        begins.is_some()
    }

    fn open<E>(&mut self, rest: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let context = Context {
            greets: self.sender != Some(Side::Client),
            may_be_lines: match self.sender {
                Some(Side::Client) => true,
                Some(Side::Server) => self.client_frames != Some(true),
                None => false,
            },
            is_lines: self.client_frames == Some(false),
            ended: self.end.is_some(),
        };
        match lines::opening(rest, context) {
            Opening::Undecided => return Ok(false),
            Opening::Frames { greeting } => {
                if greeting > 0 {
                    out(Event::Preamble(&rest[..greeting]))?;
                }
                self.at += greeting;
                self.greeting = greeting as u64;
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

    /// True if no more bytes follow.
    fn is_over(&self) -> bool {
        matches!(self.end, Some(End::Finished | End::Cut))
    }

    /// Drops everything from the buffer but the last frames and the bytes that are not processed yet.
    fn forget(&mut self) {
        if self.at - self.before > WINDOW + STEP {
            while self.at - self.before > WINDOW {
                self.before += frame_length(&self.buffer[self.before..]);
            }
        }
        if self.before > WINDOW {
            self.buffer.drain(..self.before);
            self.at -= self.before;
            self.before = 0;
        }
    }
}

/// The length of the frame at the beginning of `bytes`.
fn frame_length(bytes: &[u8]) -> usize {
    let length = bytes[4..HEADER_LENGTH].try_into().map_or(0, u32::from_be_bytes);
    length as usize + OVERHEAD
}

#[cfg(test)]
mod tests;
