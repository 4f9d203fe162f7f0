//! Reads messages of the hub as entries of the window.

use bookend::{Delivery, Payload, displayed};
use bookend_client::{Entry as Kept, Message};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::entry::{Entry, Said};
use crate::times;

/// What the reader of a message knows.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// The name of this client.
    pub(super) name: Option<&'a str>,
    /// Where a day begins, if days are told apart.
    pub(super) days: Option<&'a TimeZone>,
}

impl Reader<'_> {
    /// The entries for a page that follows a message of `last_time`. The day is named first, unless it is that of this
    /// message, and whenever it changes.
    pub(super) fn entries(&self, page: &[Kept], last_time: Option<u64>) -> Vec<Entry> {
        let mut last_day = last_time.and_then(|time| self.day_of(time));
        let mut entries = Vec::with_capacity(page.len() + 1);
        for kept in page {
            match kept {
                Kept::Gap(0) => {}
                Kept::Gap(1) => entries.push(Entry::Missed("1 message is missing here".into())),
                Kept::Gap(count) => entries.push(Entry::Missed(format!("{count} messages are missing here"))),
                Kept::Message(incoming) => {
                    if let Some(day) = self.day(kept).filter(|day| last_day.replace(*day) != Some(*day)) {
                        entries.push(Entry::Day(day));
                    }
                    if let Message::Delivery(delivery) = incoming.message() {
                        // After a restart of the hub, the number of the sender may be another member's.
                        let is_own = delivery.from != 0 && self.name == Some(&*displayed(delivery.name()).to_string());
                        entries.push(Entry::Said(self.delivered(&delivery, is_own)));
                    }
                }
            }
        }
        entries
    }

    /// The day of a message.
    pub(super) fn day(&self, kept: &Kept) -> Option<Date> {
        let Kept::Message(incoming) = kept else { return None };
        if let Message::Delivery(delivery) = incoming.message() { self.day_of(delivery.time) } else { None }
    }

    fn day_of(&self, time: u64) -> Option<Date> {
        times::day(time, self.days?)
    }

    pub(super) fn delivered(&self, delivery: &Delivery<'_>, own: bool) -> Said {
        let name = if delivery.from == 0 { "*".into() } else { displayed(delivery.name()).to_string() };
        let (seq, private) = (Some(delivery.seq).filter(|&seq| seq > 0), delivery.to != 0);
        Said { seq, time: Some(delivery.time), private, ..self.said(name, delivery.payload, own) }
    }

    pub(super) fn said(&self, name: String, payload: Payload<'_>, own: bool) -> Said {
        let text = match payload.text() {
            Some(text) => text.into_owned(),
            None => format!("({} bytes)", payload.as_bytes().len()),
        };
        let mention = !own && self.name.is_some_and(|own| mentions(&text, own));
        Said { seq: None, time: None, name, text, own, private: false, mention }
    }
}

/// True if the name is a word of the text.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    text.match_indices(&name).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}
