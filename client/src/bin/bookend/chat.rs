//! `bookend chat`: a room on standard input and output.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::ops::ControlFlow;

use bookend::{Code, Content, Encoding, MemberName, Message, Payload, PresenceEvent, Text};
use bookend_client::{Client, Members};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::select;
use tokio::sync::Notify;

use crate::console::Console;
use crate::input::{Body, Entry, InputError, Messages};
use crate::post::{PostError, Poster};
use crate::receive::{Ended, Failure, Form, is_said, receive};

/// What the command line asks for.
pub(crate) struct Chat {
    pub(crate) form: Form,
    /// How many messages are to come until the end.
    pub(crate) count: Option<u64>,
    /// Posted once joined, before the input.
    pub(crate) payloads: Vec<(Encoding, Vec<u8>)>,
}

/// Posts the input and prints what arrives, until the input ends, enough has come, or the session is over.
pub(crate) async fn chat<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: Client<S>,
    input: Messages,
    chat: &Chat,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let own = client.own();
    let mut first = Vec::new();
    if let Some(welcome) = client.welcome() {
        chat.form.print(&welcome.message(), own, &mut first);
    }
    if console.print(first).await.is_err() {
        return Ok(());
    }
    let room = Room { members: RefCell::new(Members::new(own)), enough: Notify::new(), is_done: Cell::new(false) };
    let talker = Talker { poster: Poster::of(&mut client), chat, console, room: &room };
    let mut left = chat.count;
    let receiving = receive(client.connection(), console, interrupt, |message, lines| {
        room.members.borrow_mut().observe(message);
        if left != Some(0) {
            chat.form.print(message, own, lines);
        }
        if let Some(left) = left.as_mut().filter(|left| **left > 0 && is_said(message)) {
            *left -= 1;
            if *left == 0 {
                room.enough.notify_one();
            }
        }
        ControlFlow::Continue(())
    });
    let ended = select! {
        ended = receiving => ended?,
        never = talker.talk(input) => match never {},
    };
    match ended {
        Ended::Enough => client.connection().close(Code::NORMAL, "").await.map_err(Failure::Session),
        Ended::There if !room.is_done.get() => Err(Failure::Left),
        Ended::There | Ended::Here => Ok(()),
    }
}

/// What who listens tells who talks.
struct Room {
    members: RefCell<Members>,
    /// All messages that were to come have come.
    enough: Notify,
    /// Everything was posted and confirmed.
    is_done: Cell<bool>,
}

struct Talker<'a> {
    poster: Poster,
    chat: &'a Chat,
    console: &'a Console,
    room: &'a Room,
}

/// Nothing more is to be posted.
struct Over;

impl Talker<'_> {
    /// Posts everything, has it confirmed and closes; who receives learns how the session ends.
    async fn talk(&self, input: Messages) -> Infallible {
        let _over = self.post_all(input).await;
        if self.poster.barrier().await {
            self.room.is_done.set(true);
            self.poster.close().await;
        }
        std::future::pending().await
    }

    async fn post_all(&self, mut input: Messages) -> Result<(), Over> {
        for (encoding, bytes) in &self.chat.payloads {
            let payload = Payload::decode(*encoding, bytes).expect("the command line was judged");
            self.post("--send-hex", 0, payload.into()).await?;
        }
        loop {
            let entries = select! {
                biased;
                () = self.room.enough.notified() => return Ok(()),
                entries = input.recv() => entries,
            };
            let Some(entries) = entries else { break };
            for entry in entries {
                self.enter(entry).await?;
            }
        }
        if self.chat.count.is_some() {
            self.room.enough.notified().await;
        }
        Ok(())
    }

    async fn enter(&self, entry: Result<Entry, InputError>) -> Result<(), Over> {
        let (line, text) = match entry {
            Ok(Entry { line, body: Body::Text(text) }) => (line, text),
            Ok(Entry { body: Body::Binary(_), .. }) => return Ok(()),
            Err(error) => {
                self.console.complain(format_args!("{error}"));
                return Ok(());
            }
        };
        let place = format!("line {line}");
        if text == "/quit" {
            return Err(Over);
        }
        if text == "/who" {
            return self.console.print(self.who()).await.map_err(|_| Over);
        }
        let Some(words) = text.strip_prefix("/to ") else { return self.post(&place, 0, Content::Text(&text)).await };
        let addressee = self.room.members.borrow().addressee(words);
        match addressee {
            Some((member, rest)) => self.post(&place, member, Content::Text(rest)).await,
            None => {
                self.console.complain(format_args!("{place}: no-such-member: /to NAME TEXT or /to ID TEXT; see /who"));
                Ok(())
            }
        }
    }

    async fn post(&self, place: &str, to: u32, content: Content<'_>) -> Result<(), Over> {
        match self.poster.post(to, content).await {
            Ok(()) => Ok(()),
            Err(PostError::Refused(error)) => {
                self.console.complain(format_args!("{place}: {error}"));
                Ok(())
            }
            Err(PostError::Over) => Err(Over),
        }
    }

    /// Everyone who is there, as the hub tells of them to who joins.
    fn who(&self) -> Vec<u8> {
        let members = self.room.members.borrow();
        let mut lines = Vec::new();
        for (member, name) in members.iter() {
            let name = MemberName::new(Text::utf8(name)).expect("it came in a PRESENCE");
            let message = Message::Presence { member, event: PresenceEvent::Here, name };
            self.chat.form.print(&message, members.own(), &mut lines);
        }
        lines
    }
}
