//! A client for programs without a runtime: [`Client`](crate::Client) on a background thread.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bookend::history::Query;
use bookend::{Content, Reply};
use tokio::runtime::{Builder, Runtime};
use tokio::time;

use crate::client;
use crate::error::{ConnectError, SendError};
use crate::event::{End, Event, Events};
use crate::history::{self, HistoryError, Page};
use crate::options::Options;
use crate::sender;
use crate::status::Status;

/// A client that connects again whenever its session ends by a fault that may pass; see [`crate::Client`].
///
/// Its calls block: do not use it in asynchronous tasks, where they panic. Only
/// [`next_event_within`](Client::next_event_within), [`Sender::request`] and [`Sender::history`] have a timeout.
///
/// ```no_run
/// use bookend_client::{Dialler, Event, Hello, Options, blocking::Client};
///
/// let dialler = Dialler::new("localhost:3990".parse()?);
/// let client = Client::connect(Options::new(dialler, Hello::new().with_hub(true)))?;
/// client.sender().send("hello")?.wait()?; // the hub has it
/// client.close();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    events: Events,
}

/// Sends through a [`Client`], from any thread; see [`crate::Sender`].
#[derive(Clone, Debug)]
pub struct Sender {
    sender: sender::Sender,
    runtime: Arc<Background>,
}

/// Resolves once it is known what became of a message; see [`crate::Receipt`].
#[derive(Debug)]
pub struct Receipt {
    receipt: sender::Receipt,
    runtime: Arc<Background>,
}

/// Walks back through what a hub has kept; see [`crate::Pages`].
#[derive(Debug)]
pub struct Pages {
    pages: history::Pages,
    runtime: Arc<Background>,
}

/// The background thread. A name look-up may still block it when the client is dropped.
#[derive(Debug)]
struct Background(Option<Runtime>);

impl Client {
    /// Starts to connect, and returns at once; events report the progress.
    ///
    /// # Errors
    /// The operating system provides no thread, or no sockets.
    pub fn start(options: Options) -> io::Result<Client> {
        let runtime = background()?;
        let client = runtime.block_on(async { client::Client::start(options) });
        Ok(Client::of(client, runtime))
    }

    /// Connects, and returns once a session is open; [`Event::Up`] is the first event.
    ///
    /// # Errors
    /// Why there is no session.
    pub fn connect(options: Options) -> Result<Client, ConnectError> {
        let target = options.dialler.target().clone();
        let runtime = background().map_err(|error| ConnectError::System { target, error: error.into() })?;
        let client = runtime.block_on(client::Client::connect(options))?;
        Ok(Client::of(client, runtime))
    }

    fn of(client: client::Client, runtime: Arc<Background>) -> Client {
        let (sender, events) = client.split();
        Client { sender: Sender { sender, runtime }, events }
    }

    /// The next event; `None` after [`Event::Closed`].
    ///
    /// ```no_run
    /// # fn example(mut client: bookend_client::blocking::Client) {
    /// while let Some(event) = client.next_event() {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    pub fn next_event(&mut self) -> Option<Event> {
        self.sender.runtime.block_on(self.events.next())
    }

    /// The next event, if one arrives within `timeout`; `Ok(None)` after [`Event::Closed`].
    ///
    /// # Errors
    /// None has arrived, and none is lost.
    pub fn next_event_within(&mut self, timeout: Duration) -> Result<Option<Event>, TimedOut> {
        self.sender.runtime.block_on(async { time::timeout(timeout, self.events.next()).await.map_err(|_| TimedOut) })
    }

    /// A sender, for other threads too.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// As [`crate::Client::close`].
    pub fn close(mut self) -> End {
        self.sender.sender.close();
        loop {
            match self.next_event() {
                Some(Event::Closed(end)) => return end,
                Some(_) => {}
                None => return End::Closed, // the event was taken before
            }
        }
    }
}

impl Sender {
    /// As [`crate::Sender::send`].
    ///
    /// # Errors
    /// As [`crate::Sender::send`].
    pub fn send<'c>(&self, content: impl Into<Content<'c>>) -> Result<Receipt, SendError> {
        let receipt = self.runtime.block_on(self.sender.send(content))?;
        Ok(Receipt { receipt, runtime: Arc::clone(&self.runtime) })
    }

    /// As [`crate::Sender::send_to`].
    ///
    /// # Errors
    /// As [`crate::Sender::send_to`].
    pub fn send_to<'c>(&self, member: u32, content: impl Into<Content<'c>>) -> Result<Receipt, SendError> {
        let receipt = self.runtime.block_on(self.sender.send_to(member, content))?;
        Ok(Receipt { receipt, runtime: Arc::clone(&self.runtime) })
    }

    /// As [`crate::Sender::request`].
    ///
    /// # Errors
    /// As [`crate::Sender::request`].
    pub fn request<'c>(&self, content: impl Into<Content<'c>>, timeout: Duration) -> Result<Reply, SendError> {
        self.runtime.block_on(self.sender.request(content, timeout))
    }

    /// As [`crate::Sender::history`].
    ///
    /// # Errors
    /// As [`crate::Sender::history`].
    pub fn history(&self, query: Query<'_>, timeout: Duration) -> Result<Page, HistoryError> {
        self.runtime.block_on(self.sender.history(query, timeout))
    }

    /// As [`crate::Sender::pages`]. An iterator: a page that did not arrive is an error, and is asked for again by the
    /// next call.
    ///
    /// ```no_run
    /// # fn example(sender: bookend_client::blocking::Sender) -> Result<(), bookend_client::HistoryError> {
    /// use std::time::Duration;
    /// use bookend_client::Query;
    ///
    /// for page in sender.pages(Query::last(100), Duration::from_secs(5)) {
    ///     println!("{} messages and gaps", page?.entries.len());
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn pages(&self, query: Query<'_>, timeout: Duration) -> Pages {
        Pages { pages: self.sender.pages(query, timeout), runtime: Arc::clone(&self.runtime) }
    }

    /// Whether the client is connected.
    #[must_use]
    pub fn status(&self) -> Status {
        self.sender.status()
    }
}

impl Receipt {
    /// As [`crate::Receipt::withdraw`].
    #[must_use = "it may be too late"]
    pub fn withdraw(&self) -> bool {
        self.receipt.withdraw()
    }

    /// Waits until it is known what became of the message.
    ///
    /// # Errors
    /// It was not confirmed.
    pub fn wait(self) -> Result<(), SendError> {
        self.runtime.block_on(self.receipt)
    }
}

impl Iterator for Pages {
    type Item = Result<Page, HistoryError>;

    fn next(&mut self) -> Option<Result<Page, HistoryError>> {
        self.runtime.block_on(self.pages.next()).transpose()
    }
}

/// No event arrived in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("timed-out: no event arrived in time")
    }
}

impl std::error::Error for TimedOut {}

fn background() -> io::Result<Arc<Background>> {
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("bookend-client").enable_all().build()?;
    Ok(Arc::new(Background(Some(runtime))))
}

impl Background {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.as_ref().expect("the runtime exists until the drop").block_on(future)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
