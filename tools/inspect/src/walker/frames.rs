//! How a walker decodes frames, and passes over long ones.

use std::mem;

use bookend::{CANARY, Decoder, Encoding, Fault, Frame, HEADER_LENGTH, Hello, MAGIC, START, kind};

use super::{Out, State, Walker};
use crate::event::{Event, Remark, SeenFrame, Why};
use crate::passing::Passing;
use crate::resync::LONGEST;

impl Walker {
    pub(super) fn begin_frames(&mut self) {
        self.state = State::Frames;
        self.frames = Some(true);
        self.decoder = Decoder::new(self.limit);
        self.decoder_began = self.offset;
    }

    /// Decodes the next frame.
    pub(super) fn frame<E>(&mut self, rest: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let mut input = rest;
        match self.decoder.decode(&mut input) {
            Ok(Some(frame)) => {
                let wire = &rest[..frame.wire_length()];
                let seen = SeenFrame {
                    number: self.number,
                    offset: self.offset,
                    kind: frame.kind(),
                    encoding: frame.encoding(),
                    length: u32::try_from(frame.body().len()).expect("the decoder keeps it within 2^31-1"),
                    body: frame.body(),
                    missing: 0,
                    ended: true,
                    doubtful: self.wrapped,
                };
                self.found(seen, frame, wire, true, out)?;
                self.advance(wire.len());
                if self.wrapped {
                    self.state = State::Searching { from: self.offset, passed: 0, why: Why::Around };
                }
                Ok(true)
            }
            Ok(None) if self.decoder.expected().is_some_and(|expected| expected > LONGEST as u64) => {
                let expected = self.decoder.expected().expect("the guard has checked it");
                self.state = State::Passing(Passing::new(&rest[..HEADER_LENGTH], expected));
                self.at += HEADER_LENGTH;
                Ok(true)
            }
            Ok(None) if rest.is_empty() || !self.is_over() => Ok(false),
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

    /// Passes on a frame, and what a session would report about it.
    fn found<E>(
        &mut self,
        seen: SeenFrame<'_>,
        frame: Frame<'_>,
        wire: &[u8],
        complete: bool,
        out: Out<'_, E>,
    ) -> Result<(), E> {
        let (number, offset) = (seen.number, seen.offset);
        out(Event::Frame(seen))?;
        for (verdict, diagnosis) in self.expectations.judge(number, offset, frame, wire, complete) {
            out(Event::Remark(Remark { number, offset, verdict, diagnosis }))?;
        }
        self.number += 1;
        Ok(())
    }

    /// The decoder's fault, with its offset in the stream.
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

    /// Passes over the bytes of a long frame.
    pub(super) fn pass<E>(&mut self, rest: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let State::Passing(mut passing) = mem::replace(&mut self.state, State::Frames) else { return Ok(false) };
        let used = passing.take(rest);
        self.at += used;
        self.before = self.at;
        if let Some((at, found)) = passing.wrong_end() {
            let error = Fault::BadEnd { offset: self.offset + at, found, length: passing.length() };
            self.fault(error, passing.head(), &[], out)?;
            let (from, passed) = (self.offset, passing.position() - passing.missing());
            self.offset += passing.position();
            self.state = State::Searching { from, passed, why: self.why() };
            return Ok(true);
        }
        if passing.left() == 0 {
            let frame = Frame::new(passing.kind(), passing.encoding(), passing.body())
                .expect("the beginning of a body is within the limit");
            let seen = SeenFrame {
                number: self.number,
                offset: self.offset,
                kind: passing.kind(),
                encoding: passing.encoding(),
                length: passing.length(),
                body: passing.body(),
                missing: passing.missing(),
                ended: passing.ended(),
                doubtful: self.wrapped,
            };
            self.found(seen, frame, passing.head(), false, out)?;
            self.offset += passing.position();
            self.begin_frames();
            return Ok(true);
        }
        if self.is_over() {
            let (arrived, expected) = (passing.position(), Some(passing.position() + passing.left()));
            let mut passed = 0;
            match self.cut_off(arrived, passing.head()) {
                Some(error) => {
                    self.fault(error, passing.head(), &[], out)?;
                    passed = arrived - passing.missing();
                }
                None => out(Event::Unfinished { offset: self.offset, arrived, expected })?,
            }
            self.state = State::Searching { from: self.offset, passed, why: self.why() };
            self.offset += arrived;
            return Ok(false);
        }
        self.state = State::Passing(passing);
        Ok(used > 0)
    }
}

/// The fault of a first HELLO with a changed magic or canary: it names the cause of an END at the wrong place (R4.19).
fn changed_hello(number: u64, wire: &[u8]) -> Option<Fault> {
    let body = wire.get(HEADER_LENGTH..)?;
    let is_hello = number == 0 && wire.starts_with(&START) && wire[2] == kind::HELLO;
    let length = wire[4..HEADER_LENGTH].try_into().map_or(0, u32::from_be_bytes) as usize;
    let opening = [&MAGIC[..], &CANARY].concat();
    let opening = &opening[..opening.len().min(body.len()).min(length)];
    (is_hello && wire[3] == Encoding::Binary as u8 && !body.starts_with(opening))
        .then(|| Hello::parse(&body[..opening.len()]).err())?
}
