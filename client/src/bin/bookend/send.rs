//! `bookend send`: posts, and ends well only if the hub has confirmed everything.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::ops::ControlFlow;

use bookend::{Code, Content, Encoding, Message};
use bookend_client::{Client, Members};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::{join, select};

use crate::console::Console;
use crate::input::{Body, Entry, InputError, Messages};
use crate::post::{PostError, Poster};
use crate::receive::{Ended, Failure, receive};

/// What the command line asks for.
pub(crate) struct Sending {
    /// The member to send to, by name or number; everyone if there is none.
    pub(crate) to: Option<String>,
    /// The encoding of text; that which the peer prefers if there is none.
    pub(crate) encoding: Option<Encoding>,
}

/// Posts all messages. Complains of each that was refused, and says how many were confirmed unless all were.
pub(crate) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: Client<S>,
    messages: Messages,
    sending: &Sending,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let tally = Tally::default();
    let members = RefCell::new(Members::new(client.own()));
    let complete = Notify::new();
    let sender = Sender {
        poster: Poster::of(&mut client),
        sending,
        console,
        tally: &tally,
        members: &members,
        complete: &complete,
        more: Notify::new(),
    };
    let receiving = receive(client.connection(), console, interrupt, |message, _| {
        if let Message::Error(_) = message {
            add(&tally.refused, 1);
        }
        members.borrow_mut().observe(message);
        if members.borrow().own_is_known() {
            complete.notify_one();
        }
        ControlFlow::Continue(())
    });
    let ended = select! {
        ended = receiving => ended,
        never = sender.send_all(messages) => match never {},
    };
    tally.report(console);
    match ended? {
        Ended::Enough => client.connection().close(Code::NORMAL, "").await.map_err(Failure::Session),
        Ended::There if !tally.is_done.get() => Err(Failure::Left),
        Ended::There | Ended::Here => Ok(()),
    }
}

/// How many messages came how far.
#[derive(Default)]
struct Tally {
    /// Were to be sent.
    read: Cell<u64>,
    /// Were posted.
    posted: Cell<u64>,
    /// Were acted on by the hub.
    acted_on: Cell<u64>,
    /// ERRORs that came back.
    refused: Cell<u64>,
    /// All input was read, and everything posted was acted on.
    is_done: Cell<bool>,
}

fn add(cell: &Cell<u64>, count: u64) {
    cell.set(cell.get() + count);
}

impl Tally {
    fn report(&self, console: &Console) {
        let confirmed = self.acted_on.get().saturating_sub(self.refused.get());
        let read = self.read.get();
        if confirmed < read || !self.is_done.get() {
            let least = if self.is_done.get() { "" } else { "at least " };
            console.complain(format_args!("{least}{confirmed} of {read} messages confirmed"));
        }
    }
}

struct Sender<'a> {
    poster: Poster,
    sending: &'a Sending,
    console: &'a Console,
    tally: &'a Tally,
    members: &'a RefCell<Members>,
    /// The hub has told of everyone who is there.
    complete: &'a Notify,
    /// There is more to confirm, or nothing more will be posted.
    more: Notify,
}

/// The session is over.
struct Over;

impl Sender<'_> {
    /// Who receives learns how the session ends.
    async fn send_all(&self, messages: Messages) -> Infallible {
        let is_over = Cell::new(false);
        let posting = async {
            let posted = self.post_all(messages).await;
            is_over.set(true);
            self.more.notify_one();
            posted
        };
        if let (Ok(()), Ok(())) = join!(posting, self.confirm(&is_over)) {
            self.tally.is_done.set(true);
            self.poster.close().await;
        }
        std::future::pending().await
    }

    async fn post_all(&self, mut messages: Messages) -> Result<(), Over> {
        let Some(to) = self.member().await else { return Ok(()) };
        while let Some(entries) = messages.recv().await {
            for entry in entries {
                self.post(to, entry).await?;
            }
        }
        Ok(())
    }

    /// Whom to post to. Complains if there is nobody of that name.
    async fn member(&self) -> Option<u32> {
        let Some(name) = &self.sending.to else { return Some(0) };
        let found = || self.members.borrow().addressee(name).filter(|(_, rest)| rest.is_empty());
        let mut member = found();
        if member.is_none() {
            self.complete.notified().await;
            member = found();
        }
        if member.is_none() {
            add(&self.tally.read, 1);
            self.console.complain(format_args!("no-such-member: nobody here is called {name}"));
        }
        member.map(|(member, _)| member)
    }

    async fn post(&self, to: u32, entry: Result<Entry, InputError>) -> Result<(), Over> {
        add(&self.tally.read, 1);
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                self.console.complain(format_args!("{error}"));
                return Ok(());
            }
        };
        let content = match (&entry.body, self.sending.encoding) {
            (Body::Text(text), Some(encoding)) => Content::TextIn(encoding, text),
            (Body::Text(text), None) => Content::Text(text),
            (Body::Binary(bytes), _) => Content::Binary(bytes),
        };
        match self.poster.post(to, content).await {
            Ok(()) => {
                add(&self.tally.posted, 1);
                self.more.notify_one();
                Ok(())
            }
            Err(PostError::Refused(error)) => {
                match entry.line {
                    0 => self.console.complain(format_args!("{error}")),
                    line => self.console.complain(format_args!("line {line}: {error}")),
                }
                Ok(())
            }
            Err(PostError::Over) => Err(Over),
        }
    }

    /// Has everything confirmed, as soon as it is posted, until nothing more is.
    async fn confirm(&self, is_over: &Cell<bool>) -> Result<(), Over> {
        loop {
            let posted = self.tally.posted.get();
            if posted > self.tally.acted_on.get() {
                if !self.poster.barrier().await {
                    return Err(Over);
                }
                self.tally.acted_on.set(posted);
            } else if is_over.get() {
                return Ok(());
            } else {
                self.more.notified().await;
            }
        }
    }
}
