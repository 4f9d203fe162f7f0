//! History (hub profile): asking a hub for messages that it has kept, and reading its answer (SPEC 9, History).
//!
//! A [`Query`] is the payload of a REQUEST, and a [`Page`] that of the REPLY.
//!
//! ```
//! use bookend::history::{Entry, Page, Query};
//! use bookend::{Delivery, Message, Payload};
//!
//! let query = Query::last(50);
//! assert_eq!(Query::parse(Payload::Binary(&query.encode())), Some(query));
//!
//! let mut reply = Vec::new();
//! let hello = Delivery::new(5, 0, 1024, 0, "ann", Payload::Binary(b"hello")).unwrap();
//! Message::Gap { missed: 0 }.encode(u32::MAX, &mut reply)?;
//! Message::Delivery(hello).encode(u32::MAX, &mut reply)?;
//! let page = Page::parse(Payload::Binary(&reply)).unwrap();
//! assert_eq!(page.lost_before(), Some(0)); // nothing older is kept, and nothing was lost
//! assert_eq!(page.entries().collect::<Vec<_>>(), [Entry::Message(hello)]);
//! # Ok::<(), bookend::Misuse>(())
//! ```

use alloc::vec::Vec;
use core::fmt;

use byteorder::{BigEndian, ByteOrder};

use crate::frame::Frame;
use crate::message::{Delivery, Message};
use crate::payload::Payload;

/// The first byte of a request for the last messages.
const LAST: u8 = 1;
/// The first byte of a request for the last messages that contain a text.
const SEARCH: u8 = 2;
/// The bytes of a request before its text.
const FIXED_LENGTH: usize = 13;

/// Which of the messages that a hub has kept of a room a member asks for (R9.44).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// Only messages whose number is less: [`Query::NOW`], or the number of a message that is known already.
    pub before: u64,
    /// The most messages wanted, the latest ones. At least 1; a hub may send fewer.
    pub count: u32,
    /// Only messages that contain this text, of 1 to [`Query::MAX_TEXT`] bytes, in upper or lower case.
    pub text: Option<&'a str>,
}

impl<'a> Query<'a> {
    /// Greater than the number of any message.
    pub const NOW: u64 = u64::MAX;
    /// The most bytes of the text that is searched for.
    pub const MAX_TEXT: usize = 256;

    /// The last `count` messages.
    #[must_use]
    pub fn last(count: u32) -> Query<'a> {
        Query { before: Query::NOW, count, text: None }
    }

    /// Reads the payload of a REQUEST. `None` if it is not a request for history: the hub answers it with an ERROR.
    #[must_use]
    pub fn parse(payload: Payload<'a>) -> Option<Query<'a>> {
        let Payload::Binary(bytes) = payload else { return None };
        let (fixed, rest) = bytes.split_at_checked(FIXED_LENGTH)?;
        let text = match fixed[0] {
            LAST if rest.is_empty() => None,
            SEARCH if (1..=Query::MAX_TEXT).contains(&rest.len()) => Some(core::str::from_utf8(rest).ok()?),
            _ => return None,
        };
        let (before, count) = (BigEndian::read_u64(&fixed[1..]), BigEndian::read_u32(&fixed[9..]));
        (count > 0).then_some(Query { before, count, text })
    }

    /// The payload of the REQUEST, which is binary.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut fixed = [0; FIXED_LENGTH];
        fixed[0] = if self.text.is_some() { SEARCH } else { LAST };
        BigEndian::write_u64(&mut fixed[1..], self.before);
        BigEndian::write_u32(&mut fixed[9..], self.count);
        [&fixed, self.text.unwrap_or_default().as_bytes()].concat()
    }
}

/// Messages that a hub has kept, oldest first (R9.45 to R9.47).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    lost_before: Option<u64>,
    /// Whole frames that have been checked.
    frames: &'a [u8],
}

/// A part of a [`Page`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A message.
    Message(Delivery<'a>),
    /// That many messages are not kept, or are too long for this member.
    Gap(u64),
}

/// The payload of a REPLY is not a [`Page`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPage;

