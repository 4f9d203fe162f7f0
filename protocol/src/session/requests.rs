//! Which requests are unanswered, in both directions (R3.12 to R3.16).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::fault::Fault;
use crate::misuse::Misuse;

#[derive(Debug)]
pub(super) struct Requests {
    limit: usize,
    next: NonZeroU32,
    /// Allocated by the first request: most sessions of a hub have none.
    unanswered: Option<Box<Unanswered>>,
}

#[derive(Debug, Default)]
struct Unanswered {
    /// Ids of this side's requests.
    outgoing: Vec<NonZeroU32>,
    /// Ids of the peer's requests, and the numbers of their frames.
    incoming: Vec<(NonZeroU32, u32)>,
}

impl Requests {
    pub(super) fn new(limit: usize) -> Requests {
        Requests { limit, next: NonZeroU32::MIN, unanswered: None }
    }

    /// An id that no unanswered request of this side has.
    pub(super) fn free_id(&mut self) -> Result<NonZeroU32, Misuse> {
        if self.outgoing().len() >= self.limit {
            return Err(Misuse::TooManyRequests);
        }
        while self.outgoing().contains(&self.next) {
            self.step();
        }
        let id = self.next;
        self.step();
        Ok(id)
    }

    fn step(&mut self) {
        self.next = self.next.checked_add(1).unwrap_or(NonZeroU32::MIN);
    }

    pub(super) fn check_free(&self, id: NonZeroU32) -> Result<(), Misuse> {
        if self.outgoing().contains(&id) {
            return Err(Misuse::DuplicateRequest { id: id.get() });
        }
        if self.outgoing().len() >= self.limit { Err(Misuse::TooManyRequests) } else { Ok(()) }
    }

    /// This side has sent a request.
    pub(super) fn ask(&mut self, id: NonZeroU32) -> Result<(), Misuse> {
        self.check_free(id)?;
        self.unanswered.get_or_insert_default().outgoing.push(id);
        Ok(())
    }

    /// The answer has arrived, or is no longer expected. Was it expected?
    pub(super) fn settle(&mut self, id: NonZeroU32) -> bool {
        let Some(unanswered) = &mut self.unanswered else { return false };
        let before = unanswered.outgoing.len();
        unanswered.outgoing.retain(|other| *other != id);
        unanswered.outgoing.len() < before
    }

    pub(super) fn check_not_asked(&self, id: NonZeroU32) -> Result<(), Fault> {
        match self.frame_of(id) {
            Some(_) => Err(Fault::DuplicateRequest { id: id.get() }),
            None => Ok(()),
        }
    }

    /// The peer has sent a request, in the frame of that number.
    pub(super) fn asked(&mut self, id: NonZeroU32, frame: u32) -> Result<(), Fault> {
        self.check_not_asked(id)?;
        if self.incoming().len() >= self.limit {
            return Err(Fault::TooManyRequests);
        }
        self.unanswered.get_or_insert_default().incoming.push((id, frame));
        Ok(())
    }

    pub(super) fn check_asked(&self, id: NonZeroU32) -> Result<(), Misuse> {
        if self.frame_of(id).is_some() { Ok(()) } else { Err(Misuse::NoSuchRequest { id: id.get() }) }
    }

    /// The number of the request's frame, while the peer waits for the answer.
    pub(super) fn frame_of(&self, id: NonZeroU32) -> Option<u32> {
        self.incoming().iter().find(|(other, _)| *other == id).map(|(_, frame)| *frame)
    }

    /// This side has answered.
    pub(super) fn answered(&mut self, id: NonZeroU32) {
        if let Some(unanswered) = &mut self.unanswered {
            unanswered.incoming.retain(|(other, _)| *other != id);
        }
    }

    fn outgoing(&self) -> &[NonZeroU32] {
        self.unanswered.as_ref().map_or(&[], |unanswered| &unanswered.outgoing)
    }

    fn incoming(&self) -> &[(NonZeroU32, u32)] {
        self.unanswered.as_ref().map_or(&[], |unanswered| &unanswered.incoming)
    }
}
