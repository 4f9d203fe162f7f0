//! Asks the hub for what it has kept, beside the window.

use std::pin::Pin;
use std::time::Duration;

use bookend_client::{HistoryError, Page, Query, Sender};
use tokio::select;
use tokio::sync::mpsc;

use super::log::Ask;

/// How long the hub may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A question, and the answer to it.
pub(super) type Answer = (Ask, Result<Page, HistoryError>);

type Asking<'a> = Option<Pin<Box<dyn Future<Output = Answer> + 'a>>>;

/// Asks the hub and reports its answers. A new question replaces the last one of its kind, for messages or for a search:
/// that one is cancelled. Never ends.
pub(super) async fn ask_all(
    sender: Sender,
    mut asks: mpsc::UnboundedReceiver<Ask>,
    answers: mpsc::UnboundedSender<Answer>,
) {
    let (mut messages, mut found): (Asking<'_>, Asking<'_>) = (None, None);
    loop {
        let answer = select! {
            Some(question) = asks.recv() => {
                let asking = if question.text.is_some() { &mut found } else { &mut messages };
                *asking = Some(Box::pin(ask(&sender, question)));
                continue;
            }
            answer = answer(&mut messages) => answer,
            answer = answer(&mut found) => answer,
        };
        let _ = answers.send(answer); // the window may have closed
    }
}

async fn ask(sender: &Sender, ask: Ask) -> Answer {
    let query = Query { before: ask.part.before, count: ask.part.count, text: ask.text.as_deref() };
    let page = sender.history(query, TIMEOUT).await;
    (ask, page)
}

/// The answer, if the hub has been asked.
async fn answer(asking: &mut Asking<'_>) -> Answer {
    let answer = match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    };
    *asking = None;
    answer
}
