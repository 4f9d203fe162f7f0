//! `/last` and `/search`: what the hub has kept.

use std::time::Duration;

use bookend::command::{LAST_COUNT, LAST_WITHOUT_NUMBER, SEARCH_WITHOUT_TEXT, last_count};
use bookend_client::{Entry, HistoryError, Page, Query};
use jiff::tz::TimeZone;

use super::{Over, Poster};
use crate::kept::length;
use crate::show::Here;
use crate::times;

/// How long the hub may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most messages that `/last` prints: they are in memory at the same time.
const MOST: u32 = 10_000;
/// About the most bytes of them.
const MOST_BYTES: usize = 16 << 20;

impl Poster<'_> {
    /// `/last`, or `/last N`.
    pub(super) async fn last(&self, position: &str, words: &str) -> Result<(), Over> {
        match last_count(words) {
            Some(count) if count <= MOST => return self.print_page(position, Query::last(count)).await,
            Some(_) => self.console.error(format_args!("{position}: /last N: N is at most {MOST} here")),
            None => self.console.error(format_args!("{position}: {LAST_WITHOUT_NUMBER}")),
        }
        Ok(())
    }

    /// `/search TEXT`.
    pub(super) async fn search(&self, position: &str, text: &str) -> Result<(), Over> {
        if !(1..=Query::MAX_TEXT).contains(&text.len()) {
            self.console.error(format_args!("{position}: {SEARCH_WITHOUT_TEXT}"));
            return Ok(());
        }
        self.print_page(position, Query { text: Some(text), ..Query::last(LAST_COUNT) }).await
    }

    async fn print_page(&self, position: &str, query: Query<'_>) -> Result<(), Over> {
        match self.page(query).await {
            Ok(page) => {
                let zone = TimeZone::system();
                let here = Here { today: times::today(&zone), zone };
                let mut lines = Vec::new();
                self.options.format.print_kept(&page, query.text, &here, &mut lines);
                self.console.print(lines).await.map_err(|_| Over)
            }
            Err(error) => {
                self.console.error(format_args!("{position}: {error}"));
                Ok(())
            }
        }
    }

    /// Asks until there are as many messages as are wanted: a hub may send fewer at a time.
    async fn page(&self, mut query: Query<'_>) -> Result<Page, HistoryError> {
        let mut all = self.sender.history(query, TIMEOUT).await?;
        let mut bytes = bytes_of(&all);
        while let Some(before) = all.first().filter(|_| all.lost_before.is_none()) {
            let got = all.entries.iter().filter(|entry| matches!(entry, Entry::Message(_))).count();
            let left = (query.count as usize).saturating_sub(got);
            if left == 0 {
                break;
            }
            if bytes > MOST_BYTES {
                let why = format_args!("only the last {got} messages are shown: together they are {} MiB", bytes >> 20);
                self.console.note(why);
                break;
            }
            query.before = before;
            let count = u32::try_from(left).unwrap_or(query.count);
            let mut older = self.sender.history(Query { count, ..query }, TIMEOUT).await?;
            bytes = bytes.saturating_add(bytes_of(&older));
            older.entries.append(&mut all.entries);
            all = older;
        }
        Ok(all)
    }
}

fn bytes_of(page: &Page) -> usize {
    page.entries.iter().map(length).sum()
}
