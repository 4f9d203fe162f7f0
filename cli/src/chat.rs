//! `bookend chat`: a room on standard input and output.

mod arguments;
mod recall;

use std::cell::Cell;
use std::fmt;
use std::pin::pin;
use std::time::Duration;

use bookend::command::{Command, HELP, ME_WITHOUT_TEXT, addressed};
use bookend::{Content, Encoding, Payload};
use bookend_client::{Event, Receipt, Sender, Status, Up};
use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio::{join, select};

pub(crate) use arguments::ChatArguments;

use crate::console::Console;
use crate::failure::Failure;
use crate::input::{Body, Entry, InputError, Messages};
use crate::listen::Printer;
use crate::receiver::{LEAVE_TIMEOUT, Receiver, over};
use crate::room::{self, Room};
use crate::show::OutputFormat;
use crate::shutdown::Signal;

/// The options from the command line.
pub(crate) struct ChatOptions {
    pub(crate) format: OutputFormat,
    /// Exit after so many messages.
    pub(crate) count: Option<u64>,
    /// Payloads to post after joining, before the input.
    pub(crate) payloads: Vec<(Encoding, Vec<u8>)>,
}

/// How long to wait for the hub's last messages after the last post.
const LAST_MESSAGES_TIMEOUT: Duration = Duration::from_secs(10);
/// The same for the first message of this client that comes back.
const FIRST_OWN_TIMEOUT: Duration = Duration::from_secs(3);
const SEND_HEX: &str = "--send-hex";

/// Posts the input and prints what arrives, until the input ends, `count` is reached, or the session is over.
pub(crate) async fn chat(
    (sender, mut receiver, up): (Sender, Receiver<'_>, Box<Up>),
    input: Messages,
    options: &ChatOptions,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let own = up.welcome.as_ref().map_or(0, |welcome| welcome.member);
    let (room, count_reached) = (Room::new(own), Notify::new());
    let confirmed = Cell::new(0);
    let poster =
        Poster { sender: &sender, options, console, room: &room, count_reached: &count_reached, confirmed: &confirmed };
    let printer = Printer::new(options.format, options.count, console, &up);
    let mut reader = Reader { printer, room: &room, count_reached: &count_reached, is_muted: false };
    let ended = {
        let (posted, receipts) = mpsc::unbounded_channel(); // a client accepts only some thousands
        let mut posting = Box::pin(poster.post_all(input, posted).fuse());
        let mut settling = pin!(poster.settle_all(receipts));
        let ended = select! {
            biased;
            signal = shutdown => Err(Failure::Signalled(signal)),
            ((), ()) = async { join!(&mut posting, &mut settling) } => Ok(()),
            ended = reader.read(&mut receiver) => ended,
        };
        if ended.is_err() {
            sender.close();
            drop(posting);
            let _ = timeout(LEAVE_TIMEOUT, settling).await; // the chat ends either way
        }
        ended
    };
    if ended.is_ok() {
        reader.read_own(&mut receiver, confirmed.get()).await;
        let _ = reader.printer.print().await; // the reader may have closed the output
    }
    match ended {
        Err(Failure::Signalled(_) | Failure::Gone(..)) => receiver.leave(&sender).await,
        _ => receiver.close(&sender).await,
    }
    ended
}

/// Reads incoming events: tracks the members and prints the messages.
struct Reader<'a> {
    printer: Printer<'a>,
    room: &'a Room,
    count_reached: &'a Notify,
    /// The count is reached, and nothing more is printed.
    is_muted: bool,
}

impl Reader<'_> {
    /// Reads until the last event, or until the output is closed.
    async fn read(&mut self, receiver: &mut Receiver<'_>) -> Result<(), Failure> {
        while self.printer.print().await.is_ok() {
            let Some(event) = receiver.next().await? else { break };
            self.take(event)?;
            self.read_ready(receiver)?;
        }
        Ok(())
    }

    /// Reads on until so many messages of this client to everyone have come back, or none comes any more: the hub confirms
    /// a message before it delivers it, and a member that may not read receives none.
    async fn read_own(&mut self, receiver: &mut Receiver<'_>, confirmed: u64) {
        while !self.is_muted && self.room.has_own() && self.room.came_back() < confirmed {
            let silence = if self.room.came_back() == 0 { FIRST_OWN_TIMEOUT } else { LAST_MESSAGES_TIMEOUT };
            let Ok(Ok(Some(event))) = timeout(silence, receiver.next()).await else { break };
            if self.take(event).is_err() || self.read_ready(receiver).is_err() || self.printer.print().await.is_err() {
                break;
            }
        }
    }

    /// Reads the events that have arrived.
    fn read_ready(&mut self, receiver: &mut Receiver<'_>) -> Result<(), Failure> {
        while !self.printer.is_full()
            && let Some(event) = receiver.ready()
        {
            self.take(event)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Closed(end) => return Err(over(end)),
            Event::Up(ref up) => self.room.begin(up.welcome.as_ref().map_or(0, |welcome| welcome.member)),
            Event::Message(ref incoming) => self.room.observe(&incoming.message()),
            // Some of those that were missed may be this client's own.
            Event::Missed(_) => self.room.missed(),
            _ => {}
        }
        if !self.is_muted && self.printer.add(event).is_break() {
            self.is_muted = true;
            self.count_reached.notify_one();
        }
        Ok(())
    }
}

