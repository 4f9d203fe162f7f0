//! Bodies that are written from where they are: a frame in a queue then lacks its body, but for the fixed part.

use alloc::collections::VecDeque;
#[cfg(feature = "tokio")]
use std::io::IoSlice;

/// A body, or most of it: bytes that the application shares.
#[cfg(feature = "tokio")]
pub(crate) type Body = bytes::Bytes;
/// There are none.
#[cfg(not(feature = "tokio"))]
pub(crate) type Body = &'static [u8];

/// The bodies that belong into a queue, in order, each with its place: how many bytes of the queue precede it. At least
/// END follows it there.
#[derive(Default)]
pub(super) struct Bodies {
    bodies: VecDeque<(usize, Body)>,
    /// How many bytes of the first have been written.
    written: usize,
    /// How many bytes they have that have not been written.
    length: usize,
}

/// What a part of a queue that has been written is.
pub(super) enum Part {
    /// So many bytes of the queue itself.
    Queue(usize),
    /// So many bytes of a body, and how many the whole body has if these were the last.
    Body(usize, Option<usize>),
}

impl Bodies {
    /// How many bytes wait to be written.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Adds a body that belongs after so many bytes of the queue.
    #[cfg(feature = "tokio")]
    pub(super) fn push(&mut self, place: usize, body: Body) {
        self.length += body.len();
        self.bodies.push_back((place, body));
    }

    /// Points `slices` at what follows the first `written` bytes of `queue`; returns how many are in use.
    #[cfg(feature = "tokio")]
    pub(super) fn slices<'a>(&'a self, queue: &'a [u8], written: usize, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = self.parts(queue, written);
        slices.iter_mut().zip(parts).map(|(slice, part)| *slice = IoSlice::new(part)).count()
    }

    /// What follows the first `written` bytes of `queue`, in parts that are not empty.
    #[cfg(feature = "tokio")]
    pub(super) fn parts<'a>(&'a self, queue: &'a [u8], written: usize) -> impl Iterator<Item = &'a [u8]> {
        let (mut from, mut skipped) = (written, self.written);
        let last = self.bodies.back().map_or(written, |(place, _)| written.max(*place));
        let between = self.bodies.iter().flat_map(move |(place, body)| {
            let before = &queue[core::mem::replace(&mut from, *place)..*place];
            [before, &body[core::mem::take(&mut skipped)..]]
        });
        between.chain([&queue[last..]]).filter(|part| !part.is_empty())
    }

    /// The first part of the next `count` bytes, of which `written` bytes of the queue have been written.
    pub(super) fn wrote(&mut self, count: usize, written: usize) -> Part {
        let Some((place, body)) = self.bodies.front() else { return Part::Queue(count) };
        if written < *place {
            return Part::Queue(count.min(place - written));
        }
        let (whole, part) = (body.len(), count.min(body.len() - self.written));
        self.length -= part;
        self.written += part;
        if self.written < whole {
            return Part::Body(part, None);
        }
        self.written = 0;
        self.bodies.pop_front();
        Part::Body(part, Some(whole))
    }
}
