//! What a hub has kept of a room: asked for page by page (SPEC 9, History).

use std::fmt;
use std::time::Duration;

use bookend::history::{self, BadPage, Query};
use bookend::{Code, Message, Payload, Reply};

use crate::error::SendError;
use crate::event::Incoming;
use crate::sender::Sender;

/// Messages that a hub has kept, oldest first; see [`Sender::history`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The messages, and what lies between them but is not there.
    pub entries: Vec<Entry>,
    /// If nothing that is older matches, the number of older messages of the room that are not kept any more; 0 in the
    /// answer to a search. `None` if there may be more.
    pub lost_before: Option<u64>,
}

/// A part of a [`Page`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A DELIVERY to everyone, in the form in which this client would have received it.
    Message(Incoming),
    /// That many messages are not kept, or are too long for this client.
    Gap(u64),
}

/// Why there is no [`Page`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryError {
    /// The hub keeps no history of this room, or not for this client (ERROR `policy`).
    NotKept {
        /// The hub's reason in words.
        reason: String,
    },
    /// The answer is not a page, or not one of what was asked for: a mistake of the hub.
    BadPage,
    /// [`Query::count`] is 0, or the text does not have 1 to [`Query::MAX_TEXT`] bytes. Nothing was sent.
    BadQuery,
    /// There was no answer, or another refusal such as `try-later`.
    Request(SendError),
}

/// Walks back through what a hub has kept, one page after another; see [`Sender::pages`].
#[derive(Debug)]
pub struct Pages {
    sender: Sender,
    /// [`Query::before`] of the next page; `None` after the last one.
    before: Option<u64>,
    count: u32,
    text: Option<String>,
    timeout: Duration,
}

impl Sender {
    /// Asks the hub for the last messages to everyone that it has kept of the room, or for the last ones that contain a
    /// text. `timeout` includes the wait for a session. Cancelled or timed out, as [`request`](Sender::request).
    ///
    /// The page before this one is asked for with the number of its first message as [`Query::before`]; [`pages`]
    /// does so. A client that has just joined gets what precedes its [`Welcome`](crate::Welcome) with
    /// [`Welcome::next_seq`](crate::Welcome::next_seq): between that and its events there is no seam.
    ///
    /// ```no_run
    /// # async fn example(sender: bookend_client::Sender) -> Result<(), bookend_client::HistoryError> {
    /// use std::time::Duration;
    /// use bookend_client::{Entry, Query};
    ///
    /// let page = sender.history(Query::last(50), Duration::from_secs(5)).await?;
    /// for entry in &page.entries {
    ///     match entry {
    ///         Entry::Message(incoming) => println!("{:?}", incoming.message()),
    ///         Entry::Gap(count) => println!("{count} messages are not there"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`HistoryError::NotKept`] if the hub keeps no history, and any other [`HistoryError`].
    ///
    /// [`pages`]: Sender::pages
    pub async fn history(&self, query: Query<'_>, timeout: Duration) -> Result<Page, HistoryError> {
        if query.count == 0 || query.text.is_some_and(|text| !(1..=Query::MAX_TEXT).contains(&text.len())) {
            return Err(HistoryError::BadQuery);
        }
        match self.request(&*query.encode(), timeout).await {
            Ok(Reply::Binary(bytes)) => Page::read(&query, &bytes),
            Ok(_) => Err(HistoryError::BadPage),
            Err(SendError::Refused { code: Code::POLICY, reason }) => Err(HistoryError::NotKept { reason }),
            Err(error) => Err(HistoryError::Request(error)),
        }
    }

    /// Walks back through what the hub has kept, from the page that [`history`](Sender::history) would return. Nothing
    /// is sent before [`Pages::next`]; `timeout` is for each page.
    ///
    /// ```no_run
    /// # async fn example(sender: bookend_client::Sender) -> Result<(), bookend_client::HistoryError> {
    /// use std::time::Duration;
    /// use bookend_client::{Entry, Message, Query};
    ///
    /// let noon = Query { text: Some("noon"), ..Query::last(100) };
    /// let mut pages = sender.pages(noon, Duration::from_secs(5));
    /// while let Some(page) = pages.next().await? {
    ///     for entry in page.entries.iter().rev() {
    ///         if let Entry::Message(incoming) = entry
    ///             && let Message::Delivery(delivery) = incoming.message()
    ///         {
    ///             println!("{}: {:?}", delivery.name(), delivery.payload.text());
    ///         }
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn pages(&self, query: Query<'_>, timeout: Duration) -> Pages {
        let text = query.text.map(Into::into);
        Pages { sender: self.clone(), before: Some(query.before), count: query.count, text, timeout }
    }
}

impl Page {
    /// Reads the answer to `query`, and checks that a walk back gets ahead.
    fn read(query: &Query<'_>, bytes: &[u8]) -> Result<Page, HistoryError> {
        let page = history::Page::parse(Payload::Binary(bytes))?;
        let (mut entries, mut last) = (Vec::new(), 0);
        for entry in page.entries() {
            entries.push(match entry {
                history::Entry::Gap(count) => Entry::Gap(count),
                history::Entry::Message(delivery) => {
                    if delivery.to != 0 || delivery.seq <= last || delivery.seq >= query.before {
                        return Err(HistoryError::BadPage);
                    }
                    last = delivery.seq;
                    Entry::Message(Incoming::new(&Message::Delivery(delivery)).ok_or(BadPage)?)
                }
            });
        }
        let page = Page { entries, lost_before: page.lost_before() };
        if page.first().is_none() && page.lost_before.is_none() { Err(HistoryError::BadPage) } else { Ok(page) }
    }

    /// The numbers of the messages.
    fn numbers(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Message(incoming) => match incoming.message() {
                Message::Delivery(delivery) => Some(delivery.seq),
                _ => None,
            },
            Entry::Gap(_) => None,
        })
    }

    /// The number of the first message, if there is any: [`Query::before`] for the page before this one.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.numbers().next()
    }

    /// The number of the last message, if there is any.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.numbers().next_back()
    }
}

impl Pages {
    /// The page before the one that was returned last; `None` if there is no older message. Cancel-safe: a page that
    /// did not arrive is asked for again by the next call.
    ///
    /// # Errors
    /// As [`Sender::history`]. The next call asks for the same page.
    pub async fn next(&mut self) -> Result<Option<Page>, HistoryError> {
        let Some(before) = self.before else { return Ok(None) };
        let query = Query { before, count: self.count, text: self.text.as_deref() };
        let page = self.sender.history(query, self.timeout).await?;
        self.before = page.first().filter(|_| page.lost_before.is_none());
        Ok(Some(page))
    }
}

impl HistoryError {
    /// The fault's name: SPEC 6's if it has one; `no-history` if the hub keeps none.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            HistoryError::NotKept { .. } => "no-history",
            HistoryError::BadPage => "bad-page",
            HistoryError::BadQuery => "bad-query",
            HistoryError::Request(error) => error.name(),
        }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HistoryError::NotKept { reason } if reason.is_empty() => {
                f.write_str("no-history: this hub keeps no history")
            }
            HistoryError::NotKept { reason } => write!(f, "no-history: this hub keeps no history: {reason}"),
            HistoryError::BadPage => f.write_str("bad-page: the hub's answer is not a page of what was asked for"),
            HistoryError::BadQuery => {
                let max = Query::MAX_TEXT;
                write!(f, "bad-query: ask for at least one message, and for a text of 1 to {max} bytes")
            }
            HistoryError::Request(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HistoryError {}

impl From<BadPage> for HistoryError {
    fn from(_: BadPage) -> HistoryError {
        HistoryError::BadPage
    }
}
