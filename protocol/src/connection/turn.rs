//! What moves a connection: commands, writing, reading, time.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::{Connection, NEVER};
use crate::endpoint::Front;
use crate::error::ConnectionError;
use crate::session::State;

/// How many parts one write has at most.
const PARTS: usize = 16;

/// How often what other tasks queue is written before it is the turn of reading.
const ROUNDS: u32 = 16;

/// Is set once something may have arrived: a producer need not ask the stream each time.
#[derive(Default)]
pub(super) struct Arrival(AtomicBool);

impl Wake for Arrival {
    fn wake(self: Arc<Arrival>) {
        self.0.store(true, Ordering::Release);
    }
}

/// A flush in progress: until when it must have ended, and whether it looks at what has arrived.
#[derive(Default)]
pub(super) struct Flush(Option<(Duration, bool)>);

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
                return Poll::Ready(Err(ConnectionError::of_closed(&self.endpoint.session)));
            }
        }
    }

    pub(super) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, ConnectionError>> {
        self.endpoint.now = self.start.elapsed();
        self.endpoint.report_end();
        self.note_end();
        // The queue waits while much waits to be written; what has been written makes room for more.
        let mut rounds = 0;
        while self.poll_commands(cx) && (self.poll_write(cx).is_ready() || self.endpoint.is_nearly_written()) {
            rounds += 1;
            if rounds == ROUNDS {
                cx.waker().wake_by_ref();
                break;
            }
        }
        // Pending or not, reading continues: the peer may wait for that.
        let written = self.poll_write(cx);
        self.give_back();
        if self.waiting.outbox.has_handles() {
            self.waiting.outbox.count(self.endpoint.counters());
        }
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
        let written_by = self.written_by();
        self.poll_timer(cx, written_by).map(|()| Ok(true))
    }

    /// When what waits must have been written. What is queued later has its own time after that.
    fn written_by(&mut self) -> Option<Duration> {
        let tally = self.endpoint.tally();
        let (queued, written) = (tally.queued, tally.written);
        self.written_by = match self.written_by {
            Some((until, by)) if written < until => Some((until, by)),
            _ if written < queued => Some((queued, self.endpoint.flushed_by(self.start.elapsed()))),
            _ => None,
        };
        self.written_by.map(|(_, by)| by)
    }

    /// Writes everything, with what other tasks have queued until now, or ends the session. If the application only
    /// sends, this also looks at what has arrived: the peer may have closed.
    pub(super) async fn write_out(&mut self) {
        let mut flush = Flush::default();
        poll_fn(|cx| self.poll_write_out(cx, &mut flush)).await;
    }

    /// The same, for a call that keeps its progress in `flush`.
    pub(super) fn poll_write_out(&mut self, cx: &mut Context<'_>, flush: &mut Flush) -> Poll<()> {
        if flush.0.is_none() {
            let looks = !std::mem::take(&mut self.receives);
            self.take_commands(cx);
            flush.0 = Some((self.endpoint.flushed_by(self.start.elapsed()), looks));
        }
        let (flushed_by, looks) = flush.0.unwrap_or_default();
        let flushed = self.poll_flush(cx, flushed_by, looks);
        self.give_back();
        if flushed.is_ready() {
            self.endpoint.rest();
        }
        flushed
    }

    /// Writes everything, until `flushed_by` at most, and reads what arrives meanwhile, as far as there is room: the
    /// peer may wait for that. If it `looks`, it reads also if everything can be written, and judges what it has read.
    fn poll_flush(&mut self, cx: &mut Context<'_>, flushed_by: Duration, looks: bool) -> Poll<()> {
        loop {
            let written = self.poll_write(cx);
            if written.is_ready() && !looks || self.endpoint.session.state() == State::Closed {
                return Poll::Ready(());
            }
            let has_read = match written {
                Poll::Ready(()) => self.read_what_is_there(),
                Poll::Pending => self.endpoint.may_read_ahead(self.start.elapsed()) && self.poll_read(cx).is_ready(),
            };
            if looks {
                self.look();
            }
            match written {
                Poll::Ready(()) => {
                    let _ = self.poll_write(cx); // what the session answered; if it must wait, the next call writes it
                    return Poll::Ready(());
                }
                Poll::Pending if has_read => {}
                Poll::Pending => ready!(self.poll_timer(cx, Some(flushed_by))),
            }
        }
    }

    /// Reads once without waiting, unless the stream has said that nothing arrived since the last time.
    fn read_what_is_there(&mut self) -> bool {
        let nothing = self.arrival.as_ref().is_some_and(|arrival| !arrival.0.load(Ordering::Acquire));
        if nothing || !self.endpoint.may_read_ahead(self.start.elapsed()) {
            return false;
        }
        let arrival = Arc::new(Arrival::default());
        let waker = Waker::from(Arc::clone(&arrival));
        let has_read = self.poll_read(&mut Context::from_waker(&waker)).is_ready();
        self.arrival = (!has_read).then_some(arrival);
        has_read
    }

    /// Judges what has been read, and keeps the messages, as far as there is room.
    pub(super) fn look(&mut self) {
        self.endpoint.now = self.start.elapsed();
        while !self.endpoint.is_backlog_full() {
            match self.endpoint.advance_in_buffer(&mut self.waiting) {
                Some(Front::Event) => {}
                Some(front) => self.endpoint.keep(front),
                None => {
                    self.endpoint.report_end();
                    break;
                }
            }
        }
        self.note_end();
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
        self.arrival = None; // the stream wakes the last one that has asked
        let mut space = ReadBuf::new(self.endpoint.space());
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space));
        let mut count = space.filled().len();
        if let Err(error) = read {
            count = 0;
            self.endpoint.fail(&error);
            self.failure.get_or_insert(error);
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
                    self.endpoint.fail(&error);
                    self.failure = Some(error);
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

    /// Runs the timers that have expired. Ready if that may have changed the state.
    pub(super) fn poll_timer(&mut self, cx: &mut Context<'_>, flushed_by: Option<Duration>) -> Poll<()> {
        loop {
            let deadlines = [self.endpoint.deadline(flushed_by), self.drain_deadline()];
            let deadline = deadlines.into_iter().flatten().min();
            let deadline = deadline.and_then(|deadline| self.start.checked_add(deadline));
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
            let drained = self.drain_deadline().is_some_and(|deadline| self.start.elapsed() >= deadline);
            if self.endpoint.session.has_output() || drained {
                return Poll::Ready(());
            }
        }
    }

    /// The session is over: reports how, to all that wait.
    pub(super) fn finish(&mut self) -> Result<(), ConnectionError> {
        let why = self.why();
        self.waiting.outbox.count(self.endpoint.counters());
        self.waiting.fail(why);
        ConnectionError::of_both(&self.endpoint.session, self.failure.as_ref())
    }
}
