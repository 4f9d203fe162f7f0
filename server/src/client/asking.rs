//! What a client asks of the history of its room.

use std::task::{Context, Poll};

use super::Client;
use crate::queries::{Asker, Progress, Query};

impl Client {
    /// Asks for what its room has kept. It must be a member that may read.
    pub(crate) fn ask(&mut self, query: Query) {
        self.queries.get_or_insert_default().push(query);
    }

    /// The number after the last message of its own that nobody may read yet; 0 if there is none.
    pub(crate) fn end_of_unwritten(&self) -> u64 {
        self.member.as_ref().map_or(0, |member| member.room().end_of_unwritten(member.id()))
    }

    /// Drops a query that is not answered yet.
    pub(crate) fn cancel(&mut self, asker: Asker) {
        if let Some(queries) = &mut self.queries {
            queries.cancel(asker);
        }
    }

    /// Does it wait for an answer?
    pub(crate) fn is_asking(&self) -> bool {
        self.queries.is_some()
    }

    /// Must the events of the room wait for an answer?
    pub(super) fn holds_events(&self) -> bool {
        self.queries.as_ref().is_some_and(|queries| queries.hold_events())
    }

    /// Goes on with the first query. Pending if there is none, or the task is woken when the store has read.
    pub(crate) fn poll_queries(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        let (Some(queries), Some(member)) = (&mut self.queries, &self.member) else { return Poll::Pending };
        let progress = queries.poll(member.room(), self.hub.config().history_page, cx);
        if queries.is_empty() {
            self.queries = None;
        }
        progress
    }

    /// The number of the first message that the room delivers to it from now on, or of a later one.
    pub(crate) fn next_seq(&mut self) -> u64 {
        self.feed().map_or(0, |feed| feed.next_seq())
    }
}
