//! What moves a connection: commands, writing, reading, time.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::{Connection, NEVER};
use crate::error::ConnectionError;
use crate::misuse::Misuse;
use crate::session::State;

/// How many parts one write has at most.
const PARTS: usize = 16;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Writes, waits and reads until something has arrived. False once the session was closed in good order.
    pub(super) async fn turn(&mut self) -> Result<bool, ConnectionError> {
        poll_fn(|cx| self.poll_turn(cx)).await
    }

    pub(super) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        loop {
            self.endpoint.greet();
            if self.endpoint.session.state() == State::Open {
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.poll_turn(cx))? {
                return Poll::Ready(Err(ConnectionError::of_unopened(&self.endpoint.session)));
            }
        }
    }

    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, ConnectionError>> {
        self.endpoint.now = self.start.elapsed();
        self.endpoint.report_end();
        // Commands wait while much waits to be written; what has been written makes room for more of them.
        while self.poll_commands(cx) && self.poll_write(cx).is_ready() {}
        // Pending or not, reading continues: the peer may wait for that.
        let written = self.poll_write(cx);
        if self.endpoint.session.state() == State::Closed && written.is_pending() && self.poll_linger(cx).is_pending() {
            return Poll::Pending;
        }
        if self.endpoint.is_over() {
            return Poll::Ready(self.finish().map(|()| false));
        }
        if self.endpoint.may_read(self.start.elapsed()) {
            if self.poll_read(cx).is_ready() {
                return Poll::Ready(Ok(true));
            }
            self.endpoint.rest();
        }
        // Only now: a peer whose bytes have arrived is not late.
        self.poll_timer(cx, None).map(|()| Ok(true))
    }

    /// Writes everything, or ends the session.
    pub(super) async fn write_out(&mut self) {
        let flushed_by = self.endpoint.flushed_by(self.start.elapsed());
        poll_fn(|cx| self.poll_flush(cx, flushed_by)).await;
        self.endpoint.rest();
    }

    /// Writes everything, until `flushed_by` at most, and reads what arrives meanwhile, as far as there is room: the
    /// peer may wait for that.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, flushed_by: Duration) -> Poll<()> {
        loop {
            if self.poll_write(cx).is_ready() || self.endpoint.session.state() == State::Closed {
                return Poll::Ready(());
            }
            if self.endpoint.may_read_ahead(self.start.elapsed()) && self.poll_read(cx).is_ready() {
                continue;
            }
            ready!(self.poll_timer(cx, Some(flushed_by)));
        }
    }

    /// Waits for a peer that does not read after the end of the session, as long as for a CLOSE.
    pub(super) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = *self.linger.get_or_insert_with(|| {
            let now = Instant::now();
            now.checked_add(self.endpoint.session.limits().close_timeout).unwrap_or(now + NEVER)
        });
        if until != self.timer.deadline() {
            self.timer.as_mut().reset(until);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.endpoint.stop_writing();
        Poll::Ready(())
    }

    /// Reads once. A stream that fails has ended, and takes no more bytes.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = ReadBuf::new(self.endpoint.space());
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space));
        let mut count = space.filled().len();
        if let Err(error) = read {
            count = 0;
            self.failure.get_or_insert(error);
            self.endpoint.stop_writing();
        }
        self.endpoint.read(count, self.start.elapsed());
        Poll::Ready(())
    }

    /// Writes everything, and closes the sending direction after a CLOSE. An error ends all writing.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.failure.is_none() {
            match self.poll_write_all(cx) {
                Poll::Ready(Ok(())) => self.endpoint.not_blocked(),
                Poll::Ready(Err(error)) => {
                    self.failure = Some(error);
                    self.endpoint.stop_writing();
                }
                Poll::Pending => {
                    self.endpoint.blocked(self.start.elapsed());
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    pub(super) fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.endpoint.unwritten().is_empty() {
                break;
            }
            let stream = Pin::new(&mut self.stream);
            let mut parts = [IoSlice::new(&[]); PARTS];
            let count = match self.endpoint.unwritten_parts(&mut parts) {
                Some(count) => ready!(stream.poll_write_vectored(cx, &parts[..count]))?,
                None => ready!(stream.poll_write(cx, self.endpoint.unwritten()))?,
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.endpoint.wrote(count, self.start.elapsed());
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        if !self.shut && self.endpoint.is_done_writing() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.shut = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Carries commands out. True if more may wait until something has been written.
    pub(super) fn poll_commands(&mut self, cx: &mut Context<'_>) -> bool {
        while self.endpoint.session.state() == State::Open && !self.endpoint.is_closing_after() {
            if !self.endpoint.may_queue() {
                return true;
            }
            let Poll::Ready(Some(command)) = self.commands.poll_recv(cx) else { break };
            command.carry_out(&mut self.endpoint, &mut self.waiting);
        }
        false
    }

    /// Runs the timers that have expired. Ready if that may have changed the state.
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>, flushed_by: Option<Duration>) -> Poll<()> {
        loop {
            let deadline = self.endpoint.deadline(flushed_by).and_then(|deadline| self.start.checked_add(deadline));
            let Some(deadline) = deadline else { return Poll::Pending };
            // A timer that fires too early costs less than one that is reset for each read.
            if deadline < self.timer.deadline() || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(cx));
            self.endpoint.tick(flushed_by, self.start.elapsed());
            if self.endpoint.session.state() == State::Closed {
                self.endpoint.stop_writing(); // the time to write is over too
                return Poll::Ready(());
            }
            if self.endpoint.session.has_output() {
                return Poll::Ready(());
            }
        }
    }

    /// The session is over: reports how, to all that wait.
    pub(super) fn finish(&mut self) -> Result<(), ConnectionError> {
        let outcome = ConnectionError::of_both(&self.endpoint.session, self.failure.as_ref());
        self.waiting.fail(outcome.as_ref().err().unwrap_or(&Misuse::NotOpen.into()));
        self.commands.close();
        while self.commands.try_recv().is_ok() {}
        outcome
    }
}
