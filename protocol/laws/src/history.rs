//! The laws of the payloads with which a hub is asked for its history (SPEC 9).

use bookend::history::{Entry, Page, Query};
use bookend::{Decoder, Message, Payload};

use crate::Verdict;

/// The laws of some bytes, taken as the payload of a REQUEST and as that of a REPLY.
///
/// # Errors
/// The law that is broken.
pub fn every(bytes: &[u8]) -> Verdict {
    query(bytes)?;
    page(bytes)
}

/// Law 3, for queries: what was read is written as the same bytes.
///
/// # Errors
/// How the law is broken.
pub fn query(bytes: &[u8]) -> Verdict {
    let Some(query) = Query::parse(Payload::Binary(bytes)) else { return Ok(()) };
    let written = query.encode();
    demand!(written == bytes, "canonical: {query:?} was read from {bytes:02x?} and is written as {written:02x?}");
    demand!(query.count > 0 && query.text != Some(""), "canonical: {query:?} asks for nothing");
    Ok(())
}

/// Law 1, for pages: bytes are a page if they are whole frames DELIVERY and GAP, one at least, and each is an entry of it, but for a GAP
/// at the start.
///
/// # Errors
/// How the law is broken.
pub fn page(bytes: &[u8]) -> Verdict {
    let (mut decoder, mut rest) = (Decoder::new(u32::MAX), bytes);
    let mut entries = Vec::new();
    let mut is_page = true;
    while let Ok(Some(frame)) = decoder.decode(&mut rest) {
        match Message::parse(frame) {
            Ok(Some(Message::Delivery(delivery))) => entries.push(Entry::Message(delivery)),
            Ok(Some(Message::Gap { missed })) => entries.push(Entry::Gap(missed)),
            _ => is_page = false,
        }
    }
    is_page &= rest.is_empty() && !bytes.is_empty();
    let page = Page::parse(Payload::Binary(bytes));
    demand!(page.is_ok() == is_page, "round trip: {bytes:02x?} is a page: {is_page}, not {page:?}");
    let Ok(page) = page else { return Ok(()) };
    let lost = page.lost_before().map(Entry::Gap);
    let found: Vec<_> = lost.into_iter().chain(page.entries()).collect();
    demand!(found == entries, "round trip: {entries:?} became {found:?}");
    let starts_with_gap = matches!(entries.first(), Some(Entry::Gap(_)));
    demand!(lost.is_some() == starts_with_gap, "round trip: {entries:?} is the first page: {lost:?}");
    Ok(())
}
