//! Signs of life: who waits to learn whether this peer still answers.
//!
//! Whatever is read from the peer after a PING proves that it does.

use std::sync::Arc;
use std::time::Duration;

use crate::mailbox::Proof;

/// Between two challenges: PINGs alone must not flood the peer (R8.3).
const CHALLENGE_INTERVAL: Duration = Duration::from_secs(2);
/// With this many waiting, those for which nobody waits any more are removed.
const SWEEP: usize = 64;

/// All times are since the connection was accepted.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// The peer is closed then, unless something arrives before.
    close_at: Option<Duration>,
    challenged_at: Option<Duration>,
    /// A PING is due.
    wants_ping: bool,
    /// Wait for what follows the PING that was written.
    asked: Vec<Arc<Proof>>,
    /// Wait for what follows the next PING.
    next: Vec<Arc<Proof>>,
}

impl Vitals {
    /// Proves that the peer is there after everything that is written to it before the next PING.
    pub(super) fn prove(&mut self, proofs: Vec<Arc<Proof>>) {
        if self.next.len() >= SWEEP {
            self.next.retain(|proof| Arc::strong_count(proof) > 1);
        }
        self.next.extend(proofs);
        self.wants_ping |= self.asked.is_empty();
    }

    /// Closes the peer after `timeout`, unless something arrives before.
    pub(super) fn challenge(&mut self, timeout: Duration, now: Duration) {
        if self.challenged_at.is_some_and(|at| now < at.saturating_add(CHALLENGE_INTERVAL)) {
            return;
        }
        self.challenged_at = Some(now);
        self.close_at.get_or_insert(now.saturating_add(timeout));
        self.wants_ping = true;
    }

    /// Is a PING to be written now?
    pub(super) fn take_ping(&mut self) -> bool {
        let wanted = std::mem::take(&mut self.wants_ping);
        if wanted {
            self.asked.append(&mut self.next);
        }
        wanted
    }

    /// Something has been read from the peer.
    pub(super) fn heard(&mut self) {
        self.close_at = None;
        self.asked.drain(..).for_each(|proof| proof.succeed());
        self.wants_ping = !self.next.is_empty();
    }

    /// Does anybody wait for something that the peer sends?
    pub(super) fn is_asked(&self) -> bool {
        !self.asked.is_empty() || self.close_at.is_some()
    }

    /// Nothing was read until now, so the peer may have answered.
    pub(super) fn excuse_silence(&mut self, answer: Duration, now: Duration) {
        if let Some(close_at) = &mut self.close_at {
            *close_at = now.saturating_add(answer).max(*close_at);
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.close_at
    }

    /// Has it not answered in time? True once.
    pub(super) fn take_silence(&mut self, now: Duration) -> bool {
        self.close_at.take_if(|at| now >= *at).is_some()
    }
}
