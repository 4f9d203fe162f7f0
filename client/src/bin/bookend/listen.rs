//! `bookend listen`: prints what is said in a room.

use std::ops::ControlFlow;
use std::pin::pin;

use bookend::{ConnectionError, Message};
use bookend_client::{Client, End, Event, Events, Missed};
use futures_util::FutureExt;
use tokio::select;

use crate::console::Console;
use crate::receive::{Failure, Form, is_said};

/// Bytes of lines that are printed at once, about.
const BATCH: usize = 64 << 10;

/// Prints until `count` messages have come, the hub closes for good, or nobody reads on. A session that ends otherwise
/// is followed by the next one.
pub(crate) async fn listen(
    client: Client,
    form: Form,
    count: Option<u64>,
    console: &Console,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (sender, mut events) = client.split();
    let mut interrupt = pin!(interrupt);
    let mut listener = Listener { form, console, own: 0, left: count, lines: Vec::new() };
    let ended = loop {
        let flow = select! {
            biased;
            () = &mut interrupt => break Err(Failure::Interrupted),
            event = events.next() => listener.hear_all(event, &mut events),
        };
        select! {
            biased;
            () = &mut interrupt => break Err(Failure::Interrupted),
            printed = console.print(std::mem::take(&mut listener.lines)) => if printed.is_err() {
                break Ok(());
            }
        }
        if let ControlFlow::Break(ended) = flow {
            break ended;
        }
    };
    sender.close();
    while events.next().await.is_some() {}
    ended
}

struct Listener<'a> {
    form: Form,
    console: &'a Console,
    own: u32,
    /// Messages that are to come until the end.
    left: Option<u64>,
    /// To be printed.
    lines: Vec<u8>,
}

type Flow = ControlFlow<Result<(), Failure>>;

