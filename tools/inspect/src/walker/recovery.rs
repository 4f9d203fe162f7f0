//! How a walker handles a fault, a hole and the end of the stream, and how it finds the next frame.

use bookend::diagnosis::{self, Confidence, Evidence, Hypothesis, WINDOW};

use super::{End, Out, STEP, State, Walker, frame_length};
use crate::event::{Event, FaultyFrame, Skipped, Why};
use crate::lines;
use crate::passing::Passing;
use crate::resync::{self, Search};
use crate::side::Side;

/// The number of faults that are diagnosed with all evidence; the others are diagnosed fast, as a stream may be full of
/// faults.
const THOROUGH: u64 = 100;
/// The evidence for the other faults, in bytes.
const HASTY: usize = 512;

impl Walker {
    /// `length` bytes are missing from the capture.
    pub(crate) fn hole<E>(&mut self, length: u64, out: Out<'_, E>) -> Result<(), E> {
        if let State::Opening = self.state {
            // The first frame may be in the hole: what precedes it is not judged.
            self.greet(out)?;
        } else {
            self.end = Some(End::Hole);
            self.run(out)?;
            self.end = None;
        }
        self.wanted = 0;
        if let (State::Frames, Some(expected)) = (&self.state, self.decoder.expected()) {
            self.state = State::Passing(Passing::new(&self.buffer[self.at..], expected));
            self.at = self.buffer.len();
            self.before = self.at;
        }
        match &mut self.state {
            State::Passing(passing) if passing.left() >= length => {
                out(Event::Hole { offset: self.offset + passing.position(), length })?;
                passing.lose(length);
                return self.run(out);
            }
            State::Lines => {}
            _ => self.search_after_hole(),
        }
        out(Event::Hole { offset: self.offset, length })?;
        self.offset += length;
        Ok(())
    }

    /// Passes on text before the first frame, of a server whose next bytes are not in the capture.
    pub(super) fn greet<E>(&mut self, out: Out<'_, E>) -> Result<(), E> {
        let greeting = &self.buffer[self.at..];
        if self.sender == Some(Side::Server)
            && self.client_frames != Some(false)
            && !greeting.is_empty()
            && lines::is_text(greeting)
        {
            out(Event::Preamble(greeting))?;
            self.advance(greeting.len());
        }
        Ok(())
    }

    fn search_after_hole(&mut self) {
        self.expectations.lose();
        let left = (self.buffer.len() - self.at) as u64;
        let (from, passed, why) = match &self.state {
            State::Searching { from, passed, why } => (*from, *passed, *why),
            State::Passing(passing) => {
                let from = self.offset;
                self.offset += passing.position();
                (from, passing.position() - passing.missing(), Why::Hole)
            }
            _ => (self.offset, 0, Why::Hole),
        };
        self.state = State::Searching { from, passed: passed + left, why };
        self.at = self.buffer.len();
        self.offset += left;
        self.before = self.at;
    }

    /// The fault of a stream that ends inside a frame. `None` if the capture may simply have stopped too early and no mistake
    /// explains the end.
    pub(super) fn cut_off(&self, arrived: u64, bytes: &[u8]) -> Option<bookend::Fault> {
        let fault = bookend::Fault::Truncated { arrived };
        let explained = || diagnosis::diagnose(&Evidence::stream(fault, self.offset, bytes)).first().is_some();
        (self.end == Some(End::Finished) || explained()).then_some(fault)
    }

    /// Reports a fault once its evidence has arrived.
    pub(super) fn judge<E>(&mut self, fault: bookend::Fault, buffer: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let rest = &buffer[self.at..];
        let window = if self.faults < THOROUGH { WINDOW } else { HASTY };
        if rest.len() <= window && self.end.is_none() {
            return Ok(false);
        }
        while self.at - self.before > window {
            self.before += frame_length(&buffer[self.before..]);
        }
        let bytes = if window == WINDOW { rest } else { &rest[..rest.len().min(window)] };
        self.fault(fault, bytes, &buffer[self.before..self.at], out)?;
        self.state = State::Searching { from: self.offset, passed: 1, why: self.why() };
        self.advance(1);
        self.before = self.at;
        Ok(true)
    }

    pub(super) fn fault<E>(
        &mut self,
        fault: bookend::Fault,
        bytes: &[u8],
        before: &[u8],
        out: Out<'_, E>,
    ) -> Result<(), E> {
        // Before a server's first frame there may be a line for people.
        let is_greeting = matches!(fault, bookend::Fault::BadStart { offset: 0, .. }) && self.greeting == 0;
        let evidence = match self.sender {
            None | Some(Side::Server) if is_greeting => Evidence::greeting(fault, bytes),
            _ => Evidence::stream(fault, self.offset, bytes).after(before),
        };
        let diagnosis = diagnosis::diagnose(&evidence);
        self.wrapped |= diagnosis.first().is_some_and(is_wrapper);
        out(Event::Fault(FaultyFrame { number: self.number, offset: self.offset, fault, bytes, diagnosis }))?;
        // What stands around frames is none of them.
        self.number += u64::from(!self.wrapped);
        self.faults += 1;
        self.wanted = 0;
        Ok(())
    }

    /// Searches for the next frame.
    pub(super) fn search<E>(&mut self, rest: &[u8], out: Out<'_, E>) -> Result<bool, E> {
        let State::Searching { from, passed, why } = self.state else { return Ok(false) };
        if rest.len() < self.wanted && self.end.is_none() {
            return Ok(false);
        }
        let find = if why == Why::Around { resync::first } else { resync::find };
        let (found, length, frames) = match find(rest, self.limit, self.end.is_some()) {
            Search::Found { at, frames } => (true, at, frames),
            Search::Undecided(length) => (false, length, 0),
        };
        self.advance(length);
        self.before = self.at;
        let passed = passed + length as u64;
        self.state = State::Searching { from, passed, why };
        self.wanted = if found { 0 } else { rest.len() - length + STEP };
        if found {
            if passed > 0 {
                out(Event::Skipped(Skipped { offset: from, length: passed, why, found, frames }))?;
            }
            self.begin_frames();
        }
        Ok(found)
    }

    /// Why the next frame is searched for after a fault.
    pub(super) fn why(&self) -> Why {
        if self.wrapped { Why::Around } else { Why::Fault }
    }
}

/// Does it say that another format stands around the frames?
fn is_wrapper(hypothesis: &Hypothesis) -> bool {
    hypothesis.name().starts_with("wrapped-") && hypothesis.confidence() >= Confidence::Likely
}
