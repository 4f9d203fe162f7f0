//! What to ask the hub for, and what to do with its answer.

use bookend_client::{Entry as Kept, HistoryError, Message, Page, SendError};

use super::{Log, Part};
use crate::window::page::Reader;

/// The messages in a page, at most.
const PAGE: u32 = 100;

/// A question to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::window) struct Ask {
    pub(in crate::window) part: Part,
    /// Only messages that contain this.
    pub(in crate::window) text: Option<String>,
}

/// What precedes the first entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::window) enum Top {
    /// The hub has to be asked.
    #[default]
    More,
    /// The same, once the user scrolls back.
    Resting,
    /// Nothing. So many messages were kept once.
    Nothing(u64),
    /// The hub keeps no history, for this reason.
    NotKept(String),
}

/// The state of a log's conversation with the hub.
#[derive(Debug, Default)]
pub(in crate::window) struct Paging {
    /// The number of the next message to everyone, before which the hub is asked at first; 0 if there is no hub.
    pub(super) next: u64,
    pub(in crate::window) top: Top,
    asked: Option<Asked>,
    /// Why the last question was not answered. No other one follows until the user scrolls.
    failure: Option<String>,
    /// The view is near the first entry.
    is_near_start: bool,
    /// The view is near entries that were dropped.
    is_near_dropped: bool,
    /// The user has scrolled back since the newest entry was shown.
    has_scrolled_back: bool,
}

#[derive(Debug)]
enum Asked {
    /// For what precedes the first entry.
    Older(Part),
    /// For what was dropped after the past.
    Dropped {
        /// What is still to come.
        part: Part,
        is_sent: bool,
        /// The end of it.
        found: Vec<Kept>,
    },
}

impl Paging {
    pub(super) fn before(next: u64) -> Paging {
        Paging { next, ..Paging::default() }
    }

    /// A message to everyone has arrived.
    pub(super) fn passed(&mut self, seq: Option<u64>) {
        self.next = self.next.max(seq.map_or(0, |seq| seq.saturating_add(1)));
    }

    /// What the view shows now is near the first entry, or near dropped ones.
    pub(in crate::window) fn shown(&mut self, is_near_start: bool, is_near_dropped: bool) {
        (self.is_near_start, self.is_near_dropped) = (is_near_start, is_near_dropped);
    }

    /// The user has scrolled.
    pub(super) fn scrolled(&mut self, is_back: bool) {
        self.failure = None;
        self.has_scrolled_back |= is_back;
        if is_back && self.top == Top::Resting {
            self.top = Top::More;
        }
    }

    /// The user has returned to the newest entry.
    pub(super) fn returned(&mut self) {
        (self.failure, self.has_scrolled_back) = (None, false);
        if let Some(Asked::Dropped { .. }) = self.asked {
            self.asked = None;
        }
    }

    /// The log was cleared.
    pub(super) fn rest(&mut self) {
        (self.top, self.asked) = (Top::Resting, None);
    }

    /// The log does not have its oldest entries any more.
    pub(super) fn has_dropped_oldest(&mut self) {
        if let Some(Asked::Older(_)) = self.asked {
            self.asked = None;
        }
        if let Top::Nothing(_) = self.top {
            self.top = Top::More;
        }
    }

    /// True while the hub is asked, or about to be asked, for what precedes the first entry.
    pub(in crate::window) fn is_loading(&self) -> bool {
        self.top == Top::More && self.failure.is_none() && self.next > 0
    }

    /// True if the hub keeps no history.
    pub(in crate::window) fn is_without_history(&self) -> bool {
        matches!(self.top, Top::NotKept(_))
    }

    pub(in crate::window) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub(in crate::window) fn has_scrolled_back(&self) -> bool {
        self.has_scrolled_back
    }
}

