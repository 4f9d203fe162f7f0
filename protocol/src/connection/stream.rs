//! A connection as a `Stream` and a `Sink`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Connection;
use super::owned::OwnedMessage;
use super::request::{Guard, Request};
use crate::code::Code;
use crate::endpoint::Front;
use crate::error::ConnectionError;
use crate::payload::OwnedContent;
use crate::session::State;

impl<S> Connection<S> {
    /// Owns a message that has been found.
    pub(super) fn own(&mut self, front: Front) -> OwnedMessage {
        let outbox = &self.waiting.outbox;
        let (frame, number) = self.endpoint.frame(front);
        OwnedMessage::of(frame, |id, payload| Request::new(Guard::new(Arc::clone(outbox), id, number), payload))
    }
}

/// Messages that own their bytes. The end of the session is an error once, unless it was closed in good order, and then
/// the end of the stream. As for [`next`](Connection::next), to poll again reports that the message before has been acted
/// on.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Connection<S> {
    type Item = Result<OwnedMessage, ConnectionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receives = true;
        loop {
            let connection = &mut *self;
            match connection.endpoint.advance(&mut connection.waiting) {
                Some(Front::Event) => {
                    while connection.waiting.take_event().is_some() {}
                    continue;
                }
                Some(front) => return Poll::Ready(Some(Ok(self.own(front)))),
                None => {}
            }
            match ready!(self.poll_turn(cx)) {
                Ok(true) => {}
                Err(error) if !std::mem::replace(&mut self.has_failed, true) => return Poll::Ready(Some(Err(error))),
                Ok(false) | Err(_) => return Poll::Ready(None),
            }
        }
    }
}

/// MESSAGEs to send. Closing sends CLOSE with [`Code::NORMAL`], and waits until the peer has closed too; messages that
/// arrive meanwhile are discarded.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<OwnedContent> for Connection<S> {
    type Error = ConnectionError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if self.is_full() { self.poll_flush(cx) } else { Poll::Ready(Ok(())) }
    }

    fn start_send(mut self: Pin<&mut Self>, content: OwnedContent) -> Result<(), ConnectionError> {
        if self.endpoint.session.state() != State::Open {
            return Err(self.why());
        }
        self.queue(&content)?;
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let mut flush = self.flushing.take().unwrap_or_default();
        let written = self.poll_write_out(cx, &mut flush);
        if written.is_pending() {
            self.flushing = Some(flush);
            return Poll::Pending;
        }
        if self.failure.is_none() && self.endpoint.session.state() == State::Open {
            return Poll::Ready(Ok(()));
        }
        self.look(); // what has been read may hold the reason
        let _ = self.poll_turn(cx);
        let _ = self.finish();
        Poll::Ready(Err(self.why()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if self.endpoint.session.state() == State::Open {
            if let Err(error) = ready!(self.as_mut().poll_flush(cx)) {
                // The peer may have closed in good order at the same time.
                self.finish().map_err(|_| error)?;
            }
            self.endpoint.discard();
            let now = self.start.elapsed();
            self.endpoint.session.close(Code::NORMAL, "", now);
        }
        while ready!(self.poll_turn(cx))? {
            self.endpoint.discard();
        }
        Poll::Ready(Ok(()))
    }
}
