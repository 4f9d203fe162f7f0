//! A client that stays connected.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bookend::{Content, Hello, Reply};
use tokio::sync::{mpsc, watch};

use crate::dial::Dial;
use crate::driver::Driver;
use crate::error::ConnectError;
use crate::event::{End, Event, Events, events};
use crate::retry::Backoff;
use crate::sender::{COMMANDS, Receipt, SendError, Sender};

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

/// What a client is to do.
pub struct Options {
    pub(crate) dialler: Box<dyn Dial>,
    pub(crate) hello: Hello,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) patience: Option<Duration>,
    pub(crate) is_patient: bool,
    pub(crate) resends: bool,
}

/// How a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no session; one is on its way, or a pause comes first.
    Connecting,
    /// A session is open.
    Up,
    /// A session is open, and the other side has been silent for longer than it promised.
    Suspect,
    /// It is over.
    Closed,
}

/// What both halves hold of the task.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) wish: watch::Sender<bool>,
    pub(crate) status: watch::Receiver<Status>,
    /// The session of the [`Event::Up`] that was taken last; `NOBODY_LISTENS` once nobody takes any.
    pub(crate) known: AtomicU64,
}

pub(crate) const NOBODY_LISTENS: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// How many sessions there have been.
    pub(crate) session: u64,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) remote: Option<SocketAddr>,
}

impl Options {
    /// Reaches the hub by `dialler`, says `hello`, and connects again by the default [`Backoff`]. From the second
    /// session on the HELLO asks to resume behind the last message that came. A member of a room wants
    /// [`Hello::with_hub`]: without it there are no names, numbers and gaps.
    #[must_use]
    pub fn new(dialler: impl Dial, hello: Hello) -> Options {
        let backoff = Some(Backoff::default());
        Options { dialler: Box::new(dialler), hello, backoff, patience: None, is_patient: false, resends: false }
    }

    /// When to connect again; `None` for never.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Option<Backoff>) -> Options {
        self.backoff = backoff;
        self
    }

    /// How long an attempt may take in all, from the name to the WELCOME; by default the [`Dialler`](crate::Dialler)'s
    /// patience with each step, and the protocol's.
    #[must_use]
    pub fn with_timeout(mut self, patience: Option<Duration>) -> Options {
        self.patience = patience;
        self
    }

    /// Connect again even if there has been no session yet? By default a first attempt that fails is the end: most
    /// often the address is wrong.
    #[must_use]
    pub fn with_patience_at_first(mut self, is_patient: bool) -> Options {
        self.is_patient = is_patient;
        self
    }

    /// Send again, in the next session, what was written and not confirmed when a session ended? It arrives at least
    /// once then, and may arrive twice; by default it arrives at most once, and [`SendError::Unconfirmed`] tells of it.
    #[must_use]
    pub fn with_resend(mut self, resends: bool) -> Options {
        self.resends = resends;
        self
    }
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

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Options { dialler, backoff, patience, is_patient, resends, .. } = self;
        f.debug_struct("Options")
            .field("place", dialler.place())
            .field("backoff", backoff)
            .field("patience", patience)
            .field("is_patient", is_patient)
            .field("resends", resends)
            .finish_non_exhaustive()
    }
}
