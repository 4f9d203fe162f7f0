//! The loop that every command runs: what arrives is heard, and printed batch by batch.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::io;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::pin::pin;

use bookend::{Code, Connection, ConnectionError, Message, Outcome, Refusal};
use bookend_client::{ConnectError, Joined, show};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::select;

use crate::console::Console;

/// Why a command ended otherwise than it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No hub was joined.
    Connect(ConnectError),
    /// What the command line or the environment names cannot be used: which, and why.
    Unusable(String),
    /// The session ended with a fault, or the hub closed it for a reason.
    Session(ConnectionError),
    /// The last session ended with a fault that does not pass.
    Ended(ConnectError),
    /// The hub closed the session in good order, but too early.
    Left,
    /// By the user.
    Interrupted,
    /// The operating system does not do what is needed.
    System(io::Error),
    /// What was to be found out was told, and this is the exit code.
    Told(u8),
}

/// How receiving ended, where all went well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// This side closed.
    Here,
    /// The hub closed with code 1000.
    There,
    /// Enough was heard, or nobody reads the output any more; the session is open.
    Enough,
}

/// Hands every message to `hear`, with a buffer for what is to be printed, until the session ends, `hear` breaks, or
/// `interrupt` comes.
pub(crate) async fn receive<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    console: &Console,
    interrupt: impl Future<Output = ()>,
    mut hear: impl FnMut(&Message<'_>, &mut Vec<u8>) -> ControlFlow<()>,
) -> Result<Ended, Failure> {
    let mut interrupt = pin!(interrupt);
    let mut told = connection.refused();
    let ended = loop {
        let mut lines = Vec::new();
        let mut flow = ControlFlow::Continue(());
        let mut question = None;
        select! {
            biased;
            () = &mut interrupt => break Err(Failure::Interrupted),
            batch = connection.batch() => match batch.map_err(Failure::Session)? {
                Some(batch) => for message in batch {
                    match message {
                        Message::Request { id, .. } => question = Some(id),
                        Message::Error(refusal) => complain(&refusal, console),
                        _ => {}
                    }
                    flow = hear(&message, &mut lines);
                    if flow.is_break() || question.is_some() {
                        break;
                    }
                },
                None => {
                    let closed_here = matches!(connection.outcome(), Some(Outcome::Closed(_)));
                    return Ok(if closed_here { Ended::Here } else { Ended::There });
                }
            }
        }
        if connection.refused() > told {
            let count = connection.refused() - told;
            told = connection.refused();
            console.complain(format_args!("{count} frames of the peer were refused: their text is not legal"));
        }
        refuse(connection, question).await?;
        select! {
            biased;
            () = &mut interrupt => break Err(Failure::Interrupted),
            printed = console.print(lines) => if printed.is_err() || flow.is_break() {
                break Ok(Ended::Enough);
            }
        }
    };
    if ended.is_err() {
        // Out of courtesy; the user wants to leave in any case.
        let _closed = connection.close(Code::GOING_AWAY, "").await;
    }
    ended
}

/// Runs `receiving` to its end, and `sending` meanwhile. What `receiving` heard last is still told to `sending`.
pub(crate) async fn beside<T>(receiving: impl Future<Output = T>, sending: impl Future<Output = Infallible>) -> T {
    let mut sending = pin!(sending);
    let ended = select! {
        ended = receiving => ended,
        never = &mut sending => match never {},
    };
    select! {
        biased;
        never = &mut sending => match never {},
        () = ready(()) => ended,
    }
}

/// What a command's end means: if all was done, it does not matter how the session ended.
pub(crate) async fn conclude<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Joined<S>,
    ended: Result<Ended, Failure>,
    is_done: bool,
) -> Result<(), Failure> {
    match ended {
        Ok(Ended::Enough) => client.connection().close(Code::NORMAL, "").await.map_err(Failure::Session),
        Ok(Ended::Here) => Ok(()),
        Ok(Ended::There) | Err(Failure::Session(_)) if is_done => Ok(()),
        Ok(Ended::There) => Err(Failure::Left),
        Err(failure) => Err(failure),
    }
}

/// A REQUEST must be answered (R3.12).
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    question: Option<NonZeroU32>,
) -> Result<(), Failure> {
    match question {
        None => Ok(()),
        id => connection.refuse(id, Code::POLICY, "this client answers no requests").await.map_err(Failure::Session),
    }
}

fn complain(refusal: &Refusal<'_>, console: &Console) {
    let (code, reason) = (refusal.code, refusal.reason.to_str().into_owned());
    console.complain(format_args!("{}", ConnectionError::Refused { code, reason }));
}

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line for people.
    Plain,
    /// A JSON object.
    Json,
    /// The payload's bytes and nothing else.
    Raw,
}

impl Form {
    /// Appends `message` to `lines`; `own` is this client's number in the room.
    pub(crate) fn print(self, message: &Message<'_>, own: u32, lines: &mut Vec<u8>) {
        match (self, message) {
            (Form::Plain, message) => show::plain(message, own, lines).expect("memory takes everything"),
            (Form::Json, message) => show::json(message, lines).expect("memory takes everything"),
            (Form::Raw, Message::Delivery(delivery)) => lines.extend_from_slice(delivery.payload.as_bytes()),
            (Form::Raw, Message::Message(payload)) => lines.extend_from_slice(payload.as_bytes()),
            (Form::Raw, _) => {}
        }
    }
}

/// Does the message count as one that somebody said?
pub(crate) fn is_said(message: &Message<'_>) -> bool {
    matches!(message, Message::Delivery(_) | Message::Message(_))
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Failure {
        Failure::Connect(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Connect(error) | Failure::Ended(error) => write!(f, "{error}"),
            Failure::Unusable(what) => f.write_str(what),
            Failure::Session(error) => write!(f, "{error}"),
            Failure::Left => f.write_str("normal: the hub closed the session"),
            Failure::Interrupted => f.write_str("interrupted"),
            Failure::System(error) => write!(f, "no sockets are to be had: {error}"),
            Failure::Told(status) => write!(f, "exit code {status}"),
        }
    }
}
