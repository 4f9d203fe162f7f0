//! What a terminal asks of the history of its room.

use bookend::command::{LAST_COUNT, LAST_WITHOUT_NUMBER, SEARCH_WITHOUT_TEXT, last_count};
use bookend::history::Query as HistoryQuery;

use super::Terminal;
use crate::client::Client;
use crate::clock::wall_clock;
use crate::page::Form;
use crate::queries::{Asker, Query, Unreadable};
use crate::rendition::Rendered;

impl Terminal {
    pub(super) fn last(&self, words: &str, client: &mut Client) {
        match last_count(words) {
            Some(count) => self.ask(count, None, client),
            None => self.print(&format!("! {LAST_WITHOUT_NUMBER}"), client),
        }
    }

    pub(super) fn search(&self, text: &str, client: &mut Client) {
        match text.len() {
            1..=HistoryQuery::MAX_TEXT => self.ask(LAST_COUNT, Some(text), client),
            _ => self.print(&format!("! {SEARCH_WITHOUT_TEXT}"), client),
        }
    }

    fn ask(&self, count: u32, text: Option<&str>, client: &mut Client) {
        if !client.may_read() {
            return self.print("! policy: no right to read here", client);
        }
        // What it has just said is among the last messages: the answer waits until that is written.
        client.flush();
        let after = client.end_of_unwritten();
        client.ask(Query {
            after,
            asker: Asker::Command,
            before: HistoryQuery::NOW,
            count: usize::try_from(count).unwrap_or(usize::MAX),
            text: text.map(Into::into),
            form: self.form(),
        });
    }

    /// It has joined: shows it the last messages before those that it is going to receive.
    pub(super) fn recall(&self, client: &mut Client) {
        let count = client.hub().config().recent;
        if count > 0 && client.may_read() {
            let before = client.next_seq();
            client.ask(Query { asker: Asker::Newcomer, before, count, text: None, form: self.form(), after: 0 });
        }
    }

    /// Shows the answer.
    pub(crate) fn answer(&self, page: Result<Rendered, Unreadable>, client: &mut Client) {
        match page {
            Ok(page) => client.write(page),
            Err(Unreadable) => self.print("! try-later: the hub cannot read its history now", client),
        }
    }

    fn form(&self) -> Form {
        Form::Lines { encoding: self.encoding, now: wall_clock() }
    }
}
