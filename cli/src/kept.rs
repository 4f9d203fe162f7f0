//! What a hub has kept of a room, read oldest first. A hub is asked for what precedes a number (SPEC 9, History); a page
//! is found by its numbers, so that memory is bounded and nothing is read twice.

mod moment;
mod session;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bookend::{Code, Message};
use bookend_client::{Entry, Event, HistoryError, Incoming, Missed, Page, Query, SendError, Sender, Status};
use tokio::time::sleep;

pub(crate) use moment::{Moment, Since, since, until};
pub(crate) use session::{Session, read};

/// How long the hub may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pause before a hub that is busy is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// The numbers in a part, at first and at most.
const WIDTH: (u64, u64) = (128, 1024);
/// A part of more pages than this is too wide: they are in memory at the same time.
const PAGES: usize = 4;
/// So is a part of more bytes than this, unless it has only two pages.
const BYTES: usize = 4 << 20;
/// So often in a row may the hub have nothing although it had something: old messages are removed at any time.
const STALLS: u32 = 8;

/// The first message that a reader returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The first one since then.
    Since(Since),
    /// The first of so many last ones.
    Last(u64),
}

/// Reads the messages before a number, oldest first.
pub(crate) struct Reader<'a> {
    sender: &'a Sender,
    /// The last number that was returned, as a message or as missed.
    position: u64,
    /// The first number that is not wanted.
    end: u64,
    /// How many numbers to ask for.
    width: u64,
    /// How often in a row nothing came of that.
    stalls: u32,
}

/// All pages of a part, the latest first, and what is behind the last of its numbers.
struct Part {
    before: u64,
    pages: Vec<Page>,
}

impl<'a> Reader<'a> {
    /// A reader of the messages from `start` to the one before `end`.
    ///
    /// # Errors
    /// The hub keeps none, or does not answer.
    pub(crate) async fn new(sender: &'a Sender, start: Start, end: u64) -> Result<Reader<'a>, HistoryError> {
        let mut reader = Reader { sender, position: 0, end, width: WIDTH.0, stalls: 0 };
        reader.position = match start {
            Start::Since(Since::All) => 0,
            Start::Since(Since::Moment(Moment::Number(after))) => after,
            Start::Since(Since::Moment(Moment::Time(least))) => reader.before_time(least).await?,
            Start::Last(count) => reader.before_last(count).await?,
        };
        Ok(reader)
    }

    /// Leaves out what follows `last`.
    pub(crate) async fn until(&mut self, last: Moment) -> Result<(), HistoryError> {
        self.end = match last {
            Moment::Number(last) => self.end.min(last.saturating_add(1)),
            Moment::Time(most) => self.before(self.position, |_, time| time > most).await?.saturating_add(1),
        };
        Ok(())
    }

    /// The numbers that were returned, and all.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.position, self.end.saturating_sub(1))
    }

