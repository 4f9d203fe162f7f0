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
use crate::listen::Listener;
use crate::receive::{Form, Hearing, LAST_WORDS, over};
use crate::room::Room;

/// What the command line asks for.
pub(crate) struct Chat {
    pub(crate) form: Form,
    /// How many messages are to come until the end.
    pub(crate) count: Option<u64>,
    /// Posted once joined, before the input.
    pub(crate) payloads: Vec<(Encoding, Vec<u8>)>,
}

/// How long the hub may take to say what it has to say, once nothing more is to be posted.
const PATIENCE: Duration = Duration::from_secs(10);
const SEND_HEX: &str = "--send-hex";

/// Posts the input and prints what arrives, until the input ends, enough has come, or it is over.
pub(crate) async fn chat(
    (sender, mut hearing, up): (Sender, Hearing<'_>, Box<Up>),
    input: Messages,
    chat: &Chat,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let own = up.welcome.as_ref().map_or(0, |welcome| welcome.member);
    let (room, enough) = (Room::new(own), Notify::new());
    let talker = Talker { sender: &sender, chat, console, room: &room, enough: &enough };
    let listener = Listener::new(chat.form, chat.count, console, &up);
    let mut ear = Ear { listener, room: &room, enough: &enough, is_enough: false };
    let ended = {
        let (given, receipts) = mpsc::unbounded_channel(); // a client takes no more than some thousands
        let mut posting = Box::pin(talker.post_all(input, given).fuse());
        let mut settling = pin!(talker.settle_all(receipts));
        let ended = select! {
            biased;
            () = interrupt => Err(Failure::Interrupted),
            ((), ()) = async { join!(&mut posting, &mut settling) } => Ok(()),
            ended = ear.listen(&mut hearing) => ended,
        };
        if ended.is_err() {
            sender.close();
            drop(posting);
            let _late = timeout(LAST_WORDS, settling).await;
        }
        ended
    };
    if ended.is_ok() {
        // That it is over now does not matter any more; and if nobody reads, that does not either.
        let _over = ear.hear_ready(&mut hearing);
        let _unread = ear.listener.print().await;
    }
    match ended {
        Err(Failure::Interrupted | Failure::Gone(..)) => hearing.leave(&sender).await,
        _ => hearing.close(&sender).await,
    }
    ended
}

/// Hears what arrives: who is there, and what is to be printed.
struct Ear<'a> {
    listener: Listener<'a>,
    room: &'a Room,
    enough: &'a Notify,
    /// What comes from now on is not printed.
    is_enough: bool,
}

impl Ear<'_> {
    /// Listens until nothing more comes, or nobody reads on.
    async fn listen(&mut self, hearing: &mut Hearing<'_>) -> Result<(), Failure> {
        while self.listener.print().await.is_ok() {
            let Some(event) = hearing.next().await? else { break };
            self.hear(event)?;
            self.hear_ready(hearing)?;
        }
        Ok(())
    }

    /// Hears what has come.
    fn hear_ready(&mut self, hearing: &mut Hearing<'_>) -> Result<(), Failure> {
        while !self.listener.is_full()
            && let Some(event) = hearing.ready()
        {
            self.hear(event)?;
        }
        Ok(())
    }

    fn hear(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Closed(end) => return Err(over(end)),
            Event::Up(ref up) => self.room.begin(up.welcome.as_ref().map_or(0, |welcome| welcome.member)),
            Event::Message(ref incoming) => self.room.hear(&incoming.message()),
            _ => {}
        }
        if !self.is_enough && self.listener.hear(event).is_break() {
            self.is_enough = true;
            self.enough.notify_one();
        }
        Ok(())
    }
}

struct Talker<'a> {
    sender: &'a Sender,
    chat: &'a Chat,
    console: &'a Console,
    room: &'a Room,
    /// All messages that were to come have come.
    enough: &'a Notify,
}

/// A message, and what will be known of it.
type Given = (String, Receipt);

/// Nothing more is to be posted.
struct Over;

impl Talker<'_> {
    /// Posts everything. If the client closes meanwhile, whoever listens learns why.
    async fn post_all(&self, mut input: Messages, given: mpsc::UnboundedSender<Given>) {
        let _over = self.post_until_over(&mut input, &given).await;
        // What the hub has said until now is still to be heard.
        if matches!(self.sender.status(), Status::Up | Status::Suspect) {
            let _answer = self.sender.ping(PATIENCE).await;
        }
    }

    async fn post_until_over(&self, input: &mut Messages, given: &mpsc::UnboundedSender<Given>) -> Result<(), Over> {
        for (encoding, bytes) in &self.chat.payloads {
            let payload = Payload::decode(*encoding, bytes).expect("the command line was judged");
            self.post(SEND_HEX.into(), 0, payload.into(), given).await;
        }
        loop {
            let entries = select! {
                biased;
                () = self.enough.notified() => return Ok(()),
                entries = input.recv() => entries,
            };
            let Some(entries) = entries else { break };
            for entry in entries {
                self.enter(entry, given).await?;
            }
        }
        if self.chat.count.is_some() {
            self.enough.notified().await;
        }
        Ok(())
    }

    async fn enter(&self, entry: Result<Entry, InputError>, given: &mpsc::UnboundedSender<Given>) -> Result<(), Over> {
        let Entry { place, body } = match entry {
            Ok(entry) => entry,
            Err(error) => {
                self.console.complain(format_args!("{error}"));
                return Ok(());
            }
        };
        let place = place.to_string();
        let text = match body {
            Body::Text(text) => text,
            body => {
                self.post(place, 0, body.content(None), given).await;
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
                Some(addressee) => addressee,
                None => {
                    let help = "/to NAME TEXT or /to ID TEXT; see /who";
                    self.console.complain(format_args!("{place}: no-such-member: {help}"));
                    return Ok(());
                }
            },
        };
        self.post(place, to, Content::Text(text), given).await;
        Ok(())
    }

    async fn post(&self, place: String, to: u32, content: Content<'_>, given: &mpsc::UnboundedSender<Given>) {
        let posted = match to {
            0 => self.sender.send(content).await,
            to => self.sender.send_to(to, content).await,
        };
        match posted {
            Ok(receipt) => {
                let _settled = given.send((place, receipt));
            }
            Err(error) => {
                self.console.complain(format_args!("{place}: {error}"));
                std::future::pending().await
            }
        }
    }

    /// Tells of everything that is not with the hub.
    async fn settle_all(&self, mut receipts: mpsc::UnboundedReceiver<Given>) {
        while let Some((place, receipt)) = receipts.recv().await {
            if let Err(error) = receipt.await {
                self.console.complain(format_args!("{place}: {error}"));
                if place == SEND_HEX {
                    self.enough.notify_one(); // what is waited for would not come
                }
            }
        }
    }

    fn who(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        self.room.who(|message| self.chat.form.print(message, 0, &mut lines));
        lines
    }
}

#[cfg(test)]
mod tests;
