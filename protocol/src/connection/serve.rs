//! A service: a handler answers the requests of a connection.

use std::collections::VecDeque;
use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::Connection;
use super::owned::OwnedMessage;
use super::payload::OwnedPayload;
use super::request::{Guard, Request};
use super::tasks::Tasks;
use crate::code::Code;
use crate::endpoint::Front;
use crate::error::ConnectionError;
use crate::payload::OwnedContent;

/// How many handlers run at a time unless [`with_handlers`](Serve::with_handlers) says otherwise.
const HANDLERS: usize = 64;

/// Why a handler refuses a request: what becomes the ERROR.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Why, as a number.
    pub code: Code,
    /// Why, in words; may be empty. The peer sees it after the code's name.
    pub detail: String,
}

impl Refused {
    /// Refuses with this code and detail.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Refused {
        Refused { code, detail: detail.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for Refused {}

type Handler<'h> = Pin<Box<dyn Future<Output = ()> + Send + 'h>>;
type Start<'h> = Box<dyn FnMut(Guard, OwnedPayload) -> Handler<'h> + Send + 'h>;
type Each<'h> = Box<dyn FnMut(OwnedMessage) + Send + 'h>;

/// The future of [`Connection::serve`]: it ends with the session, and reports how the session ended.
#[must_use = "futures do nothing unless awaited"]
pub struct Serve<'h, S> {
    connection: Connection<S>,
    start: Start<'h>,
    each: Option<Each<'h>>,
    /// Requests that wait for a handler: no more than the session admits.
    waiting: VecDeque<Request>,
    running: Tasks<Handler<'h>>,
    most: usize,
}

impl<S> fmt::Debug for Serve<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("connection", &self.connection)
            .field("running", &self.running.len())
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Answers the peer's requests with `handler`, until the session ends. Handlers run in this future, at the same time;
    /// nothing is spawned, so a handler that computes for long should spawn that itself.
    ///
    /// At most 64 handlers run at a time, or as many as [`with_handlers`](Serve::with_handlers) says. What counts is
    /// handlers, not unanswered requests, so a peer that cancels its requests at once gains nothing. Further requests
    /// wait, as many as this side's HELLO permits
    /// ([`Hello::with_requests`](crate::Hello::with_requests)). When the peer cancels a request, its handler is dropped.
    /// A handler that panics takes the connection with it.
    ///
    /// [`Handle::shut_down`](crate::Handle::shut_down) ends the service without breaking what is under way.
    ///
    /// ```
    /// # use bookend::{Code, Connection, ConnectionError, Hello, OwnedPayload, Refused};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let peer = tokio::spawn(async move {
    /// #     let mut peer = Connection::connect(far, Hello::new()).await?;
    /// #     let reply = peer.request("7", Duration::from_secs(5)).await?;
    /// #     assert_eq!(reply.text(), Some("49"));
    /// #     assert!(peer.request("seven", Duration::from_secs(5)).await.is_err());
    /// #     peer.close(Code::NORMAL, "").await
    /// # });
    /// # let stream = near;
    /// let connection = Connection::accept(stream, Hello::new()).await?;
    /// let handle = connection.handle(); // for `handle.shut_down(Duration::from_secs(10)).await`
    /// # drop(handle);
    /// connection
    ///     .serve(async |question: OwnedPayload| {
    ///         let number: u32 = question
    ///             .text()
    ///             .and_then(|text| text.parse().ok())
    ///             .ok_or_else(|| Refused::new(Code::POLICY, "send a number"))?;
    ///         Ok((number * number).to_string())
    ///     })
    ///     .await?;
    /// # peer.await.unwrap() }
    /// ```
    pub fn serve<'h, H, F, A>(self, mut handler: H) -> Serve<'h, S>
    where
        H: FnMut(OwnedPayload) -> F + Send + 'h,
        F: Future<Output = Result<A, Refused>> + Send + 'h,
        A: Into<OwnedContent>,
    {
        let start: Start<'h> = Box::new(move |guard, payload| {
            let answer = handler(payload);
            Box::pin(respond(guard, async { answer.await.map(Into::into) }))
        });
        let running = Tasks::new();
        Serve { connection: self, start, each: None, waiting: VecDeque::new(), running, most: HANDLERS }
    }
}

impl<'h, S> Serve<'h, S> {
    /// Sets how many handlers run at a time, from 1.
    pub fn with_handlers(mut self, most: usize) -> Serve<'h, S> {
        self.most = most.max(1);
        self
    }

    /// Sets what happens to the other messages, which are dropped otherwise. `each` should return soon.
    pub fn with_messages(mut self, each: impl FnMut(OwnedMessage) + Send + 'h) -> Serve<'h, S> {
        self.each = Some(Box::new(each));
        self
    }
}

/// Answers with what a handler returns, unless the request is cancelled before: then the handler is dropped.
async fn respond(mut guard: Guard, answer: impl Future<Output = Result<OwnedContent, Refused>>) {
    let answered = {
        let mut answer = pin!(answer);
        std::future::poll_fn(|cx| match guard.poll_cancelled(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => answer.as_mut().poll(cx).map(Some),
        })
        .await
    };
    // What fails here fails because the session has ended, or is told to the peer.
    let _ = match answered {
        Some(Ok(content)) => guard.reply(&content).await,
        Some(Err(Refused { code, detail })) => guard.refuse(code, &detail),
        None => Ok(()),
    };
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Serve<'_, S> {
    type Output = Result<(), ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let serve = &mut *self;
        serve.connection.receives = true;
        loop {
            // Everything that has been read comes first: a request that is cancelled in the same read starts nothing.
            serve.accept();
            while serve.running.len() < serve.most
                && let Some(request) = serve.waiting.pop_front()
            {
                if !request.is_cancelled() {
                    let (guard, payload) = request.into_parts();
                    serve.running.push((serve.start)(guard, payload));
                }
            }
            let has_ended = serve.running.poll(cx);
            match serve.connection.poll_turn(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(ended) => return Poll::Ready(ended.map(|_| ())),
                Poll::Pending if has_ended && !serve.waiting.is_empty() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Serve<'_, S> {
    /// Takes the messages that have been read.
    fn accept(&mut self) {
        while let Some(front) = self.connection.endpoint.advance(&mut self.connection.waiting) {
            if matches!(front, Front::Event) {
                while self.connection.waiting.take_event().is_some() {}
                continue;
            }
            match (self.connection.own(front), &mut self.each) {
                (OwnedMessage::Request(request), _) => self.waiting.push_back(request),
                (message, Some(each)) => each(message),
                (_, None) => {}
            }
        }
    }
}
