//! The callers that wait for the answer to a REQUEST or a PING.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::num::NonZeroU32;
use std::task::Poll;
use std::time::Duration;

use bookend::{Message, Payload, Reply};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::SendError;

type Done<T> = oneshot::Sender<Result<T, SendError>>;

/// Callers that wait for an answer in this session. Dropped, they fail with [`SendError::Unconfirmed`].
#[derive(Debug, Default)]
pub(super) struct Answers {
    requests: BTreeMap<NonZeroU32, Done<Reply>>,
    /// Each with the ordinal of its barrier, and when that was queued.
    pings: Vec<(u64, Instant, Done<Duration>)>,
}

impl Answers {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.pings.is_empty()
    }

    pub(super) fn expect_reply(&mut self, id: NonZeroU32, done: Done<Reply>) {
        self.requests.insert(id, done);
    }

    pub(super) fn expect_pong(&mut self, ordinal: u64, done: Done<Duration>) {
        self.pings.push((ordinal, Instant::now(), done));
    }

    /// Passes an answer on to its caller. False if the message answers no request.
    pub(super) fn answer(&mut self, message: &Message<'_>) -> bool {
        let (id, result) = match message {
            Message::Reply { id, payload: Payload::Binary(bytes) } => (*id, Ok(Reply::Binary(bytes.to_vec()))),
            Message::Reply { id, payload: Payload::Text(text) } => (*id, Ok(Reply::Text(text.to_str().into_owned()))),
            Message::Error(refusal) => {
                let Some(id) = NonZeroU32::new(refusal.id) else { return false };
                (id, Err(SendError::Refused { code: refusal.code, reason: refusal.reason.to_str().into_owned() }))
            }
            _ => return false,
        };
        let Some(done) = self.requests.remove(&id) else { return false };
        let _ = done.send(result); // the caller may be gone
        true
    }

    /// The answer to this request arrived and cannot be read.
    pub(super) fn unreadable(&mut self, id: NonZeroU32) {
        self.requests.remove(&id);
    }

    /// The peer has answered the barriers up to `ordinal`.
    pub(super) fn reached(&mut self, ordinal: u64) {
        for (_, queued, done) in self.pings.extract_if(.., |(barrier, ..)| *barrier <= ordinal) {
            let _ = done.send(Ok(queued.elapsed())); // the caller may be gone
        }
    }

    /// Waits until callers have stopped waiting, and returns the requests to cancel. Never returns while
    /// all callers wait. Cancel-safe.
    pub(super) async fn abandoned(&mut self) -> Vec<NonZeroU32> {
        poll_fn(|cx| {
            let pings = self.pings.len();
            self.pings.retain_mut(|(.., done)| done.poll_closed(cx).is_pending());
            let gone = |(&id, done): (&NonZeroU32, &mut Done<Reply>)| done.poll_closed(cx).is_ready().then_some(id);
            let ids: Vec<_> = self.requests.iter_mut().filter_map(gone).collect();
            self.requests.retain(|id, _| !ids.contains(id));
            if ids.is_empty() && self.pings.len() == pings { Poll::Pending } else { Poll::Ready(ids) }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pong_answers_the_pings_before_it() {
        let mut answers = Answers::default();
        let (one, mut first) = oneshot::channel();
        let (two, mut second) = oneshot::channel();
        answers.expect_pong(3, one);
        tokio::time::sleep(Duration::from_secs(1)).await;
        answers.expect_pong(5, two);
        answers.reached(4);
        assert_eq!(first.try_recv(), Ok(Ok(Duration::from_secs(1))));
        assert!(second.try_recv().is_err() && !answers.is_empty());
    }

    #[tokio::test]
    async fn request_whose_caller_is_gone_is_forgotten() {
        let mut answers = Answers::default();
        let (done, caller) = oneshot::channel();
        answers.expect_reply(NonZeroU32::MIN, done);
        drop(caller);
        assert_eq!(answers.abandoned().await, [NonZeroU32::MIN]);
        assert!(answers.is_empty());
    }
}