    /// The next messages, and what is missing between them; `None` after the last one.
    ///
    /// # Errors
    /// As [`Reader::new`]; [`HistoryError::BadPage`] if the hub contradicts itself.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Event>>, HistoryError> {
        if self.position.saturating_add(1) >= self.end {
            return Ok(None);
        }
        let events = self.part(self.position.saturating_add(1).saturating_add(self.width)).await?;
        if !events.is_empty() || self.position.saturating_add(1) >= self.end {
            return Ok(Some(events));
        }
        // Nothing of these numbers is kept: they may be more than could be asked for.
        let position = self.position;
        let next = self.before(position, |seq, _| seq > position).await?.saturating_add(2);
        let events = self.part(next).await?;
        self.stalls = if self.position > position { 0 } else { self.stalls + 1 };
        if self.stalls > STALLS { Err(HistoryError::BadPage) } else { Ok(Some(events)) }
    }

    /// The messages after the position whose number is less than `before`, and what is missing before each of them; at
    /// the end of all also what is missing after the last one.
    async fn part(&mut self, before: u64) -> Result<Vec<Event>, HistoryError> {
        let Part { before, pages } = self.pages(before.min(self.end)).await?;
        let lost_before = pages.last().and_then(|page| page.lost_before);
        let (mut missing, mut is_first_kept) = (lost_before.unwrap_or(0), lost_before.is_some());
        let mut events = Vec::new();
        for entry in pages.into_iter().rev().flat_map(|page| page.entries) {
            let incoming = match entry {
                Entry::Gap(count) => {
                    missing = missing.saturating_add(count);
                    continue;
                }
                Entry::Message(incoming) => incoming,
            };
            let (seq, _) = numbers(&incoming);
            if seq > self.position {
                events.extend(self.missed(seq, missing, is_first_kept));
                events.push(Event::Message(incoming));
                self.position = seq;
            }
            (missing, is_first_kept) = (0, false);
        }
        if before == self.end {
            events.extend(self.missed(before, missing, is_first_kept));
            self.position = before.saturating_sub(1).max(self.position);
        }
        Ok(events)
    }

    /// The pages before a number, or before a lesser one if those are too long, back to the position.
    async fn pages(&mut self, before: u64) -> Result<Part, HistoryError> {
        let mut before = before;
        loop {
            let (pages, bytes) = self.pages_of(before).await?;
            if pages.len() > 2 && bytes > BYTES {
                self.width = (self.width / 2).max(1); // at last there is one number, and one page
                before = before.min(self.position.saturating_add(1).saturating_add(self.width));
                continue;
            }
            self.width = match pages.len() {
                1 if bytes <= BYTES / 2 => (self.width * 2).min(WIDTH.1),
                1..=PAGES => self.width,
                _ => (self.width / 2).max(1),
            };
            return Ok(Part { before, pages });
        }
    }

    /// The pages before a number, latest first, back to the position or until they are too long, and their bytes.
    async fn pages_of(&self, before: u64) -> Result<(Vec<Page>, usize), HistoryError> {
        let count = u32::try_from(self.width).unwrap_or(u32::MAX).saturating_add(1);
        let (next, mut before, mut pages, mut bytes) = (self.position.saturating_add(1), before, Vec::new(), 0_usize);
        while pages.len() <= 2 || bytes <= BYTES {
            let page = self.page(Query { before, count, text: None }).await?;
            // Nothing can be between the position and the next number.
            let first = page.first().filter(|first| page.lost_before.is_none() && *first > next);
            bytes = bytes.saturating_add(page.entries.iter().map(length).sum());
            pages.push(page);
            match first {
                Some(first) => before = first,
                None => break,
            }
        }
        Ok((pages, bytes))
    }

    /// What is missing between the position and `next`: numbers that the hub has skipped, and messages. The hub says that
    /// `missing` messages before `next` are not there, of which some may be before the position. If it keeps nothing before
    /// `next`, and knows of fewer than the numbers say, its room has begun after the position.
    fn missed(&self, next: u64, missing: u64, is_first_kept: bool) -> impl Iterator<Item = Event> + use<> {
        let first = self.position.saturating_add(1);
        let jumped = next.saturating_sub(first);
        let count = missing.min(jumped);
        let skipped = jumped - count;
        let gap = Some(Missed::Gap { first: next - count, count }).filter(|_| count > 0);
        let events = match skipped > 0 {
            false => [None, gap],
            true if is_first_kept && self.position > 0 => [None, Some(Missed::Unknown { after: Some(self.position) })],
            true if is_first_kept => [None, gap],
            true => [Some(Missed::Skipped { first, count: skipped }), gap],
        };
        events.into_iter().flatten().map(Event::Missed)
    }

    /// The number before the first message after `low` that `fits`; the last number if there is none. What fits is never
    /// followed by what does not. Takes steps that grow from the end, and then halves.
    async fn before(&self, low: u64, fits: impl Fn(u64, u64) -> bool) -> Result<u64, HistoryError> {
        // Nothing before `low` fits, and nothing from `high` on is looked for.
        let (mut low, mut high) = (low.saturating_add(1), self.end);
        let mut step = Some(0);
        while low < high {
            let before = match step {
                Some(step) => high.saturating_sub(step).max(low + 1),
                None => low + (high - low).div_ceil(2),
            };
            match self.last_before(before).await? {
                Some((seq, time)) if seq >= low && fits(seq, time) => {
                    high = seq;
                    step = step.map(|step: u64| step.saturating_mul(4).saturating_add(1));
                }
                _ => (low, step) = (before, None),
            }
        }
        Ok(high.saturating_sub(1))
    }

    /// The number of the last message that is older; what is missing after it may be of that time.
    async fn before_time(&self, least: u64) -> Result<u64, HistoryError> {
        let before = self.before(0, |_, time| time >= least).await?.saturating_add(1);
        Ok(self.last_before(before).await?.map_or(0, |(seq, _)| seq))
    }

    /// The number before the first of so many last messages.
    async fn before_last(&self, count: u64) -> Result<u64, HistoryError> {
        let (mut before, mut left) = (self.end, count);
        while left > 0 {
            let count = u32::try_from(left.min(WIDTH.1)).unwrap_or(u32::MAX);
            let page = self.page(Query { before, count, text: None }).await?;
            let Some(first) = page.first() else { break };
            left = left
                .saturating_sub(page.entries.iter().filter(|entry| matches!(entry, Entry::Message(_))).count() as u64);
            before = first;
            if page.lost_before.is_some() {
                break;
            }
        }
        Ok(before.saturating_sub(1))
    }

    /// The number and the time of the last message before a number.
    async fn last_before(&self, before: u64) -> Result<Option<(u64, u64)>, HistoryError> {
        let page = self.page(Query { before, count: 1, text: None }).await?;
        Ok(page.entries.iter().rev().find_map(|entry| match entry {
            Entry::Message(incoming) => Some(numbers(incoming)),
            Entry::Gap(_) => None,
        }))
    }

    /// Asks the hub, in the next session if one is lost, and again if it is busy.
    async fn page(&self, query: Query<'_>) -> Result<Page, HistoryError> {
        loop {
            match self.sender.history(query, TIMEOUT).await {
                Err(HistoryError::Request(SendError::Unconfirmed)) => {}
                Err(HistoryError::Request(SendError::TimedOut)) if self.sender.status() == Status::Connecting => {}
                Err(HistoryError::Request(SendError::Refused { code: Code::TRY_LATER, .. })) => sleep(PAUSE).await,
                answered => return answered,
            }
        }
    }
}

/// About how many bytes of memory it takes.
pub(crate) fn length(entry: &Entry) -> usize {
    let payload = match entry {
        Entry::Message(incoming) => match incoming.message() {
            Message::Delivery(delivery) => delivery.payload.as_bytes().len(),
            _ => 0, // a page has only these
        },
        Entry::Gap(_) => 0,
    };
    size_of::<Entry>() + payload
}

/// The number and the time of a message.
fn numbers(incoming: &Incoming) -> (u64, u64) {
    match incoming.message() {
        Message::Delivery(delivery) => (delivery.seq, delivery.time),
        _ => (0, 0), // a page has only these
    }
}
