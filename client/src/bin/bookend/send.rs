//! `bookend send`: posts, and ends well only if the hub has confirmed everything.

use std::cell::Cell;
use std::convert::Infallible;
use std::ops::ControlFlow;

use bookend::{Content, Encoding, Message};
use bookend_client::Joined;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::join;
use tokio::sync::Notify;

use crate::console::Console;
use crate::input::{Body, Entry, InputError, Messages};
use crate::post::{PostError, Poster};
use crate::receive::{Failure, beside, conclude, receive};
use crate::room::Room;

/// What the command line asks for.
pub(crate) struct Sending {
    /// The member to send to, by name or number; everyone if there is none.
    pub(crate) to: Option<String>,
    /// The encoding of text; that which the peer prefers if there is none.
    pub(crate) encoding: Option<Encoding>,
}

/// Posts all messages. Complains of each that was refused, and says how many were confirmed unless all were.
pub(crate) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    mut client: Joined<S>,
    messages: Messages,
    sending: &Sending,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let tally = Tally::default();
    let room = Room::new(client.own());
    let poster = Poster::of(&mut client);
    let sender = Sender { poster, sending, console, tally: &tally, room: &room, more: Notify::new() };
    let receiving = receive(client.connection(), console, interrupt, |message, _| {
        if let Message::Error(_) = message {
            add(&tally.refused, 1);
        }
        room.hear(message);
        ControlFlow::Continue(())
    });
    let ended = beside(receiving, sender.send_all(messages)).await;
    tally.report(console);
    conclude(&mut client, ended, tally.is_done.get()).await
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
        if confirmed < read {
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
    room: &'a Room,
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
        let member = self.room.addressee(name).await.filter(|(_, rest)| rest.is_empty());
        if member.is_none() {
            add(&self.tally.read, 1);
            self.console.complain(format_args!("no-such-member: nobody here is called {name}"));
        }
        member.map(|(member, _)| member)
    }

    async fn post(&self, to: u32, entry: Result<Entry, InputError>) -> Result<(), Over> {
        // What cannot be read is no message.
        add(&self.tally.read, u64::from(!matches!(entry, Err(InputError::Io(_)))));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::Captured;
    use crate::hub::{Hub, Posted};
    use crate::input::tests::typed;
    use crate::input::{one, whole};
    use bookend::{Code, Hello};
    use std::future::pending;
    use std::time::Duration;
    use tokio::io::{DuplexStream, duplex};
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    const TO_ALL: Sending = Sending { to: None, encoding: None };

    fn read(entries: Vec<Result<Entry, InputError>>) -> Messages {
        let (sender, messages) = mpsc::channel(1);
        sender.try_send(entries).unwrap();
        messages
    }

    /// How `send` ends, and what it complains of, while the hub does `script`.
    async fn sent<T>(
        messages: Messages,
        sending: &Sending,
        script: impl AsyncFnOnce(Hub<DuplexStream>) -> T,
    ) -> (Result<(), Failure>, String, T) {
        let (near, far) = duplex(1 << 16);
        let captured = Captured::default();
        let console = captured.console();
        let sending = async {
            let client = Joined::join(near, Hello::new().with_hub(true)).await.unwrap();
            send(client, messages, sending, &console, pending()).await
        };
        let scripted = async { script(Hub::welcome(far, &[(7, "bob")]).await).await };
        let both = timeout(Duration::from_secs(20), async { tokio::join!(sending, scripted) });
        let (ended, scripted) = both.await.expect("nobody waits for ever");
        console.finish(Duration::MAX);
        assert_eq!(captured.output.text(), "", "`send` prints nothing");
        (ended, captured.errors.text(), scripted)
    }

    #[tokio::test]
    async fn everything_is_posted_in_order_and_confirmed_in_silence() {
        let texts: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        let entries = typed(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let (ended, errors, (posted, code)) = sent(read(entries), &TO_ALL, async |mut hub| hub.rest().await).await;
        assert!(ended.is_ok());
        assert_eq!((&*errors, code), ("", Some(Code::NORMAL)));
        assert_eq!(posted, texts.iter().map(|text| Posted::text(text)).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn nothing_to_send_is_sent_well() {
        let (ended, errors, (posted, code)) = sent(read(Vec::new()), &TO_ALL, async |mut hub| hub.rest().await).await;
        assert!(ended.is_ok());
        assert_eq!((posted, &*errors, code), (Vec::new(), "", Some(Code::NORMAL)));
    }

    #[tokio::test]
    async fn what_the_hub_refuses_is_not_confirmed() {
        let (ended, errors, _) =
            sent(read(typed(&["one"])), &Sending { to: Some("9".into()), ..TO_ALL }, async |mut hub| {
                assert_eq!(hub.next().await, Posted::text("one").to(9));
                hub.refuse(Code::NO_SUCH_MEMBER, "9").await;
                hub.rest().await
            })
            .await;
        assert!(ended.is_ok());
        assert_eq!(errors, "bookend: the peer refused: 4010 no-such-member: 9\nbookend: 0 of 1 messages confirmed\n");
    }

    #[tokio::test]
    async fn bad_line_is_not_confirmed_and_the_rest_is_sent() {
        let mut entries = typed(&["one", "two"]);
        entries.insert(1, Err(InputError::BadText { line: 2, offset: 0 }));
        let (_, errors, (posted, _)) = sent(read(entries), &TO_ALL, async |mut hub| hub.rest().await).await;
        assert_eq!(posted, [Posted::text("one"), Posted::text("two")]);
        assert_eq!(errors, "bookend: line 2: bad-text: byte 0 is not utf-8\nbookend: 2 of 3 messages confirmed\n");
    }

    #[tokio::test]
    async fn stream_that_ends_says_what_was_confirmed_for_certain() {
        let (sender, messages) = mpsc::channel(1);
        let (ended, errors, ()) = sent(messages, &TO_ALL, async |mut hub| {
            sender.send(typed(&["one"])).await.unwrap();
            assert_eq!(hub.next().await, Posted::text("one"));
            // The next turn answers the PING, which may come with the second message or before it.
            sender.send(typed(&["two"])).await.unwrap();
            assert_eq!(hub.next().await, Posted::text("two"));
            hub.close(Code::INTERNAL, "").await;
        })
        .await;
        assert_eq!(ended.unwrap_err().to_string(), "the peer closed: 1011 internal");
        assert_eq!(errors, "bookend: at least 1 of 2 messages confirmed\n");
    }

    #[tokio::test]
    async fn hub_that_confirms_and_goes_away_has_everything() {
        let (ended, errors, ()) = sent(read(typed(&["one"])), &TO_ALL, async |mut hub| {
            // HELLO is frame 0, the message 1, the PING 2.
            while hub.frame < 2 {
                hub.turn().await;
            }
            hub.close(Code::GOING_AWAY, "").await;
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(errors, "");
    }

    #[tokio::test]
    async fn name_is_looked_up_once_everyone_is_known() {
        let sending = Sending { to: Some("bob".into()), ..TO_ALL };
        let (ended, errors, (posted, _)) = sent(one("hi".into()), &sending, async |mut hub| hub.rest().await).await;
        assert!(ended.is_ok());
        assert_eq!((posted, &*errors), (vec![Posted::text("hi").to(7)], ""));
    }

    #[tokio::test]
    async fn name_that_nobody_has_sends_nothing() {
        let sending = Sending { to: Some("eve".into()), ..TO_ALL };
        let (_, errors, (posted, code)) = sent(one("hi".into()), &sending, async |mut hub| hub.rest().await).await;
        assert_eq!((posted, code), (Vec::new(), Some(Code::NORMAL)));
        assert!(errors.starts_with("bookend: no-such-member: nobody here is called eve\n"), "{errors}");
    }

    #[tokio::test]
    async fn text_goes_out_in_the_encoding_that_is_asked_for_or_not_at_all() {
        let sending = Sending { encoding: Some(Encoding::Utf16Le), ..TO_ALL };
        let (_, errors, (posted, _)) = sent(one("hi".into()), &sending, async |mut hub| hub.rest().await).await;
        assert_eq!(posted, [Posted { to: 0, encoding: Encoding::Utf16Le, bytes: b"h\0i\0".to_vec() }]);
        assert_eq!(errors, "");
        let sending = Sending { encoding: Some(Encoding::Ascii), ..TO_ALL };
        let (_, errors, (posted, _)) = sent(one("grüß".into()), &sending, async |mut hub| hub.rest().await).await;
        assert_eq!(posted, []);
        assert!(errors.contains("unmappable-text: ") && errors.contains("0 of 1"), "{errors}");
    }

    #[tokio::test]
    async fn binary_input_is_one_message() {
        let messages = whole(&b"\xFF\n\0"[..], 99);
        let (ended, errors, (posted, _)) = sent(messages, &TO_ALL, async |mut hub| hub.rest().await).await;
        assert!(ended.is_ok());
        assert_eq!(posted, [Posted { to: 0, encoding: Encoding::Binary, bytes: b"\xFF\n\0".to_vec() }]);
        assert_eq!(errors, "");
    }
}
