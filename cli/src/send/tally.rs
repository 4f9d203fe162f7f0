//! Counts the outcomes of messages.

use std::collections::VecDeque;
use std::fmt;

use bookend_client::SendError;
use serde::Serialize;

/// Counts messages in the order in which they are read. Each has a number, which is its line number if there are lines.
#[derive(Debug, Default)]
pub(super) struct Tally {
    read: u64,
    last: u64,
    confirmed: u64,
    refused: Part,
    unconfirmed: Part,
    not_sent: Part,
    /// Messages that were read and not yet given to the client.
    waiting: VecDeque<u64>,
    /// Messages that were given to the client and are not settled.
    in_flight: VecDeque<u64>,
    /// The input was read to its end.
    is_read: bool,
}

/// The messages with one outcome.
#[derive(Clone, Debug, Default)]
struct Part {
    count: u64,
    /// The lowest number among them.
    first: Option<u64>,
    /// The first of their numbers, in the order in which they were added.
    listed: Vec<u64>,
}

/// How many numbers of messages with one outcome are listed. The lines about each name all of them.
const LISTED: usize = 20;

/// The report at the end of `send`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    event: &'static str,
    read: u64,
    confirmed: u64,
    refused: u64,
    unconfirmed: u64,
    not_sent: u64,
    first_refused: Option<u64>,
    /// The numbers of the first messages that were refused.
    refused_numbers: Vec<u64>,
    first_unconfirmed: Option<u64>,
    first_not_sent: Option<u64>,
    /// The first message that may be missing at the hub: the one to resume at.
    resume_at: Option<u64>,
}

impl Tally {
    /// Messages were read.
    pub(super) fn read(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.read += 1;
            self.last = number;
            self.waiting.push_back(number);
        }
    }

    /// The first waiting message cannot be sent.
    pub(super) fn refuse(&mut self) {
        if let Some(number) = self.waiting.pop_front() {
            self.refused.add(number);
        }
    }

    /// The first waiting message was given to the client.
    pub(super) fn give(&mut self) {
        self.in_flight.extend(self.waiting.pop_front());
    }

    /// The outcome of the first message in flight is known.
    pub(super) fn settle(&mut self, result: &Result<(), SendError>) {
        let Some(number) = self.in_flight.pop_front() else { return };
        match result {
            Ok(()) => self.confirmed += 1,
            Err(SendError::Refused { .. } | SendError::Invalid(_)) => self.refused.add(number),
            Err(SendError::NotSent) => self.not_sent.add(number),
            Err(_) => self.unconfirmed.add(number),
        }
    }

    /// The input was read to its end.
    pub(super) fn end(&mut self) {
        self.is_read = true;
    }

    pub(super) fn is_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// True if everything was read and confirmed.
    pub(super) fn is_complete(&self) -> bool {
        self.is_read && self.confirmed == self.read
    }

    /// The report, once no more outcomes will be known.
    pub(super) fn report(mut self) -> Report {
        self.in_flight.drain(..).for_each(|number| self.unconfirmed.add(number));
        self.waiting.drain(..).for_each(|number| self.not_sent.add(number));
        let Tally { read, confirmed, refused, unconfirmed, not_sent, .. } = self;
        let unread = (!self.is_read).then_some(self.last + 1);
        let (first_unconfirmed, first_not_sent) = (unconfirmed.first, not_sent.first);
        Report {
            event: "report",
            read,
            confirmed,
            refused: refused.count,
            unconfirmed: unconfirmed.count,
            not_sent: not_sent.count,
            first_refused: refused.first,
            refused_numbers: refused.sorted(),
            first_unconfirmed,
            first_not_sent,
            resume_at: [first_unconfirmed, first_not_sent, unread].into_iter().flatten().min(),
        }
    }
}

impl Report {
    /// True if no message was read.
    pub(super) fn is_empty(&self) -> bool {
        self.read == 0
    }
}

impl Part {
    fn add(&mut self, number: u64) {
        self.count += 1;
        self.first = Some(self.first.map_or(number, |first| first.min(number)));
        if self.listed.len() < LISTED {
            self.listed.push(number);
        }
    }

    fn sorted(mut self) -> Vec<u64> {
        self.listed.sort_unstable();
        self.listed
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.read == 1 { "" } else { "s" };
        write!(f, "{} message{s} read: {} confirmed", self.read, self.confirmed)?;
        write!(f, ", {} refused", self.refused)?;
        if self.read > 1 && !self.refused_numbers.is_empty() {
            let numbers: Vec<String> = self.refused_numbers.iter().map(u64::to_string).collect();
            let more = if self.refused > numbers.len() as u64 { ", …" } else { "" };
            write!(f, " (at {}{more})", numbers.join(", "))?;
        }
        for (count, what, first) in [
            (self.unconfirmed, "unconfirmed", self.first_unconfirmed),
            (self.not_sent, "not sent", self.first_not_sent),
        ] {
            write!(f, ", {count} {what}")?;
            if let Some(first) = first.filter(|_| self.read > 1) {
                write!(f, " from {first} on")?;
            }
        }
        match self.resume_at {
            Some(number) if self.read > 1 => write!(f, "; resume at {number}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_counted_once_and_resume_at_is_the_first_that_may_be_missing() {
        let mut tally = Tally::default();
        tally.read([2, 3, 5, 6, 7, 8]);
        tally.refuse();
        for _ in 0..4 {
            tally.give();
        }
        tally.settle(&Ok(()));
        tally.settle(&Err(SendError::Unconfirmed));
        tally.settle(&Err(SendError::NotSent));
        assert!(tally.is_in_flight() && !tally.is_complete());
        let report = tally.report();
        assert_eq!(
            report.to_string(),
            "6 messages read: 1 confirmed, 1 refused (at 2), 2 unconfirmed from 5 on, 2 not sent from 6 on; resume at 5"
        );
        assert_eq!(report.read, report.confirmed + report.refused + report.unconfirmed + report.not_sent);
    }

    #[test]
    fn refused_messages_are_named_one_by_one() {
        let mut tally = Tally::default();
        tally.read(1..=100);
        for number in 1..=100 {
            tally.give();
            tally.settle(&if number % 3 == 0 { Err(SendError::Invalid(bookend::Misuse::NotOpen)) } else { Ok(()) });
        }
        tally.end();
        let report = tally.report().to_string();
        assert!(report.starts_with("100 messages read: 67 confirmed, 33 refused (at 3, 6, 9, "), "{report}");
        assert!(report.ends_with(", 57, 60, …), 0 unconfirmed, 0 not sent"), "{report}");
    }

    #[test]
    fn resume_at_is_the_next_line_if_everything_read_was_confirmed() {
        let mut tally = Tally::default();
        tally.read([1]);
        tally.give();
        tally.settle(&Ok(()));
        assert!(!tally.is_complete());
        assert_eq!(tally.report().resume_at, Some(2));
        let mut tally = Tally::default();
        tally.end();
        assert!(tally.is_complete());
        assert_eq!(tally.report().resume_at, None);
    }
}
