//! Connections that wait until what they said is on stable storage.

use std::sync::{Arc, Weak};
use std::task::Waker;

use crate::store::Position;

/// Below that many nothing is removed: a look at all of them would take longer than it saves.
const FEW: usize = 64;

/// The wakers of connections. Those of connections that have ended are forgotten, so that they do not become more and more
/// while a disk is stuck and peers connect again.
#[derive(Debug, Default)]
pub(super) struct Sleepers {
    waiting: Vec<(Position, Weak<Waker>)>,
    /// After the last look, so many were left.
    left: usize,
}

impl Sleepers {
    /// Adds one that is woken when everything up to `position` is safe, unless it is dropped before.
    pub(super) fn add(&mut self, position: Position, waker: &Arc<Waker>) {
        if self.waiting.len() >= FEW.max(2 * self.left) {
            self.waiting.retain(|(_, waker)| waker.strong_count() > 0);
            self.left = self.waiting.len();
        }
        self.waiting.push((position, Arc::downgrade(waker)));
    }

    /// Everything up to `position` is safe: takes those that waited for that.
    pub(super) fn take(&mut self, position: Position) -> Vec<Arc<Waker>> {
        let due = self.waiting.extract_if(.., |(at, _)| *at <= position);
        due.filter_map(|(_, waker)| waker.upgrade()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_have_ended_are_forgotten() {
        let (mut sleepers, noop) = (Sleepers::default(), || Arc::new(Waker::noop().clone()));
        let kept: Vec<_> = (0..1000).map(|_| noop()).collect();
        for (number, waker) in kept.iter().enumerate() {
            sleepers.add(number as Position % 3, waker);
            for _ in 0..10 {
                sleepers.add(1, &noop());
            }
        }
        assert!(sleepers.waiting.len() <= 2 * kept.len() + FEW, "{}", sleepers.waiting.len());
        assert_eq!(sleepers.take(1).len(), 667);
        assert_eq!(sleepers.take(2).len(), 333);
        assert!(sleepers.waiting.is_empty());
    }
}
