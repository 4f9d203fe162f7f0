//! `bookend chat` on a terminal: a window that never freezes.
//!
//! # Layout
//!
//! Data flows one way: keys and events change `model`, which returns effects; `view` draws it, with `wrap`. `editor` is
//! the input line, and `log` holds the messages. Only this file knows the terminal, the network and the clock, and it
//! waits for all three at once.

mod editor;
mod log;
mod model;
mod view;
mod wrap;

use std::io::{self, IsTerminal};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bookend::Content;
use bookend_client::{Client, End, Event, Hello, Options, SendError, Sender};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange, Event as Key, EventStream,
};
use ratatui::crossterm::execute;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, sleep_until};

use crate::failure::Failure;
use crate::receiver::over;
use model::{Connection, Effect, Window};

/// The shortest time between two drawings.
const FRAME: Duration = Duration::from_millis(16);
const SECOND: Duration = Duration::from_secs(1);
/// How long the client may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// True if there is a terminal to draw on and to type on.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal()
        && io::stdout().is_terminal()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Chats in a window until the user leaves. If the first connection fails, the window closes at once. If the session
/// ends later, the window stays open until the user leaves, and the reason is returned then.
pub(crate) async fn chat(
    options: Options,
    hub: String,
    hello: &Hello,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut window = Window::new(hub, hello);
    let client = Client::start(options);
    let mut terminal = ratatui::try_init().map_err(Failure::System)?;
    let _restore = Restore;
    let _ = execute!(io::stdout(), EnableBracketedPaste, EnableFocusChange); // a terminal without them ignores them
    run(&mut window, client, &mut terminal, stop).await
}

/// Restores the terminal when it is dropped.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), DisableBracketedPaste, DisableFocusChange); // the terminal may be gone
        ratatui::restore();
    }
}

/// How far the chat is.
enum Phase {
    Open,
    /// The user is leaving, and the client closes.
    Leaving,
    /// The session has ended for good. The window stays open until the user leaves.
    Ended(Failure),
}

async fn run(
    window: &mut Window,
    client: Client,
    terminal: &mut DefaultTerminal,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (sender, mut events) = client.split();
    let closer = sender.clone();
    let (outbox, outgoing) = mpsc::unbounded_channel();
    let (settled, mut outcomes) = mpsc::unbounded_channel();
    let sending = send_all(sender, outgoing, settled);
    let mut keys = EventStream::new();
    let mut screen = Screen { terminal, zone: TimeZone::system(), is_dirty: true, drawn: Instant::now() - FRAME };
    let (mut phase, mut has_joined) = (Phase::Open, false);
    let mut second = interval(SECOND);
    tokio::pin!(sending, stop);
    let mut close_timeout = std::pin::pin!(sleep(Duration::ZERO));
    loop {
        screen.draw(window).map_err(Failure::System)?;
        let mut leave = false;
        select! {
            biased;
            key = keys.next() => match key.transpose().map_err(Failure::System)? {
                Some(key) => leave = take_key(window, &key, &outbox, screen.terminal).map_err(Failure::System)?,
                None => leave = true,
            },
            event = events.next(), if !matches!(phase, Phase::Ended(_)) => {
                if let ControlFlow::Break(ended) = take_event(window, event, &mut phase, &mut has_joined) {
                    return ended;
                }
            }
            Some((text, outcome)) = outcomes.recv() => window.settled(&text, outcome),
            () = &mut sending => {}
            _ = second.tick() => {
                window.pass(SECOND);
                // Nothing else on the screen depends on the time.
                if !matches!(window.connection, Connection::Waiting { .. }) {
                    continue;
                }
            }
            () = &mut stop, if !matches!(phase, Phase::Leaving) => leave = true,
            () = &mut close_timeout, if matches!(phase, Phase::Leaving) => return Ok(()),
            () = sleep_until((screen.drawn + FRAME).into()), if screen.is_dirty => continue,
        }
        screen.is_dirty = true;
        if leave {
            match std::mem::replace(&mut phase, Phase::Leaving) {
                Phase::Ended(failure) => return Err(failure),
                Phase::Leaving => return Ok(()),
                Phase::Open => {
                    close_timeout.set(sleep(CLOSE_TIMEOUT));
                    closer.close();
                }
            }
        }
    }
}

