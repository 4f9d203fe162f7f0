//! Writing with a timeout, and reading ahead meanwhile.

use std::io::{self, Write};
use std::time::Duration;

use super::{Connection, Read, TICK, Timed, is_tick, uninterrupted};
use crate::error::ConnectionError;
use crate::misuse::Misuse;
use crate::session::State;

impl<S: io::Read + Write + Timed> Connection<S> {
    /// Writes everything that is queued, and reads what arrives while the stream takes nothing. Ends as the asynchronous
    /// connection's: within [`Limits::write_timeout`](crate::Limits::write_timeout) plus a second for each
    /// [`body_rate`](crate::Limits::body_rate) bytes that wait.
    ///
    /// # Errors
    /// The reason why the session ended.
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        let flushed_by = self.endpoint.flushed_by(self.clock.now());
        if self.write_out(flushed_by, Duration::MAX) {
            return Ok(());
        }
        // What can still be read may hold the reason, if it arrives soon.
        match self.wait_until(|_| false, self.endpoint.session.limits().close_timeout) {
            Err(ConnectionError::Backlog { .. } | ConnectionError::Timeout) | Ok(()) => {
                self.finish().and(Err(Misuse::NotOpen.into()))
            }
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

    /// Reads what has arrived: the peer may wait for that.
    fn read_ahead(&mut self) {
        while self.endpoint.may_read_ahead(self.clock.now()) && self.read() == Read::Full {}
        self.seen = self.clock.now();
    }
}
