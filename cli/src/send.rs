//! `bookend send`: posts messages, and succeeds only if the hub has confirmed every one.

mod arguments;
mod tally;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;

use bookend::{ConnectionError, Encoding, Message, displayed};
use bookend_client::{Event, Receipt, SendError, Sender, Status, Up};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio::{join, select};

pub(crate) use arguments::{SendArguments, Source};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{Entry, Messages, Position};
use crate::receiver::{LEAVE_TIMEOUT, Receiver, over};
use crate::room::Room;
use crate::shutdown::Signal;
use tally::Tally;

/// The options from the command line.
pub(crate) struct SendOptions {
    /// The member to post to, by name or number; `None` is everyone.
    pub(crate) to: Option<String>,
    /// The encoding of text; `None` is the one that the peer prefers.
    pub(crate) encoding: Option<Encoding>,
    /// Give up if nothing in flight is confirmed for this long.
    pub(crate) timeout: Option<Duration>,
    /// Print the report as a JSON object.
    pub(crate) json: bool,
    /// Report even on success.
    pub(crate) is_verbose: bool,
}

/// Posts all messages. Reports each one that was refused, and, unless every message was confirmed, the outcome of all.
pub(crate) async fn send(
    (sender, mut receiver, up): (Sender, Receiver<'_>, Box<Up>),
    messages: Messages,
    options: &SendOptions,
    console: &Console,
    shutdown: impl Future<Output = Signal>,
) -> Result<(), Failure> {
    let own = up.welcome.as_ref().map_or(0, |welcome| welcome.member);
    let poster = Poster {
        sender: &sender,
        options,
        console,
        tally: RefCell::default(),
        room: Room::new(own),
        progress: Cell::new(Instant::now()),
    };
    let ended = poster.run(messages, &mut receiver, shutdown).await;
    let tally = poster.tally.into_inner();
    let is_complete = tally.is_complete();
    match ended {
        Ok(()) if is_complete => receiver.close(&sender).await,
        Ok(()) => receiver.close_and_report(&sender).await,
        Err(_) => receiver.leave(&sender).await,
    }
    let ended = match ended {
        // If everything is confirmed, it does not matter how the session ended.
        Err(failure) if !is_complete && !matches!(failure, Failure::Signalled(_)) => {
            console.error(format_args!("{failure}"));
            Err(Failure::Reported(Exit::Fault))
        }
        Err(Failure::Signalled(signal)) => Err(Failure::Signalled(signal)),
        _ => Ok(()),
    };
    let report = tally.report();
    if options.json {
        let line = serde_json::to_string(&report).expect("its keys are names") + "\n";
        let _ = console.print(line.into_bytes()).await; // the reader may have closed the output
    }
    if !is_complete {
        if !report.is_empty() {
            console.error(format_args!("{report}"));
        }
    } else if options.is_verbose {
        console.note(format_args!("{report}"));
    }
    ended
}

/// Posts the messages and tracks their outcomes.
struct Poster<'a> {
    sender: &'a Sender,
    options: &'a SendOptions,
    console: &'a Console,
    tally: RefCell<Tally>,
    room: Room,
    /// When the last message was settled, or the first one in flight was sent.
    progress: Cell<Instant>,
}

/// The position of a posted message, and its receipt.
type Posted = (Position, Receipt);

