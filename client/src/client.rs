//! A client that stays connected.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bookend::history::Query;
use bookend::{Content, Reply};
use tokio::sync::{mpsc, watch};

use crate::command::COMMANDS;
use crate::driver::Driver;
use crate::error::{ConnectError, SendError};
use crate::event::{End, Event, Events, events};
use crate::history::{HistoryError, Page};
use crate::options::Options;
use crate::sender::{Receipt, Sender};
use crate::status::{Shared, Snapshot, Status};

/// A client that connects again whenever its session ends by a fault that may pass.
///
/// It spawns one tokio task, which owns the connection, so that keepalive, confirmations and reconnecting continue
/// while the program does something else. The task ends after [`close`](Client::close), after a fault that does not
/// pass, or once all [`Sender`]s and the [`Events`] are dropped. Take the events, or drop them: see [`Events`].
///
/// All calls are cancel-safe. A message is accepted once [`send`](Client::send) has returned; dropping its [`Receipt`]
/// does not withdraw it, [`Receipt::withdraw`] does if it is not too late.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bookend_client::{Client, Dialler, Event, Hello, Message, Options};
///
/// let hello = Hello::new().with_hub(true).with_name("ann")?;
/// let dialler = Dialler::new("localhost:3990".parse()?);
/// let mut client = Client::connect(Options::new(dialler, hello)).await?;
/// client.send("hello").await?.await?; // the hub has it
/// while let Some(event) = client.next().await {
///     match event {
///         Event::Message(incoming) => {
///             if let Message::Delivery(delivery) = incoming.message() {
///                 println!("{}: {:?}", delivery.name(), delivery.payload.text());
///             }
///         }
///         Event::Missed(missed) => println!("{missed}"),
///         Event::Down { error, retry_in } => println!("{error}; next attempt in {retry_in:?}"),
///         _ => {}
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    events: Events,
}

impl Client {
    /// Starts to connect, and returns at once; events report the progress.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use bookend_client::{Client, Dialler, Event, Hello, Options};
    ///
    /// let dialler = Dialler::new("localhost:3990".parse()?);
    /// let mut client = Client::start(Options::new(dialler, Hello::new()));
    /// while let Some(Event::Progress { step, after }) = client.next().await {
    ///     println!("{after:?}: {step}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(options: Options) -> Client {
        let (wish, wanted) = watch::channel(false);
        let first = Snapshot { status: Status::Connecting, session: 0, local: None, remote: None };
        let (report, snapshot) = watch::channel(first);
        let (commands, taken) = mpsc::channel(COMMANDS);
        let shared = Arc::new(Shared { wish, snapshot, known: AtomicU64::new(0) });
        let (outlet, events) = events(Arc::clone(&shared));
        tokio::spawn(Driver::new(options, taken, outlet, wanted, report).run());
        Client { sender: Sender::new(commands, shared), events }
    }

    /// Connects, and returns once a session is open. Earlier events are discarded; [`Event::Up`] is the first. Dropping
    /// the future gives up. [`Options::with_timeout`] limits the time, and by default there is only one attempt.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use bookend_client::{Client, Dialler, Hello, Options};
    ///
    /// let hello = Hello::new().with_hub(true).with_name("ann")?;
    /// let options = Options::new(Dialler::new("tls://hub.example".parse()?), hello);
    /// match Client::connect(options).await {
    ///     Ok(client) => println!("connected to {:?}", client.sender().remote_addr()),
    ///     Err(error) => eprintln!("{error}: {}", error.fix()),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Why there is no session; [`ConnectError::fix`] suggests what to do.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(options: Options) -> Result<Client, ConnectError> {
        let target = options.dialler.target().clone();
        let mut client = Client::start(options);
        loop {
            match client.events.next().await {
                Some(Event::Closed(End::Failed(error))) => return Err(error),
                Some(event @ Event::Up(_)) => {
                    client.events.put_back(event);
                    return Ok(client);
                }
                Some(_) => {}
                None => {
                    let error = io::Error::other("the client's runtime has shut down");
                    return Err(ConnectError::System { target, error: error.into() });
                }
            }
        }
    }

    /// The next event; `None` after [`Event::Closed`]. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.next().await
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send(&self, content: impl Into<Content<'_>>) -> Result<Receipt, SendError> {
        self.sender.send(content).await
    }

    /// As [`Sender::request`].
    ///
    /// # Errors
    /// As [`Sender::request`].
    pub async fn request(&self, content: impl Into<Content<'_>>, timeout: Duration) -> Result<Reply, SendError> {
        self.sender.request(content, timeout).await
    }

    /// As [`Sender::history`].
    ///
    /// # Errors
    /// As [`Sender::history`].
    pub async fn history(&self, query: Query<'_>, timeout: Duration) -> Result<Page, HistoryError> {
        self.sender.history(query, timeout).await
    }

    /// A sender, for other tasks too.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// The two halves: one task may send while another takes the events.
    ///
    /// ```no_run
    /// # async fn example(client: bookend_client::Client) {
    /// let (sender, mut events) = client.split();
    /// tokio::spawn(async move { sender.send("hello").await });
    /// while let Some(event) = events.next().await {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn split(self) -> (Sender, Events) {
        (self.sender, self.events)
    }

    /// As [`Sender::close`], and waits until the client has closed, which takes little more than 10 s at most. Events in
    /// the meantime are discarded. If the future is dropped, the client closes in the background.
    pub async fn close(mut self) -> End {
        self.sender.close();
        while let Some(event) = self.events.next().await {
            if let Event::Closed(end) = event {
                return end;
            }
        }
        End::Closed // the event was taken before
    }
}
