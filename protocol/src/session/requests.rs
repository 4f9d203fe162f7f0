//! Which requests are unanswered, in both directions (R3.12 to R3.16).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::num::NonZeroU32;

use crate::fault::Fault;
use crate::misuse::Misuse;

/// Each call takes a time that is logarithmic in the number of unanswered requests, whatever their ids are: the peer
/// chooses its own, so the tables are trees and do not hash.
#[derive(Debug)]
pub(super) struct Requests {
    next: NonZeroU32,
    /// Allocated by the first request: most sessions of a hub have none.
    unanswered: Option<Box<Unanswered>>,
}

/// The trees give back what answered requests took.
#[derive(Debug, Default)]
struct Unanswered {
    /// Ids of this side's requests.
    outgoing: BTreeSet<NonZeroU32>,
    /// Ids of the peer's requests, and the numbers of their frames.
    incoming: BTreeMap<NonZeroU32, u32>,
    counts: Counts,
}

/// How many there have been, in both directions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) answers_sent: u64,
    pub(super) answers_received: u64,
    pub(super) cancels_sent: u64,
    pub(super) cancels_received: u64,
}

impl Requests {
    pub(super) fn new() -> Requests {
        Requests { next: NonZeroU32::MIN, unanswered: None }
    }

    /// An id that no unanswered request of this side has. The peer permits `limit` requests.
    pub(super) fn free_id(&mut self, limit: usize) -> Result<NonZeroU32, Misuse> {
        self.check_room(limit)?;
        while self.is_waiting(self.next) {
            self.step();
        }
        let id = self.next;
        self.step();
        Ok(id)
    }

    fn step(&mut self) {
        self.next = self.next.checked_add(1).unwrap_or(NonZeroU32::MIN);
    }

    pub(super) fn check_free(&self, id: NonZeroU32, limit: usize) -> Result<(), Misuse> {
        if self.is_waiting(id) {
            return Err(Misuse::DuplicateRequest { id: id.get() });
        }
        self.check_room(limit)
    }

    fn check_room(&self, limit: usize) -> Result<(), Misuse> {
        let waiting = self.unanswered.as_ref().map_or(0, |unanswered| unanswered.outgoing.len());
        if waiting >= limit { Err(Misuse::TooManyRequests) } else { Ok(()) }
    }

    /// Does this side wait for the answer to its request?
    fn is_waiting(&self, id: NonZeroU32) -> bool {
        self.unanswered.as_ref().is_some_and(|unanswered| unanswered.outgoing.contains(&id))
    }

    pub(super) fn check_waiting(&self, id: NonZeroU32) -> Result<(), Misuse> {
        if self.is_waiting(id) { Ok(()) } else { Err(Misuse::NoSuchRequest { id: id.get() }) }
    }

    /// This side has sent a request, whose id is free.
    pub(super) fn ask(&mut self, id: NonZeroU32) {
        let unanswered = self.unanswered.get_or_insert_default();
        unanswered.outgoing.insert(id);
        unanswered.counts.sent += 1;
    }

    /// The answer has arrived. Was it expected?
    pub(super) fn settle(&mut self, id: NonZeroU32) -> bool {
        let Some(unanswered) = &mut self.unanswered else { return false };
        let expected = unanswered.outgoing.remove(&id);
        unanswered.counts.answers_received += u64::from(expected);
        expected
    }

    pub(super) fn check_not_asked(&self, id: NonZeroU32) -> Result<(), Fault> {
        match self.frame_of(id) {
            Ok(_) => Err(Fault::DuplicateRequest { id: id.get() }),
            Err(_) => Ok(()),
        }
    }

    /// The peer has sent a request, in the frame of that number. This side permits `limit`.
    pub(super) fn asked(&mut self, id: NonZeroU32, frame: u32, limit: usize) -> Result<(), Fault> {
        self.check_not_asked(id)?;
        let waiting = self.unanswered.as_ref().map_or(0, |unanswered| unanswered.incoming.len());
        if waiting >= limit {
            return Err(Fault::TooManyRequests);
        }
        let unanswered = self.unanswered.get_or_insert_default();
        unanswered.incoming.insert(id, frame);
        unanswered.counts.received += 1;
        Ok(())
    }

    /// The number of the frame of the peer's request.
    pub(super) fn frame_of(&self, id: NonZeroU32) -> Result<u32, Misuse> {
        let frame = self.unanswered.as_ref().and_then(|unanswered| unanswered.incoming.get(&id).copied());
        frame.ok_or(Misuse::NoSuchRequest { id: id.get() })
    }

    /// This side has answered. Returns the number of the request's frame, `None` if it was not unanswered.
    pub(super) fn answered(&mut self, id: NonZeroU32) -> Option<u32> {
        let unanswered = self.unanswered.as_mut()?;
        let frame = unanswered.incoming.remove(&id)?;
        unanswered.counts.answers_sent += 1;
        Some(frame)
    }

    /// This side has sent a CANCEL.
    pub(super) fn cancelling(&mut self) {
        self.unanswered.get_or_insert_default().counts.cancels_sent += 1;
    }

    /// The peer has cancelled a request. Returns what [`answered`](Requests::answered) does.
    pub(super) fn cancelled(&mut self, id: NonZeroU32) -> Option<u32> {
        let frame = self.answered(id)?;
        self.unanswered.get_or_insert_default().counts.cancels_received += 1;
        Some(frame)
    }

    #[cfg(feature = "std")]
    pub(super) fn counts(&self) -> Counts {
        self.unanswered.as_ref().map(|unanswered| unanswered.counts).unwrap_or_default()
    }
}
