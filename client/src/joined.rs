//! One session with a hub, from the stream to the WELCOME.

use std::time::Duration;

use bookend::{Code, Connection, Hello, Limits, Message, Role, Text};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::dial::{Dial, Dialled, Stream};
use crate::error::{ConnectError, JoinError};

/// The longest time from a hub's HELLO to its WELCOME.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(5);

/// One session: membership of a hub's room, or a plain connection if the hub profile is not in force.
///
/// [`Client`](crate::Client) is for programs that reconnect.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use bookend_client::{Dialler, Hello, Joined};
///
/// let mut dialler = Dialler::new("localhost:3990".parse()?);
/// let mut joined = Joined::dial(&mut dialler, Hello::new().with_hub(true)).await?;
/// while let Some(message) = joined.connection().next().await? {
///     println!("{message:?}");
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Joined<S = Stream> {
    connection: Connection<S>,
    welcome: Option<Welcome>,
}

/// A hub's WELCOME.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Welcome {
    /// This client's own number in the room.
    pub member: u32,
    /// The number of the next message to everyone.
    pub next_seq: u64,
    /// A line for people.
    pub greeting: String,
}

impl Joined {
    /// Connects, and opens a session; with several hosts, with the first that admits this client.
    ///
    /// # Errors
    /// [`ConnectError`], which names the stage.
    pub async fn dial(dialler: &mut dyn Dial, hello: Hello) -> Result<Joined, ConnectError> {
        let mut errors = Vec::new();
        for _ in 0..dialler.target_count().max(1) {
            let error = match dialler.dial(&mut |_| {}).await {
                Err(error) => error,
                Ok(Dialled { stream, remote: peer, .. }) => match Joined::join(stream, hello.clone()).await {
                    Ok(joined) => return Ok(joined),
                    Err(error) => ConnectError::Join { target: dialler.target().clone(), peer, error },
                },
            };
            errors.push(error);
        }
        Err(ConnectError::of_all(errors))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Joined<S> {
    /// Opens a session on a connected stream, and receives the hub's WELCOME if the hub profile is in force.
    ///
    /// # Errors
    /// [`JoinError`]: during the handshake, or after it.
    pub async fn join(stream: S, hello: Hello) -> Result<Joined<S>, JoinError> {
        let mut connection = Connection::open(stream, Role::Client, hello, limits())
            .await
            .map_err(|error| JoinError::Hello(error.into()))?;
        let welcome = if connection.session().hub_profile() { Some(welcome(&mut connection).await?) } else { None };
        Ok(Joined { connection, welcome })
    }

    /// The hub's WELCOME; `None` if the hub profile is not in force.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// This client's own number in the room; 0 if the hub profile is not in force.
    #[must_use]
    pub fn own(&self) -> u32 {
        self.welcome.as_ref().map_or(0, |welcome| welcome.member)
    }

    /// The other side's HELLO.
    #[must_use]
    pub fn peer(&self) -> &Hello {
        self.connection.peer()
    }

    /// The connection, and the hub's WELCOME.
    pub(crate) fn into_parts(self) -> (Connection<S>, Option<Welcome>) {
        (self.connection, self.welcome)
    }

    /// The connection: to send, to receive, to close.
    pub fn connection(&mut self) -> &mut Connection<S> {
        &mut self.connection
    }
}

impl Welcome {
    /// The WELCOME as a message.
    #[must_use]
    pub fn message(&self) -> Message<'_> {
        Message::Welcome { member: self.member, next_seq: self.next_seq, greeting: Text::utf8(&self.greeting) }
    }
}

/// The first message of a hub after its HELLO (R9.5).
async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(connection: &mut Connection<S>) -> Result<Welcome, JoinError> {
    let found = match timeout(WELCOME_TIMEOUT, connection.next()).await {
        Ok(Ok(Some(Message::Welcome { member, next_seq, greeting }))) => {
            return Ok(Welcome { member, next_seq, greeting: greeting.to_str().into_owned() });
        }
        Ok(Err(error)) => return Err(JoinError::Session(error.into())),
        Ok(Ok(None)) => return Err(JoinError::Left),
        Ok(Ok(Some(other))) => Some(other.kind()),
        Err(_) => None,
    };
    let _ = connection.close(Code::PROTOCOL_ERROR, "a hub sends WELCOME first").await; // the reason is known already
    Err(JoinError::NoWelcome { found })
}

/// The wait makes the name of a mistake independent of how the stream was cut.
fn limits() -> Limits {
    Limits::default().with_evidence_timeout(Duration::from_millis(250))
}
