//! What a connection writes: its own output, the session's, private messages and the events of the room.

use super::{ConnectionCore, PeerKind, Phase};
use crate::feed::{Delivered, Feed};

/// The source of the bytes that are being written.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Output,
    Room,
}

impl ConnectionCore {
    /// What to write next, gathered in `buffer` if it is in many pieces. Output for this peer alone precedes the
    /// events of the room, but follows a frame or line that is partly written (R7.13, R7.14).
    pub(in crate::connection) fn next_write<'a>(&'a mut self, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if self.client.output.is_empty() {
            self.refill();
        }
        if self.client.output.is_empty() {
            self.source = Source::Room;
            return self.client.next_events(buffer);
        }
        if self.client.feed().is_some_and(|feed| !feed.is_at_boundary()) {
            self.source = Source::Room;
            return self.client.feed().map_or(&[], |feed| feed.rest_of_unit());
        }
        self.source = Source::Output;
        self.client.output.unwritten()
    }

    fn refill(&mut self) {
        self.take_session_output();
        if self.client.mailbox().has_content() && !self.is_ending() {
            self.client.take_mail();
        }
        if let PeerKind::Framed(framed) = &mut self.kind {
            framed.ask(&mut self.client, self.now);
        }
        self.close_if_written();
    }

    fn take_session_output(&mut self) {
        if let PeerKind::Framed(framed) = &mut self.kind
            && framed.session.has_output()
        {
            framed.session.take_output(self.client.output.buffer());
        }
    }

    /// Closes if that was requested and nothing is left to write: what was accepted before has been delivered.
    fn close_if_written(&mut self) {
        if let Phase::Open { close_when_written: Some(code), .. } = self.phase
            && self.client.output.is_empty()
            && !matches!(&self.kind, PeerKind::Framed(framed) if framed.holds_pong())
            && self.client.is_up_to_date()
            && self.client.mailbox().seal()
        {
            self.close(code, "the hub is shutting down");
            self.close_if_ended();
            self.take_session_output();
        }
    }

    /// Bytes for the peer alone that wait to be written.
    pub(super) fn unwritten(&self) -> usize {
        let of_session = match &self.kind {
            PeerKind::Framed(framed) => framed.session.output_length(),
            PeerKind::Terminal(_) | PeerKind::Unknown { .. } => 0,
        };
        self.client.output.unwritten().len() + of_session
    }

    /// The bytes of the CLOSE or the line that tells the peer of the end.
    pub(in crate::connection) fn farewell(&self) -> usize {
        match &self.kind {
            PeerKind::Framed(framed) => framed.farewell(),
            PeerKind::Terminal(terminal) => terminal.farewell(),
            PeerKind::Unknown { .. } => 0,
        }
    }

    /// `count` bytes have been written.
    pub(in crate::connection) fn wrote(&mut self, count: usize) {
        if let Phase::Open { pace, .. } = &mut self.phase {
            pace.wrote(count, self.client.hub().config(), self.now);
        }
        let delivered = match self.source {
            Source::Output => {
                self.client.output.wrote(count);
                Delivered::default()
            }
            Source::Room => self.client.feed().map(|feed| feed.wrote(count)).unwrap_or_default(),
        };
        self.client.count_sent(count, delivered);
        if let PeerKind::Framed(framed) = &mut self.kind {
            framed.session.wrote(self.now);
        }
    }

    /// Returns and resets how much work it was to find what to write, in bytes that were rendered or skipped.
    pub(in crate::connection) fn take_work(&mut self) -> usize {
        self.client.feed().map_or(0, Feed::take_work)
    }

    /// Has the room events that have not been written?
    pub(in crate::connection) fn is_behind(&mut self) -> bool {
        self.client.feed().is_some_and(|feed| feed.is_behind())
    }

    /// The stream has accepted everything.
    pub(in crate::connection) fn set_caught_up(&mut self) {
        if let Phase::Open { pace, .. } = &mut self.phase {
            pace.caught_up();
        }
    }

    /// The stream accepts no bytes now.
    pub(in crate::connection) fn set_blocked(&mut self) {
        if let Phase::Open { pace, .. } = &mut self.phase {
            pace.blocked(self.client.hub().config(), self.now);
        }
        if let Some(feed) = self.client.feed() {
            feed.release();
        }
    }

    /// Frees the memory for output: most peers only listen most of the time.
    pub(in crate::connection) fn release(&mut self) {
        self.client.output.release();
    }

    /// Should the sending direction be closed?
    pub(in crate::connection) fn is_done_writing(&self) -> bool {
        let session_has_output = matches!(&self.kind, PeerKind::Framed(framed) if framed.session.has_output());
        self.is_ending() && self.client.output.is_empty() && !session_has_output
    }
}
