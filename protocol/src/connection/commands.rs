//! What the queue of other tasks holds becomes frames of the session.

use std::task::Context;
use std::time::Duration;

use super::Connection;
use super::outbox::{Command, Taken};
use crate::error::ConnectionError;
use crate::session::State;

impl<S> Connection<S> {
    /// Takes what waits in the queue, unless much waits to be written. True if more may wait until that has been written.
    pub(super) fn poll_commands(&mut self, cx: &Context<'_>) -> bool {
        loop {
            if !self.give_back() && self.may_take() {
                return true;
            }
            if !self.take_commands(cx) {
                break;
            }
        }
        self.drain();
        false
    }

    /// Takes what waits in the queue; false if nothing does. The room that it has taken is given back later.
    pub(super) fn take_commands(&mut self, cx: &Context<'_>) -> bool {
        if !self.may_take() {
            return false;
        }
        let endpoint = &mut self.endpoint;
        let taken = self.waiting.outbox.take(cx, || endpoint.spare());
        taken.map(|taken| self.queue_all(taken)).is_some()
    }

    fn may_take(&self) -> bool {
        self.endpoint.session.state() == State::Open && !self.endpoint.is_closing_after()
    }

    /// Gives room back unless 64 KiB wait to be written; false if they do.
    pub(super) fn give_back(&mut self) -> bool {
        let nearly_written = self.endpoint.is_nearly_written();
        if nearly_written && self.owed > 0 {
            self.waiting.outbox.give_back(std::mem::take(&mut self.owed));
        }
        nearly_written
    }

    fn queue_all(&mut self, taken: Taken) {
        let Taken { bytes, frames, commands, permits } = taken;
        self.owed += permits;
        let (mut from, mut counted) = (0, 0);
        for (at, before, command) in commands {
            self.endpoint.queue_frames(&bytes[from..at], before - counted);
            (from, counted) = (at, before);
            if let Command::Reply { id, frame, length } = command {
                // The answer to a request that has been cancelled is not sent.
                if self.endpoint.session.answer(id, frame) {
                    self.endpoint.queue_frames(&bytes[at..at + length], 1);
                }
                from += length;
            } else {
                self.carry_out(command);
            }
        }
        if from == 0 {
            self.endpoint.queue_buffer(bytes, frames);
        } else {
            self.endpoint.queue_frames(&bytes[from..], frames - counted);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Ask(id) => self.endpoint.session.expect(id),
            Command::Reply { .. } => unreachable!("its frame follows it"),
            Command::Refuse { id, frame, code, detail } => self.endpoint.refuse_if(id, frame, code, &detail),
            Command::Cancel(id) => {
                self.endpoint.cancel(id); // the answer may have arrived meanwhile
            }
            Command::Barrier(done) => match self.endpoint.barrier() {
                Ok(ordinal) => self.waiting.barrier(ordinal, done),
                Err(misuse) => {
                    let _ = done.send(Err(misuse.into())); // the task may be gone
                }
            },
            Command::ShutDown(grace, code) => {
                self.drained_by.get_or_insert_with(|| (self.start.elapsed().saturating_add(grace), code));
            }
            Command::Close(code, detail) => self.endpoint.close_after(code, detail),
        }
    }

    /// When a shutdown sends CLOSE at the latest.
    pub(super) fn drain_deadline(&self) -> Option<Duration> {
        self.drained_by.map(|(by, _)| by).filter(|&by| self.may_take() && by < Duration::MAX)
    }

    /// Sends CLOSE if a shutdown waits for nothing more.
    fn drain(&mut self) {
        if let Some((by, code)) = self.drained_by
            && self.may_take()
            && (self.waiting.outbox.is_drained() || self.start.elapsed() >= by)
        {
            self.endpoint.close_after(code, String::new());
        }
    }

    /// Tells the other tasks that the session is over, and why.
    pub(super) fn note_end(&mut self) {
        if matches!(self.endpoint.session.state(), State::Closing | State::Closed) {
            let why = self.why();
            self.waiting.fail(why);
        }
    }

    /// Why nothing can be sent any more.
    pub(super) fn why(&self) -> ConnectionError {
        let session = &self.endpoint.session;
        match ConnectionError::of_both(session, self.failure.as_ref()) {
            Ok(()) => ConnectionError::of_closed(session),
            Err(error) => error,
        }
    }
}
