//! A connection in three parts, so that sending does not depend on who receives.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::inbox::Inbox;
use super::owned::OwnedMessage;
use super::{Connection, Handle};
use crate::endpoint::Front;
use crate::error::ConnectionError;

/// Receives what a [`Driver`] reads; a [`Stream`] too.
///
/// 64 KiB wait here, and 1 MiB in the driver; then nothing more is read, until the receiver takes messages. Sending,
/// keepalive and handles go on meanwhile, and the peer's silence means nothing while nothing is read.
///
/// If the receiver is dropped, messages are dropped as they arrive, and requests are refused with
/// [`Code::INTERNAL`](crate::Code::INTERNAL).
pub struct Receiver {
    inbox: Arc<Inbox>,
}

/// Moves a connection: a future to spawn, or to await beside other work. It ends with the session, and reports how the
/// session ended.
///
/// It closes the session with [`Code::NORMAL`](crate::Code::NORMAL) once the [`Receiver`] and every [`Handle`] have been
/// dropped and all requests have been answered. If the driver itself is dropped, the peer reports a stream without a
/// CLOSE.
#[must_use = "the session stands still unless the driver is polled"]
pub struct Driver<S> {
    connection: Connection<S>,
    inbox: Arc<Inbox>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Driver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Driver").field(&self.connection).finish()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Separates receiving, sending and the stream. Spawn the [`Driver`]: then the protocol runs, whether or not the
    /// application is waiting in the [`Receiver`].
    ///
    /// ```
    /// # use bookend::{Code, Connection, ConnectionError, Hello, OwnedMessage};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let peer = tokio::spawn(async move {
    /// #     let mut peer = Connection::accept(far, Hello::new()).await?;
    /// #     peer.send("hi").await?;
    /// #     while peer.next().await?.is_some() {}
    /// #     Ok::<(), ConnectionError>(())
    /// # });
    /// let (mut receiver, handle, driver) = Connection::connect(near, Hello::new()).await?.split();
    /// let driver = tokio::spawn(driver);
    /// handle.send("hello").await?;
    /// if let Some(OwnedMessage::Message(payload)) = receiver.next().await? {
    ///     assert_eq!(payload.text().as_deref(), Some("hi"));
    /// }
    /// handle.close(Code::NORMAL, "").await;
    /// driver.await.expect("it does not panic")?;
    /// # peer.await.unwrap() }
    /// ```
    pub fn split(self) -> (Receiver, Handle, Driver<S>) {
        let inbox = Arc::new(Inbox::default());
        let handle = self.handle();
        (Receiver { inbox: Arc::clone(&inbox) }, handle, Driver { connection: self, inbox })
    }
}

impl Receiver {
    /// The next message; `None` once the session was closed in good order. Calling it again reports to the peer that the
    /// message before has been acted on (R3.10). If it is cancelled, no message is lost.
    ///
    /// # Errors
    /// The reason why the session ended, once. [`Misuse::NotOpen`](crate::Misuse::NotOpen) if the driver was dropped.
    pub async fn next(&mut self) -> Result<Option<OwnedMessage>, ConnectionError> {
        poll_fn(|cx| self.inbox.poll_next(cx)).await
    }
}

impl Stream for Receiver {
    type Item = Result<OwnedMessage, ConnectionError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inbox.poll_next(cx).map(Result::transpose)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.inbox.leave();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = Result<(), ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Driver { connection, inbox } = &mut *self;
        loop {
            let mut full;
            loop {
                full = !inbox.has_room(cx);
                if full || !connection.deliver(inbox) {
                    break;
                }
            }
            if full {
                connection.look(); // a CLOSE may follow what has been read
            }
            let pong = connection.endpoint.session.owes_pong().then(|| cx.waker());
            connection.endpoint.in_use = !inbox.is_at_rest(pong);
            if inbox.is_gone() {
                connection.waiting.outbox.close_if_alone();
            }
            match connection.poll_turn(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(ended) => {
                    while connection.deliver(inbox) {}
                    let ended = ended.map(|_| ());
                    inbox.end(ended.clone());
                    return Poll::Ready(ended);
                }
            }
        }
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        self.inbox.end(Err(self.connection.why()));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Gives the receiver the next message that has been read; false if there is none.
    fn deliver(&mut self, inbox: &Inbox) -> bool {
        match self.endpoint.advance(&mut self.waiting) {
            Some(Front::Event) => {
                while self.waiting.take_event().is_some() {} // of requests and barriers from before the split
                true
            }
            Some(front) => {
                inbox.push(self.own(front));
                true
            }
            None => false,
        }
    }
}
