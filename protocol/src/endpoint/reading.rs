//! What an endpoint reads, and when.

use core::time::Duration;

#[cfg(feature = "tokio")]
use super::QUEUE;
use super::{BACKLOG, Endpoint, LARGE, lent};
use crate::session::State;

impl Endpoint {
    /// May more be read before what has been read is judged? The longest body that the peer may send has room, and 1 MiB
    /// of other frames: two peers that each send one body before they read do not wait for each other.
    pub(crate) fn may_read_ahead(&mut self, now: Duration) -> bool {
        let longest = usize::try_from(self.session.local().max_body()).unwrap_or(usize::MAX);
        let open = !self.ended && self.session.state() == State::Open;
        let full = self.buffer.filled().len() >= longest.saturating_add(BACKLOG);
        if open && full {
            self.session.not_reading(now);
        }
        open && !full
    }

    #[cfg(feature = "tokio")]
    /// Is there room for another read?
    pub(crate) fn may_read(&mut self, now: Duration) -> bool {
        let full = self.session.output_length() > QUEUE || self.is_backlog_full();
        if full && self.session.state() == State::Open {
            self.session.not_reading(now);
        }
        !full && self.session.state() != State::Closed
    }

    /// Room to read into.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.release();
        lent::lend(&mut self.buffer);
        self.buffer.space_for(self.session.expected())
    }

    /// `count` bytes have been read, 0 at the end of the stream.
    pub(crate) fn read(&mut self, count: usize, now: Duration) {
        self.now = now;
        if count == 0 {
            self.ended = true;
        } else {
            self.buffer.add(count);
            self.account.read(count, &self.session);
            if self.buffer.filled().len() > LARGE {
                self.keep_large();
            }
            self.session.read(self.buffer.filled().len(), now);
            self.unjudged = true;
        }
    }

    /// Reports the end of the stream to the session, if it has ended, once all that was read has been judged.
    pub(crate) fn report_end(&mut self) {
        if self.ended && self.session.state() != State::Closed {
            let unused = self.buffer.filled();
            self.session.end_of_stream(unused.len(), self.now);
            self.session.explain(self.buffer.past(), unused);
        }
        self.account.ended(&self.session);
    }
}
