//! What a member reads from the store, because it is no longer in the log of the room, and what it has missed.

use bookend::PresenceEvent;

use super::{Bytes, Delivered, Feed};
use crate::log::{Cursor, Missed};
use crate::rendition::Rendered;
use crate::room::{Past, Present};
use crate::store::StoreRead;

/// What a member needs that receives what was said before.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// The number of the first block after the join: before it, the member receives messages only.
    joined: u64,
    /// What the store reads for this member.
    past: Option<Past>,
}

impl Replay {
    /// For a member that starts at the cursor and joined before the block of number `joined`, if there is something between.
    pub(super) fn new(start: Cursor, joined: u64) -> Option<Box<Replay>> {
        (start.block < joined).then(|| Box::new(Replay { joined, past: None }))
    }
}

impl Feed {
    /// What the store reads for this member, if it does.
    pub(super) fn past(&mut self) -> Option<&mut Past> {
        self.replay.as_mut()?.past.as_mut()
    }

    pub(super) fn set_past(&mut self, past: Option<Past>) {
        self.replay.get_or_insert_default().past = past;
    }

    /// Was the block at the cursor appended before the member joined?
    pub(super) fn is_replay(&self, cursor: Cursor) -> bool {
        self.replay.as_ref().is_some_and(|replay| cursor.block < replay.joined)
    }

    /// Forgets the replay if the member has everything that was said before it joined.
    pub(super) fn end_replay(&mut self) {
        let block = self.cursor.block;
        self.replay.take_if(|replay| replay.joined <= block);
    }

    /// Adds what the store has read: messages before number `before`.
    pub(super) fn push_past(&mut self, read: Option<StoreRead>, before: u64) {
        let from = self.cursor.seq();
        if let Some(StoreRead { blocks, is_end, .. }) = read {
            for block in blocks {
                let end = before.min(block.first_seq() + block.messages());
                self.skip_to(before.min(block.first_seq()));
                let position = self.cursor;
                if end > position.seq() {
                    self.cursor = position.with_seq(end);
                    self.push_part(&block, position, before);
                }
            }
            if is_end {
                self.skip_to(before);
            }
        }
        if self.cursor.seq() == from {
            tracing::warn!(room = self.room.name(), seq = from, "history-unread");
            self.skip_to(self.room.first_in_memory());
        }
    }

    /// The messages before that number are not kept.
    fn skip_to(&mut self, seq: u64) {
        if let Some(messages) = seq.checked_sub(self.cursor.seq()).filter(|&messages| messages > 0) {
            self.push_missed(None, Missed { messages, changes: 0 });
            self.cursor = self.cursor.with_seq(seq);
        }
    }

    /// Adds what was missed: the number of messages, and the members if they may have changed.
    pub(super) fn push_missed(&mut self, present: Option<Present>, missed: Missed) {
        let mut out = Rendered::default();
        if missed.messages > 0 {
            self.rendition.gap(missed.messages, &mut out);
        }
        let Present { crowd, members } = present.unwrap_or_default();
        if let Some(count) = crowd {
            self.rendition.crowd(count, self.room.name(), &mut out);
        }
        for (id, name) in members {
            self.rendition.presence(id, PresenceEvent::Here, &name, &mut out);
        }
        self.push(Bytes::Owned(out.bytes), Delivered { messages: 0, missed: missed.messages }, self.cursor);
    }
}
