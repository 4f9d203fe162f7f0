//! How a session ends. After a fault of the framing, more of the peer's bytes may be awaited before CLOSE, because they
//! show the mistake.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Outcome, Session, State, Step};
use crate::diagnosis::{Diagnosis, WINDOW};
use crate::fault::Fault;

/// By this factor, reads may extend the wait.
const LONGEST: u32 = 8;

/// How a session ended.
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    /// Where the faulty frame begins, in bytes from the first START of the stream.
    pub(super) fault_at: u64,
    pub(super) diagnosis: Option<Diagnosis>,
    /// The CLOSE that names the fault is not in the output yet.
    pub(super) is_unsent: bool,
    /// It waits for bytes that show the mistake.
    pub(super) gathering: Option<Gathering>,
    /// The frames before the faulty one, as far as they were there when it was found.
    pub(super) before: Vec<u8>,
}

impl Ending {
    /// No mistake is looked for unless there is a fault.
    pub(super) fn new(outcome: Outcome, fault_at: u64) -> Ending {
        Ending { outcome, fault_at, diagnosis: None, is_unsent: false, gathering: None, before: Vec::new() }
    }

    /// A fault, whose CLOSE is to be sent.
    pub(super) fn of_fault(fault: Fault, fault_at: u64, gathering: Option<Gathering>) -> Ending {
        Ending { is_unsent: true, gathering, ..Ending::new(Outcome::Fault(fault), fault_at) }
    }
}

/// A wait for evidence.
#[derive(Debug)]
pub(super) struct Gathering {
    /// From the last read on.
    timeout: Duration,
    until: Duration,
    latest: Duration,
    /// How much input there was at the last read, in bytes.
    seen: usize,
}

impl Gathering {
    /// The wait for a fault that was found at `now`; `None` if there is none: for a limit of 0, and for a fault that is no
    /// matter of more bytes.
    pub(super) fn new(fault: Fault, timeout: Duration, now: Duration) -> Option<Gathering> {
        if timeout.is_zero() || !fault.is_shown_by_more() {
            return None;
        }
        let (until, latest) = (now.saturating_add(timeout), now.saturating_add(timeout.saturating_mul(LONGEST)));
        Some(Gathering { timeout, until, latest, seen: 0 })
    }

    pub(super) fn until(&self) -> Duration {
        self.until
    }
}

impl Session {
    /// Does the session wait for bytes that show the mistake, after a fault
    /// ([`Limits::evidence_timeout`](crate::Limits::evidence_timeout))? It then is [closing](State::Closing), uses no
    /// input, and outputs its CLOSE later.
    #[must_use]
    pub fn awaits_evidence(&self) -> bool {
        self.gathering().is_some()
    }

    pub(super) fn gathering(&self) -> Option<&Gathering> {
        self.ending.as_ref()?.gathering.as_ref()
    }

    /// `input` is there, from the faulty frame on. It is left for [`explain`](Session::explain).
    pub(super) fn gather<'a>(&mut self, input: &[u8], now: Duration) -> Step<'a> {
        let Some(gathering) = self.ending.as_mut().and_then(|ending| ending.gathering.as_mut()) else {
            return Step::More;
        };
        if input.len() > gathering.seen {
            gathering.seen = input.len();
            gathering.until = now.saturating_add(gathering.timeout).min(gathering.latest);
        }
        if input.len() < WINDOW && now < gathering.until {
            return Step::More;
        }
        self.stop_gathering(now);
        Step::Handled
    }

    pub(super) fn stop_gathering(&mut self, now: Duration) {
        if let Some(ending) = &mut self.ending
            && ending.gathering.take().is_some()
            && self.state == State::Closing
        {
            self.draining = false;
            self.watch.closing(now);
        }
    }
}