impl Log {
    /// A session has begun, in which the next message to everyone has number `next`.
    pub(in crate::window) fn begin(&mut self, next: u64) {
        let paging = &mut self.paging;
        paging.failure = None;
        if let Top::NotKept(_) = paging.top {
            paging.top = Top::More;
        }
        // The room is another one, whose numbers do not continue those of the messages here.
        if std::mem::replace(&mut paging.next, next) > next {
            paging.top = Top::Nothing(0);
        }
    }

    /// What the hub is to be asked for, once.
    pub(in crate::window) fn ask(&mut self) -> Option<Part> {
        let is_near_start = std::mem::take(&mut self.paging.is_near_start);
        let is_near_dropped = std::mem::take(&mut self.paging.is_near_dropped);
        match &mut self.paging.asked {
            Some(Asked::Dropped { part, is_sent, .. }) if !*is_sent => {
                *is_sent = true;
                return Some(*part);
            }
            Some(_) => return None,
            None if self.paging.failure.is_some() => return None,
            None => {}
        }
        if let Some(part) = self.dropped().filter(|_| is_near_dropped) {
            self.paging.asked = Some(Asked::Dropped { part, is_sent: true, found: Vec::new() });
            return Some(part);
        }
        let part = Part { before: self.oldest(), count: PAGE };
        let is_wanted = is_near_start && self.paging.top == Top::More && part.before > 0;
        is_wanted.then(|| {
            self.paging.asked = Some(Asked::Older(part));
            part
        })
    }

    /// The hub has answered the question for `part`, or not.
    pub(in crate::window) fn answered(&mut self, part: Part, page: Result<Page, HistoryError>, reader: &Reader<'_>) {
        match self.paging.asked.take() {
            Some(Asked::Older(asked)) if asked == part => match page {
                Ok(page) => self.add_older(part, page, reader),
                Err(error) => self.fail(error),
            },
            Some(Asked::Dropped { part: asked, found, .. }) if asked == part => match page {
                Ok(page) => self.add_dropped(part, page, found, reader),
                Err(error) => self.fail(error),
            },
            other => self.paging.asked = other, // it is not asked for any more
        }
    }

    fn add_older(&mut self, part: Part, page: Page, reader: &Reader<'_>) {
        if part.before != self.oldest() {
            return;
        }
        if let Some(lost) = page.lost_before {
            self.paging.top = Top::Nothing(lost);
        }
        let last_day = page.entries.iter().rev().find_map(|entry| reader.day(entry));
        self.prepend(part.before, reader.entries(&page.entries, None), last_day);
    }

    fn add_dropped(&mut self, part: Part, mut page: Page, found: Vec<Kept>, reader: &Reader<'_>) {
        let last = self.last_seq();
        let known = page.entries.iter().rposition(|entry| seq(entry).is_some_and(|seq| seq <= last));
        page.entries.drain(..known.map_or(0, |known| known + 1));
        let got = page.entries.iter().filter(|entry| seq(entry).is_some()).count();
        let left = part.count.saturating_sub(u32::try_from(got).unwrap_or(u32::MAX));
        let before = page.first().filter(|_| known.is_none() && page.lost_before.is_none() && left > 0);
        page.entries.extend(found);
        if let Some(before) = before {
            let part = Part { before, count: left };
            self.paging.asked = Some(Asked::Dropped { part, is_sent: false, found: page.entries });
            return;
        }
        if left > 0 {
            page.entries.insert(0, Kept::Gap(left.into())); // no longer kept
        }
        let entries = reader.entries(&page.entries, self.last_time());
        self.reload(entries);
    }

    fn fail(&mut self, error: HistoryError) {
        match error {
            HistoryError::NotKept { .. } if self.dropped().is_none() => {
                self.paging.top = Top::NotKept(error.to_string());
            }
            HistoryError::Request(SendError::Unconfirmed) => {} // asked again in the next session
            error => self.paging.failure = Some(error.to_string()),
        }
    }
}

/// The number of a message.
fn seq(entry: &Kept) -> Option<u64> {
    let Kept::Message(incoming) = entry else { return None };
    if let Message::Delivery(delivery) = incoming.message() { Some(delivery.seq) } else { None }
}
