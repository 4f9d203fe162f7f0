//! What became of each message, counted.

use std::collections::VecDeque;
use std::fmt;

use bookend_client::SendError;
use serde::Serialize;

/// Counts messages, in the order in which they are read. Each has a number, that of its line where there are lines.
#[derive(Debug, Default)]
pub(super) struct Tally {
    read: u64,
    last: u64,
    confirmed: u64,
    refused: Part,
    unconfirmed: Part,
    not_sent: Part,
    /// Read, and not given to the client so far.
    waiting: VecDeque<u64>,
    /// Given to the client, and not settled.
    under_way: VecDeque<u64>,
    /// Everything was read.
    is_read: bool,
}

/// Some of the messages.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    count: u64,
    /// The least number of them.
    first: Option<u64>,
}

/// What `send` ends with.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    event: &'static str,
    read: u64,
    confirmed: u64,
    refused: u64,
    unconfirmed: u64,
    not_sent: u64,
    first_refused: Option<u64>,
    first_unconfirmed: Option<u64>,
    first_not_sent: Option<u64>,
    /// The first message that would have to be sent again, or read, for the hub to have all.
    go_on_at: Option<u64>,
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

    /// The first that waits cannot be sent.
    pub(super) fn refuse(&mut self) {
        if let Some(number) = self.waiting.pop_front() {
            self.refused.add(number);
        }
    }

    /// The first that waits was given to the client.
    pub(super) fn give(&mut self) {
        self.under_way.extend(self.waiting.pop_front());
    }

    /// It is known what became of the first that is under way.
    pub(super) fn settle(&mut self, result: &Result<(), SendError>) {
        let Some(number) = self.under_way.pop_front() else { return };
        match result {
            Ok(()) => self.confirmed += 1,
            Err(SendError::Refused { .. } | SendError::Invalid(_)) => self.refused.add(number),
            Err(SendError::NotSent) => self.not_sent.add(number),
            Err(_) => self.unconfirmed.add(number),
        }
    }

    /// Everything was read.
    pub(super) fn end(&mut self) {
        self.is_read = true;
    }

    pub(super) fn is_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Was everything read, and does the hub have it?
    pub(super) fn is_well(&self) -> bool {
        self.is_read && self.confirmed == self.read
    }

    /// Nothing more will be known of any of them.
    pub(super) fn report(mut self) -> Report {
        self.under_way.drain(..).for_each(|number| self.unconfirmed.add(number));
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
            first_unconfirmed,
            first_not_sent,
            go_on_at: [first_unconfirmed, first_not_sent, unread].into_iter().flatten().min(),
        }
    }
}

impl Report {
    /// Was nothing read?
    pub(super) fn is_empty(&self) -> bool {
        self.read == 0
    }
}

impl Part {
    fn add(&mut self, number: u64) {
        self.count += 1;
        self.first = Some(self.first.map_or(number, |first| first.min(number)));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.read == 1 { "" } else { "s" };
        write!(f, "{} message{s} read: {} confirmed", self.read, self.confirmed)?;
        for (count, what, first) in [
            (self.refused, "refused", self.first_refused),
            (self.unconfirmed, "unconfirmed", self.first_unconfirmed),
            (self.not_sent, "not sent", self.first_not_sent),
        ] {
            write!(f, ", {count} {what}")?;
            if let Some(first) = first.filter(|_| self.read > 1) {
                write!(f, " from {first} on")?;
            }
        }
        match self.go_on_at {
            Some(number) if self.read > 1 => write!(f, "; to go on, begin with {number}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_once_and_the_rest_begins_with_the_first_that_may_be_missing() {
        let mut tally = Tally::default();
        tally.read([2, 3, 5, 6, 7, 8]);
        tally.refuse();
        for _ in 0..4 {
            tally.give();
        }
        tally.settle(&Ok(()));
        tally.settle(&Err(SendError::Unconfirmed));
        tally.settle(&Err(SendError::NotSent));
        assert!(tally.is_under_way() && !tally.is_well());
        let report = tally.report();
        assert_eq!(
            report.to_string(),
            "6 messages read: 1 confirmed, 1 refused from 2 on, 2 unconfirmed from 5 on, 2 not sent from 6 on; to go on, \
             begin with 5"
        );
        assert_eq!(report.read, report.confirmed + report.refused + report.unconfirmed + report.not_sent);
    }

    #[test]
    fn what_was_not_read_comes_next_if_all_else_is_there() {
        let mut tally = Tally::default();
        tally.read([1]);
        tally.give();
        tally.settle(&Ok(()));
        assert!(!tally.is_well());
        assert_eq!(tally.report().go_on_at, Some(2));
        let mut tally = Tally::default();
        tally.end();
        assert!(tally.is_well());
        assert_eq!(tally.report().go_on_at, None);
    }
}
