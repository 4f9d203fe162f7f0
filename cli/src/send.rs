//! `bookend send`: posts, and ends well only if the hub has confirmed everything.

mod arguments;
mod tally;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;

use bookend::{ConnectionError, Encoding, Message};
use bookend_client::{Event, Receipt, SendError, Sender, Status, Up};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio::{join, select};

pub(crate) use arguments::{SendArguments, WhatToSend};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{Entry, Messages, Place};
use crate::receive::{Hearing, LAST_WORDS, over};
use crate::room::Room;
use tally::Tally;

/// What the command line asks for.
pub(crate) struct Sending {
    /// The member to send to, by name or number; everyone if there is none.
    pub(crate) to: Option<String>,
    /// The encoding of text; that which the peer prefers if there is none.
    pub(crate) encoding: Option<Encoding>,
    /// How long the hub may confirm nothing of what is under way.
    pub(crate) timeout: Option<Duration>,
    /// Print the report, as a JSON object.
    pub(crate) json: bool,
    /// Tell the report even if all is well.
    pub(crate) is_verbose: bool,
}

/// Posts all messages. Complains of each that was refused, and reports what became of all of them unless all is well.
pub(crate) async fn send(
    (sender, mut hearing, up): (Sender, Hearing<'_>, Box<Up>),
    messages: Messages,
    sending: &Sending,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let own = up.welcome.as_ref().map_or(0, |welcome| welcome.member);
    let posting = Posting {
        sender: &sender,
        sending,
        console,
        tally: RefCell::default(),
        room: Room::new(own),
        progress: Cell::new(Instant::now()),
    };
    let ended = posting.run(messages, &mut hearing, interrupt).await;
    let tally = posting.tally.into_inner();
    let is_well = tally.is_well();
    match ended {
        Ok(()) if is_well => hearing.close(&sender).await,
        Ok(()) => hearing.close_and_tell(&sender).await,
        Err(_) => hearing.leave(&sender).await,
    }
    let ended = match ended {
        // If the hub has everything, it does not matter how the session ended.
        Err(failure) if !is_well && !matches!(failure, Failure::Interrupted) => {
            console.complain(format_args!("{failure}"));
            Err(Failure::Reported(Exit::Fault))
        }
        Err(Failure::Interrupted) => Err(Failure::Interrupted),
        _ => Ok(()),
    };
    let report = tally.report();
    if sending.json {
        let line = serde_json::to_string(&report).expect("its keys are names") + "\n";
        // Who does not read on does not want to know.
        let _unread = console.print(line.into_bytes()).await;
    }
    if !is_well {
        if !report.is_empty() {
            console.complain(format_args!("{report}"));
        }
    } else if sending.is_verbose {
        console.remark(format_args!("{report}"));
    }
    ended
}

struct Posting<'a> {
    sender: &'a Sender,
    sending: &'a Sending,
    console: &'a Console,
    tally: RefCell<Tally>,
    room: Room,
    /// When a message was settled last, or began to be waited for.
    progress: Cell<Instant>,
}

type Given = (Place, Receipt);

