//! The history in a REQUEST or REPLY (SPEC 9): what a hub is asked for, and the messages that it has kept.

use std::fmt;

use bookend::history::{Entry, Page, Query};
use bookend::{Delivery, Encoding, Payload, kind};
use serde::Serialize;

use super::balance::counted;
use super::event::SeenFrame;
use super::{layout, text};

/// The most characters of a message in a line.
const PREVIEW: usize = 60;

/// The payload of a frame that is about the history.
pub(super) enum Kept<'a> {
    Query(Query<'a>),
    Page(Page<'a>),
}

impl<'a> Kept<'a> {
    /// `None` for any other frame, and for one of which bytes are missing.
    pub(super) fn of(seen: &SeenFrame<'a>) -> Option<Kept<'a>> {
        if seen.encoding != Encoding::Binary || seen.body.len() as u64 != u64::from(seen.length) {
            return None;
        }
        let payload = Payload::Binary(layout::payload(seen.kind, seen.body));
        match seen.kind {
            kind::REQUEST => Query::parse(payload).map(Kept::Query),
            kind::REPLY => Page::parse(payload).ok().map(Kept::Page),
            _ => None,
        }
    }

    /// A line for each message and each gap of a page.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Kept::Query(_) => Vec::new(),
            Kept::Page(page) => page.entries().map(line).collect(),
        }
    }

    pub(super) fn object(&self) -> KeptObject {
        match *self {
            Kept::Query(Query { before, count, text }) => {
                let before = Some(before).filter(|&before| before != Query::NOW);
                KeptObject::Query { before, count, text: text.map(str::to_owned) }
            }
            Kept::Page(page) => KeptObject::Page {
                lost_before: page.lost_before(),
                entries: page.entries().map(|entry| EntryObject::of(&entry)).collect(),
            },
        }
    }
}

impl fmt::Display for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kept::Query(Query { before, count, text }) => {
                write!(f, "history: the last {count}")?;
                if *before != Query::NOW {
                    write!(f, " before {before}")?;
                }
                text.map_or(Ok(()), |text| {
                    write!(f, " with \"{}\"", text::shown(Encoding::Utf8, text.as_bytes(), false))
                })
            }
            Kept::Page(page) => {
                let messages = page.entries().filter(|entry| matches!(entry, Entry::Message(_))).count() as u64;
                write!(f, "history: {}", counted(messages, "message"))?;
                match page.lost_before() {
                    None => Ok(()),
                    Some(0) => f.write_str(", none earlier"),
                    Some(lost) => write!(f, ", none earlier ({lost} not there)"),
                }
            }
        }
    }
}

fn line(entry: Entry<'_>) -> String {
    match entry {
        Entry::Gap(missed) => format!("{:>9}  {missed} not there", "GAP"),
        Entry::Message(delivery) => {
            let (encoding, bytes) = payload_of(&delivery);
            let held = &bytes[..bytes.len().min(4 * PREVIEW)];
            let shown = text::shown(encoding, held, held.len() < bytes.len());
            let end = shown.char_indices().nth(PREVIEW).map_or(shown.len(), |(at, _)| at);
            let dots = if held.len() < bytes.len() || end < shown.len() { " …" } else { "" };
            let name = text::shown(Encoding::Utf8, delivery.name().as_bytes(), false);
            format!("{:>9}  {name}: \"{}\"{dots}", delivery.seq, &shown[..end])
        }
    }
}

fn payload_of<'a>(delivery: &Delivery<'a>) -> (Encoding, &'a [u8]) {
    match delivery.payload {
        Payload::Binary(bytes) => (Encoding::Binary, bytes),
        Payload::Text(text) => (text.encoding(), text.as_bytes()),
    }
}

/// The key `history` of a frame in JSON.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum KeptObject {
    Query {
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
        count: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    Page {
        #[serde(skip_serializing_if = "Option::is_none")]
        lost_before: Option<u64>,
        entries: Vec<EntryObject>,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum EntryObject {
    Gap {
        missed: u64,
    },
    Message {
        from: u32,
        seq: u64,
        time: u64,
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hex: Option<String>,
    },
}

impl EntryObject {
    fn of(entry: &Entry<'_>) -> EntryObject {
        match entry {
            Entry::Gap(missed) => EntryObject::Gap { missed: *missed },
            Entry::Message(delivery) => {
                let (text, hex) = match delivery.payload {
                    Payload::Binary(bytes) => (None, Some(data_encoding::HEXLOWER.encode(bytes))),
                    Payload::Text(text) => (Some(text.to_str().into_owned()), None),
                };
                let Delivery { from, seq, time, .. } = *delivery;
                EntryObject::Message { from, seq, time, name: delivery.name().to_owned(), text, hex }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bookend::Message;

    use super::*;
    use crate::{Input, Options, Output, inspect};

    fn inspected(payload: &[u8], kind: u8, output: Output) -> String {
        let mut stream = Vec::new();
        let parts = [&7_u32.to_be_bytes(), payload];
        bookend::Frame::encode_parts(kind, Encoding::Binary, parts, u32::MAX, &mut stream).unwrap();
        let mut report = Vec::new();
        inspect(Input::new(std::io::Cursor::new(stream)), &Options { output, ..Options::default() }, &mut report)
            .unwrap();
        String::from_utf8(report).unwrap()
    }

    const PLAIN: Output = Output::Plain { colored: false, hex: false };

    // [R9.44]
    #[test]
    fn a_query_is_shown_in_words() {
        let query = Query { before: 1024, count: 50, text: Some("no\u{1b}on") };
        let shown = inspected(&query.encode(), kind::REQUEST, PLAIN);
        assert!(shown.contains("  history: the last 50 before 1024 with \"no\\u{1b}on\"\n"), "{shown}");
        let shown = inspected(&Query::last(1).encode(), kind::REQUEST, Output::Json);
        assert!(shown.contains("\"history\":{\"count\":1}"), "{shown}");
        assert!(!inspected(&Query::last(0).encode(), kind::REQUEST, PLAIN).contains("history"));
    }

    // [R9.45] [R9.47]
    #[test]
    fn the_messages_of_a_page_are_listed() {
        let mut page = Vec::new();
        let said = Delivery::new(5, 0, 7, 9, "ann", Payload::Text(bookend::Text::utf8("hi"))).unwrap();
        for message in [Message::Gap { missed: 3 }, Message::Delivery(said), Message::Gap { missed: 1 }] {
            message.encode(u32::MAX, &mut page).unwrap();
        }
        let shown = inspected(&page, kind::REPLY, PLAIN);
        let expected = "  history: 1 message, none earlier (3 not there)\n                       7  ann: \"hi\"\n";
        assert!(shown.contains(expected), "{shown}");
        let shown = inspected(&page, kind::REPLY, Output::Json);
        let expected = concat!(
            r#""history":{"lost_before":3,"entries":[{"from":5,"seq":7,"time":9,"name":"ann","text":"hi"},"#,
            r#"{"missed":1}]}"#
        );
        assert!(shown.contains(expected), "{shown}");
        assert!(!inspected(&page[1..], kind::REPLY, PLAIN).contains("history"));
    }
}
