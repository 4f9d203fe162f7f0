//! Writing with a timeout, and reading ahead meanwhile.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::{Connection, TICK, is_tick};
use crate::error::ConnectionError;
use crate::misuse::Misuse;
use crate::session::State;

impl<S: Read + Write> Connection<S> {
    /// Writes everything that waits, and reads what arrives while the stream takes nothing.
    pub(super) fn flush(&mut self) -> Result<(), ConnectionError> {
        let flushed_by = self.endpoint.flushed_by(self.start.elapsed());
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
        while self.failure.is_none() && self.endpoint.session.state() == State::Open && self.start.elapsed() < give_up {
            if self.try_write() {
                return self.failure.is_none();
            }
            self.read_ahead();
            self.endpoint.tick(Some(flushed_by), self.start.elapsed());
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
                self.endpoint.blocked(self.start.elapsed());
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
        let began = Instant::now();
        loop {
            let bytes = self.endpoint.unwritten();
            if bytes.is_empty() {
                break;
            }
            if began.elapsed() >= TICK {
                return Ok(false);
            }
            match self.stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.unflushed = true;
                    self.endpoint.wrote(count, self.start.elapsed());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.unflushed {
            self.stream.flush()?;
            self.unflushed = false;
        }
        self.endpoint.not_blocked();
        if !self.shut && self.endpoint.is_done_writing() {
            (self.half_close)(&mut self.stream)?;
            self.shut = true;
        }
        Ok(true)
    }

    /// Reads what has arrived: the peer may wait for that.
    fn read_ahead(&mut self) {
        while self.endpoint.may_read_ahead(self.start.elapsed()) {
            let space = self.endpoint.space();
            let room = space.len();
            match self.stream.read(space) {
                Ok(count) => {
                    self.endpoint.read(count, self.start.elapsed());
                    if count < room {
                        break;
                    }
                }
                Err(error) if is_tick(&error) => break,
                Err(error) => {
                    self.endpoint.fail(&error);
                    self.failure.get_or_insert(error);
                    self.endpoint.read(0, self.start.elapsed());
                    break;
                }
            }
        }
        self.seen = self.start.elapsed();
    }
}
