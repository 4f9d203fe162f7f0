//! What a connection sends first, held until it is known whether a person or a program has sent it (R9.20, R9.43).
//!
//! How TCP cut the bytes must not matter: what a program sends before its frames may arrive before them, and may
//! look like a line. So nothing is done with the first bytes until the peer pauses.

use std::time::Duration;

use bookend::diagnosis::hello_at;
use bookend::session::MAX_PREAMBLE;
use bookend::{HEADER_LENGTH, MAGIC};

use super::foreign::{Program, program};

/// How many bytes are examined: a HELLO begins after at most 1,024 of them, and ends with its magic here.
pub(crate) const EXAMINED: usize = MAX_PREAMBLE + HEADER_LENGTH + MAGIC.len();
/// A peer that sends nothing for this time has paused. People do not notice it.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(super) struct FirstBytes {
    bytes: Vec<u8>,
    /// How many bytes at the start of the next input have been examined already.
    offered: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing waits.
    #[default]
    Idle,
    /// What has arrived waits until `until`; the first byte of it arrived at `since`.
    Held { since: Duration, until: Duration },
    /// A line was accepted: a person has sent it. The bytes are still searched for a HELLO.
    Person,
}

impl FirstBytes {
    /// Has the peer sent nothing?
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, at most 1,036.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_person(&self) -> bool {
        self.stage == Stage::Person
    }

    /// A line was accepted.
    pub(super) fn set_person(&mut self) {
        self.stage = Stage::Person;
    }

    /// Until when what has arrived waits.
    pub(super) fn held_until(&self) -> Option<Duration> {
        match self.stage {
            Stage::Held { until, .. } => Some(until),
            Stage::Idle | Stage::Person => None,
        }
    }

    /// `input` has been read, and begins with what the last call of [`left`](FirstBytes::left) has left. What is new is
    /// held until a pause, but not longer than `longest`. Returns the program that it proves, if it need not wait.
    pub(super) fn read(&mut self, input: &[u8], now: Duration, longest: Duration) -> Option<Program> {
        let fresh = input.get(self.offered..).unwrap_or_default();
        self.offered = input.len();
        let space = EXAMINED - self.bytes.len();
        if fresh.is_empty() || space == 0 {
            return None;
        }
        self.bytes.extend_from_slice(&fresh[..fresh.len().min(space)]);
        match self.stage {
            Stage::Person => hello_at(&self.bytes).and_then(|_| self.program()),
            Stage::Idle | Stage::Held { .. } if fresh.len() >= space => self.release(),
            Stage::Idle | Stage::Held { .. } => {
                let since = if let Stage::Held { since, .. } = self.stage { since } else { now };
                let until = now.saturating_add(PAUSE).min(since.saturating_add(longest));
                self.stage = Stage::Held { since, until };
                None
            }
        }
    }

    /// Of the input, `count` bytes are left, and will be offered again.
    pub(super) fn left(&mut self, count: usize) {
        self.offered = count;
    }

    /// What is held waits no longer. Returns the program that it proves.
    pub(super) fn release(&mut self) -> Option<Program> {
        if !self.is_person() {
            self.stage = Stage::Idle;
        }
        self.program()
    }

    fn program(&self) -> Option<Program> {
        program(&self.bytes)
    }
}
