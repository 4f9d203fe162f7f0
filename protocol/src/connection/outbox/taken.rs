//! What a connection takes from its queue.

use std::collections::VecDeque;
use std::task::Context;

use super::{Command, Outbox, State};

/// Frames and commands, in order.
pub(in crate::connection) struct Taken {
    pub(in crate::connection) bytes: Vec<u8>,
    /// How many frames in `bytes` no command governs.
    pub(in crate::connection) frames: u64,
    /// Each with the length of `bytes` and `frames` before it.
    pub(in crate::connection) commands: VecDeque<(usize, u64, Command)>,
    /// The room that this has taken, to be given back.
    pub(in crate::connection) permits: usize,
}

impl Outbox {
    /// Everything that waits, in exchange for an empty buffer. If nothing waits, the task is woken by what comes.
    pub(in crate::connection) fn take(&self, cx: &Context<'_>, spare: impl FnOnce() -> Vec<u8>) -> Option<Taken> {
        let mut state = self.lock();
        if state.bytes.is_empty() && state.commands.is_empty() {
            if !state.driver.as_ref().is_some_and(|driver| driver.will_wake(cx.waker())) {
                state.driver = Some(cx.waker().clone());
            }
            if std::mem::replace(&mut state.rests, true) {
                state.shrink();
            }
            return None;
        }
        state.rests = false;
        Some(Taken {
            bytes: std::mem::replace(&mut state.bytes, spare()),
            frames: std::mem::take(&mut state.frames),
            commands: std::mem::take(&mut state.commands),
            permits: std::mem::take(&mut state.permits),
        })
    }
}

impl State {
    /// An idle connection holds no memory for what it might send.
    fn shrink(&mut self) {
        self.bytes = Vec::new();
        self.commands = VecDeque::new();
        if self.requests.is_empty() {
            self.requests.shrink_to_fit();
        }
        if self.asked.is_empty() {
            self.asked.shrink_to_fit();
        }
    }
}