impl Listener<'_> {
    /// Hears an event, and those that wait behind it.
    fn hear_all(&mut self, first: Option<Event>, events: &mut Events) -> Flow {
        let mut next = first;
        while let Some(event) = next {
            self.hear(event)?;
            next = if self.lines.len() < BATCH { events.next().now_or_never().flatten() } else { None };
        }
        ControlFlow::Continue(())
    }

    fn hear(&mut self, event: Event) -> Flow {
        match event {
            Event::Up(up) => {
                if let Some(welcome) = up.welcome {
                    self.own = welcome.member;
                    self.print(&welcome.message());
                }
            }
            Event::Message(incoming) => return self.hear_message(&incoming.message()),
            Event::Missed(Missed::Gap(missed)) => {
                if self.form == Form::Raw {
                    self.console.complain(format_args!("{missed} messages were missed"));
                }
                self.print(&Message::Gap { missed });
            }
            Event::Missed(missed) => self.console.complain(format_args!("{missed}")),
            Event::Down { error, .. } => self.console.remark(format_args!("{error}; connecting again")),
            Event::Closed(End::Here) => return ControlFlow::Break(Ok(())),
            // Without a count whatever came is all that was wanted.
            Event::Closed(End::There) if self.left.is_none() => return ControlFlow::Break(Ok(())),
            Event::Closed(End::There) => return ControlFlow::Break(Err(Failure::Left)),
            Event::Closed(End::Failed(error)) => return ControlFlow::Break(Err(Failure::Ended(error))),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn hear_message(&mut self, message: &Message<'_>) -> Flow {
        if let Message::Error(refusal) = message {
            let (code, reason) = (refusal.code, refusal.reason.to_str().into_owned());
            self.console.complain(format_args!("{}", ConnectionError::Refused { code, reason }));
        }
        self.print(message);
        if let Some(left) = self.left.as_mut().filter(|_| is_said(message)) {
            *left -= 1;
            if *left == 0 {
                return ControlFlow::Break(Ok(()));
            }
        }
        ControlFlow::Continue(())
    }

    fn print(&mut self, message: &Message<'_>) {
        self.form.print(message, self.own, &mut self.lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::{Captured, Shared, Stuck};
    use crate::hub::{Hub, Memory, memory, text};
    use bookend::{Code, Hello, Payload};
    use bookend_client::Options;
    use std::future::pending;
    use std::time::Duration;
    use tokio::io::DuplexStream;

    fn once(dialler: Memory) -> Options {
        Options::new(dialler, Hello::new().with_hub(true)).with_backoff(None)
    }

    /// What `listen` prints and complains of while the hub does `script`, and how both end.
    async fn listened<T>(
        form: Form,
        count: Option<u64>,
        script: impl AsyncFnOnce(Hub<DuplexStream>) -> T,
    ) -> (Captured, Result<(), Failure>, T) {
        let (dialler, mut hubs) = memory();
        let captured = Captured::default();
        let console = captured.console();
        let listening = async {
            let client = Client::connect(once(dialler)).await.unwrap();
            listen(client, form, count, &console, pending()).await
        };
        let scripted = async { script(Hub::welcome(hubs.recv().await.unwrap(), &[(7, "bob")]).await).await };
        let (ended, scripted) = tokio::join!(listening, scripted);
        console.finish(Duration::MAX);
        (captured, ended, scripted)
    }

    #[tokio::test]
    async fn every_event_is_a_line_and_enough_ends_it() {
        let (captured, ended, (_, code)) = listened(Form::Json, Some(2), async |mut hub| {
            hub.say(&Message::Gap { missed: 3 }).await;
            hub.deliver(7, 0, "bob", text("one")).await;
            hub.deliver(7, 5, "bob", Payload::Binary(b"two")).await;
            hub.deliver(7, 0, "bob", text("one too many")).await;
            hub.rest().await
        })
        .await;
        assert!(ended.is_ok());
        assert_eq!(code, Some(Code::NORMAL));
        assert_eq!(
            captured.output.text(),
            r#"{"event":"welcome","member":5,"next_seq":1,"greeting":"hi"}
{"event":"here","member":7,"name":"bob"}
{"event":"here","member":5,"name":"guest"}
{"event":"gap","missed":3}
{"from":7,"name":"bob","to":0,"seq":1,"time":0,"encoding":2,"text":"one"}
{"from":7,"name":"bob","to":5,"seq":1,"time":0,"encoding":0,"hex":"74776f"}
"#
        );
    }

    #[tokio::test]
    async fn raw_is_the_bytes_and_nothing_else_but_a_gap_is_told() {
        let (captured, ended, _) = listened(Form::Raw, Some(2), async |mut hub| {
            hub.deliver(7, 0, "bob", Payload::Binary(b"\xFF\x00\n")).await;
            hub.say(&Message::Gap { missed: 1 }).await;
            hub.deliver(7, 0, "bob", text("a\x1b\n")).await;
            hub.rest().await
        })
        .await;
        assert!(ended.is_ok());
        assert_eq!(captured.output.bytes(), b"\xFF\x00\na\x1b\n");
        assert_eq!(captured.errors.text(), "bookend: 1 messages were missed\n");
    }

    #[tokio::test]
    async fn hub_that_closes_in_good_order_ends_it_well_unless_more_was_to_come() {
        for (count, is_well) in [(None, true), (Some(2), false)] {
            let (captured, ended, ()) = listened(Form::Plain, count, async |mut hub| {
                hub.deliver(7, 0, "bob", text("one")).await;
                hub.close(Code::NORMAL, "").await;
            })
            .await;
            assert_eq!(ended.is_ok(), is_well, "{ended:?}");
            assert_eq!(captured.output.text(), "* bob here\n* guest here\nbob: one\n");
        }
    }

    #[tokio::test]
    async fn hub_that_closes_for_a_reason_is_quoted() {
        let (_, ended, ()) = listened(Form::Plain, None, async |mut hub| {
            hub.close(Code::SLOW_CONSUMER, "10 s without progress").await;
        })
        .await;
        let told = ended.unwrap_err().to_string();
        assert_eq!(
            told,
            "unix:/memory: session: slow-consumer: the peer closed: 4006 slow-consumer: 10 s without progress"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn connection_lives_while_the_output_stands_still() {
        let (dialler, mut hubs) = memory();
        let (_release, stuck) = std::sync::mpsc::channel();
        let console = Console::new(Stuck(stuck), Shared::default());
        let listening = async {
            let client = Client::connect(once(dialler)).await.unwrap();
            listen(client, Form::Plain, None, &console, pending()).await
        };
        let scripted = async {
            let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
            hub.deliver(7, 0, "bob", text("one")).await;
            // HELLO is frame 0; each frame more is a PING, after 30 s each.
            while hub.frame < 3 {
                hub.turn().await;
                assert!(!hub.is_closed());
            }
            hub.close(Code::NORMAL, "").await;
        };
        let (ended, ()) = tokio::join!(listening, scripted);
        assert!(ended.is_ok());
    }

    #[tokio::test]
    async fn illegal_text_of_the_hub_is_told_of() {
        let (captured, ended, ()) = listened(Form::Plain, Some(1), async |mut hub| {
            hub.write(b"\xF5\xF8\x02\x02\0\0\0\x01\xFF\xF8\xF5").await;
            hub.deliver(7, 0, "bob", text("one")).await;
            hub.rest().await;
        })
        .await;
        assert!(ended.is_ok());
        assert!(captured.errors.text().contains("1 frames of the peer were refused"), "{}", captured.errors.text());
    }

    #[tokio::test(start_paused = true)]
    async fn session_that_ends_is_followed_by_the_next_and_what_is_missed_is_told() {
        let (dialler, mut hubs) = memory();
        let captured = Captured::default();
        let console = captured.console();
        let listening = async {
            let client = Client::connect(Options::new(dialler, Hello::new().with_hub(true))).await.unwrap();
            listen(client, Form::Plain, Some(2), &console, pending()).await
        };
        let scripted = async {
            let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
            hub.deliver(7, 0, "bob", text("one")).await;
            hub.close(Code::GOING_AWAY, "").await;
            let mut hub = Hub::welcome(hubs.recv().await.unwrap(), &[]).await;
            assert_eq!(hub.peer().resume(), Some(1));
            hub.say(&Message::Gap { missed: 1 }).await;
            hub.deliver(7, 5, "bob", text("two")).await;
            hub.rest().await
        };
        let (ended, (_, code)) = tokio::join!(listening, scripted);
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(code, Some(Code::NORMAL));
        assert!(console.finish(Duration::MAX), "that a session ended is no fault of `listen`");
        let told = captured.errors.text();
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains("1001 going-away") && told.ends_with("; connecting again\n"), "{told}");
        let printed = captured.output.text();
        assert!(printed.starts_with("* guest here\nbob: one\n* guest here\n"), "{printed}");
        assert!(printed.ends_with("two\n") && printed.contains("missed"), "{printed}");
    }
}
