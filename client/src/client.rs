//! A client that stays connected.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bookend::{Content, Reply};
use tokio::sync::{mpsc, watch};

use crate::command::COMMANDS;
use crate::driver::Driver;
use crate::error::{ConnectError, SendError};
use crate::event::{End, Event, Events, events};
use crate::options::Options;
use crate::sender::{Receipt, Sender};
use crate::state::{Shared, State, Status};

/// A session with a hub that is opened again whenever it ends by a fault that may pass.
///
/// It spawns one task on tokio, which owns the connection: keepalive, confirmations and reconnecting have to go on
/// while the program does something else, or nothing. The task ends with [`close`](Client::close), by a fault that does
/// not pass, or once all [`Sender`]s and the [`Events`] are gone.
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
///         Event::Down { error, retry_in } => println!("{error}; once more in {retry_in:?}"),
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
    /// Begins to connect, and tells of it by events.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(options: Options) -> Client {
        let (wish, wished) = watch::channel(false);
        let first = Status { state: State::Connecting, session: 0, local: None, remote: None };
        let (telling, status) = watch::channel(first);
        let (commands, taken) = mpsc::channel(COMMANDS);
        let shared = Arc::new(Shared { wish, status, known: AtomicU64::new(0) });
        let (outlet, events) = events(Arc::clone(&shared));
        tokio::spawn(Driver::new(options, taken, outlet, wished, telling).run());
        Client { sender: Sender::new(commands, shared), events }
    }

    /// Connects, and returns once a session is open. The events so far are forgotten, and [`Event::Up`] is the first.
    ///
    /// # Errors
    /// Why there is no session.
    pub async fn connect(options: Options) -> Result<Client, ConnectError> {
        let place = options.dialler.place().clone();
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
                    let error = io::Error::other("the runtime of the client ends");
                    return Err(ConnectError::System { place, error });
                }
            }
        }
    }

    /// The next event; `None` behind [`Event::Closed`]. Cancel-safe.
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
    pub async fn request(&self, content: impl Into<Content<'_>>, patience: Duration) -> Result<Reply, SendError> {
        self.sender.request(content, patience).await
    }

    /// A sender, for other tasks too.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// The two halves.
    #[must_use]
    pub fn split(self) -> (Sender, Events) {
        (self.sender, self.events)
    }

    /// As [`Sender::close`], and waits until it is done. What comes meanwhile is forgotten.
    pub async fn close(mut self) -> End {
        self.sender.close();
        while let Some(event) = self.events.next().await {
            if let Event::Closed(end) = event {
                return end;
            }
        }
        End::Here // it was told of the end before
    }
}
