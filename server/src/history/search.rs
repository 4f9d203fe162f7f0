//! A search for a text, in upper or lower case, backwards through the rows of a room.
//!
//! It looks at the bytes of whole rows first, because few of them contain the text, and decodes only those. It reads
//! some MiB at a time, so that others can read in between and no checkpoint waits for it.

use std::collections::VecDeque;
use std::sync::Arc;

use bookend::{Encoding, Text};
use regex::bytes::Regex;
use rusqlite::Connection;

use super::damage::Damage;
use super::record::{self, Record};
use super::rows::{Order, Rows};
use super::schema::BlockRow;
use crate::block::Block;
use crate::matching::Pattern;
use crate::rendition::StoredPayload;
use crate::store::{RoomId, StoreRead};

/// The bytes that are searched at a time.
pub(super) const SLICE: usize = 4 << 20;

/// The text that is searched for. Letters are compared by Unicode's simple case folding.
#[derive(Clone, Copy, Debug)]
struct Needle<'a> {
    regex: &'a Regex,
}

/// A search in progress.
#[derive(Debug)]
pub(super) struct Search {
    text: Arc<Pattern>,
    /// Only messages whose number is less are still to be searched.
    before: u64,
    count: usize,
    bytes: usize,
    /// Bytes in `blocks`.
    taken: usize,
    blocks: VecDeque<Arc<Block>>,
    found: VecDeque<u64>,
}

/// The messages of a block that contain the text.
struct Match {
    block: Arc<Block>,
    seqs: Vec<u64>,
}

impl Needle<'_> {
    /// Does the payload contain it? A payload that is not text contains nothing.
    fn is_in(&self, payload: StoredPayload<'_>) -> bool {
        match payload.encoding {
            Encoding::Binary => false,
            Encoding::Ascii | Encoding::Utf8 => self.regex.is_match(payload.bytes),
            Encoding::Utf16Be | Encoding::Utf16Le => Text::decode(payload.encoding, payload.bytes)
                .is_ok_and(|text| self.regex.is_match(text.to_str().as_bytes())),
        }
    }

    /// The blocks of a row in which it is, oldest first. `None` if the data are damaged.
    fn matches(&self, row: &BlockRow<'_>) -> Option<Vec<Match>> {
        if !self.regex.is_match(row.data) && !record::has_utf16(row.data) {
            return Some(Vec::new());
        }
        let records = record::decode(row.first, row.count, row.data).ok()?;
        Some(records.into_iter().filter_map(|record| self.matches_in(record)).collect())
    }

    fn matches_in(&self, record: Record<'_>) -> Option<Match> {
        let numbered = (record.first..).zip(record.payloads());
        let seqs: Vec<u64> = numbered.filter(|&(_, payload)| self.is_in(payload)).map(|(seq, _)| seq).collect();
        (!seqs.is_empty()).then(|| Match { block: record.to_block(), seqs })
    }
}

impl Search {
    /// A search for the last `count` messages before number `before`, in about `bytes` of blocks at most, and at least
    /// one.
    pub(super) fn new(before: u64, count: usize, bytes: usize, text: Arc<Pattern>) -> Search {
        Search { text, before, count, bytes, taken: 0, blocks: VecDeque::new(), found: VecDeque::new() }
    }

    /// Searches the next `slice` bytes of rows. Returns what was found when that is known: it goes on until it knows
    /// whether an earlier message matches, too.
    ///
    /// # Errors
    /// Those of SQLite that no damage explains.
    pub(super) fn slice(
        &mut self,
        connection: &Connection,
        damage: &Damage,
        room: RoomId,
        slice: usize,
    ) -> rusqlite::Result<Option<StoreRead>> {
        let text = Arc::clone(&self.text);
        // A text that no query can have is found nowhere.
        let Some(needle) = text.regex().map(|regex| Needle { regex }) else {
            return Ok(Some(StoreRead { is_end: true, ..StoreRead::default() }));
        };
        let mut rows = Rows::new(connection, damage, room, Order::Down, self.before);
        let (mut searched, mut is_end) = (0, true);
        while let Some((first, length, matches)) =
            rows.next(|_, row| Some((row.first, row.data.len(), needle.matches(row)?)))?
        {
            if matches.into_iter().rev().any(|found| !self.takes(found)) {
                is_end = false;
                break;
            }
            self.before = first;
            searched += length;
            if searched >= slice {
                return Ok(None);
            }
        }
        let (blocks, found) = (std::mem::take(&mut self.blocks), std::mem::take(&mut self.found));
        Ok(Some(StoreRead { blocks: blocks.into(), found: found.into(), is_end }))
    }

    /// Takes the messages of a block, the latest first. False if one was not wanted.
    fn takes(&mut self, Match { block, seqs }: Match) -> bool {
        let before = self.before;
        let mut seqs = seqs.into_iter().rev().filter(|&seq| seq < before).peekable();
        if seqs.peek().is_none() {
            return true;
        }
        let length = block.footprint();
        if self.found.len() >= self.count || (!self.blocks.is_empty() && self.taken + length > self.bytes) {
            return false;
        }
        self.taken += length;
        self.blocks.push_front(block);
        for seq in seqs {
            if self.found.len() >= self.count {
                return false;
            }
            self.found.push_front(seq);
        }
        true
    }
}

#[cfg(test)]
mod tests;