/// The terminal, and when it was drawn.
struct Screen<'a> {
    terminal: &'a mut DefaultTerminal,
    zone: TimeZone,
    is_dirty: bool,
    drawn: Instant,
}

impl Screen<'_> {
    /// Draws the window if it has changed and the last drawing is long enough ago.
    fn draw(&mut self, window: &mut Window) -> io::Result<()> {
        if self.is_dirty && self.drawn.elapsed() >= FRAME {
            let times = |ms: u64| hours_and_minutes(ms, &self.zone);
            self.terminal.draw(|frame| view::draw(window, &times, frame))?;
            (self.is_dirty, self.drawn) = (false, Instant::now());
        }
        Ok(())
    }
}

/// Shows an event. Breaks with the result of the chat if that was the last one.
fn take_event(
    window: &mut Window,
    event: Option<Event>,
    phase: &mut Phase,
    has_joined: &mut bool,
) -> ControlFlow<Result<(), Failure>> {
    let event = match event {
        Some(Event::Closed(End::Closed)) | None => return ControlFlow::Break(Ok(())),
        Some(event) => event,
    };
    *has_joined |= matches!(event, Event::Up(_));
    window.event(&event);
    match event {
        Event::Closed(End::Failed(error)) if !*has_joined => ControlFlow::Break(Err(Failure::Connect(error))),
        Event::Closed(end) if matches!(phase, Phase::Leaving) => ControlFlow::Break(Err(over(end))),
        Event::Closed(end) => {
            *phase = Phase::Ended(over(end));
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Continue(()),
    }
}

/// Applies a key. True if the user wants to leave.
fn take_key(
    window: &mut Window,
    key: &Key,
    outbox: &mpsc::UnboundedSender<Outgoing>,
    terminal: &mut DefaultTerminal,
) -> io::Result<bool> {
    let effect = match key {
        Key::Key(key) => window.key(*key),
        Key::Paste(text) => {
            window.paste(text);
            None
        }
        Key::FocusGained => {
            window.focus(true);
            None
        }
        Key::FocusLost => {
            window.focus(false);
            None
        }
        Key::Resize(..) | Key::Mouse(_) => None,
    };
    match effect {
        Some(Effect::Send { to, text }) => {
            let _ = outbox.send(Outgoing { to, text, begun: Instant::now() }); // the receiver lives as long as the window
        }
        Some(Effect::Redraw) => terminal.clear()?,
        Some(Effect::Quit) => return Ok(true),
        None => {}
    }
    Ok(false)
}

/// A message to send.
struct Outgoing {
    to: Option<u32>,
    text: String,
    begun: Instant,
}

/// The text of a message, and how long the confirmation took or why there is none.
type Outcome = (String, Result<Duration, String>);

/// Sends the messages and reports their outcomes. Messages wait here while there is no connection, so that typing never
/// blocks on the network, nor the network on typing. Never ends.
async fn send_all(
    sender: Sender,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    settled: mpsc::UnboundedSender<Outcome>,
) {
    let mut receipts = FuturesUnordered::new();
    loop {
        select! {
            Some(message) = outgoing.recv() => receipts.push(send(&sender, message)),
            Some((message, outcome)) = receipts.next() => {
                let outcome = outcome.map(|()| message.begun.elapsed()).map_err(|error| error.to_string());
                let _ = settled.send((message.text, outcome)); // the window may have closed
            }
            else => std::future::pending().await,
        }
    }
}

async fn send(sender: &Sender, message: Outgoing) -> (Outgoing, Result<(), SendError>) {
    let content = Content::Text(&message.text);
    let sent = match message.to {
        Some(member) => sender.send_to(member, content).await,
        None => sender.send(content).await,
    };
    let outcome = match sent {
        Ok(receipt) => receipt.await,
        Err(error) => Err(error),
    };
    (message, outcome)
}

/// A time of the day, from milliseconds since 1970.
fn hours_and_minutes(ms: u64, zone: &TimeZone) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or("--:--".into(), |time| time.to_zoned(zone.clone()).strftime("%H:%M").to_string())
}
