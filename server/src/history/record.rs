//! The data of a row: blocks of one room, whose numbers follow each other, in bytes.
//!
//! All integers are big-endian.
//!
//! ```text
//! row     = 1*block
//! block   = from:4 time:8 name-length:1 name count:4 count*payload
//! payload = encoding:1 length:4 bytes
//! ```

use std::sync::Arc;

use bookend::{Delivery, Encoding, Payload};

use crate::block::{Block, Event, Payloads, Said};
use crate::rendition::StoredPayload;

/// The bytes of a block before its name.
const FIXED: usize = 13;
/// The bytes of a payload before its content.
const PAYLOAD: usize = 5;

/// A row is damaged, or was not written by this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadRecord;

/// A block in the data of a row, borrowed from it and checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// The number of its first message.
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) from: u32,
    /// In milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) time: u64,
    pub(crate) name: &'a str,
    payloads: &'a [u8],
}

/// Appends a block of messages to the data of a row. Nothing if it is too long for a row, which no block of a room is.
pub(crate) fn encode(said: Said<'_>, data: &mut Vec<u8>) -> Option<()> {
    let start = data.len();
    let appended = append(said, data);
    if appended.is_none() {
        data.truncate(start);
    }
    appended
}

fn append(said: Said<'_>, data: &mut Vec<u8>) -> Option<()> {
    data.extend_from_slice(&said.from.to_be_bytes());
    data.extend_from_slice(&said.time.to_be_bytes());
    data.push(u8::try_from(said.name.len()).ok()?);
    data.extend_from_slice(said.name.as_bytes());
    data.extend_from_slice(&u32::try_from(said.payloads.count()).ok()?.to_be_bytes());
    for payload in said.payloads.iter() {
        data.push(payload.encoding as u8);
        data.extend_from_slice(&u32::try_from(payload.bytes.len()).ok()?.to_be_bytes());
        data.extend_from_slice(payload.bytes);
    }
    Some(())
}

/// Reads the data of a row of `count` messages, the first of which has number `first`.
///
/// # Errors
/// [`BadRecord`] unless these are the bytes of such blocks: what is read has the same bytes again when it is written.
pub(crate) fn decode(first: u64, count: u64, data: &[u8]) -> Result<Vec<Record<'_>>, BadRecord> {
    read(first, count, data).ok_or(BadRecord)
}

fn read(first: u64, count: u64, mut data: &[u8]) -> Option<Vec<Record<'_>>> {
    let (mut next, mut records) = (first, Vec::new());
    while !data.is_empty() {
        let record = Record::read(next, &mut data)?;
        next = next.checked_add(u64::from(record.count))?;
        records.push(record);
    }
    (first > 0 && count > 0 && next - first == count).then_some(records)
}

/// May the data contain text in UTF-16? They are not checked.
pub(crate) fn has_utf16(mut data: &[u8]) -> bool {
    has_no_utf16(&mut data).is_none()
}

/// `None` if there is text in UTF-16, or if the data are damaged.
fn has_no_utf16(data: &mut &[u8]) -> Option<()> {
    while !data.is_empty() {
        let (fixed, rest) = data.split_first_chunk::<FIXED>()?;
        let (_, rest) = rest.split_at_checked(usize::from(fixed[FIXED - 1]))?;
        let (count, rest) = rest.split_first_chunk()?;
        *data = rest;
        for _ in 0..u32::from_be_bytes(*count) {
            let payload = read_payload(data)?;
            if matches!(payload.encoding, Encoding::Utf16Be | Encoding::Utf16Le) {
                return None;
            }
        }
    }
    Some(())
}

impl<'a> Record<'a> {
    fn read(first: u64, data: &mut &'a [u8]) -> Option<Record<'a>> {
        let (fixed, rest) = data.split_first_chunk::<FIXED>()?;
        let [from @ .., _, _, _, _, _, _, _, _, _] = *fixed;
        let [_, _, _, _, time @ .., length] = *fixed;
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        let name = str::from_utf8(name).ok()?;
        let (count, payloads) = rest.split_first_chunk().map(|(count, rest)| (u32::from_be_bytes(*count), rest))?;
        let mut rest = payloads;
        for _ in 0..count {
            let payload = read_payload(&mut rest)?;
            let decoded = Payload::decode(payload.encoding, payload.bytes).ok()?;
            if decoded.as_bytes() != payload.bytes {
                return None; // a byte order mark
            }
        }
        let from = u32::from_be_bytes(from);
        Delivery::new(from, 0, first, 0, name, Payload::Binary(&[]))?; // checks the name
        let payloads = &payloads[..payloads.len() - rest.len()];
        *data = rest;
        (count > 0).then_some(Record { first, count, from, time: u64::from_be_bytes(time), name, payloads })
    }

    /// The payloads as they were sent, in order.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = StoredPayload<'a>> + use<'a> {
        let mut rest = self.payloads;
        std::iter::from_fn(move || read_payload(&mut rest))
    }

    /// The block as it was before it was written.
    pub(crate) fn to_block(self) -> Arc<Block> {
        let mut payloads = Payloads::default();
        self.payloads().for_each(|payload| payloads.push_stored(payload));
        let event = Event::Messages { from: self.from, name: self.name.into(), time: self.time, payloads };
        Arc::new(Block::new(event, self.first))
    }
}

/// Takes one payload, whose bytes may be illegal in its encoding.
fn read_payload<'a>(data: &mut &'a [u8]) -> Option<StoredPayload<'a>> {
    let (&[encoding, ref length @ ..], rest) = data.split_first_chunk::<PAYLOAD>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (bytes, rest) = rest.split_at_checked(length)?;
    *data = rest;
    Some(StoredPayload { encoding: Encoding::from_byte(encoding)?, bytes })
}

#[cfg(test)]
mod tests;