impl Posting<'_> {
    async fn run(
        &self,
        messages: Messages,
        hearing: &mut Hearing<'_>,
        interrupt: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let (given, receipts) = mpsc::unbounded_channel(); // a client takes no more than some thousands
        let mut posting = Box::pin(self.post_all(messages, given).fuse());
        let mut settling = pin!(self.settle_all(receipts));
        let ended = select! {
            biased;
            () = interrupt => Err(Failure::Interrupted),
            ((), ()) = async { join!(&mut posting, &mut settling) } => return Ok(()),
            failure = self.hear(hearing) => Err(failure),
            failure = self.watch() => Err(failure),
        };
        self.sender.close();
        // What has been read is posted as far as that is possible, and no more is read.
        let _posted = posting.as_mut().now_or_never();
        drop(posting);
        let _late = timeout(LAST_WORDS, settling).await;
        ended
    }

    async fn post_all(&self, mut messages: Messages, given: mpsc::UnboundedSender<Given>) {
        let Some(to) = self.member().await else { return };
        while let Some(entries) = messages.recv().await {
            let places = entries.iter().filter_map(|entry| match entry {
                Ok(entry) => Some(entry.place),
                Err(error) => error.place(),
            });
            self.tally.borrow_mut().read(places.map(Place::number));
            for entry in entries {
                let Entry { place, body } = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        self.console.complain(format_args!("{error}"));
                        match error.place() {
                            Some(_) => self.tally.borrow_mut().refuse(),
                            None => return,
                        }
                        continue;
                    }
                };
                let content = body.content(self.sending.encoding);
                let posted = match to {
                    0 => self.sender.send(content).await,
                    to => self.sender.send_to(to, content).await,
                };
                // The client has closed; who hears learns why.
                let Ok(receipt) = posted else { return std::future::pending().await };
                let mut tally = self.tally.borrow_mut();
                if !tally.is_under_way() {
                    self.progress.set(Instant::now());
                }
                tally.give();
                let _settled = given.send((place, receipt));
            }
        }
        self.tally.borrow_mut().end();
    }

    /// Whom to post to. Complains if there is nobody of that name.
    async fn member(&self) -> Option<u32> {
        let Some(name) = &self.sending.to else { return Some(0) };
        let member = self.room.addressee(name).await.filter(|(_, rest)| rest.is_empty());
        if member.is_none() {
            self.console.complain(format_args!("no-such-member: nobody here is called {name}"));
        }
        member.map(|(member, _)| member)
    }

    /// Learns what became of everything that was given to the client, in that order.
    async fn settle_all(&self, mut receipts: mpsc::UnboundedReceiver<Given>) {
        while let Some((place, receipt)) = receipts.recv().await {
            let result = receipt.await;
            self.tally.borrow_mut().settle(&result);
            self.progress.set(Instant::now());
            if let Err(error @ (SendError::Refused { .. } | SendError::Invalid(_))) = result {
                self.console.complain(format_args!("{place}: {error}"));
            }
        }
    }

    /// Hears who is there, until nothing more comes.
    async fn hear(&self, hearing: &mut Hearing<'_>) -> Failure {
        loop {
            match hearing.next().await {
                Ok(Some(Event::Message(incoming))) => {
                    let message = incoming.message();
                    if let Message::Error(refusal) = &message {
                        let (code, reason) = (refusal.code, refusal.reason.to_str().into_owned());
                        self.console.complain(format_args!("{}", ConnectionError::Refused { code, reason }));
                    }
                    self.room.hear(&message);
                }
                Ok(Some(Event::Closed(end))) => return over(end),
                Ok(Some(_)) => {}
                Ok(None) => return Failure::Left,
                Err(failure) => return failure,
            }
        }
    }

    /// Waits until a session has confirmed nothing of what is under way for longer than it may.
    async fn watch(&self) -> Failure {
        let Some(patience) = self.sending.timeout else { return std::future::pending().await };
        loop {
            let end = self.progress.get() + patience;
            sleep_until(end).await;
            let is_up = matches!(self.sender.status(), Status::Up | Status::Suspect);
            if !is_up || !self.tally.borrow().is_under_way() {
                self.progress.set(Instant::now());
            } else if self.progress.get() + patience <= end {
                return Failure::Stalled(patience);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::Captured;
    use crate::input::tests::typed;
    use crate::input::{InputError, Layout, one};
    use bookend::{Code, Hello};
    use bookend_client::Options;
    use bookend_testing::hub::{Hub, Posted, memory};
    use std::future::pending;
    use tokio::io::DuplexStream;

    const TO_ALL: Sending = Sending { to: None, encoding: None, timeout: None, json: false, is_verbose: false };

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
        let (dialler, mut hubs) = memory();
        let captured = Captured::default();
        let console = captured.console();
        let sending = async {
            let options = Options::new(dialler, Hello::new().with_hub(true)).with_backoff(None);
            let client = Hearing::connect(options, None, false, &console).await.unwrap();
            send(client, messages, sending, &console, pending()).await
        };
        let scripted = async { script(Hub::welcome(hubs.recv().await.unwrap(), &[(7, "bob")]).await).await };
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
                hub.refuses = Some(Code::NO_SUCH_MEMBER);
                assert_eq!(hub.next().await, Posted::text("one").to(9));
                hub.rest().await
            })
            .await;
        assert!(ended.is_ok());
        assert_eq!(
            errors,
            "bookend: line 1: the peer refused: 4010 no-such-member\nbookend: 1 message read: 0 confirmed, 1 refused, 0 unconfirmed, 0 not sent\n"
        );
    }

    #[tokio::test]
    async fn bad_line_is_not_confirmed_and_the_rest_is_sent() {
        let mut entries = typed(&["one", "two"]);
        entries.insert(1, Err(InputError::BadText { place: Place::Line(2), offset: 0 }));
        let (_, errors, (posted, _)) = sent(read(entries), &TO_ALL, async |mut hub| hub.rest().await).await;
        assert_eq!(posted, [Posted::text("one"), Posted::text("two")]);
        assert_eq!(
            errors,
            "bookend: line 2: bad-text: byte 0 is not utf-8\nbookend: 3 messages read: 2 confirmed, 1 refused from 2 on, 0 unconfirmed, 0 not sent\n"
        );
    }

    #[tokio::test]
    async fn stream_that_ends_says_what_was_confirmed_for_certain() {
        let (sender, messages) = mpsc::channel(1);
        let (ended, errors, ()) = sent(messages, &TO_ALL, async |mut hub| {
            sender.send(typed(&["one"])).await.unwrap();
            assert_eq!(hub.next().await, Posted::text("one"));
            sender.send(typed(&["one", "two"]).split_off(1)).await.unwrap();
            assert_eq!(hub.next().await, Posted::text("two"));
            drop(hub); // which would have answered the PING by the next call
        })
        .await;
        assert!(matches!(ended, Err(Failure::Reported(Exit::Fault))));
        assert_eq!(
            errors,
            "bookend: unix:/memory: session: no-close: the stream ended without a CLOSE\n\
             bookend: 2 messages read: 1 confirmed, 0 refused, 1 unconfirmed from 2 on, 0 not sent; to go on, begin with 2\n"
        );
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
        assert!(errors.contains("unmappable-text: ") && errors.contains("0 confirmed, 1 refused"), "{errors}");
    }

    #[tokio::test]
    async fn binary_input_is_one_message() {
        let messages = crate::input::messages(&b"\xFF\n\0"[..], Layout::Binary, 99);
        let (ended, errors, (posted, _)) = sent(messages, &TO_ALL, async |mut hub| hub.rest().await).await;
        assert!(ended.is_ok());
        assert_eq!(posted, [Posted { to: 0, encoding: Encoding::Binary, bytes: b"\xFF\n\0".to_vec() }]);
        assert_eq!(errors, "");
    }

    #[tokio::test(start_paused = true)]
    async fn hub_that_confirms_nothing_is_not_waited_for_longer_than_asked() {
        let sending = Sending { timeout: Some(Duration::from_secs(3)), ..TO_ALL };
        let begun = Instant::now();
        let (ended, errors, _hub) = sent(one("hi".into()), &sending, async |hub| hub).await;
        assert!(matches!(ended, Err(Failure::Reported(Exit::Fault))));
        assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
        assert_eq!(
            errors,
            "bookend: timed-out: the hub has confirmed nothing for 3s\n\
             bookend: 1 message read: 0 confirmed, 0 refused, 1 unconfirmed, 0 not sent\n"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn hub_that_comes_back_gets_the_rest_and_what_may_have_arrived_only_if_asked() {
        for (resends, second, report) in [
            (false, &["three"][..], "3 messages read: 2 confirmed, 0 refused, 1 unconfirmed from 2 on, 0 not sent; "),
            (true, &["two", "three"], "3 messages read: 3 confirmed, 0 refused, 0 unconfirmed, 0 not sent\n"),
        ] {
            let (dialler, mut hubs) = memory();
            let captured = Captured::default();
            let console = captured.console();
            let (typing, messages) = mpsc::channel(1);
            let mut lines = typed(&["one", "two", "three"]).into_iter();
            let mut line = || vec![lines.next().unwrap()];
            let sending = async {
                let options = Options::new(dialler, Hello::new().with_hub(true)).with_resend(resends);
                let patience = Some(Duration::from_secs(30));
                let joined = Hearing::connect(options, patience, false, &console).await.unwrap();
                send(joined, messages, &Sending { is_verbose: true, ..TO_ALL }, &console, pending()).await
            };
            let scripted = async {
                let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
                typing.send(line()).await.unwrap();
                assert_eq!(hub.next().await, Posted::text("one"));
                typing.send(line()).await.unwrap();
                assert_eq!(hub.next().await, Posted::text("two"));
                drop(hub); // which has answered the PING behind the first, and not that behind the second
                typing.send(line()).await.unwrap();
                drop(typing);
                Hub::welcome(hubs.recv().await.unwrap(), &[]).await.rest().await.0
            };
            let (ended, posted) = tokio::join!(sending, scripted);
            assert!(ended.is_ok(), "{ended:?}");
            assert_eq!(posted, second.iter().map(|text| Posted::text(text)).collect::<Vec<_>>());
            let told = captured.errors.text();
            assert!(told.contains("; connecting again\nbookend: connected again\n"), "{told}");
            assert!(told.contains(report), "{told}");
            assert_eq!(console.finish(Duration::MAX), resends);
        }
    }
}