/// Posts the input.
struct Poster<'a> {
    sender: &'a Sender,
    options: &'a ChatOptions,
    console: &'a Console,
    room: &'a Room,
    count_reached: &'a Notify,
    /// How many messages to everyone the hub has confirmed.
    confirmed: &'a Cell<u64>,
}

/// A message that waits for its confirmation.
struct Posted {
    position: String,
    to: u32,
    receipt: Receipt,
}

/// The input is over.
struct Over;

impl Poster<'_> {
    /// Posts everything, then waits for the last messages of the hub. If the client closes before that, the
    /// reader learns why.
    async fn post_all(&self, mut input: Messages, posted: mpsc::UnboundedSender<Posted>) {
        let _ = self.post_until_over(&mut input, &posted).await; // both outcomes are the end of the input
        if matches!(self.sender.status(), Status::Up | Status::Suspect) {
            let _ = self.sender.ping(LAST_MESSAGES_TIMEOUT).await; // a lost connection shows in the events
        }
    }

    async fn post_until_over(&self, input: &mut Messages, posted: &mpsc::UnboundedSender<Posted>) -> Result<(), Over> {
        for (encoding, bytes) in &self.options.payloads {
            let payload = Payload::decode(*encoding, bytes).expect("`Arguments::read` has checked them");
            self.post(SEND_HEX.into(), 0, payload.into(), posted).await;
        }
        loop {
            let entries = select! {
                biased;
                () = self.count_reached.notified() => return Ok(()),
                entries = input.recv() => entries,
            };
            let Some(entries) = entries else { break };
            for entry in entries {
                self.enter(entry, posted).await?;
            }
        }
        if self.options.count.is_some() {
            self.count_reached.notified().await;
        }
        Ok(())
    }

    /// Posts an entry of the input, or runs it if it is a command.
    async fn enter(
        &self,
        entry: Result<Entry, InputError>,
        posted: &mpsc::UnboundedSender<Posted>,
    ) -> Result<(), Over> {
        let Entry { position, body } = match entry {
            Ok(entry) => entry,
            Err(error) => {
                self.console.error(format_args!("{error}"));
                return Ok(());
            }
        };
        let position = position.to_string();
        let text = match body {
            Body::Text(text) => text,
            body => {
                self.post(position, 0, body.content(None), posted).await;
                return Ok(());
            }
        };
        self.obey(position, Command::parse(&text), posted).await
    }

    /// Posts a line, or does what it commands. A command that is refused is never posted.
    async fn obey(
        &self,
        position: String,
        command: Command<'_>,
        posted: &mpsc::UnboundedSender<Posted>,
    ) -> Result<(), Over> {
        let refuse = |why: &dyn fmt::Display| self.console.error(format_args!("{position}: {why}"));
        match command {
            Command::Say(text) => self.post(position, 0, Content::Text(text), posted).await,
            Command::Quit => return Err(Over),
            Command::Who => return self.console.print(self.who(false)).await.map_err(|_| Over),
            Command::Whoami => return self.console.print(self.who(true)).await.map_err(|_| Over),
            Command::To(words) => match addressed(self.room.addressee(words).await) {
                Ok((to, text)) => self.post(position, to, Content::Text(text), posted).await,
                Err(error) => refuse(&error),
            },
            Command::Me("") => refuse(&ME_WITHOUT_TEXT),
            Command::Me(action) => {
                let text = format!("* {} {action}", self.room.own_name().unwrap_or_default());
                self.post(position, 0, Content::Text(&text), posted).await;
            }
            Command::Last(words) => return self.last(&position, words).await,
            Command::Search(text) => return self.search(&position, text).await,
            // Not on standard output, which may be read by a program.
            Command::Help => {
                HELP.iter().for_each(|(usage, about)| self.console.error(format_args!("{usage}: {about}")))
            }
            command => refuse(&room::refusal(command)),
        }
        Ok(())
    }

    async fn post(&self, position: String, to: u32, content: Content<'_>, posted: &mpsc::UnboundedSender<Posted>) {
        let sent = match to {
            0 => self.sender.send(content).await,
            to => self.sender.send_to(to, content).await,
        };
        match sent {
            Ok(receipt) => {
                let _ = posted.send(Posted { position, to, receipt }); // the chat may be ending
            }
            Err(error) => {
                self.console.error(format_args!("{position}: {error}"));
                std::future::pending().await
            }
        }
    }

    /// Reports every message that the hub has not confirmed.
    async fn settle_all(&self, mut receipts: mpsc::UnboundedReceiver<Posted>) {
        while let Some(Posted { position, to, receipt }) = receipts.recv().await {
            match receipt.await {
                Ok(_) => self.confirmed.set(self.confirmed.get() + u64::from(to == 0)),
                Err(error) => {
                    self.console.error(format_args!("{position}: {error}"));
                    if position == SEND_HEX {
                        self.count_reached.notify_one(); // the messages of the count would never arrive
                    }
                }
            }
        }
    }

    /// The list of members, or this client alone, in the output format.
    fn who(&self, is_own: bool) -> Vec<u8> {
        let mut lines = Vec::new();
        self.room.who(is_own, |message| self.options.format.print(message, 0, &mut lines));
        lines
    }
}

#[cfg(test)]
mod tests;
