//! `bookend chat`: a room on standard input and output.

mod arguments;

use std::pin::pin;
use std::time::Duration;

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
use crate::room::Room;
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
    let poster = Poster { sender: &sender, options, console, room: &room, count_reached: &count_reached };
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
        let _ = reader.read_ready(&mut receiver); // the session may be over by now
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
}

/// The position of a posted message, and its receipt.
type Posted = (String, Receipt);

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
        if text == "/quit" {
            return Err(Over);
        }
        if text == "/who" {
            return self.console.print(self.who()).await.map_err(|_| Over);
        }
        let (to, text) = match text.strip_prefix("/to ") {
            None => (0, &*text),
            Some(words) => match self.room.addressee(words).await {
                Ok(addressee) => addressee,
                Err(error) => {
                    self.console.error(format_args!("{position}: {error}; /who lists the members"));
                    return Ok(());
                }
            },
        };
        self.post(position, to, Content::Text(text), posted).await;
        Ok(())
    }

    async fn post(&self, position: String, to: u32, content: Content<'_>, posted: &mpsc::UnboundedSender<Posted>) {
        let sent = match to {
            0 => self.sender.send(content).await,
            to => self.sender.send_to(to, content).await,
        };
        match sent {
            Ok(receipt) => {
                let _ = posted.send((position, receipt)); // the chat may be ending
            }
            Err(error) => {
                self.console.error(format_args!("{position}: {error}"));
                std::future::pending().await
            }
        }
    }

    /// Reports every message that the hub has not confirmed.
    async fn settle_all(&self, mut receipts: mpsc::UnboundedReceiver<Posted>) {
        while let Some((position, receipt)) = receipts.recv().await {
            if let Err(error) = receipt.await {
                self.console.error(format_args!("{position}: {error}"));
                if position == SEND_HEX {
                    self.count_reached.notify_one(); // the messages of the count would never arrive
                }
            }
        }
    }

    /// The list of members, in the output format.
    fn who(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        self.room.who(|message| self.options.format.print(message, 0, &mut lines));
        lines
    }
}

#[cfg(test)]
mod tests;
