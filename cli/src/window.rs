//! `bookend chat` on a terminal: a window that never freezes.
//!
//! # Layout
//!
//! Data flows one way: keys and events change `model`, which returns effects; `view` draws it, with `wrap`. `editor` is
//! the input line, and `log` holds the messages, each an `entry`; `page` reads those that the hub has kept. `screen` is the
//! terminal, on which `painter` draws; `jobs` is the job control of the shell, `outbox` sends messages, and `asker` asks the hub
//! for what the view needs. Only this file waits, for all of them at once.

mod asker;
mod editor;
mod entry;
mod jobs;
mod log;
mod model;
mod outbox;
mod page;
mod painter;
mod screen;
mod view;
mod wrap;

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::time::{Duration, Instant};

use bookend_client::{Client, End, Event, Hello, Options};
use futures_util::future::FusedFuture;
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::crossterm::event::{Event as Key, EventStream};
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant as Deadline, interval, sleep_until};

use crate::failure::Failure;
use crate::receiver::over;
use crate::shutdown::Signal;
use asker::ask_all;
use jobs::{Job, Jobs};
use model::{Connection, Effect, Window};
use outbox::{Outgoing, send_all};
use screen::Screen;

const SECOND: Duration = Duration::from_secs(1);
/// How long the client may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// True if there is a terminal to draw on and to type on. One that does not say what it is shows plain lines, except on
/// Windows, where none does.
pub(crate) fn is_possible() -> bool {
    let is_able = match std::env::var_os("TERM") {
        None => cfg!(windows),
        Some(term) => !term.is_empty() && term != "dumb",
    };
    is_able && io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Chats in a window until the user leaves or a signal arrives. If the first connection fails, the window closes at once.
/// If the session ends later, the window stays open until the user leaves, and the reason is returned then.
pub(crate) async fn chat(
    options: Options,
    hub: String,
    hello: &Hello,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let zone = TimeZone::system();
    let window = Window::new(hub, hello, zone.clone());
    let jobs = Jobs::new().map_err(Failure::System)?;
    let client = Client::start(options);
    let screen = Screen::new(zone).map_err(Failure::System)?;
    let signalled = Cell::new(None);
    let stop = async { signalled.set(Some(shutdown.await)) };
    let chat = Chat { window, screen, phase: Phase::Open, has_joined: false };
    let ended = chat.run(client, jobs, stop).await;
    match signalled.get() {
        Some(signal) => Err(Failure::Signalled(signal)),
        None => ended,
    }
}

/// How far the chat is.
enum Phase {
    Open,
    /// The client closes until then, and the chat ends with this.
    Leaving(Deadline, Result<(), Failure>),
    /// The session has ended for good. The window stays open until the user leaves.
    Ended(Failure),
}

/// What an event leads to.
enum Turn {
    /// Nothing to draw.
    Unchanged,
    Changed,
    /// The user wants to leave, or the terminal is gone.
    Leave(Result<(), Failure>),
    /// The chat has ended.
    Over(Result<(), Failure>),
}

impl From<io::Result<()>> for Turn {
    /// After using the terminal.
    fn from(result: io::Result<()>) -> Turn {
        match result {
            Ok(()) => Turn::Changed,
            Err(error) => Turn::Leave(Err(Failure::System(error))),
        }
    }
}

struct Chat {
    window: Window,
    screen: Screen,
    phase: Phase,
    has_joined: bool,
}

impl Chat {
    async fn run(mut self, client: Client, mut jobs: Jobs, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let (sender, mut events) = client.split();
        let closer = sender.clone();
        let (outbox, outgoing) = mpsc::unbounded_channel();
        let (settled, mut outcomes) = mpsc::unbounded_channel();
        let (asker, asks) = mpsc::unbounded_channel();
        let (answered, mut answers) = mpsc::unbounded_channel();
        let mut asking = pin!(ask_all(sender.clone(), asks, answered));
        let mut sending = pin!(send_all(sender, outgoing, settled));
        let mut stop = pin!(stop.fuse());
        let (mut keys, mut has_keys) = (EventStream::new(), true);
        let mut second = interval(SECOND);
        loop {
            let drawn = self.screen.draw(&mut self.window);
            if let Some(ask) = self.window.ask() {
                let _ = asker.send(ask); // the receiver lives as long as the window
                self.screen.change();
            }
            let turn = if drawn.is_err() {
                drawn.into()
            } else {
                select! {
                    biased;
                    () = &mut stop, if !stop.is_terminated() => self.stop(),
                    key = keys.next(), if has_keys => match key.transpose() {
                        Ok(Some(key)) => self.key(&key, &outbox),
                        gone => {
                            has_keys = false;
                            Turn::Leave(gone.map(|_| ()).map_err(Failure::System))
                        }
                    },
                    event = events.next(), if !matches!(self.phase, Phase::Ended(_)) => self.event(event),
                    job = jobs.next() => match job {
                        Job::Stop => self.screen.suspend().into(),
                        Job::Continue => self.screen.resume().into(),
                    },
                    Some((text, outcome)) = outcomes.recv() => {
                        self.window.settled(&text, outcome);
                        Turn::Changed
                    }
                    Some((ask, page)) = answers.recv() => {
                        self.window.answered(&ask, page);
                        Turn::Changed
                    }
                    () = &mut sending => Turn::Unchanged,
                    () = &mut asking => Turn::Unchanged,
                    _ = second.tick() => self.second(),
                    () = until(self.closed_at()) => Turn::Leave(Ok(())),
                    () = until(self.screen.next_drawing().map(Deadline::from)) => Turn::Unchanged,
                }
            };
            match turn {
                Turn::Unchanged => {}
                Turn::Changed => self.screen.change(),
                Turn::Over(ended) => return ended,
                Turn::Leave(ended) => match self.phase {
                    Phase::Ended(failure) => return ended.and(Err(failure)),
                    Phase::Leaving(_, first) => return first,
                    Phase::Open => {
                        self.phase = Phase::Leaving(Deadline::now() + CLOSE_TIMEOUT, ended);
                        closer.close();
                        self.screen.change();
                    }
                },
            }
        }
    }

    /// A signal ends the program. While the client closes already, it goes on.
    fn stop(&self) -> Turn {
        if let Phase::Leaving(..) = self.phase { Turn::Unchanged } else { Turn::Leave(Ok(())) }
    }

    /// When the client must have closed, if it closes.
    fn closed_at(&self) -> Option<Deadline> {
        if let Phase::Leaving(deadline, _) = self.phase { Some(deadline) } else { None }
    }

    /// A second has passed.
    fn second(&mut self) -> Turn {
        self.window.pass(SECOND);
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        // Nothing else on the screen depends on the time.
        if self.window.today(now) || matches!(self.window.connection, Connection::Waiting { .. }) {
            Turn::Changed
        } else {
            Turn::Unchanged
        }
    }

    /// Shows an event of the client.
    fn event(&mut self, event: Option<Event>) -> Turn {
        let event = match event {
            Some(Event::Closed(End::Closed)) | None => return Turn::Over(self.left(Ok(()))),
            Some(event) => event,
        };
        self.has_joined |= matches!(event, Event::Up(_));
        self.window.event(&event);
        match event {
            Event::Closed(End::Failed(error)) if !self.has_joined => Turn::Over(Err(Failure::Connect(error))),
            Event::Closed(end) if matches!(self.phase, Phase::Leaving(..)) => Turn::Over(self.left(Err(over(end)))),
            Event::Closed(end) => {
                self.phase = Phase::Ended(over(end));
                Turn::Changed
            }
            _ => Turn::Changed,
        }
    }

    /// The result of the chat if the client ended like this: why it was closed comes first.
    fn left(&mut self, ended: Result<(), Failure>) -> Result<(), Failure> {
        match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Leaving(_, why) => why.and(ended),
            _ => ended,
        }
    }

    /// Applies a key.
    fn key(&mut self, key: &Key, outbox: &mpsc::UnboundedSender<Outgoing>) -> Turn {
        let effect = match key {
            Key::Key(key) => self.window.key(*key),
            Key::Paste(text) => {
                self.window.paste(text);
                None
            }
            Key::FocusGained => {
                self.window.focus(true);
                None
            }
            Key::FocusLost => {
                self.window.focus(false);
                None
            }
            Key::Resize(..) | Key::Mouse(_) => None,
        };
        match effect {
            Some(Effect::Send { to, text }) => {
                let _ = outbox.send(Outgoing { to, text, begun: Instant::now() }); // the receiver lives as long as the window
                Turn::Changed
            }
            Some(Effect::Redraw) => self.screen.redraw().into(),
            Some(Effect::Suspend) => self.screen.suspend().into(),
            Some(Effect::Quit) => Turn::Leave(Ok(())),
            None => Turn::Changed,
        }
    }
}

/// Waits until then, or for ever.
async fn until(deadline: Option<Deadline>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
