//! Sends what the user enters, beside the window.

use std::time::{Duration, Instant};

use bookend::Content;
use bookend_client::{SendError, Sender};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::select;
use tokio::sync::mpsc;

/// A message to send.
pub(super) struct Outgoing {
    pub(super) to: Option<u32>,
    pub(super) text: String,
    pub(super) begun: Instant,
}

/// The text of a message, and how long the confirmation took or why there is none.
pub(super) type Outcome = (String, Result<Duration, String>);

/// Sends the messages and reports their outcomes. Messages wait here while there is no connection, so that typing never
/// blocks on the network, nor the network on typing. Never ends.
pub(super) async fn send_all(
    sender: Sender,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    settled: mpsc::UnboundedSender<Outcome>,
) {
    let mut receipts = FuturesUnordered::new();
    loop {
        select! {
            Some(message) = outgoing.recv() => receipts.push(send(&sender, message)),
            Some((message, outcome)) = receipts.next() => {
                let outcome = outcome.map(|()| message.begun.elapsed()).map_err(|error| error.to_string());
                let _ = settled.send((message.text, outcome)); // the window may have closed
            }
            else => std::future::pending().await,
        }
    }
}

async fn send(sender: &Sender, message: Outgoing) -> (Outgoing, Result<(), SendError>) {
    let content = Content::Text(&message.text);
    let sent = match message.to {
        Some(member) => sender.send_to(member, content).await,
        None => sender.send(content).await,
    };
    let outcome = match sent {
        Ok(receipt) => receipt.await,
        Err(error) => Err(error),
    };
    (message, outcome)
}
