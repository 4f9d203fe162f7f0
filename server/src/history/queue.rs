//! What is to be written: blocks of all rooms, in the order in which they were given.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use crate::block::Block;
use crate::store::{Position, RoomId, Written};

/// The most bytes that may wait for the disk, of all rooms and of one.
pub(super) const MOST: usize = 64 << 20;
const MOST_OF_ROOM: usize = 8 << 20;

/// A block that waits.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) position: Position,
    pub(super) room: RoomId,
    pub(super) block: Arc<Block>,
    /// Is told when it is written.
    pub(super) told: Weak<dyn Written>,
    bytes: usize,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    /// The position of the last block that was given.
    last: Position,
    /// Bytes of blocks that are not written, in all and of each room.
    bytes: usize,
    rooms: HashMap<RoomId, usize>,
}

impl Queue {
    pub(super) fn push(&mut self, room: RoomId, block: &Arc<Block>, told: &Weak<dyn Written>) -> Position {
        self.last += 1;
        let bytes = block.footprint();
        self.bytes += bytes;
        *self.rooms.entry(room).or_default() += bytes;
        self.items.push_back(Item { position: self.last, room, block: block.clone(), told: told.clone(), bytes });
        self.last
    }

    /// The position of the last block that was given.
    pub(super) fn last(&self) -> Position {
        self.last
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of blocks that are not written.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// May the room be given more? A room of which nothing waits always may, so that none waits for another one.
    pub(super) fn has_space(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_none_or(|&bytes| bytes < MOST_OF_ROOM && self.bytes < MOST)
    }

    /// Takes blocks of about `most` bytes, at least one, to write them. They count until [`Queue::release`].
    pub(super) fn take(&mut self, most: usize) -> Vec<Item> {
        let mut bytes = 0;
        let fits = |item: &&Item| {
            let fits = bytes == 0 || bytes + item.bytes <= most;
            bytes += item.bytes;
            fits
        };
        let count = self.items.iter().take_while(fits).count();
        self.items.drain(..count).collect()
    }

    /// The blocks after a position that have not been taken.
    pub(super) fn items_after(&self, position: Position) -> impl Iterator<Item = &Item> {
        self.items.range(self.items.partition_point(|item| item.position <= position)..)
    }

    /// A block that was taken no longer waits.
    pub(super) fn release(&mut self, item: &Item) {
        self.bytes -= item.bytes;
        if let Some(bytes) = self.rooms.get_mut(&item.room) {
            *bytes -= item.bytes;
            if *bytes == 0 {
                self.rooms.remove(&item.room);
            }
        }
    }
}

impl Item {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{Event, Payloads};
    use crate::rendition::StoredPayload;

    #[derive(Debug)]
    struct Nobody;

    impl Written for Nobody {
        fn written(&self, _: u64) {}
    }

    fn push(queue: &mut Queue, room: u64, bytes: usize) -> Position {
        let mut payloads = Payloads::default();
        payloads.push_stored(StoredPayload { encoding: bookend::Encoding::Binary, bytes: &vec![0; bytes] });
        let event = Event::Messages { from: 1, name: "ann".into(), time: 0, payloads };
        let nobody: Weak<dyn Written> = Weak::<Nobody>::new();
        queue.push(RoomId(room), &Arc::new(Block::new(event, 1)), &nobody)
    }

    #[test]
    fn a_room_that_fills_its_part_waits_and_others_do_not() {
        let mut queue = Queue::default();
        for _ in 0..8 {
            assert!(queue.has_space(RoomId(1)));
            push(&mut queue, 1, 1 << 20);
        }
        assert_eq!((queue.has_space(RoomId(1)), queue.has_space(RoomId(2))), (false, true));
        for room in 2..10 {
            for _ in 0..7 {
                push(&mut queue, room, 1 << 20);
            }
        }
        assert_eq!((queue.has_space(RoomId(2)), queue.has_space(RoomId(99))), (false, true), "all together are full");
        let taken = queue.take(1 << 20);
        assert_eq!((taken.len(), queue.has_space(RoomId(1))), (1, false), "it waits until that is written");
        let mut written = 0;
        for item in taken.into_iter().chain(queue.take(usize::MAX)) {
            written = item.position;
            queue.release(&item);
        }
        assert_eq!((written, queue.bytes(), queue.has_space(RoomId(1))), (queue.last(), 0, true));
    }

    #[test]
    fn blocks_after_a_position_are_found() {
        let mut queue = Queue::default();
        let positions = [1, 2, 3].map(|room| push(&mut queue, room, 1));
        let after = |queue: &Queue, position| queue.items_after(position).map(|item| item.position).collect::<Vec<_>>();
        assert_eq!(after(&queue, positions[0]), positions[1..]);
        queue.take(1);
        assert_eq!(after(&queue, 0), positions[1..]);
    }
}
