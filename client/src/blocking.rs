//! A client for programs without a runtime: the same [`Client`](crate::Client), on a thread of its own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bookend::{Content, Reply};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::client;
use crate::error::{ConnectError, SendError};
use crate::event::{End, Event, Events};
use crate::options::Options;
use crate::sender;
use crate::state::State;

/// A session with a hub that is opened again whenever it ends by a fault that may pass; see [`crate::Client`].
///
/// Its calls block, and are not for tasks of an asynchronous program.
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

/// Tells what became of a message; see [`crate::Receipt`].
#[derive(Debug)]
pub struct Receipt {
    receipt: sender::Receipt,
    runtime: Arc<Background>,
}

/// The thread, which may still be at a look-up when nobody wants it any more.
#[derive(Debug)]
struct Background(Option<Runtime>);

impl Client {
    /// Begins to connect, and tells of it by events.
    ///
    /// # Errors
    /// The operating system gives no thread, or no sockets.
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
        let place = options.dialler.place().clone();
        let runtime = background().map_err(|error| ConnectError::System { place, error })?;
        let client = runtime.block_on(client::Client::connect(options))?;
        Ok(Client::of(client, runtime))
    }

    fn of(client: client::Client, runtime: Arc<Background>) -> Client {
        let (sender, events) = client.split();
        Client { sender: Sender { sender, runtime }, events }
    }

    /// The next event; `None` behind [`Event::Closed`].
    pub fn next_event(&mut self) -> Option<Event> {
        self.sender.runtime.block_on(self.events.next())
    }

    /// The next event, if one comes in time; `Ok(None)` behind [`Event::Closed`].
    ///
    /// # Errors
    /// None has come; none is lost.
    pub fn next_event_within(&mut self, patience: Duration) -> Result<Option<Event>, TimedOut> {
        self.sender.runtime.block_on(async { timeout(patience, self.events.next()).await.map_err(|_| TimedOut) })
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
                None => return End::Here, // it was told of the end before
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
    pub fn request<'c>(&self, content: impl Into<Content<'c>>, patience: Duration) -> Result<Reply, SendError> {
        self.runtime.block_on(self.sender.request(content, patience))
    }

    /// How the client is.
    #[must_use]
    pub fn state(&self) -> State {
        self.sender.state()
    }
}

impl Receipt {
    /// Waits until it is known what became of the message.
    ///
    /// # Errors
    /// It was not confirmed.
    pub fn wait(self) -> Result<(), SendError> {
        self.runtime.block_on(self.receipt)
    }
}

/// No event came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("timed-out: no event came in time")
    }
}

impl std::error::Error for TimedOut {}

fn background() -> io::Result<Arc<Background>> {
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("bookend-client").enable_all().build()?;
    Ok(Arc::new(Background(Some(runtime))))
}

impl Background {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.as_ref().expect("it is there until it is dropped").block_on(future)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
