//! Requests and services as a [`Service`] of tower (feature `tower`).

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::Connection;
use super::handle::Handle;
use super::outbox::Ready;
use super::payload::OwnedPayload;
use super::serve::{Refused, Serve};
use crate::code::Code;
use crate::error::{ConnectionError, Reply};
use crate::payload::OwnedContent;

type Answering = Pin<Box<dyn Future<Output = Result<Reply, ConnectionError>> + Send>>;
type Waiting = Pin<Box<dyn Future<Output = Result<Ready, ConnectionError>> + Send>>;

/// Asks the peer: a [`Service`] from [`Handle::service`]. Cheap to clone; each clone becomes ready by itself.
///
/// It is ready once the peer permits another request and there is room to send it, and keeps both until it is called or
/// dropped. A call that was not ready waits for both.
pub struct HandleService {
    handle: Handle,
    timeout: Duration,
    ready: Option<Ready>,
    waiting: Option<Waiting>,
}

impl Handle {
    /// Requests as a [`Service`]. `timeout` is that of each request, from its call on.
    ///
    /// ```
    /// # use bookend::{Connection, ConnectionError, Hello, OwnedPayload};
    /// # use std::{future::poll_fn, time::Duration};
    /// # use tower_service::Service;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), ConnectionError> {
    /// # let (near, far) = tokio::io::duplex(1 << 16);
    /// # let (near, far) = tokio::join!(Connection::connect(near, Hello::new()), Connection::accept(far, Hello::new()));
    /// # tokio::spawn(far?.serve(async |payload: OwnedPayload| Ok(payload)));
    /// # let (_receiver, handle, driver) = near?.split();
    /// # tokio::spawn(driver);
    /// let mut service = handle.service(Duration::from_secs(5)); // for `ServiceBuilder`, too
    /// poll_fn(|cx| service.poll_ready(cx)).await?;
    /// assert_eq!(service.call("echo?".into()).await?.text(), Some("echo?"));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn service(&self, timeout: Duration) -> HandleService {
        HandleService { handle: self.clone(), timeout, ready: None, waiting: None }
    }
}

impl Clone for HandleService {
    /// The clone is not ready.
    fn clone(&self) -> HandleService {
        self.handle.service(self.timeout)
    }
}

impl fmt::Debug for HandleService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandleService")
            .field("handle", &self.handle)
            .field("timeout", &self.timeout)
            .field("ready", &self.ready.is_some())
            .finish()
    }
}

impl Service<OwnedContent> for HandleService {
    type Response = Reply;
    type Error = ConnectionError;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if self.ready.is_some() {
            return match self.handle.outbox.ended() {
                Some(why) => Poll::Ready(Err(why)),
                None => Poll::Ready(Ok(())),
            };
        }
        let outbox = &self.handle.outbox;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(Ready::wait(Arc::clone(outbox))));
        let ready = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        self.ready = Some(ready?);
        Poll::Ready(Ok(()))
    }

    /// Encodes and queues the request at once if the service was ready.
    fn call(&mut self, content: OwnedContent) -> Answering {
        let timeout = self.timeout;
        match self.ready.take() {
            Some(ready) => {
                let asked = self.handle.ask_ready(content.as_content(), ready);
                Box::pin(async move {
                    tokio::time::timeout(timeout, asked?.answer()).await.unwrap_or(Err(ConnectionError::Timeout))
                })
            }
            None => {
                let handle = self.handle.clone();
                Box::pin(async move { handle.request(&content, timeout).await })
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Answers the peer's requests with a [`Service`], as [`serve`](Connection::serve) does with a handler. Each request
    /// has a clone of the service, which it drives until that is ready.
    ///
    /// An error becomes a [`Refused`]. Middleware of tower returns a boxed error: a [`Refused`] in it is kept, and any
    /// other becomes [`Code::INTERNAL`] without a detail.
    pub fn serve_service<'h, T>(self, service: T) -> Serve<'h, S>
    where
        T: Service<OwnedPayload> + Clone + Send + 'h,
        T::Response: Into<OwnedContent>,
        T::Error: Into<Refused>,
        T::Future: Send + 'h,
    {
        self.serve(move |payload| {
            let mut service = service.clone();
            async move {
                poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
                service.call(payload).await.map_err(Into::into)
            }
        })
    }
}

impl From<Box<dyn Error + Send + Sync>> for Refused {
    fn from(error: Box<dyn Error + Send + Sync>) -> Refused {
        match error.downcast::<Refused>() {
            Ok(refused) => *refused,
            Err(_) => Refused::new(Code::INTERNAL, ""),
        }
    }
}

impl From<std::convert::Infallible> for Refused {
    fn from(never: std::convert::Infallible) -> Refused {
        match never {}
    }
}
