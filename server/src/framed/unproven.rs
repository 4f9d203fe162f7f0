//! Private messages of this peer whose receivers have not been heard since (R9.41).
//!
//! A PING of the sender asks for a confirmation, so it waits until they have.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bookend::kind;

use crate::mailbox::Proof;

/// With this many, the sender waits even without a PING.
const MAX_POSTS: usize = 256;
/// The most bytes that are read while the sender waits.
const MAX_READ: usize = 64 << 10;
/// The position of the kind in a frame.
const KIND: usize = 2;

/// All times are since the connection was accepted.
#[derive(Debug, Default)]
pub(super) struct Unproven {
    /// The oldest first.
    posts: VecDeque<Post>,
    /// Input waits until they are settled.
    is_held: bool,
    /// How many bytes of input wait.
    held: usize,
}

#[derive(Debug)]
struct Post {
    /// The number of its frame.
    frame: u32,
    due: Duration,
    proof: Arc<Proof>,
}

impl Unproven {
    pub(super) fn push(&mut self, frame: u32, due: Duration, proof: Arc<Proof>) {
        self.posts.push_back(Post { frame, due, proof });
    }

    /// Must the frame at the start of `input` wait?
    pub(super) fn holds(&mut self, input: &[u8]) -> bool {
        // A frame whose kind has not arrived may be a PING.
        let is_ping = input.get(KIND).is_none_or(|&kind| kind == kind::PING);
        if is_ping || self.posts.len() >= MAX_POSTS {
            self.settle();
        }
        let must_wait = (is_ping && !self.posts.is_empty()) || self.posts.len() >= MAX_POSTS;
        self.is_held = must_wait && !input.is_empty();
        self.held = if self.is_held { input.len() } else { 0 };
        self.is_held
    }

    /// Does input wait?
    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Does as much input wait as may? Twice as much may if the peer is asked for a sign of life: two peers that wait for
    /// each other must both be heard.
    pub(super) fn is_full(&self, is_asked: bool) -> bool {
        self.held >= if is_asked { 2 * MAX_READ } else { MAX_READ }
    }

    /// Need the input wait no longer?
    pub(super) fn is_released(&mut self) -> bool {
        self.settle();
        self.is_held && self.posts.is_empty()
    }

    /// When the oldest message is given up.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.posts.front().map(|post| post.due)
    }

    /// The frame of a message that is given up now.
    pub(super) fn take_expired(&mut self, now: Duration) -> Option<u32> {
        self.settle();
        let is_due = self.posts.front().is_some_and(|post| now >= post.due);
        if is_due { self.posts.pop_front().map(|post| post.frame) } else { None }
    }

    fn settle(&mut self) {
        self.posts.retain(|post| !post.proof.is_done());
    }
}