impl Poster<'_> {
    async fn run(
        &self,
        messages: Messages,
        receiver: &mut Receiver<'_>,
        shutdown: impl Future<Output = Signal>,
    ) -> Result<(), Failure> {
        let (posted, receipts) = mpsc::unbounded_channel(); // a client accepts only some thousands
        let mut posting = Box::pin(self.post_all(messages, posted).fuse());
        let mut settling = pin!(self.settle_all(receipts));
        let ended = select! {
            biased;
            signal = shutdown => Err(Failure::Signalled(signal)),
            ((), ()) = async { join!(&mut posting, &mut settling) } => return Ok(()),
            failure = self.receive(receiver) => Err(failure),
            failure = self.watch() => Err(failure),
        };
        self.sender.close();
        let _ = posting.as_mut().now_or_never(); // posts what has been read, as far as possible
        drop(posting);
        let _ = timeout(LEAVE_TIMEOUT, settling).await; // the rest counts as unconfirmed
        ended
    }

    async fn post_all(&self, mut messages: Messages, posted: mpsc::UnboundedSender<Posted>) {
        let Some(to) = self.member().await else { return };
        while let Some(entries) = messages.recv().await {
            let positions = entries.iter().filter_map(|entry| match entry {
                Ok(entry) => Some(entry.position),
                Err(error) => error.position(),
            });
            self.tally.borrow_mut().read(positions.map(Position::number));
            for entry in entries {
                let Entry { position, body } = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        self.console.error(format_args!("{error}"));
                        match error.position() {
                            Some(_) => self.tally.borrow_mut().refuse(),
                            None => return,
                        }
                        continue;
                    }
                };
                let content = body.content(self.options.encoding);
                let sent = match to {
                    0 => self.sender.send(content).await,
                    to => self.sender.send_to(to, content).await,
                };
                // An error means that the client has closed; `receive` learns why.
                let Ok(receipt) = sent else { return std::future::pending().await };
                let mut tally = self.tally.borrow_mut();
                if !tally.is_in_flight() {
                    self.progress.set(Instant::now());
                }
                tally.give();
                let _ = posted.send((position, receipt)); // `run` may be ending
            }
        }
        self.tally.borrow_mut().end();
    }

    /// The member to post to, 0 for everyone. Reports an error if it is not certain which one has the name.
    async fn member(&self) -> Option<u32> {
        let Some(name) = &self.options.to else { return Some(0) };
        let member = self.room.member(name).await;
        if let Err(error) = member {
            self.console.error(format_args!("{error}: {}", displayed(name)));
        }
        member.ok()
    }

    /// Awaits the outcome of every posted message, in order.
    async fn settle_all(&self, mut receipts: mpsc::UnboundedReceiver<Posted>) {
        while let Some((position, receipt)) = receipts.recv().await {
            let result = receipt.await;
            self.tally.borrow_mut().settle(&result);
            self.progress.set(Instant::now());
            if let Err(error @ (SendError::Refused { .. } | SendError::Invalid(_))) = result {
                self.console.error(format_args!("{position}: {error}"));
            }
        }
    }

    /// Tracks the members until the last event, and returns why it was the last.
    async fn receive(&self, receiver: &mut Receiver<'_>) -> Failure {
        loop {
            match receiver.next().await {
                Ok(Some(Event::Message(incoming))) => {
                    let message = incoming.message();
                    if let Message::Error(refusal) = &message {
                        let (code, reason) = (refusal.code, refusal.reason.to_str().into_owned());
                        self.console.error(format_args!("{}", ConnectionError::Refused { code, reason }));
                    }
                    self.room.observe(&message);
                }
                Ok(Some(Event::Closed(end))) => return over(end),
                Ok(Some(_)) => {}
                Ok(None) => return Failure::Left,
                Err(failure) => return failure,
            }
        }
    }

    /// Returns once a session has confirmed nothing in flight for longer than the timeout.
    async fn watch(&self) -> Failure {
        let Some(timeout) = self.options.timeout else { return std::future::pending().await };
        loop {
            let end = self.progress.get() + timeout;
            sleep_until(end).await;
            let is_up = matches!(self.sender.status(), Status::Up | Status::Suspect);
            if !is_up || !self.tally.borrow().is_in_flight() {
                self.progress.set(Instant::now());
            } else if self.progress.get() + timeout <= end {
                return Failure::Stalled(timeout);
            }
        }
    }
}

#[cfg(test)]
mod tests;
