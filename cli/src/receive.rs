//! What arrives: a client's events, and what every command does about some of them. The stages of the way are timed;
//! that the hub is gone is told, and not put up with for longer than it may last.

use std::time::{Duration, Instant};

use bookend::Message;
use bookend_client::{Client, ConnectError, End, Event, Events, Options, Sender, Up, show};
use futures_util::FutureExt;
use tokio::select;
use tokio::time::{sleep_until, timeout};

use crate::console::Console;
use crate::failure::Failure;
use crate::stages::Stages;

/// How long a client may take to close: it waits for confirmations for 10 s.
const PATIENCE: Duration = Duration::from_secs(12);
/// The same once the user wants to leave, or there is nobody to close with.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

/// The receiving half of a client.
pub(crate) struct Hearing<'a> {
    events: Events,
    console: &'a Console,
    stages: Option<Stages>,
    /// How long the hub may be gone, if not for ever.
    patience: Option<Duration>,
    gone: Option<Gone>,
}

/// There is no session.
struct Gone {
    since: Instant,
    error: ConnectError,
}

impl<'a> Hearing<'a> {
    /// Connects. `patience` is how long the hub may be gone later on, if not for ever; with `is_verbose` the stages are
    /// told.
    pub(crate) async fn connect(
        options: Options,
        patience: Option<Duration>,
        is_verbose: bool,
        console: &'a Console,
    ) -> Result<(Sender, Hearing<'a>, Box<Up>), Failure> {
        let (sender, events) = Client::start(options).split();
        let mut hearing = Hearing { events, console, stages: is_verbose.then(Stages::default), patience, gone: None };
        match hearing.next().await? {
            Some(Event::Up(up)) => Ok((sender, hearing, up)),
            Some(Event::Closed(End::Failed(error))) => Err(Failure::Connect(error)),
            _ => Err(Failure::Left),
        }
    }

    /// The next event, but for those that only tell of the way; `None` behind the last one. Cancel-safe.
    ///
    /// # Errors
    /// [`Failure::Gone`], once the hub has been gone for too long.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            let end =
                self.gone.as_ref().zip(self.patience).and_then(|(gone, patience)| gone.since.checked_add(patience));
            let event = match end {
                None => self.events.next().await,
                Some(end) => select! {
                    biased;
                    event = self.events.next() => event,
                    () = sleep_until(end.into()) => return Err(self.give_up()),
                },
            };
            let Some(event) = event else { return Ok(None) };
            if let Some(event) = self.hear(event) {
                return Ok(Some(event));
            }
        }
    }

    /// The next event, if it is there.
    pub(crate) fn ready(&mut self) -> Option<Event> {
        loop {
            let event = self.events.next().now_or_never().flatten()?;
            if let Some(event) = self.hear(event) {
                return Some(event);
            }
        }
    }

    fn hear(&mut self, event: Event) -> Option<Event> {
        match (&event, &mut self.stages) {
            (Event::Progress { step, after }, Some(stages)) => stages.begin(step.clone(), *after, self.console),
            (Event::Down { .. } | Event::Closed(_), Some(stages)) => stages.fail(self.console),
            _ => {}
        }
        match event {
            Event::Progress { .. } | Event::Suspect | Event::Heard => None,
            Event::Down { error, .. } => {
                let since = match self.gone.take() {
                    Some(gone) if gone.error.to_string() == error.to_string() => gone.since,
                    gone => {
                        self.console.remark(format_args!("{error}; connecting again"));
                        gone.map_or_else(Instant::now, |gone| gone.since)
                    }
                };
                self.gone = Some(Gone { since, error });
                None
            }
            Event::Up(up) => {
                if self.gone.take().is_some() {
                    self.console.remark(format_args!("connected again"));
                }
                Some(Event::Up(up))
            }
            event => Some(event),
        }
    }

    fn give_up(&mut self) -> Failure {
        let gone = self.gone.take().expect("there is an end of patience only while it is gone");
        Failure::Gone(Box::new(gone.error), self.patience.unwrap_or_default())
    }

    /// Closes, and waits until that is done.
    pub(crate) async fn close(mut self, sender: &Sender) {
        self.close_or_tell(sender, false).await;
    }

    /// Closes, and does not wait for long.
    pub(crate) async fn leave(self, sender: &Sender) {
        let _late = timeout(LAST_WORDS, self.close(sender)).await;
    }

    /// Closes, waits until that is done, and tells why the session had ended before, if it had.
    pub(crate) async fn close_and_tell(mut self, sender: &Sender) {
        self.close_or_tell(sender, true).await;
    }

    async fn close_or_tell(&mut self, sender: &Sender, is_telling: bool) {
        sender.close();
        let closing = async {
            while let Some(event) = self.events.next().await {
                match event {
                    Event::Down { error, .. } | Event::Closed(End::Failed(error)) if is_telling => {
                        self.console.complain(format_args!("{error}"));
                    }
                    _ => {}
                }
            }
        };
        let _late = timeout(PATIENCE, closing).await;
    }
}

/// What the last event means to somebody who wants more.
pub(crate) fn over(end: End) -> Failure {
    match end {
        End::Failed(error) => Failure::Ended(error),
        _ => Failure::Left,
    }
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
