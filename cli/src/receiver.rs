//! The receiving half of a client. It handles the events that concern every command: it times the stages of joining,
//! reports a lost connection, and gives up once the timeout has passed.

use std::pin::pin;
use std::time::{Duration, Instant};

use bookend_client::{Client, ConnectError, End, Event, Events, Options, Sender, Up};
use futures_util::FutureExt;
use tokio::select;
use tokio::time::{sleep_until, timeout};

use crate::console::Console;
use crate::failure::Failure;
use crate::shutdown::Signal;
use crate::stages::Stages;

/// How long a client may take to close. It waits up to 10 s for confirmations.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(12);
/// The same after a signal, or without a connection.
pub(crate) const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The receiving half of a client.
pub(crate) struct Receiver<'a> {
    events: Events,
    console: &'a Console,
    stages: Option<Stages>,
    /// How long the hub may be gone; `None` is forever.
    timeout: Option<Duration>,
    gone: Option<Gone>,
    /// There has been a session.
    has_joined: bool,
}

/// There is no connection.
struct Gone {
    since: Instant,
    error: ConnectError,
}

impl<'a> Receiver<'a> {
    /// Connects, unless a signal arrives first. `timeout` limits how long the hub may be gone later; `None` is forever.
    /// With `is_verbose`, the stages are reported.
    pub(crate) async fn connect(
        options: Options,
        timeout: Option<Duration>,
        is_verbose: bool,
        console: &'a Console,
        shutdown: impl Future<Output = Signal>,
    ) -> Result<(Sender, Receiver<'a>, Box<Up>), Failure> {
        let (sender, events) = Client::start(options).split();
        let stages = is_verbose.then(Stages::default);
        let mut receiver = Receiver { events, console, stages, timeout: None, gone: None, has_joined: false };
        let mut shutdown = pin!(shutdown);
        loop {
            let event = select! {
                biased;
                event = receiver.next() => event?,
                signal = &mut shutdown => {
                    receiver.leave(&sender).await;
                    return Err(Failure::Signalled(signal));
                }
            };
            match event {
                Some(Event::Up(up)) => {
                    receiver.timeout = timeout;
                    return Ok((sender, receiver, up));
                }
                Some(Event::Down { .. }) => {} // another attempt follows
                Some(Event::Closed(End::Failed(error))) => return Err(Failure::Connect(error)),
                _ => return Err(Failure::Left),
            }
        }
    }

    /// The next event, except those that this type handles; `None` after the last one. Cancel-safe.
    ///
    /// # Errors
    /// [`Failure::Gone`], once the hub has been gone for longer than the timeout.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            let end = self.gone.as_ref().zip(self.timeout).and_then(|(gone, timeout)| gone.since.checked_add(timeout));
            let event = match end {
                None => self.events.next().await,
                Some(end) => select! {
                    biased;
                    event = self.events.next() => event,
                    () = sleep_until(end.into()) => return Err(self.give_up()),
                },
            };
            let Some(event) = event else { return Ok(None) };
            if let Some(event) = self.handle(event) {
                return Ok(Some(event));
            }
        }
    }

    /// The next event, if it has arrived.
    pub(crate) fn ready(&mut self) -> Option<Event> {
        loop {
            let event = self.events.next().now_or_never().flatten()?;
            if let Some(event) = self.handle(event) {
                return Some(event);
            }
        }
    }

    /// Handles an event, and returns it if it concerns the command. Of several failures in a row, the first one does.
    fn handle(&mut self, event: Event) -> Option<Event> {
        match (&event, &mut self.stages) {
            (Event::Progress { step, after }, Some(stages)) => stages.begin(step.clone(), *after, self.console),
            (Event::Down { .. } | Event::Closed(_), Some(stages)) => stages.fail(self.console),
            _ => {}
        }
        match event {
            Event::Progress { .. } | Event::Suspect | Event::Heard => None,
            Event::Down { error, retry_in } => {
                let before = self.gone.take();
                if before.as_ref().is_none_or(|gone| gone.error.to_string() != error.to_string()) {
                    let next = if self.has_joined { "reconnecting" } else { "trying again" };
                    self.console.note(format_args!("{error}; {next}"));
                }
                let since = before.as_ref().map_or_else(Instant::now, |gone| gone.since);
                self.gone = Some(Gone { since, error: error.clone() });
                before.is_none().then_some(Event::Down { error, retry_in })
            }
            Event::Up(up) => {
                if self.gone.take().is_some() {
                    self.console.note(format_args!("{}", if self.has_joined { "reconnected" } else { "connected" }));
                }
                self.has_joined = true;
                Some(Event::Up(up))
            }
            event => Some(event),
        }
    }

    fn give_up(&mut self) -> Failure {
        let gone = self.gone.take().expect("the timeout only runs while the hub is gone");
        Failure::Gone(Box::new(gone.error), self.timeout.unwrap_or_default())
    }

    /// Closes and waits for the end of the session.
    pub(crate) async fn close(mut self, sender: &Sender) {
        self.close_with(sender, |_| {}).await;
    }

    /// Closes and waits only briefly.
    pub(crate) async fn leave(self, sender: &Sender) {
        let _ = timeout(LEAVE_TIMEOUT, self.close(sender)).await; // the program ends either way
    }

    /// Closes, waits for the end of the session, and reports an earlier failure of it.
    pub(crate) async fn close_and_report(mut self, sender: &Sender) {
        let console = self.console;
        self.close_with(sender, |error| console.error(format_args!("{error}"))).await;
    }

    async fn close_with(&mut self, sender: &Sender, report: impl Fn(ConnectError)) {
        sender.close();
        let closing = async {
            while let Some(event) = self.events.next().await {
                if let Event::Down { error, .. } | Event::Closed(End::Failed(error)) = event {
                    report(error);
                }
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, closing).await; // the program ends either way
    }
}

/// The failure of a command that wanted to continue after the last event.
pub(crate) fn over(end: End) -> Failure {
    match end {
        End::Failed(error) => Failure::Ended(error),
        _ => Failure::Left,
    }
}
