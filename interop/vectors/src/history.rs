//! The vectors of the history (SPEC 9): queries and pages.

use serde::Deserialize;

use super::cases::Request;
use super::schema::{Common, Joined};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryVector {
    id: String,
    requires: Vec<String>,
    why: String,
    query: Option<Joined>,
    before: Option<u64>,
    count: Option<u32>,
    text: Option<Joined>,
    page: Option<Joined>,
    lost: Option<u64>,
    entries: Option<Vec<Entry>>,
    #[serde(default)]
    other: bool,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Entry {
    Gap { gap: u64 },
    Message { from: u32, seq: u64, time: u64, name: Joined, payload: Joined },
}

/// The payload, which is read; a query is written again, too.
pub(crate) fn requests(vector: &HistoryVector) -> Vec<Request> {
    let (request, expected) = match (&vector.query, vector.before, vector.count, &vector.page, &vector.entries) {
        (Some(query), Some(before), Some(count), None, None) => {
            let text = vector.text.as_ref().map(|text| format!(" text={}", text.hex())).unwrap_or_default();
            let wire = query.hex();
            (format!("query {wire}"), format!("ok before={before} count={count}{text} wire={wire}"))
        }
        (None, None, None, Some(page), Some(entries)) => {
            let lost = vector.lost.map_or_else(|| "-".into(), |lost| lost.to_string());
            let words: String = entries.iter().map(word).collect();
            (format!("page {}", page.hex()), format!("ok lost={lost}{words}"))
        }
        (Some(query), None, None, None, None) => (format!("query {}", query.hex()), "other".into()),
        (None, None, None, Some(page), None) => (format!("page {}", page.hex()), "other".into()),
        _ => panic!("{}: a vector has either a query or a page, and a result", vector.id),
    };
    assert_eq!(vector.other, expected == "other", "{}: a vector has either a result or other", vector.id);
    vec![Request::new("read", request, expected)]
}

fn word(entry: &Entry) -> String {
    match entry {
        Entry::Gap { gap } => format!(" gap:{gap}"),
        Entry::Message { from, seq, time, name, payload } => {
            format!(" {from}:{seq}:{time}:{}:{}", name.hex(), payload.hex())
        }
    }
}

impl Common for HistoryVector {
    fn id(&self) -> &str {
        &self.id
    }

    fn requires(&self) -> &[String] {
        &self.requires
    }

    fn why(&self) -> &str {
        &self.why
    }
}
