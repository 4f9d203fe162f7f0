//! Writing with a timeout, and reading ahead meanwhile.

use std::io::{self, Write};
use std::time::Duration;

use super::{AWAY, Connection, Read, TICK, Timed, is_tick, uninterrupted};
use crate::error::ConnectionError;
use crate::session::State;

/// A look at what has arrived takes at most one part in this many of the time.
const LOOKING: u32 = 16;

impl<S: io::Read + Write + Timed> Connection<S> {
    /// Writes everything that is queued, and reads what arrives while the stream takes nothing. Ends as the asynchronous
    /// connection's: within [`Limits::write_timeout`](crate::Limits::write_timeout) plus a second for each
    /// [`body_rate`](crate::Limits::body_rate) bytes that wait. A program that only sends
    /// [learns of a CLOSE](super#a-program-that-only-sends) from it.
    ///
    /// # Errors
    /// The reason why the session ended.
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        let looks = !std::mem::take(&mut self.receives);
        let flushed_by = self.endpoint.flushed_by(self.clock.now());
        if self.write_out(flushed_by, Duration::MAX) && !(looks && self.look()?) {
            return Ok(());
        }
        // What can still be read may hold the reason, if it arrives soon.
        match self.wait_until(|_| false, self.endpoint.session.limits().close_timeout) {
            Err(ConnectionError::Backlog { .. } | ConnectionError::Timeout) | Ok(()) => Err(self.why()),
            Err(ended) => Err(ended),
        }
    }

    /// True once everything has been written; the session ends if that is not so by `flushed_by`.
    pub(super) fn write_out(&mut self, flushed_by: Duration, give_up: Duration) -> bool {
        while self.failure.is_none() && self.endpoint.session.state() == State::Open && self.clock.now() < give_up {
            let began = self.clock.now();
            if self.try_write() {
                return self.failure.is_none();
            }
            self.read_ahead();
            self.endpoint.tick(Some(flushed_by), self.clock.now());
            self.pace.rest(&self.clock, began, TICK);
        }
        false
    }

    /// Writes what the stream takes. False if more waits; a stream that fails takes nothing any more.
    pub(super) fn try_write(&mut self) -> bool {
        if self.failure.is_some() {
            return true;
        }
        match self.write_for_a_tick() {
            Ok(done) => done,
            Err(error) if is_tick(&error) => {
                self.endpoint.blocked(self.clock.now());
                false
            }
            Err(error) => {
                self.endpoint.fail(&error);
                self.failure = Some(error);
                true
            }
        }
    }

    fn write_for_a_tick(&mut self) -> io::Result<bool> {
        let began = self.clock.now();
        loop {
            let bytes = self.endpoint.unwritten();
            if bytes.is_empty() {
                break;
            }
            if self.clock.now().saturating_sub(began) >= TICK {
                return Ok(false);
            }
            match uninterrupted(|| self.stream.write(bytes)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.unflushed = true;
                    self.pace.moved(count);
                    self.endpoint.wrote(count, self.clock.now());
                }
                Err(error) => return Err(error),
            }
        }
        if self.unflushed {
            uninterrupted(|| self.stream.flush())?;
            self.unflushed = false;
        }
        self.endpoint.not_blocked();
        if !self.shut && self.endpoint.is_done_writing() {
            self.stream.end_writing()?;
            self.shut = true;
        }
        Ok(true)
    }

    /// Reads what has arrived, and judges it, unless that was done within the last second: the application only sends.
    /// True if the session has ended.
    fn look(&mut self) -> io::Result<bool> {
        let now = self.clock.now();
        if now.saturating_sub(self.seen) < AWAY.max(LOOKING * self.looked_for) {
            return Ok(false);
        }
        let timeout = self.read_timeout;
        self.wait_at_most(Duration::ZERO)?;
        self.read_ahead();
        self.wait_at_most(timeout)?;
        self.looked_for = self.seen.saturating_sub(now);
        while !self.endpoint.is_backlog_full()
            && let Some(front) = self.endpoint.advance_in_buffer(&mut self.answers)
        {
            self.endpoint.keep(front);
        }
        self.endpoint.report_end();
        self.endpoint.tick(None, self.seen);
        self.try_write(); // what the session answered; if it must wait, the next call writes it
        Ok(self.failure.is_some() || self.endpoint.session.state() != State::Open)
    }

    /// Reads what has arrived: the peer may wait for that.
    fn read_ahead(&mut self) {
        while self.endpoint.may_read_ahead(self.clock.now()) && self.read() == Read::Full {}
        self.seen = self.clock.now();
    }
}
