//! What a scripted hub has kept of its room.

use std::collections::VecDeque;

use bookend::history::Query;
use bookend::{Delivery, Message, Payload, Text};

/// Messages of bob, by number; what is between them is not kept (R9.44 to R9.47, R9.13).
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The number, the time in milliseconds and the text of each, oldest first.
    pub messages: Vec<(u64, u64, String)>,
    /// The first number of the room: a resume from before it is refused. Messages before it are from before the room began
    /// anew.
    pub begin: u64,
    /// The number of the room's next message.
    pub next_seq: u64,
    /// The most messages in an answer.
    pub page: usize,
    /// How many REQUESTs were answered.
    pub asked: usize,
    /// What answers the first queries, whatever they ask for.
    pub lies: VecDeque<Vec<u8>>,
}

impl History {
    /// The messages of these numbers in a room that begins with 1, one each second; its next one follows the last.
    pub fn of(numbers: impl IntoIterator<Item = u64>) -> History {
        let messages: Vec<_> = numbers.into_iter().map(|seq| (seq, seq * 1000, format!("message {seq}"))).collect();
        let next_seq = messages.last().map_or(1, |(seq, ..)| seq + 1);
        History { messages, begin: 1, next_seq, page: 100, ..History::default() }
    }

    /// The payload of the answer to a REQUEST; `None` if it is not a query.
    pub fn answer(&mut self, payload: Payload<'_>) -> Option<Vec<u8>> {
        let query = Query::parse(payload)?;
        self.asked += 1;
        if let Some(lie) = self.lies.pop_front() {
            return Some(lie);
        }
        let fits = |text: &str| query.text.is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()));
        let kept = self.messages.iter().filter(|(seq, _, text)| *seq < query.before && fits(text));
        let kept: Vec<_> = kept.collect();
        let count = kept.len().min(query.count as usize).min(self.page);
        let page = &kept[kept.len() - count..];
        let mut out = Vec::new();
        if kept.len() == count {
            let first = page.first().map_or(query.before.min(self.next_seq), |(seq, ..)| *seq);
            let lost = if query.text.is_some() { 0 } else { first.saturating_sub(self.begin) };
            gap(lost, &mut out);
        }
        let mut next = page.first().map_or(u64::MAX, |(seq, ..)| *seq);
        for message in page {
            if query.text.is_none() {
                self.hole(next, message.0, &mut out);
            }
            delivery(message, &mut out);
            next = message.0 + 1;
        }
        if query.text.is_none() {
            self.hole(next, query.before.min(self.next_seq), &mut out);
        }
        Some(out)
    }

    /// Nothing is kept from number `from` on and before `to`: a GAP, but for the numbers that were skipped.
    fn hole(&self, from: u64, to: u64, out: &mut Vec<u8>) {
        let first = if (from..=to).contains(&self.begin) { self.begin } else { from };
        if first < to {
            gap(to - first, out);
        }
    }

    /// The frames that answer a resume, after WELCOME.
    pub(crate) fn replay(&self, after: u64) -> Vec<u8> {
        let after = if after == 0 { self.begin - 1 } else { after };
        let (mut out, mut next) = (Vec::new(), after + 1);
        for message in self.messages.iter().filter(|(seq, ..)| *seq > after) {
            if message.0 > next {
                gap(message.0 - next, &mut out);
            }
            delivery(message, &mut out);
            next = message.0 + 1;
        }
        if next < self.next_seq {
            gap(self.next_seq - next, &mut out);
        }
        out
    }
}

fn gap(missed: u64, out: &mut Vec<u8>) {
    Message::Gap { missed }.encode(u32::MAX, out).expect("it is short");
}

fn delivery((seq, time, text): &(u64, u64, String), out: &mut Vec<u8>) {
    let delivery = Delivery::new(7, 0, *seq, *time, "bob", Payload::Text(Text::utf8(text)));
    Message::Delivery(delivery.expect("the name is a plain line")).encode(u32::MAX, out).expect("it is short");
}
