//! The messages of one read.

use alloc::collections::VecDeque;
use core::fmt;
use core::time::Duration;

use super::account::Account;
use super::{Claim, Used, barrier_of, is_claimed};
use crate::frame::Frame;
use crate::kind;
use crate::message::Message;
use crate::payload::Payload;
use crate::session::{Session, Step};

/// The messages of one read, borrowed from the read buffer.
///
/// It is empty if the read held none for the application. Messages that are not taken are in the next batch.
pub struct Batch<'a> {
    pub(super) kept: &'a [u8],
    /// Everything in the read buffer.
    pub(super) read: &'a [u8],
    /// What is left of it.
    pub(super) rest: &'a [u8],
    pub(super) numbers: &'a mut VecDeque<u32>,
    pub(super) number: &'a mut u32,
    pub(super) session: &'a mut Session,
    pub(super) used: &'a mut Used,
    pub(super) unjudged: &'a mut bool,
    pub(super) account: &'a mut Account,
    pub(super) last_barrier: Option<u64>,
    pub(super) now: Duration,
    pub(super) claim: &'a mut dyn Claim,
}

impl<'a> Iterator for Batch<'a> {
    type Item = Message<'a>;

    #[inline]
    fn next(&mut self) -> Option<Message<'a>> {
        match self.next_plain() {
            Some(payload) => Some(Message::Message(payload)),
            None => self.next_of_any_kind(),
        }
    }

    /// Faster than a `for` loop: a message need not pass through memory on its way to `each`.
    #[inline]
    fn fold<T, F: FnMut(T, Message<'a>) -> T>(mut self, start: T, mut each: F) -> T {
        let mut value = start;
        loop {
            while let Some(payload) = self.next_plain() {
                value = each(value, Message::Message(payload));
            }
            match self.next_of_any_kind() {
                Some(message) => value = each(value, message),
                None => return value,
            }
        }
    }
}

impl<'a> Batch<'a> {
    #[inline]
    fn next_plain(&mut self) -> Option<Payload<'a>> {
        if !self.kept.is_empty() {
            return None;
        }
        let before = self.rest.len();
        let payload = self.session.receive_plain(&mut self.rest, self.now)?;
        self.used.buffer += before - self.rest.len();
        Some(payload)
    }

    #[cold]
    fn next_of_any_kind(&mut self) -> Option<Message<'a>> {
        if !self.kept.is_empty() {
            return self.next_kept();
        }
        loop {
            let before = self.rest;
            let step = self.session.receive(&mut self.rest, self.now);
            self.used.buffer += before.len() - self.rest.len();
            match step {
                Step::Message(message) if !is_claimed(self.claim, &message, self.session, self.account) => {
                    return Some(message);
                }
                Step::More => {
                    *self.unjudged = false;
                    return None;
                }
                Step::Pong(probe) => {
                    if let Some(ordinal) = barrier_of(probe, self.last_barrier) {
                        self.claim.reached(ordinal);
                    }
                }
                Step::Refused { kind, id, fault } => {
                    self.account.refuses(kind, fault, self.session);
                    if kind == kind::REPLY {
                        self.claim.refused(id, fault);
                    }
                }
                Step::Handled => {
                    let (past, input) = self.read.split_at(self.read.len() - before.len());
                    self.session.explain(past, input);
                }
                Step::Message(_) | Step::Opened => {}
            }
        }
    }

    fn next_kept(&mut self) -> Option<Message<'a>> {
        let (frame, rest) = Frame::split_first(self.kept).expect("only whole frames are kept");
        self.used.backlog += frame.wire_length();
        *self.number = self.numbers.pop_front().unwrap_or_default();
        self.kept = rest;
        Message::parse_agreed(frame).ok().flatten()
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("bytes", &(self.kept.len() + self.rest.len())).finish_non_exhaustive()
    }
}
