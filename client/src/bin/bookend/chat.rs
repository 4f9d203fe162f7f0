//! `bookend chat`: a room on standard input and output.

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::ControlFlow;

use bookend::{Content, Encoding, Payload};
use bookend_client::Joined;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::select;
use tokio::sync::Notify;

use crate::console::Console;
use crate::input::{Body, Entry, InputError, Messages};
use crate::post::{PostError, Poster};
use crate::receive::{Failure, Form, beside, conclude, is_said, receive};
use crate::room::Room;

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
    mut client: Joined<S>,
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
    // If nobody reads, the next line will tell.
    let _unread = console.print(first).await;
    let (room, enough, is_done) = (Room::new(own), Notify::new(), Cell::new(false));
    let talker =
        Talker { poster: Poster::of(&mut client), chat, console, room: &room, enough: &enough, is_done: &is_done };
    let mut left = chat.count;
    let receiving = receive(client.connection(), console, interrupt, |message, lines| {
        room.hear(message);
        if left != Some(0) {
            chat.form.print(message, own, lines);
        }
        if let Some(left) = left.as_mut().filter(|left| **left > 0 && is_said(message)) {
            *left -= 1;
            if *left == 0 {
                enough.notify_one();
            }
        }
        ControlFlow::Continue(())
    });
    let ended = beside(receiving, talker.talk(input)).await;
    conclude(&mut client, ended, is_done.get()).await
}

struct Talker<'a> {
    poster: Poster,
    chat: &'a Chat,
    console: &'a Console,
    room: &'a Room,
    /// All messages that were to come have come.
    enough: &'a Notify,
    /// Everything was posted and confirmed.
    is_done: &'a Cell<bool>,
}

/// Nothing more is to be posted.
struct Over;

impl Talker<'_> {
    /// Posts everything, has it confirmed and closes; who receives learns how the session ends.
    async fn talk(&self, input: Messages) -> Infallible {
        let _over = self.post_all(input).await;
        if self.poster.barrier().await {
            self.is_done.set(true);
            self.poster.close().await;
        }
        std::future::pending().await
    }

    async fn post_all(&self, mut input: Messages) -> Result<(), Over> {
        for (encoding, bytes) in &self.chat.payloads {
            let payload = Payload::decode(*encoding, bytes).expect("the command line was judged");
            if let Err(error) = self.poster.post(0, payload.into()).await {
                // What is waited for would not come.
                if let PostError::Refused(error) = error {
                    self.console.complain(format_args!("--send-hex: {error}"));
                }
                return Err(Over);
            }
        }
        loop {
            let entries = select! {
                biased;
                () = self.enough.notified() => return Ok(()),
                entries = input.recv() => entries,
            };
            let Some(entries) = entries else { break };
            for entry in entries {
                self.enter(entry).await?;
            }
        }
        if self.chat.count.is_some() {
            self.enough.notified().await;
        }
        Ok(())
    }

    async fn enter(&self, entry: Result<Entry, InputError>) -> Result<(), Over> {
        let Entry { line, body } = match entry {
            Ok(entry) => entry,
            Err(error) => {
                self.console.complain(format_args!("{error}"));
                return Ok(());
            }
        };
        let place = format!("line {line}");
        let text = match body {
            Body::Text(text) => text,
            Body::Binary(bytes) => return self.post(&place, 0, Content::Binary(&bytes)).await,
        };
        if text == "/quit" {
            return Err(Over);
        }
        if text == "/who" {
            return self.console.print(self.who()).await.map_err(|_| Over);
        }
        let Some(words) = text.strip_prefix("/to ") else { return self.post(&place, 0, Content::Text(&text)).await };
        match self.room.addressee(words).await {
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

    fn who(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        self.room.who(|message| self.chat.form.print(message, 0, &mut lines));
        lines
    }
}

#[cfg(test)]
mod tests;
