//! What an endpoint writes: the frames in progress, then the session's own, then those that are queued (R7.13).

use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::time::Duration;
use std::io;
#[cfg(feature = "tokio")]
use std::io::IoSlice;

#[cfg(feature = "tokio")]
use byteorder::{BigEndian, ByteOrder};

use super::bodies::Part;
#[cfg(feature = "tokio")]
use super::tally::Tally;
#[cfg(feature = "tokio")]
use super::{END, HEADER_LENGTH, QUEUE};
use super::{Endpoint, LARGE, lent};
use crate::code::Code;
use crate::counters::Counters;
use crate::message::{Message, Probe};
use crate::misuse::Misuse;
#[cfg(feature = "tokio")]
use crate::payload::Content;
use crate::session::{Session, State};

/// Shared bodies of this length or more are written from where they are, in bytes: to copy a shorter one costs less than
/// a part more in each write.
#[cfg(feature = "tokio")]
const SHARED: usize = 16 << 10;

impl Endpoint {
    /// Queues the frame that `write` appends, if it succeeds.
    #[inline]
    pub(crate) fn queue<T>(
        &mut self,
        write: impl FnOnce(&mut Session, &mut Vec<u8>) -> Result<T, Misuse>,
    ) -> Result<T, Misuse> {
        if self.queued.capacity() == 0 {
            lent::lend_queue(&mut self.queued);
        }
        let written = write(&mut self.session, &mut self.queued)?;
        self.tally.queued += 1;
        Ok(written)
    }

