//! The sending half of a client.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bookend::{Content, OwnedContent, Reply};
use tokio::sync::{mpsc, oneshot};
use tokio::time;

use crate::command::{Command, Hold, Outgoing};
use crate::error::SendError;
use crate::status::{NOBODY_LISTENS, Shared, Status};

/// Sends through a client. Cheap to clone; the client closes once all senders and its [`Events`](crate::Events) are
/// dropped.
///
/// Every call waits while 256 others are waiting, as they do without a session. Each says what cancelling it means:
/// dropping its future before it is ready, as a timeout or `select!` does.
#[derive(Clone, Debug)]
pub struct Sender {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
}

/// A future that resolves once it is known what became of a message: the other side has acted on it, or a
/// [`SendError`] says what is known. Cancel-safe.
///
/// Dropping it withdraws nothing: the message is sent, and a failure is reported as
/// [`Event::Failed`](crate::Event::Failed). [`withdraw`](Receipt::withdraw) takes the message back.
///
/// ```no_run
/// # async fn example(sender: bookend_client::Sender) -> Result<(), bookend_client::SendError> {
/// use std::time::Duration;
/// use tokio::time::timeout;
///
/// let mut receipt = sender.send("now or never").await?;
/// match timeout(Duration::from_secs(5), &mut receipt).await {
///     Ok(settled) => settled?,
///     Err(_) if receipt.withdraw() => println!("not sent"),
///     Err(_) => receipt.await?, // it is on its way
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Receipt {
    settled: oneshot::Receiver<Result<(), SendError>>,
    hold: Arc<Hold>,
}

impl Sender {
    pub(crate) fn new(commands: mpsc::Sender<Command>, shared: Arc<Shared>) -> Sender {
        Sender { commands, shared }
    }

    /// Sends to everyone in the room, or to the peer if it is not a hub. Cancelled, it has sent nothing. A message that
    /// waits when a session ends is sent in the next one. A message that was written in the old session and not
    /// confirmed is sent again only with [`with_resend`](crate::Options::with_resend).
    ///
    /// ```no_run
    /// # async fn example(sender: bookend_client::Sender) -> Result<(), bookend_client::SendError> {
    /// let receipt = sender.send("hello").await?; // accepted
    /// receipt.await?; // confirmed by the hub
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SendError::NotSent`] if the client has closed. The [`Receipt`] reports everything else, such as
    /// [`SendError::Invalid`] for content that is too long or that the encoding cannot express.
    pub async fn send(&self, content: impl Into<Content<'_>>) -> Result<Receipt, SendError> {
        self.put(None, content.into().into()).await
    }

    /// Sends to one member. Cancelled, it has sent nothing. A member's number is valid in one session only, that of the
    /// [`Event::Up`](crate::Event::Up) which was taken last. The message is not sent in another session, where the
    /// number may be another member's. Once the [`Events`](crate::Events) are dropped, the session is the open one.
    ///
    /// # Errors
    /// As [`send`](Sender::send).
    pub async fn send_to(&self, member: u32, content: impl Into<Content<'_>>) -> Result<Receipt, SendError> {
        let session = match self.shared.known.load(Ordering::Relaxed) {
            NOBODY_LISTENS => self.shared.snapshot.borrow().session,
            known => known,
        };
        self.put(Some((member, session)), content.into().into()).await
    }

    async fn put(&self, to: Option<(u32, u64)>, content: OwnedContent) -> Result<Receipt, SendError> {
        let (done, receipt) = oneshot::channel();
        let hold = Arc::new(Hold::default());
        let command = Command::Send(Outgoing { to, content, done, is_written: false, hold: Arc::clone(&hold) });
        self.commands.send(command).await.map_err(|_| SendError::NotSent)?;
        Ok(Receipt { settled: receipt, hold })
    }

    /// Sends a REQUEST and waits for its answer. `timeout` includes the wait for a session.
    ///
    /// Cancelled or timed out, the request is not sent if it has not been; otherwise a CANCEL tells the other side, and
    /// an answer that arrives all the same is discarded.
    ///
    /// ```no_run
    /// # async fn example(sender: bookend_client::Sender) -> Result<(), bookend_client::SendError> {
    /// let reply = sender.request("time?", std::time::Duration::from_secs(5)).await?;
    /// println!("{:?}", reply.text());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Any [`SendError`]. A request is never sent twice.
    pub async fn request(&self, content: impl Into<Content<'_>>, timeout: Duration) -> Result<Reply, SendError> {
        let (done, answer) = oneshot::channel();
        let command = Command::Request { content: content.into().into(), done };
        self.ask(command, answer, timeout).await
    }

    /// Sends a PING and waits for its PONG: the other side has acted on everything that it was sent before. `timeout`
    /// includes the wait for a session. Returns the time from PING to PONG. Cancelled, the PONG is ignored.
    ///
    /// # Errors
    /// [`SendError::NotSent`], [`SendError::Unconfirmed`] or [`SendError::TimedOut`].
    pub async fn ping(&self, timeout: Duration) -> Result<Duration, SendError> {
        let (done, answer) = oneshot::channel();
        self.ask(Command::Ping { done }, answer, timeout).await
    }

    async fn ask<T>(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<T, SendError>>,
        timeout: Duration,
    ) -> Result<T, SendError> {
        let answered = time::timeout(timeout, async {
            self.commands.send(command).await.map_err(|_| SendError::NotSent)?;
            answer.await.unwrap_or(Err(SendError::Unconfirmed))
        });
        answered.await.unwrap_or(Err(SendError::TimedOut))
    }

    /// Closes the client. If a session is open, messages that were sent before are written first, and the client waits
    /// up to 10 s for their confirmation. Returns at once; [`Event::Closed`](crate::Event::Closed) reports the end.
    /// Messages that arrive in the meantime are dropped while more than 1 MiB of events waits.
    pub fn close(&self) {
        self.shared.wish.send_replace(true);
    }

    /// Whether the client is connected.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.snapshot.borrow().status
    }

    /// This side's address in the open session, if it has one.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.snapshot.borrow().local
    }

    /// The address that the open session is connected to: the hub's, or the proxy's.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.shared.snapshot.borrow().remote
    }
}

impl Receipt {
    /// Takes the message back, if no session has taken it: while there is no session, or while the other side reads
    /// more slowly than messages are sent, of which a session takes 64 KiB ahead of what it has written. The message
    /// keeps its place among the 256 that may wait until a session comes to it.
    ///
    /// True if the message was not sent and will not be; the receipt then resolves to [`SendError::Withdrawn`], and no
    /// event reports it. False if it is too late: the message is written or about to be, or it is known what became of
    /// it; the receipt still tells. A message that a lost session had not written can be withdrawn again.
    #[must_use = "it may be too late"]
    pub fn withdraw(&self) -> bool {
        self.hold.withdraw()
    }
}

impl Future for Receipt {
    /// `Ok` once the other side has acted on the message and not refused it.
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.hold.is_withdrawn() {
            return Poll::Ready(Err(SendError::Withdrawn));
        }
        Pin::new(&mut self.settled).poll(cx).map(|settled| settled.unwrap_or(Err(SendError::Unconfirmed)))
    }
}