impl<'a> Page<'a> {
    /// Reads the payload of the REPLY.
    ///
    /// # Errors
    /// [`BadPage`] if it does not consist of whole frames DELIVERY and GAP, at least one.
    pub fn parse(payload: Payload<'a>) -> Result<Page<'a>, BadPage> {
        let Payload::Binary(frames @ [_, ..]) = payload else { return Err(BadPage) };
        let mut rest = frames;
        let mut page = Page { lost_before: None, frames };
        while !rest.is_empty() {
            let is_first = rest.len() == frames.len();
            let (entry, after) = read_entry(rest).ok_or(BadPage)?;
            if let (true, Entry::Gap(lost)) = (is_first, entry) {
                page = Page { lost_before: Some(lost), frames: after };
            }
            rest = after;
        }
        Ok(page)
    }

    /// If nothing that is older matches, the number of older messages of the room that are not kept any more; 0 in the
    /// answer to a search. `None` if there may be more: ask again, with the number of the first message as
    /// [`Query::before`].
    #[must_use]
    pub fn lost_before(&self) -> Option<u64> {
        self.lost_before
    }

    /// The messages, oldest first, and what lies between them but is not kept.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let mut rest = self.frames;
        core::iter::from_fn(move || {
            let (entry, after) = read_entry(rest)?;
            rest = after;
            Some(entry)
        })
    }
}

fn read_entry(bytes: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (frame, rest) = Frame::split_first(bytes)?;
    match Message::parse(frame) {
        Ok(Some(Message::Delivery(delivery))) => Some((Entry::Message(delivery), rest)),
        Ok(Some(Message::Gap { missed })) => Some((Entry::Gap(missed), rest)),
        _ => None,
    }
}

impl fmt::Display for BadPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is not a page of history: it does not consist of DELIVERY and GAP")
    }
}

impl core::error::Error for BadPage {}

#[cfg(test)]
mod tests {
    use super::*;

    // [R9.44] [R9.48]
    #[test]
    fn a_query_has_one_form() {
        for (bytes, expected) in [
            (&[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2][..], Some(Query { before: 9, count: 2, text: None })),
            (&[2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, b'x'], Some(Query { before: 9, count: 2, text: Some("x") })),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], None),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, b'x'], None),
            (&[2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2], None),
            (&[2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0xFF], None),
            (&[3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2], None),
            (&[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0], None),
            (&[], None),
        ] {
            let query = Query::parse(Payload::Binary(bytes));
            assert_eq!(query, expected, "{bytes:?}");
            assert_eq!(query.map_or(bytes.to_vec(), |query| query.encode()), bytes);
        }
    }

    // [R9.45] [R9.46] [R9.47]
    #[test]
    fn a_page_is_whole_frames_and_begins_with_a_gap_if_nothing_is_before_it() {
        let delivery = Delivery::new(5, 0, 7, 0, "ann", Payload::Binary(b"hi")).unwrap();
        let mut bytes = Vec::new();
        Message::Delivery(delivery).encode(u32::MAX, &mut bytes).unwrap();
        Message::Gap { missed: 3 }.encode(u32::MAX, &mut bytes).unwrap();
        let page = Page::parse(Payload::Binary(&bytes)).unwrap();
        assert_eq!(page.lost_before(), None);
        assert_eq!(page.entries().collect::<Vec<_>>(), [Entry::Message(delivery), Entry::Gap(3)]);
        let mut twice = Vec::new();
        for missed in [5, 1] {
            Message::Gap { missed }.encode(u32::MAX, &mut twice).unwrap();
        }
        let page = Page::parse(Payload::Binary(&twice)).unwrap();
        assert_eq!(page.lost_before(), Some(5), "a hub that sends two GAPs is understood");
        assert_eq!(page.entries().collect::<Vec<_>>(), [Entry::Gap(1)]);
        assert_eq!(Page::parse(Payload::Binary(&bytes[..bytes.len() - 1])), Err(BadPage));
        assert_eq!(Page::parse(Payload::Binary(&[])), Err(BadPage));
    }
}