    /// The same for a frame with this content, which is not copied if it is shared and long. `fixed` bytes precede it in
    /// the body: 4 for an id or a member, 0 in a MESSAGE.
    #[cfg(feature = "tokio")]
    #[inline]
    pub(crate) fn queue_content<T>(
        &mut self,
        fixed: usize,
        content: Content<'_>,
        write: impl FnOnce(&mut Session, Content<'_>, &mut Vec<u8>) -> Result<T, Misuse>,
    ) -> Result<T, Misuse> {
        match content {
            Content::Bytes(body) if self.vectored && body.len() >= SHARED => self.queue_shared(fixed, body, write),
            content => self.queue(|session, out| write(session, content, out)),
        }
    }

    /// Queues the frame without its body, which is written from where it is.
    #[cfg(feature = "tokio")]
    fn queue_shared<T>(
        &mut self,
        fixed: usize,
        body: &bytes::Bytes,
        write: impl FnOnce(&mut Session, Content<'_>, &mut Vec<u8>) -> Result<T, Misuse>,
    ) -> Result<T, Misuse> {
        let max = self.session.peer().map_or(0, crate::hello::Hello::max_body) as usize;
        if body.len() + fixed > max {
            // It is refused before anything is copied.
            return self.queue(|session, out| write(session, Content::Binary(body), out));
        }
        let start = self.queued.len();
        let written = self.queue(|session, out| write(session, Content::Binary(&[]), out))?;
        let length = &mut self.queued[start + 4..start + HEADER_LENGTH];
        let whole = BigEndian::read_u32(length) as usize + body.len();
        BigEndian::write_u32(length, u32::try_from(whole).expect("not above the peer's limit"));
        self.queued_bodies.push(self.queued.len() - END.len(), body.clone());
        Ok(written)
    }

    /// The stream takes the parts of a frame in one write: shared bodies need not be copied.
    #[cfg(feature = "tokio")]
    pub(crate) fn set_vectored(&mut self, vectored: bool) {
        self.vectored = vectored;
    }

    /// Bytes that wait in the queue.
    #[inline]
    pub(super) fn queued_length(&self) -> usize {
        self.queued.len() + self.queued_bodies.length()
    }

    /// Bytes that are being written.
    pub(super) fn unwritten_length(&self) -> usize {
        self.writing.len() - self.written + self.bodies.length()
    }

    /// Queues the CANCEL of a request of this side; false if its answer has arrived, or if nothing can be sent.
    pub(crate) fn cancel(&mut self, id: NonZeroU32) -> bool {
        let cancelled = self.queue(|session, out| session.cancel(id, out)).is_ok();
        if cancelled {
            self.account.observer.cancelling(id);
        }
        cancelled
    }

    /// Answers a request, or the message that was returned last, with an ERROR.
    pub(crate) fn refuse(&mut self, id: Option<NonZeroU32>, code: Code, detail: &str) -> Result<(), Misuse> {
        let frame = match id {
            Some(id) => {
                let frame = self.session.frame_of(id);
                self.session.refuse_request(id, code, detail)?;
                frame?
            }
            None => {
                self.session.refuse_frame(self.number, code, detail);
                self.number
            }
        };
        self.account.observer.refusing(frame, code);
        Ok(())
    }

    /// Refuses the peer's request of this id, from the frame of that number, if it is unanswered.
    #[cfg(feature = "tokio")]
    pub(crate) fn refuse_if(&mut self, id: NonZeroU32, frame: u32, code: Code, detail: &str) {
        if self.session.frame_of(id) == Ok(frame) {
            let _ = self.refuse(Some(id), code, detail); // it may not be open any more
        }
    }

    /// What has been counted so far.
    pub(crate) fn counters(&self) -> Counters {
        self.account.counters(&self.session, self.tally.frames())
    }

    /// Queues a PING whose PONG shows that the peer has acted on everything queued before (R3.10), and returns its
    /// ordinal, which the PING carries. A barrier after which nothing was queued serves again: PINGs without anything
    /// between them are a flood to the peer.
    pub(crate) fn barrier(&mut self) -> Result<u64, Misuse> {
        let ordinal = self.tally.queued;
        if let Some(last) = self.last_barrier.filter(|last| last + 1 == ordinal) {
            return Ok(last);
        }
        let bytes = ordinal.to_be_bytes();
        let ping = Message::Ping(Probe::new(&bytes).expect("eight bytes"));
        self.queue(|session, out| session.encode(&ping, out))?;
        self.last_barrier = Some(ordinal);
        Ok(ordinal)
    }

    /// Queues a PING that is no barrier.
    #[cfg(feature = "tokio")]
    pub(crate) fn ping(&mut self) -> Result<(), Misuse> {
        let ping = Message::Ping(Probe::new(b"").expect("it is short"));
        self.queue(|session, out| session.encode(&ping, out)).map(drop)
    }

    /// How many frames were queued and written.
    #[cfg(feature = "tokio")]
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Is there room for another message to send?
    #[cfg(feature = "tokio")]
    #[inline]
    pub(crate) fn may_queue(&self) -> bool {
        self.queued_length() < QUEUE
    }

    #[cfg(feature = "tokio")]
    /// Sends CLOSE once everything that is queued has been written.
    pub(crate) fn close_after(&mut self, code: Code, detail: alloc::string::String) {
        self.close_after.get_or_insert((code, detail));
    }

    /// Does a CLOSE wait for what is queued?
    #[cfg(feature = "tokio")]
    pub(crate) fn is_closing_after(&self) -> bool {
        self.close_after.is_some()
    }

    /// The stream failed: it takes no more bytes.
    pub(crate) fn fail(&mut self, error: &io::Error) {
        self.account.observer.failed(error);
        self.stop_writing();
    }

    /// The stream takes no more bytes; what can still be read may hold the reason.
    pub(crate) fn stop_writing(&mut self) {
        self.broken = true;
    }

    /// Has something that arrived not been acted on?
    fn is_in_use(&self) -> bool {
        let in_use = !self.backlog.filled().is_empty();
        #[cfg(feature = "tokio")]
        let in_use = in_use || self.in_use;
        in_use
    }

    /// What to write next: the frames in progress, then the session's own, then messages (R7.13).
    pub(crate) fn unwritten(&mut self) -> &[u8] {
        if self.broken {
            return &[];
        }
        self.begin();
        &self.writing[self.written..]
    }

    /// The same in parts, unless [`unwritten`](Endpoint::unwritten) has all of it.
    #[cfg(feature = "tokio")]
    pub(crate) fn unwritten_parts<'a>(&'a self, parts: &mut [IoSlice<'a>]) -> Option<usize> {
        (!self.broken && self.bodies.length() > 0).then(|| self.bodies.slices(&self.writing, self.written, parts))
    }

    /// Begins the next frames once those in progress have been written.
    fn begin(&mut self) {
        if self.written == self.writing.len() {
            // A PONG shows that everything before its PING has been acted on: not while some of that is kept.
            self.session.hold_pong(self.is_in_use());
            if self.writing.len() > LARGE {
                self.keep_large();
            }
            self.writing.clear();
            self.written = 0;
            if self.queued.is_empty()
                && let Some((code, detail)) = self.close_after.take()
            {
                self.session.close(code, &detail, self.now);
            }
            if self.session.has_output() {
                self.session.take_output(&mut self.writing);
                self.tally.begin_own();
            } else if self.session.state() == State::Open {
                core::mem::swap(&mut self.writing, &mut self.queued);
                core::mem::swap(&mut self.bodies, &mut self.queued_bodies);
                self.tally.begin_queued();
            }
        }
    }

    /// The stream takes nothing at the moment.
    pub(crate) fn blocked(&mut self, now: Duration) {
        self.blocked_since.get_or_insert(now);
    }

    /// The stream has taken everything.
    pub(crate) fn not_blocked(&mut self) {
        self.blocked_since = None;
    }

    /// When everything that waits at `now` must have been written.
    pub(crate) fn flushed_by(&self, now: Duration) -> Duration {
        let limits = self.session.limits();
        let waiting = self.unwritten_length() + self.queued_length() + self.session.output_length();
        let rate = u64::from(limits.body_rate.max(1));
        let transfer = Duration::from_millis((waiting as u64).saturating_mul(1000) / rate);
        now.saturating_add(limits.write_timeout).saturating_add(transfer)
    }

    /// When the peer reads too slowly: it has taken nothing for too long, or not everything by `flushed_by`.
    fn write_deadline(&self, flushed_by: Option<Duration>) -> Option<Duration> {
        let waits = self.session.limits().write_timeout;
        let blocked = self.blocked_since.map(|since| since.saturating_add(waits));
        [blocked, flushed_by].into_iter().flatten().min().filter(|_| self.session.state() == State::Open)
    }

    /// When something is due.
    #[cfg(feature = "tokio")]
    pub(crate) fn deadline(&self, flushed_by: Option<Duration>) -> Option<Duration> {
        let deadlines = [self.session.deadline(), self.write_deadline(flushed_by), self.large_until];
        deadlines.into_iter().flatten().min().filter(|&deadline| deadline < Duration::MAX)
    }

    /// Runs the timers that have expired.
    pub(crate) fn tick(&mut self, flushed_by: Option<Duration>, now: Duration) {
        self.session.tick(now);
        self.drop_large(now);
        if self.write_deadline(flushed_by).is_some_and(|deadline| now >= deadline) {
            self.session.slow_consumer(now);
        }
        self.session.explain(self.buffer.past(), self.buffer.filled());
        self.account.ended(&self.session);
    }

    /// `count` bytes have been written.
    pub(crate) fn wrote(&mut self, count: usize, now: Duration) {
        self.blocked_since = None;
        self.account.wrote(count);
        let mut left = count;
        while left > 0 {
            match self.bodies.wrote(left, self.written) {
                Part::Queue(count) => {
                    left -= count;
                    self.written += count;
                    self.tally.wrote(&self.writing, self.written);
                }
                Part::Body(count, whole) => {
                    left -= count;
                    self.tally.wrote_apart(whole.unwrap_or_default());
                }
            }
        }
        self.now = now;
        self.session.wrote(now);
    }

    /// Has CLOSE been written, so that the sending direction can be closed?
    pub(crate) fn is_done_writing(&self) -> bool {
        matches!(self.session.state(), State::Closing | State::Closed)
            && !self.session.awaits_evidence()
            && (self.broken || self.written == self.writing.len() && !self.session.has_output())
    }

    /// The session is over and everything has been written.
    pub(crate) fn is_over(&self) -> bool {
        self.session.state() == State::Closed && self.is_done_writing()
    }
}
