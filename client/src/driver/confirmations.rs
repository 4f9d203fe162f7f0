//! The messages that a session was given, until it is known what became of each.

use std::collections::VecDeque;

use bookend::{ConnectionError, Handle, Refusal};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::command::Outgoing;
use crate::error::SendError;
use crate::wire::Written;

/// Messages under way, and the barrier after the first of them.
///
/// One PING is under way at a time. Its PONG confirms every message that was given to the session before it.
pub(super) struct Confirmations {
    handle: Handle,
    /// In the order in which they were given; the first of them are those that were written.
    messages: VecDeque<(Outgoing, Option<SendError>)>,
    written: Written,
    barrier: Barrier,
}

enum Barrier {
    None,
    /// It confirms so many messages.
    UnderWay(usize, BoxFuture<'static, Result<(), ConnectionError>>),
    /// The session is over: the connection reports why.
    Lost,
}

/// A message, and what became of it.
pub(super) type Settled = (Outgoing, Result<(), SendError>);

/// Messages that are under way at most.
const MAX_MESSAGES: usize = 4096;

impl Confirmations {
    pub(super) fn new(handle: Handle, written: Written) -> Confirmations {
        Confirmations { handle, messages: VecDeque::new(), written, barrier: Barrier::None }
    }

    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MAX_MESSAGES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn push(&mut self, outgoing: Outgoing) {
        self.messages.push_back((outgoing, None));
    }

    /// Notes that one of the messages was refused. False if the refusal is about none of them.
    pub(super) fn refuse(&mut self, refusal: &Refusal<'_>) -> bool {
        let found = self.written.tally().messages.iter().position(|&number| number == refusal.frame);
        let Some((_, refused)) = found.and_then(|index| self.messages.get_mut(index)) else { return false };
        let reason = refusal.reason.to_str().into_owned();
        *refused = Some(SendError::Refused { code: refusal.code, reason });
        true
    }

    /// Sends a barrier if a message waits for one.
    pub(super) fn ask(&mut self) {
        if matches!(self.barrier, Barrier::None) && !self.is_empty() {
            let handle = self.handle.clone();
            let reached = async move { handle.barrier().await }.boxed();
            self.barrier = Barrier::UnderWay(self.messages.len(), reached);
        }
    }

    /// Waits for the barrier: the messages before it are settled. Never returns while there is none. Cancel-safe.
    pub(super) async fn settled(&mut self) -> Vec<Settled> {
        let Barrier::UnderWay(_, reached) = &mut self.barrier else { return std::future::pending().await };
        let reached = reached.await;
        self.pass(reached.is_ok())
    }

    /// The messages before a barrier that was reached already: its PONG may be the last thing that a session received.
    pub(super) fn settled_already(&mut self) -> Vec<Settled> {
        let Barrier::UnderWay(_, reached) = &mut self.barrier else { return Vec::new() };
        let reached = matches!(reached.now_or_never(), Some(Ok(())));
        self.pass(reached)
    }

    fn pass(&mut self, reached: bool) -> Vec<Settled> {
        let next = if reached { Barrier::None } else { Barrier::Lost };
        let Barrier::UnderWay(count, _) = std::mem::replace(&mut self.barrier, next) else { return Vec::new() };
        if !reached {
            return Vec::new();
        }
        let mut tally = self.written.tally();
        let count = count.min(self.messages.len());
        let settled = tally.messages.len().min(count);
        tally.messages.drain(..settled);
        self.messages.drain(..count).map(|(outgoing, refused)| (outgoing, refused.map_or(Ok(()), Err))).collect()
    }

    /// The session is over. Returns the messages that were written and not confirmed, and those that were not written
    /// whole, so that the other side cannot have acted on them.
    pub(super) fn end(self) -> (Vec<(Outgoing, Option<SendError>)>, VecDeque<Outgoing>) {
        let written = self.written.tally().messages.len().min(self.messages.len());
        let mut under_way: Vec<_> = self.messages.into();
        let unwritten = under_way.split_off(written).into_iter().map(|(outgoing, _)| outgoing).collect();
        (under_way, unwritten)
    }
}
