//! Reads the blocks of a room from a number on, or before one.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::Connection;

use super::damage::Damage;
use super::rows::{self, Order, Rows};
use crate::block::Block;
use crate::store::{RoomId, StoreRead};

/// Reads the blocks that contain the messages from number `from` on: about `bytes`, and at least one.
///
/// # Errors
/// Those of SQLite that no damage explains.
pub(super) fn from(
    connection: &Connection,
    damage: &Damage,
    room: RoomId,
    (from, bytes): (u64, usize),
) -> rusqlite::Result<StoreRead> {
    let mut read = StoreRead { blocks: Vec::new(), found: Vec::new(), is_end: true };
    let start = rows::start(connection, damage, room, from)?;
    let mut rows = Rows::new(connection, damage, room, Order::Up, start);
    let mut taken = 0;
    while let Some(blocks) = rows.next_blocks()? {
        for block in blocks.into_iter().filter(|block| block.first_seq() + block.messages() > from) {
            if taken >= bytes && !read.blocks.is_empty() {
                read.is_end = false;
                return Ok(read);
            }
            taken += block.footprint();
            read.blocks.push(block);
        }
    }
    Ok(read)
}

/// Reads the blocks that contain the last `count` messages before a number: about `bytes` at most, and at least one.
///
/// # Errors
/// Those of SQLite that no damage explains.
pub(super) fn before(
    connection: &Connection,
    damage: &Damage,
    room: RoomId,
    (before, count, bytes): (u64, usize, usize),
) -> rusqlite::Result<StoreRead> {
    let mut rows = Rows::new(connection, damage, room, Order::Down, before);
    let mut blocks: VecDeque<Arc<Block>> = VecDeque::new();
    let (mut messages, mut taken) = (0, 0);
    while let Some(row) = rows.next_blocks()? {
        for block in row.into_iter().rev().filter(|block| block.first_seq() < before) {
            taken += block.footprint();
            if !blocks.is_empty() && (messages >= count as u64 || taken > bytes) {
                return Ok(StoreRead { blocks: blocks.into(), found: Vec::new(), is_end: false });
            }
            messages += block.messages().min(before - block.first_seq());
            blocks.push_front(block);
        }
    }
    Ok(StoreRead { blocks: blocks.into(), found: Vec::new(), is_end: true })
}

#[cfg(test)]
mod tests;
