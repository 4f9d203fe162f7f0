//! `bookend chat` on a terminal: a window that never freezes.
//!
//! # Layout
//!
//! Data goes one way: keys and the hub's events change `model`, which says what is to be done; `view` draws it, with
//! `wrap`. `editor` is the line that is typed, `log` what was said. Only this file knows the terminal, the network and
//! the clock, and it waits for all of them at once.

mod editor;
mod log;
mod model;
mod view;
mod wrap;

use std::io::{self, IsTerminal};
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
use crate::receive::over;
use model::{Connection, Effect, Window};

/// It is drawn so often at most.
const FRAME: Duration = Duration::from_millis(16);
const SECOND: Duration = Duration::from_secs(1);
/// How long the end may take, once it is wanted.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Is there a terminal to draw on, and one to type on?
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal()
        && io::stdout().is_terminal()
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Chats in a window until the person ends it. Who was never let in, or sees no hub, has no window to look at; who is
/// thrown out has it until a key ends it, and then the reason.
pub(crate) async fn chat(
    options: Options,
    place: String,
    hello: &Hello,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut window = Window::new(place, hello);
    let client = Client::start(options);
    let mut terminal = ratatui::try_init().map_err(Failure::System)?;
    let _restored = Restored;
    // A terminal that does not know them ignores them.
    let _without = execute!(io::stdout(), EnableBracketedPaste, EnableFocusChange);
    run(&mut window, client, &mut terminal, stop).await
}

/// Gives the terminal back as it was.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        let _without = execute!(io::stdout(), DisableBracketedPaste, DisableFocusChange);
        ratatui::restore();
    }
}

/// Something to be said.
struct Saying {
    to: Option<u32>,
    text: String,
    begun: Instant,
}

async fn run(
    window: &mut Window,
    client: Client,
    terminal: &mut DefaultTerminal,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (sender, mut events) = client.split();
    let closer = sender.clone();
    let (outbox, mut sayings) = mpsc::unbounded_channel::<Saying>();
    let (settled, mut settlements) = mpsc::unbounded_channel();
    // What is typed waits here while there is no connection, and neither keys nor the network wait for it.
    let speaking = async move {
        let mut receipts = FuturesUnordered::new();
        loop {
            select! {
                Some(saying) = sayings.recv() => receipts.push(say(&sender, saying)),
                Some((saying, outcome)) = receipts.next() => {
                    let outcome = outcome.map(|()| saying.begun.elapsed()).map_err(|error: SendError| error.to_string());
                    let _gone = settled.send((saying.text, outcome));
                }
                else => std::future::pending().await,
            }
        }
    };
    let mut keys = EventStream::new();
    let zone = TimeZone::system();
    let times = move |ms: u64| shown_time(ms, &zone);
    let (mut dirty, mut drawn) = (true, Instant::now() - FRAME);
    let (mut leaving, mut joined, mut ended) = (false, false, None);
    let mut second = interval(SECOND);
    tokio::pin!(speaking, stop);
    let mut patience = std::pin::pin!(sleep(Duration::ZERO));
    loop {
        if dirty && drawn.elapsed() >= FRAME {
            terminal.draw(|frame| view::draw(window, &times, frame)).map_err(Failure::System)?;
            (dirty, drawn) = (false, Instant::now());
        }
        let mut leave = false;
        select! {
            biased;
            key = keys.next() => match key.transpose().map_err(Failure::System)? {
                Some(key) => leave = take_key(window, &key, &outbox, terminal).map_err(Failure::System)?,
                None => leave = true,
            },
            event = events.next(), if ended.is_none() => match event {
                Some(Event::Closed(End::Closed)) | None => return Ok(()),
                Some(event) => {
                    joined |= matches!(event, Event::Up(_));
                    window.event(&event);
                    match event {
                        Event::Closed(End::Failed(error)) if !joined => return Err(Failure::Connect(error)),
                        Event::Closed(end) if leaving => return Err(over(end)),
                        Event::Closed(end) => ended = Some(over(end)),
                        _ => {}
                    }
                }
            },
            Some((text, outcome)) = settlements.recv() => window.settled(&text, outcome),
            () = &mut speaking => {}
            _ = second.tick() => {
                window.pass(SECOND);
                // Nothing else on the screen goes with the time.
                if !matches!(window.connection, Connection::Waiting { .. }) {
                    continue;
                }
            }
            () = &mut stop, if !leaving => leave = true,
            () = &mut patience, if leaving => return Ok(()),
            () = sleep_until((drawn + FRAME).into()), if dirty => continue,
        }
        dirty = true;
        if leave {
            if let Some(why) = ended {
                return Err(why);
            }
            if leaving {
                return Ok(());
            }
            leaving = true;
            patience.set(sleep(LAST_WORDS));
            closer.close();
        }
    }
}

/// Does what a key asks for. True if that is the end.
fn take_key(
    window: &mut Window,
    key: &Key,
    outbox: &mpsc::UnboundedSender<Saying>,
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
            // It is there as long as the window.
            let _sent = outbox.send(Saying { to, text, begun: Instant::now() });
        }
        Some(Effect::Redraw) => terminal.clear()?,
        Some(Effect::Quit) => return Ok(true),
        None => {}
    }
    Ok(false)
}

async fn say(sender: &Sender, saying: Saying) -> (Saying, Result<(), SendError>) {
    let content = Content::Text(&saying.text);
    let sent = match saying.to {
        Some(member) => sender.send_to(member, content).await,
        None => sender.send(content).await,
    };
    let outcome = match sent {
        Ok(receipt) => receipt.await,
        Err(error) => Err(error),
    };
    (saying, outcome)
}

/// Hours and minutes.
fn shown_time(ms: u64, zone: &TimeZone) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or("--:--".into(), |time| time.to_zoned(zone.clone()).strftime("%H:%M").to_string())
}
