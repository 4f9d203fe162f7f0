//! The futures that receive.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, Event};
use crate::endpoint::Front;
use crate::error::ConnectionError;
use crate::message::Message;

/// The future of [`Connection::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Next<'a, S> {
    /// Given away with the message, which borrows from it.
    pub(super) connection: Option<&'a mut Connection<S>>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Future for Next<'a, S> {
    type Output = Result<Option<Message<'a>>, ConnectionError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let connection = self.connection.take().expect("not polled after it was ready");
        connection.receives = true;
        loop {
            match connection.endpoint.advance(&mut connection.waiting) {
                Some(Front::Event) => continue,
                Some(front) => return Poll::Ready(Ok(Some(connection.endpoint.front(front)))),
                None => {}
            }
            match connection.poll_turn(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.connection = Some(connection);
                    return Poll::Pending;
                }
            }
        }
    }
}

/// The future of [`Connection::event`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct NextEvent<'a, S> {
    /// Given away with the event, which borrows from it.
    pub(super) connection: Option<&'a mut Connection<S>>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Future for NextEvent<'a, S> {
    type Output = Result<Option<Event<'a>>, ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let connection = self.connection.take().expect("not polled after it was ready");
        connection.receives = true;
        loop {
            if let Some(event) = connection.waiting.take_event() {
                return Poll::Ready(Ok(Some(event)));
            }
            match connection.endpoint.advance(&mut connection.waiting) {
                Some(Front::Event) => continue,
                Some(front) => return Poll::Ready(Ok(Some(Event::Message(connection.endpoint.front(front))))),
                None => {}
            }
            match connection.poll_turn(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.connection = Some(connection);
                    return Poll::Pending;
                }
            }
        }
    }
}
