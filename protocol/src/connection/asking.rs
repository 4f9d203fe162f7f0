//! The requests of the task that owns a connection.

use core::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::Connection;
use super::handle::Pending;
use super::outbox::Waiter;
use crate::error::{ConnectionError, Reply};
use crate::misuse::Misuse;
use crate::payload::Content;

/// Requests.
impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Sends a REQUEST and waits for its answer, for `timeout` at most, sending included, and the wait for an earlier
    /// request's answer while as many as the peer permits are unanswered. After the timeout, or if this call is
    /// cancelled, the next call tells the peer that no answer is needed. Other messages that arrive meanwhile are kept for [`next`](Connection::next), up to 1 MiB of them. For several requests at a time use
    /// [`Handle::request`] or [`queue_request`](Connection::queue_request).
    ///
    /// The example of [`Connection`] sends one.
    ///
    /// # Errors
    /// As [`send`](Connection::send), [`ConnectionError::Timeout`], [`ConnectionError::Backlog`],
    /// [`ConnectionError::Unreadable`], [`ConnectionError::Refused`] if the answer is an ERROR, and
    /// [`Misuse::TooManyRequests`] if the peer permits none.
    ///
    /// [`Handle::request`]: crate::Handle::request
    pub async fn request(
        &mut self,
        content: impl Into<Content<'_>>,
        timeout: Duration,
    ) -> Result<Reply, ConnectionError> {
        let content = content.into();
        let answered = tokio::time::timeout(timeout, async {
            self.make_room().await?;
            let outbox = Arc::clone(&self.waiting.outbox);
            let mut slot = pin!(outbox.slot());
            let slot = self.until(|cx| slot.as_mut().poll(cx)).await??;
            let (sender, answer) = oneshot::channel();
            let id = outbox.expect(slot, Waiter::Task(sender));
            self.queue_request_as(id, content)?;
            let mut pending = Pending { outbox: Arc::clone(&outbox), id, answer: Some(answer) };
            match self.until(|_| pending.try_answer().map_or(Poll::Pending, Poll::Ready)).await {
                // The answer becomes a message, after those that are kept.
                Err(ConnectionError::Backlog { .. }) => {
                    Err(ConnectionError::Backlog { request: Some(pending.into_event()) })
                }
                answered => answered?,
            }
        });
        answered.await.unwrap_or(Err(ConnectionError::Timeout))
    }

    /// Queues a REQUEST as [`queue`](Connection::queue) does a MESSAGE, and returns its id. The answer is an
    /// [`Event`](super::Event): a [`Message::Reply`](crate::Message::Reply) or
    /// [`Message::Error`](crate::Message::Error) of that id, or
    /// [`Event::Unreadable`](super::Event::Unreadable). No timeout applies; [`cancel`](Connection::cancel) gives up.
    ///
    /// # Errors
    /// As [`queue`](Connection::queue), and [`Misuse::TooManyRequests`].
    pub fn queue_request<'c>(&mut self, content: impl Into<Content<'c>>) -> Result<NonZeroU32, Misuse> {
        let slot = self.waiting.outbox.try_slot()?;
        let id = self.waiting.outbox.expect(slot, Waiter::Event);
        self.queue_request_as(id, content.into())?;
        Ok(id)
    }

    fn queue_request_as(&mut self, id: NonZeroU32, content: Content<'_>) -> Result<(), Misuse> {
        let queued =
            self.endpoint.queue_content(4, content, |session, content, out| session.request_as(id, content, out));
        if queued.is_err() {
            self.waiting.outbox.withdraw(id);
        }
        queued
    }

    /// Stops waiting for the answer to a request: the next call sends a CANCEL, and the answer is ignored. Does nothing if
    /// the answer has arrived. Until it arrives, the request counts among those that the peer permits.
    pub fn cancel(&mut self, id: NonZeroU32) {
        self.waiting.outbox.abandon(id);
    }
}
