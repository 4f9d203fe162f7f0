//! What both connections count and report.

use crate::counters::Counters;
use crate::fault::Fault;
use crate::message::Message;
use crate::observe::Observer;
use crate::session::{Session, Step};

pub(crate) struct Account {
    pub(crate) observer: Observer,
    /// Frames of the peer that were refused.
    pub(crate) refused: u64,
    errors_received: u64,
    bytes_sent: u64,
    bytes_received: u64,
    /// Frames that had been judged at the last read.
    frames_received: u64,
    /// The number of the next frame then, modulo 2^32: one read never brings so many.
    next_number: u32,
}

impl Account {
    pub(super) fn new(session: &Session) -> Account {
        Account {
            observer: Observer::new(session),
            refused: 0,
            errors_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
            frames_received: 0,
            next_number: 0,
        }
    }

    /// A step of the handshake.
    pub(super) fn greeted(&self, step: Step<'_>, session: &Session) {
        if step == Step::Opened {
            self.observer.opened(session);
        }
    }

    /// So many bytes have been read.
    pub(super) fn read(&mut self, count: usize, session: &Session) {
        self.bytes_received += count as u64;
        self.frames_received += self.frames_since(session);
        self.next_number = session.frame_number().wrapping_add(1);
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.bytes_sent += count as u64;
    }

    /// A message that is neither a MESSAGE nor a REQUEST has arrived.
    #[inline]
    pub(super) fn received(&mut self, message: &Message<'_>) {
        match message {
            Message::Error(refusal) => {
                self.errors_received += 1;
                self.observer.refused(refusal);
            }
            Message::Cancel { id } => self.observer.cancelled(*id),
            _ => {}
        }
    }

    /// The session has refused the frame that it used last.
    pub(super) fn refuses(&mut self, kind: u8, fault: Fault, session: &Session) {
        self.refused += 1;
        self.observer.refuses(kind, fault, session.frame_number());
    }

    /// Reports the end of the session, if it has ended, once.
    pub(super) fn ended(&mut self, session: &Session) {
        if session.outcome().is_some() {
            self.observer.ended(session);
        }
    }

    /// The session goes on without this account.
    #[cfg(feature = "tokio")]
    pub(super) fn handed_over(&mut self) {
        self.observer.handed_over();
    }

    pub(super) fn counters(&self, session: &Session, frames_sent: u64) -> Counters {
        let mut counters = Counters {
            frames_sent,
            frames_received: self.frames_received + self.frames_since(session),
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            refused: self.refused,
            errors_received: self.errors_received,
            ..Counters::default()
        };
        session.count(&mut counters);
        counters
    }

    fn frames_since(&self, session: &Session) -> u64 {
        u64::from(session.frame_number().wrapping_add(1).wrapping_sub(self.next_number))
    }
}
