//! Who waits for which answer.

use core::num::NonZeroU32;
use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::endpoint::{Claim, Endpoint};
use crate::error::{ConnectionError, Reply};
use crate::fault::Fault;
use crate::message::{Message, Probe};
use crate::misuse::Misuse;

pub(super) type Answer = Result<Reply, ConnectionError>;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    requests: HashMap<NonZeroU32, oneshot::Sender<Answer>>,
    /// PINGs in the order in which they were sent, each with the number that it carries.
    barriers: VecDeque<(u64, oneshot::Sender<Result<(), ConnectionError>>)>,
    last_barrier: u64,
}

impl Waiting {
    /// Somebody waits for the answer to a request.
    pub(super) fn expect(&mut self, id: NonZeroU32) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.requests.insert(id, sender);
        receiver
    }

    pub(super) fn forget(&mut self, id: NonZeroU32) {
        self.requests.remove(&id);
    }

    /// Those who wait for an answer no longer, and are forgotten.
    pub(super) fn abandoned(&mut self) -> Vec<NonZeroU32> {
        self.requests.extract_if(|_, sender| sender.is_closed()).map(|(id, _)| id).collect()
    }

    /// Somebody waits until the peer has acted on everything that is queued. Where nothing was queued since the last
    /// barrier, they share that one: PINGs without anything between them are a flood to the peer.
    pub(super) fn barrier(
        &mut self,
        sender: oneshot::Sender<Result<(), ConnectionError>>,
        endpoint: &mut Endpoint,
    ) -> Result<(), Misuse> {
        if endpoint.dirty {
            let number = (self.last_barrier + 1).to_be_bytes();
            let (session, out) = endpoint.outgoing();
            session.encode(&Message::Ping(Probe::new(&number).expect("eight bytes")), out)?;
            endpoint.dirty = false;
            self.last_barrier += 1;
        } else if self.barriers.is_empty() {
            let _gone = sender.send(Ok(()));
            return Ok(());
        }
        self.barriers.push_back((self.last_barrier, sender));
        Ok(())
    }

    fn answer(&mut self, id: NonZeroU32, answer: Answer) -> bool {
        let Some(sender) = self.requests.remove(&id) else { return false };
        let _gone = sender.send(answer);
        true
    }

    /// Only the last of several PINGs need be answered, and that answers all before it (R3.9).
    fn pong(&mut self, number: u64) {
        while self.barriers.front().is_some_and(|(waiting, _)| *waiting <= number) {
            if let Some((_, sender)) = self.barriers.pop_front() {
                let _gone = sender.send(Ok(()));
            }
        }
    }

    /// Nobody gets an answer any more.
    pub(super) fn fail(&mut self, error: &ConnectionError) {
        for (_, sender) in self.requests.drain() {
            let _gone = sender.send(Err(error.copy()));
        }
        for (_, sender) in self.barriers.drain(..) {
            let _gone = sender.send(Err(error.copy()));
        }
    }
}

impl Claim for Waiting {
    fn claim(&mut self, message: &Message<'_>) -> bool {
        match message {
            Message::Reply { id, payload } => self.answer(*id, Ok(Reply::of(*payload))),
            Message::Error(refusal) => NonZeroU32::new(refusal.id).is_some_and(|id| {
                let reason = refusal.reason.to_str().into_owned();
                self.answer(id, Err(ConnectionError::Refused { code: refusal.code, reason }))
            }),
            Message::Pong(probe) => {
                if let Ok(number) = probe.as_bytes().try_into() {
                    self.pong(u64::from_be_bytes(number));
                }
                true
            }
            _ => false,
        }
    }

    fn refused(&mut self, id: u32, fault: Fault) {
        if let Some(id) = NonZeroU32::new(id) {
            self.answer(id, Err(ConnectionError::Unreadable(fault)));
        }
    }
}
