//! What happens when the logs of all rooms use more memory than they may: some give way.

use std::collections::BinaryHeap;
use std::sync::{Arc, TryLockError};

use super::{Rooms, by_owner};
use crate::room::Room;

/// The rooms of one owner.
#[derive(Default)]
struct Holding {
    bytes: usize,
    /// The one that was used least recently is last.
    rooms: Vec<Arc<Room>>,
}

impl Rooms {
    /// Shortens logs if all together use more memory than they may. Returns how many bytes were freed.
    ///
    /// The owner whose rooms use most gives way first, so that the rooms of one stranger do not push out those of
    /// others. Of its rooms, the one that was used least recently does.
    pub(crate) fn relieve(&self) -> usize {
        let _guard = match self.relieving.try_lock() {
            Err(TryLockError::WouldBlock) => return 0, // another task does it
            Err(TryLockError::Poisoned(guard)) => guard.into_inner(),
            Ok(guard) => guard,
        };
        #[cfg(test)]
        self.walks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut holdings = self.holdings();
        let mut heaviest: BinaryHeap<_> =
            holdings.iter().enumerate().map(|(number, holding)| (holding.bytes, number)).collect();
        let (target, mut all_freed) = (self.memory.target(), 0);
        while let Some(excess) = self.memory.used().checked_sub(target).filter(|&excess| excess > 0)
            && let Some((_, number)) = heaviest.pop()
        {
            let holding = &mut holdings[number];
            let Some(room) = holding.rooms.pop() else { continue };
            let freed = room.shorten(excess);
            all_freed += freed;
            holding.bytes = holding.bytes.saturating_sub(freed);
            heaviest.push((holding.bytes, number));
        }
        all_freed
    }

    fn holdings(&self) -> Vec<Holding> {
        let holding = |rooms: Vec<Arc<Room>>| Holding { bytes: rooms.iter().map(|room| room.bytes()).sum(), rooms };
        by_owner(self.all()).into_iter().map(holding).collect()
    }
}
