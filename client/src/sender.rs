//! The sending half of a client.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bookend::{Content, Reply};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::command::{Command, Outgoing, Owned};
use crate::error::SendError;
use crate::state::{NOBODY_LISTENS, Shared, State};

/// Sends through a client. Cheap to clone; the client closes once all of these and its [`Events`](crate::Events) are
/// gone.
///
/// Every call waits while 256 others are waiting, which they do without a session too. One that is cancelled while it
/// waits has sent nothing.
#[derive(Clone, Debug)]
pub struct Sender {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

/// Resolves once it is known what became of a message. Dropped, a failure is told as
/// [`Event::Failed`](crate::Event::Failed). Cancel-safe.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Result<(), SendError>>);

impl Sender {
    pub(crate) fn new(commands: mpsc::Sender<Command>, shared: Arc<Shared>) -> Sender {
        Sender { commands, shared }
    }

    /// Sends to everyone in the room, or to the peer where it is no hub. What waits when a session ends is sent in the
    /// next one; what was written in the old one and not confirmed is not, unless
    /// [`resend`](crate::Options::with_resend) says so.
    ///
    /// # Errors
    /// [`SendError::NotSent`] if the client has closed. The [`Receipt`] says what became of the message.
    pub async fn send(&self, content: impl Into<Content<'_>>) -> Result<Receipt, SendError> {
        self.put(None, content.into().into()).await
    }

    /// Sends to the member of that number alone. The number is the member's in one session only, that of the
    /// [`Event::Up`](crate::Event::Up) which was taken last: the message is not sent in another one, where somebody else
    /// may have the number. Once the [`Events`](crate::Events) are gone it is the session that is open.
    ///
    /// # Errors
    /// As [`send`](Sender::send).
    pub async fn send_to(&self, member: u32, content: impl Into<Content<'_>>) -> Result<Receipt, SendError> {
        let session = match self.shared.known.load(Ordering::Relaxed) {
            NOBODY_LISTENS => self.shared.status.borrow().session,
            known => known,
        };
        self.put(Some((member, session)), content.into().into()).await
    }

    async fn put(&self, to: Option<(u32, u64)>, content: Owned) -> Result<Receipt, SendError> {
        let (done, receipt) = oneshot::channel();
        let command = Command::Send(Outgoing { to, content, done, is_written: false });
        self.commands.send(command).await.map_err(|_| SendError::NotSent)?;
        Ok(Receipt(receipt))
    }

    /// Sends a REQUEST and waits for its answer, and for a session before that, for `patience` in all.
    ///
    /// # Errors
    /// Any [`SendError`]. A request is never sent twice.
    pub async fn request(&self, content: impl Into<Content<'_>>, patience: Duration) -> Result<Reply, SendError> {
        let (done, answer) = oneshot::channel();
        let command = Command::Request { content: content.into().into(), patience, done };
        let answered = timeout(patience, async {
            self.commands.send(command).await.map_err(|_| SendError::NotSent)?;
            answer.await.unwrap_or(Err(SendError::Unconfirmed))
        });
        answered.await.unwrap_or(Err(SendError::TimedOut))
    }

    /// Sends a PING and waits for its PONG, and for a session before that, for `patience` in all: the other side has
    /// acted on everything that it was sent before. The time is from one to the other.
    ///
    /// # Errors
    /// [`SendError::NotSent`], [`SendError::Unconfirmed`] or [`SendError::TimedOut`].
    pub async fn ping(&self, patience: Duration) -> Result<Duration, SendError> {
        let (done, answer) = oneshot::channel();
        let answered = timeout(patience, async {
            self.commands.send(Command::Ping { done }).await.map_err(|_| SendError::NotSent)?;
            answer.await.unwrap_or(Err(SendError::Unconfirmed))
        });
        answered.await.unwrap_or(Err(SendError::TimedOut))
    }

    /// Closes: what was sent before goes out first if a session is open, and its confirmation is waited for, for 10 s.
    /// Returns at once; [`Event::Closed`](crate::Event::Closed) tells that it is done. Messages that come
    /// meanwhile and find more than 1 MiB of events waiting are dropped.
    pub fn close(&self) {
        self.shared.wish.send_replace(true);
    }

    /// How the client is.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.status.borrow().state
    }

    /// This side's address in the session that is open, where there is one.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.status.borrow().local
    }

    /// The address that the session that is open has been connected to: the hub's, or the proxy's.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.shared.status.borrow().remote
    }
}

impl Future for Receipt {
    /// `Ok` once the other side has acted on the message, and not refused it.
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|settled| settled.unwrap_or(Err(SendError::Unconfirmed)))
    }
}
